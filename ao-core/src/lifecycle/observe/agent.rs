//! What an agent is seen doing.

use crate::lifecycle::Policy;
use crate::lifecycle::status::is_idle;
use crate::model::facts::{AgentFacts, IdleClock, PromptFacts, Unseen};
use crate::model::{DeliveryLevel, Timestamp};
use crate::slots::agent::{Activity, AgentObservation};

/// Writes down what the agent plugin says.
pub fn agent(facts: &mut AgentFacts, seen: &AgentObservation, now: Timestamp, policy: &Policy) {
    facts.cursor.clone_from(&seen.cursor);
    if let Some(why) = &seen.unknown {
        return agent_unseen(facts, why, now);
    }
    let state = |activity: &Option<Activity>| activity.as_ref().map(|activity| activity.state);
    let same = facts.activity.is_some() && state(&facts.activity) == state(&seen.activity);
    facts.sightings = if same { facts.sightings.saturating_add(1) } else { 1 };
    facts.idle = seen.activity.as_ref().and_then(|activity| idle(facts.idle.as_ref(), activity, now, policy));
    facts.activity.clone_from(&seen.activity);
    facts.ask.clone_from(&seen.ask);
    facts.summary = seen.summary.clone().or(facts.summary.take());
    conversation(facts, seen);
    facts.limit.clone_from(&seen.limit);
    facts.observed_at = Some(now);
    facts.unseen = None;
}

/// Writes down that the prompt that came with a launch has arrived, where the agent's record says so.
pub fn launch_prompt(prompt: &mut PromptFacts, seen: &AgentObservation) {
    if seen.prompt_taken && prompt.delivery == DeliveryLevel::Submitted {
        prompt.delivery = DeliveryLevel::Acked;
    }
}

/// Writes down which conversation it is, and what that has used.
pub(super) fn conversation(facts: &mut AgentFacts, seen: &AgentObservation) {
    if let Some(conversation) = &seen.agent_session {
        facts.follow(conversation);
    }
    if let Some(usage) = &seen.usage {
        facts.usage.clone_from(usage);
    }
}

/// Writes down that a look told nothing.
pub fn agent_unseen(facts: &mut AgentFacts, why: &str, now: Timestamp) {
    facts.unseen = Some(Unseen::again(facts.unseen.as_ref(), why, now));
}

/// Counts on while the agent is idle since the same moment.
fn idle(before: Option<&IdleClock>, activity: &Activity, now: Timestamp, policy: &Policy) -> Option<IdleClock> {
    if !is_idle(activity.state) {
        return None;
    }
    let same = before.filter(|clock| clock.since == activity.since);
    let (counted, from) = same.map_or((0, activity.since), |clock| (clock.elapsed_ms, clock.at));
    let passed = u64::try_from(policy.counted(from, now).as_millis()).unwrap_or(0);
    Some(IdleClock::new(activity.since, counted + passed, now))
}
