//! Rows 9, 10, 13, 15 and 16: what a living agent does, by what is seen of it and by what it says.

use std::time::Duration;

use super::{Status, StatusName, at, seen_at};
use crate::lifecycle::Policy;
use crate::model::Timestamp;
use crate::model::facts::{AgentFacts, Probe, ReportFacts, ReportState, Session};
use crate::slots::agent::{Activity, ActivityState, RateLimit, Role, Strength};
use crate::text::one_line;

/// How much of a question, or of a provider's words, a reason shows, in characters.
const ASK_COLUMNS: usize = 120;

/// The longest that a provider lets wait: limits are counted by the week at most. A later end was read wrongly.
const LONGEST_LIMIT: Duration = Duration::from_hours(8 * 24);
/// How long a limit without an end is believed after it was last seen.
const LIMIT_BELIEVED: Duration = Duration::from_hours(1);

/// What its provider says, as long as that lets it wait.
pub(in crate::lifecycle) fn limited(facts: &Session, now: Timestamp) -> Option<&RateLimit> {
    let agent = facts.agent.as_ref()?;
    let limit = agent.limit.as_ref()?;
    let holds = match limit.until.filter(|until| until.since(now) <= LONGEST_LIMIT) {
        Some(until) => now < until,
        None => agent.observed_at.is_none_or(|seen| now.since(seen) <= LIMIT_BELIEVED),
    };
    holds.then_some(limit)
}

fn waiting(limit: &RateLimit) -> String {
    let until = limit.until.map(|until| format!(" until {until}")).unwrap_or_default();
    format!("its provider lets it wait{until}: {}", one_line(&limit.text, ASK_COLUMNS))
}

/// What the agent was last seen doing, with what else is known of it.
fn activity(facts: &Session) -> Option<(&AgentFacts, &Activity)> {
    facts.agent.as_ref().and_then(|agent| Some((agent, agent.activity.as_ref()?)))
}

fn from_activity(name: StatusName, reason: impl Into<String>, agent: &AgentFacts, activity: &Activity) -> Status {
    seen_at(agent.observed_at.unwrap_or(activity.since), at(name, reason, activity.since, "activity"))
}

/// The agent's last word, if it is not too old to count.
fn fresh<'a>(facts: &'a Session, now: Timestamp, policy: &Policy) -> Option<&'a ReportFacts> {
    let report = facts.report.as_ref()?;
    // What was said of a former launch says nothing of this one.
    let of_this_launch = facts.runtime.as_ref().is_none_or(|runtime| report.at >= runtime.launched_at);
    let fresh = now.since(report.at) <= policy.report_fresh && report.at.since(now) <= policy.report_ahead;
    (fresh && of_this_launch).then_some(report)
}

fn from_report(name: StatusName, says: &str, report: &ReportFacts) -> Status {
    let note =
        if report.note.is_empty() { String::new() } else { format!(": {}", one_line(&report.note, ASK_COLUMNS)) };
    at(name, format!("the agent reports that it {says}{note}"), report.at, "report")
}

/// Row 9: it waits for a decision.
pub(super) fn waits(facts: &Session, now: Timestamp, policy: &Policy) -> Option<Status> {
    if let Some((agent, activity)) = activity(facts).filter(|(_, seen)| seen.state == ActivityState::WaitingInput)
        && (activity.strength == Strength::Strong || agent.sightings >= policy.sightings)
    {
        let reason = match &agent.ask {
            Some(ask) => format!("the agent asks: {}", one_line(&ask.text, ASK_COLUMNS)),
            None => "the agent waits for a decision".to_owned(),
        };
        return Some(from_activity(StatusName::NeedsInput, reason, agent, activity));
    }
    let report = fresh(facts, now, policy).filter(|report| report.state == ReportState::NeedsInput)?;
    Some(from_report(StatusName::NeedsInput, "needs input", report))
}

/// Row 10: it cannot go on, and not only for now. One that has given up on its provider, which did not say until when to
/// wait, does not try again by itself.
pub(super) fn blocked(facts: &Session, now: Timestamp, policy: &Policy) -> Option<Status> {
    let (agent, activity) = activity(facts).filter(|(_, seen)| seen.state == ActivityState::Blocked)?;
    let gone_by = now.since(activity.since);
    let reason = match limited(facts, now) {
        None => "the agent says that it cannot go on".to_owned(),
        Some(limit) if limit.until.is_none() && gone_by >= policy.stuck_after => {
            format!("the agent gave up {} ago: {}", in_words(gone_by), one_line(&limit.text, ASK_COLUMNS))
        }
        Some(_) => return None,
    };
    Some(from_activity(StatusName::Stuck, reason, agent, activity))
}

