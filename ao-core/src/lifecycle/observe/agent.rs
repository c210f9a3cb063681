//! What an agent is seen doing.

use crate::lifecycle::Policy;
use crate::lifecycle::status::is_idle;
use crate::model::facts::{AgentFacts, IdleClock, PromptFacts, Unseen};
use crate::model::{DeliveryLevel, Timestamp};
use crate::slots::agent::{Activity, ActivityState, AgentObservation, Strength};

/// When a look was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// When it began: what it tells was so then, or since.
    pub began: Timestamp,
    /// When it is written down.
    pub now: Timestamp,
}

impl Taken {
    /// A look that takes no time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { began: now, now }
    }

    /// Whether something was learned meanwhile. What is written down for a later moment than now tells of a clock that was set
    /// back.
    fn is_overtaken(self, observed_at: Option<Timestamp>) -> bool {
        observed_at.is_some_and(|known| self.began < known && known <= self.now)
    }
}

/// Writes down what the agent plugin says. What a look saw the agent do is left alone where a hook, or who told it something,
/// knows better since the look began.
pub fn agent(facts: &mut AgentFacts, seen: &AgentObservation, taken: Taken, policy: &Policy) {
    let now = taken.now;
    facts.cursor.clone_from(&seen.cursor);
    if let Some(why) = &seen.unknown {
        return agent_unseen(facts, why, now);
    }
    conversation(facts, seen);
    facts.summary = seen.summary.clone().or(facts.summary.take());
    if taken.is_overtaken(facts.observed_at) {
        return;
    }
    let state = |activity: &Option<Activity>| activity.as_ref().map(|activity| activity.state);
    let same = facts.activity.is_some() && state(&facts.activity) == state(&seen.activity);
    facts.sightings = if same { facts.sightings.saturating_add(1) } else { 1 };
    facts.idle = seen.activity.as_ref().and_then(|activity| idle(facts.idle.as_ref(), activity, now, policy));
    facts.activity.clone_from(&seen.activity);
    facts.ask.clone_from(&seen.ask);
    facts.limit.clone_from(&seen.limit);
    facts.observed_at = Some(now);
    facts.unseen = None;
}

/// What an agent was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// A message was submitted to it.
    Message,
    /// The question of this id was answered.
    Answer(&'a str),
}

/// Writes down that an agent was told at this moment what it had waited for: that it waits was seen before, and says nothing
/// any more. It counts as active, weakly, until it is looked at again. What was seen since is left alone.
pub fn agent_told(facts: &mut AgentFacts, told: Told<'_>, at: Timestamp) {
    let state = facts.activity.as_ref().map(|activity| activity.state);
    let (waited, source) = match told {
        Told::Message => (state.is_some_and(is_idle), "message"),
        Told::Answer(id) => {
            let is_asked = facts.ask.as_ref().is_some_and(|ask| ask.id == id);
            (is_asked && state == Some(ActivityState::WaitingInput), "answer")
        }
    };
    if waited && facts.observed_at.is_none_or(|seen| seen <= at) {
        facts.activity = Some(Activity::new(ActivityState::Active, source, Strength::Weak, at));
        (facts.observed_at, facts.sightings) = (Some(at), 0);
        (facts.ask, facts.idle) = (None, None);
    }
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
