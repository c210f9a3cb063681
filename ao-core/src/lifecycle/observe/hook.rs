//! What an agent's hooks say.

use crate::lifecycle::Policy;
use crate::model::Timestamp;
use crate::model::facts::AgentFacts;
use crate::slots::agent::AgentObservation;

use super::Taken;

/// Writes down what the agent plugin reads from a hook. A hook tells of one thing: what it says nothing about stays.
pub fn hook(facts: &mut AgentFacts, seen: &AgentObservation, now: Timestamp, policy: &Policy) {
    if seen.unknown.is_none() && seen.activity.is_some() {
        let mut whole = seen.clone();
        whole.cursor = seen.cursor.clone().or(facts.cursor.take());
        whole.limit = seen.limit.clone().or(facts.limit.take());
        return super::agent(facts, &whole, Taken::at(now), policy);
    }
    facts.cursor = seen.cursor.clone().or(facts.cursor.take());
    facts.limit = seen.limit.clone().or(facts.limit.take());
    facts.ask = seen.ask.clone().or(facts.ask.take());
    facts.summary = seen.summary.clone().or(facts.summary.take());
    super::agent::conversation(facts, seen);
}