/// How long it has been idle, as far as somebody looked.
fn idle_for(agent: &AgentFacts, activity: &Activity, now: Timestamp, policy: &Policy) -> Duration {
    match agent.idle.as_ref().filter(|clock| clock.since == activity.since) {
        Some(clock) => Duration::from_millis(clock.elapsed_ms) + policy.counted(clock.at, now),
        None => policy.counted(activity.since, now),
    }
}

/// Whether it is right that it does nothing: an orchestrator waits for others, and a reviewer that has concluded is done.
fn may_rest(facts: &Session) -> bool {
    match facts.role {
        Role::Orchestrator => true,
        Role::Reviewer => {
            let launched = facts.runtime.as_ref().map_or(facts.created_at, |runtime| runtime.launched_at);
            let last = facts.report.as_ref().filter(|report| report.at >= launched);
            last.is_some_and(|report| report.state == ReportState::Completed)
        }
        _ => false,
    }
}

/// Row 13: no progress for longer than the threshold, and nobody lets it wait.
pub(super) fn no_progress(facts: &Session, now: Timestamp, policy: &Policy) -> Option<Status> {
    if may_rest(facts) || limited(facts, now).is_some() {
        return None;
    }
    let (agent, activity) = activity(facts).filter(|(_, seen)| is_idle(seen.state))?;
    let idle_for = idle_for(agent, activity, now, policy);
    if idle_for < policy.stuck_after {
        return None;
    }
    let reason = format!("no progress for {}", in_words(idle_for));
    Some(from_activity(StatusName::Stuck, reason, agent, activity))
}

/// Whether this is no progress.
pub(in crate::lifecycle) fn is_idle(state: ActivityState) -> bool {
    matches!(state, ActivityState::Ready | ActivityState::Idle)
}

fn in_words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

/// Row 15: it has said so lately. While its provider lets it wait, that is the last word.
pub(super) fn reported(facts: &Session, now: Timestamp, policy: &Policy) -> Option<Status> {
    if limited(facts, now).is_some() && activity(facts).is_some() {
        return None;
    }
    let report = fresh(facts, now, policy)?;
    let (name, says) = match report.state {
        ReportState::Started => (StatusName::Working, "has begun"),
        ReportState::Working => (StatusName::Working, "works"),
        ReportState::FixingCi => (StatusName::Working, "mends what failed"),
        ReportState::AddressingReviews => (StatusName::Working, "does what reviewers want"),
        ReportState::DraftPrCreated => (StatusName::Working, "opened a draft"),
        ReportState::Waiting => (StatusName::Idle, "waits"),
        ReportState::PrCreated => (StatusName::Idle, "opened a pull request"),
        ReportState::ReadyForReview => (StatusName::Idle, "wants a review"),
        ReportState::Completed => (StatusName::Idle, "has done its work"),
        ReportState::NeedsInput | ReportState::Unknown => return None,
    };
    Some(from_report(name, says, report))
}

/// Row 16: what it was seen doing, if anything was.
pub(super) fn seen(facts: &Session, now: Timestamp, policy: &Policy) -> Status {
    let launched = facts.runtime.as_ref().map_or(facts.created_at, |runtime| runtime.launched_at);
    let Some((agent, activity)) = activity(facts) else {
        let looked = facts.runtime.as_ref().and_then(|runtime| runtime.process.as_ref()).map(Probe::looked_at);
        let reason = match facts.agent.as_ref().and_then(|agent| agent.unseen.as_ref()) {
            Some(unseen) => format!("alive; what the agent does cannot be told: {}", unseen.why),
            None => "alive; not observed yet".to_owned(),
        };
        return seen_at(looked.unwrap_or(launched), at(StatusName::Working, reason, launched, "process"));
    };
    let (name, reason) = match activity.state {
        ActivityState::Active => (StatusName::Working, "the agent is active"),
        ActivityState::Ready if idle_for(agent, activity, now, policy) < policy.idle_after => {
            (StatusName::Ready, "the agent waits for a message")
        }
        ActivityState::Ready | ActivityState::Idle => (StatusName::Idle, "the agent has been quiet for long"),
        ActivityState::WaitingInput => {
            (StatusName::Working, "the agent may be asking something; one more look will tell")
        }
        ActivityState::Blocked | ActivityState::Exited | ActivityState::Unknown => {
            (StatusName::Working, "alive; what the agent does is not known")
        }
    };
    let reason = limited(facts, now).map_or_else(|| reason.to_owned(), waiting);
    from_activity(name, reason, agent, activity)
}
