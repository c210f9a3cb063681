//! What an agent's hooks say, and what it says of itself.

use crate::lifecycle::Policy;
use crate::model::Timestamp;
use crate::model::facts::{AgentFacts, ReportFacts, Session};
use crate::model::spool::Report;
use crate::slots::agent::AgentObservation;
use crate::text::plain;

/// The longest note of a report, in characters.
const LONGEST_NOTE: usize = 2000;

/// Writes down what the agent plugin reads from a hook. A hook tells of one thing: what it says nothing about stays.
pub fn hook(facts: &mut AgentFacts, seen: &AgentObservation, now: Timestamp, policy: &Policy) {
    if seen.unknown.is_none() && seen.activity.is_some() {
        let mut whole = seen.clone();
        whole.cursor = seen.cursor.clone().or(facts.cursor.take());
        return super::agent(facts, &whole, now, policy);
    }
    facts.cursor = seen.cursor.clone().or(facts.cursor.take());
    facts.ask = seen.ask.clone().or(facts.ask.take());
    facts.summary = seen.summary.clone().or(facts.summary.take());
    facts.agent_session = seen.agent_session.clone().or(facts.agent_session.take());
}

/// Writes down what an agent says of itself. `id` names the report, `at` is when it was written. Refused with a reason
/// where it cannot be of the agent that is meant.
pub fn report(session: &mut Session, id: &str, said: &Report, at: Timestamp) -> Result<(), &'static str> {
    if session.end.is_some() {
        return Err("the session has ended");
    }
    let mut at = at;
    if let Some(runtime) = &session.runtime {
        // A launch is written down when it has happened, and a quick agent may speak before.
        if at < runtime.launched_at && runtime.launch > 1 {
            return Err("it is of a former launch");
        }
        at = at.max(runtime.launched_at);
    }
    // What was said later counts, in whatever order it arrives.
    if session.report.as_ref().is_some_and(|last| last.at > at) {
        return Ok(());
    }
    let mut facts = ReportFacts::new(id, said.state, at);
    facts.note = plain(&said.note).chars().take(LONGEST_NOTE).collect();
    facts.pull = said.pull;
    session.report = Some(facts);
    Ok(())
}
