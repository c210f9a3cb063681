//! The status of a session: one pure function over its facts. Nothing stores what it returns.
//!
//! It is a table of sixteen rows, of which the first that matches decides:
//!
//! | row | condition | status |
//! |---|---|---|
//! | 1 | an end was recorded | `killed`, `merged`, `done` |
//! | 2 | it is being ended | `cleanup` |
//! | 3 | its spawn was undone; is under way | `errored`; `spawning` |
//! | 4 | found again after the state was lost | `orphaned` |
//! | 5 | its pull request is merged | `merged` |
//! | 6 | the agent ended, or is gone by two witnesses; it reported completion and returned 0 | `dead`; `done` |
//! | 7 | witnesses contradict each other or cannot look; for too long | `detecting`; `stuck` |
//! | 8 | it is held | `paused` |
//! | 9 | the agent waits for a decision: for sure, or as far as two looks tell; or says so | `needs_input` |
//! | 10 | the agent says that it cannot go on, and its provider does not let it wait | `stuck` |
//! | 11 | a required check fails; changes are wanted; it conflicts with its base | `ci_failed`; `changes_requested`; `pr_open` |
//! | 12 | every gate is green; it is approved; a review is wanted | `mergeable`; `approved`; `review_pending` |
//! | 13 | no progress for longer than the threshold, and its provider does not let it wait | `stuck` |
//! | 14 | its pull request is open; was closed | `pr_open`; `idle` |
//! | 15 | the agent has said so lately, and its provider does not let it wait | `working`, `idle` |
//! | 16 | what it was seen doing; nothing was seen | `working`, `ready`, `idle`; `working` |

mod agent;
mod liveness;
mod pull;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Policy;
use crate::model::Timestamp;
use crate::model::facts::{EndKind, Hold, HoldReason, OperationKind, Probe, Session};
use crate::record::record;
use crate::slots::agent::ActivityState;
pub(super) use agent::is_idle;
#[cfg(feature = "config")]
pub(super) use agent::limited;

/// A session's state in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StatusName {
    /// It is being started.
    Spawning,
    /// Its start failed and was undone.
    Errored,
    /// Its agent works.
    Working,
    /// Its agent waits for a message.
    Ready,
    /// Its agent has waited for long.
    Idle,
    /// Its agent waits for a human's decision.
    NeedsInput,
    /// It does not get on, or cannot be looked at.
    Stuck,
    /// It is not clear yet whether its agent lives.
    Detecting,
    /// Its agent is gone.
    Dead,
    /// Held by a human or a limit.
    Paused,
    /// Found again after the state was lost, and not verified yet.
    Orphaned,
    /// Its pull request is open.
    PrOpen,
    /// A check that a merge needs has failed.
    CiFailed,
    /// Reviewers want changes.
    ChangesRequested,
    /// A review is wanted.
    ReviewPending,
    /// Reviewers agree.
    Approved,
    /// Nothing stands in the way of a merge.
    Mergeable,
    /// Its pull request was merged.
    Merged,
    /// It did what it was told.
    Done,
    /// It was ended.
    Killed,
    /// It is being ended.
    Cleanup,
}

impl StatusName {
    /// Whether there is, or may be, an agent at work: it has neither ended nor come to nothing.
    #[must_use]
    pub fn is_live(self) -> bool {
        match self {
            Self::Errored | Self::Dead | Self::Merged | Self::Done | Self::Killed => false,
            Self::Spawning
            | Self::Working
            | Self::Ready
            | Self::Idle
            | Self::NeedsInput
            | Self::Stuck
            | Self::Detecting
            | Self::Paused
            | Self::Orphaned
            | Self::PrOpen
            | Self::CiFailed
            | Self::ChangesRequested
            | Self::ReviewPending
            | Self::Approved
            | Self::Mergeable
            | Self::Cleanup => true,
        }
    }
}

record! {
    /// A session's status, with what decided it.
    #[derive(Eq, JsonSchema)]
    pub struct Status {
        required {
            /// In one word.
            name: StatusName,
            /// Why, in a few words.
            reason: String,
            /// Since when.
            since: Timestamp,
            /// The fact that decided, such as `exit` or `activity`.
            fact: String,
            /// When that fact was last observed.
            observed_at: Timestamp,
        }
        optional {
            /// What the agent was last seen doing.
            activity: Option<ActivityState>,
            /// Whether the deciding observation is too old to be relied on.
            stale: bool,
        }
    }
}

/// Derives a session's status: the first row that matches.
#[must_use]
pub fn status(facts: &Session, now: Timestamp, policy: &Policy) -> Status {
    let policy = policy.of(facts);
    let mut status = ended(facts)
        .or_else(|| changing(facts))
        .or_else(|| orphaned(facts))
        .or_else(|| pull::merged(facts))
        .or_else(|| liveness::liveness(facts, now, &policy))
        .or_else(|| facts.hold.as_ref().map(paused))
        .or_else(|| without_agent(facts))
        .or_else(|| agent::waits(facts, now, &policy))
        .or_else(|| agent::blocked(facts, now, &policy))
        .or_else(|| pull::gates(facts))
        .or_else(|| agent::no_progress(facts, now, &policy))
        .or_else(|| pull::otherwise(facts))
        .or_else(|| agent::reported(facts, now, &policy))
        .unwrap_or_else(|| agent::seen(facts, now, &policy));
    status.activity = facts.agent.as_ref().and_then(|agent| agent.activity.as_ref()).map(|activity| activity.state);
    // What is over does not change any more, and needs nobody to look.
    status.stale = !status.name.is_over() && is_observed(&status) && policy.is_stale(status.observed_at, now);
    status
}

/// Whether what decided is looked at again and again; the rest is written down once, by who did it.
fn is_observed(status: &Status) -> bool {
    !matches!(status.fact.as_str(), "end" | "op" | "failure" | "hold" | "report" | "workspace")
}

fn at(name: StatusName, reason: impl Into<String>, since: Timestamp, fact: &str) -> Status {
    Status::new(name, reason, since, fact, since)
}

/// The same, of what was last observed at another time than it began.
fn seen_at(observed_at: Timestamp, mut status: Status) -> Status {
    status.observed_at = observed_at;
    status
}

/// Row 1: an end was recorded.
fn ended(facts: &Session) -> Option<Status> {
    // One that is being brought back has not ended any more.
    let end = facts.end.as_ref().filter(|_| !is_restored(facts))?;
    let name = match end.kind {
        EndKind::Killed => StatusName::Killed,
        EndKind::Merged => StatusName::Merged,
        EndKind::Done | EndKind::Unknown => StatusName::Done,
    };
    Some(at(name, end.reason.as_str(), end.at, "end"))
}

fn is_restored(facts: &Session) -> bool {
    facts.op.as_ref().is_some_and(|op| op.kind == OperationKind::Restore)
}

/// Rows 2 and 3: it is being ended, its start was undone, or it is being started.
fn changing(facts: &Session) -> Option<Status> {
    let op = facts.op.as_ref();
    if let Some(kill) = op.filter(|op| matches!(op.kind, OperationKind::Kill | OperationKind::Cleanup)) {
        return Some(at(StatusName::Cleanup, format!("ending: {}", kill.step), kill.since, "op"));
    }
    if let Some(failure) = facts.failure.as_ref().filter(|_| !is_restored(facts)) {
        let reason = format!("{}: {}", failure.step, failure.message);
        return Some(at(StatusName::Errored, reason, failure.at, "failure"));
    }
    if let Some(spawn) = op.filter(|op| matches!(op.kind, OperationKind::Spawn | OperationKind::Restore)) {
        return Some(at(StatusName::Spawning, spawn.step.as_str(), spawn.since, "op"));
    }
    let nothing = facts.runtime.is_none() && facts.workspace.is_none() && facts.hold.is_none();
    nothing.then(|| at(StatusName::Spawning, "not launched yet", facts.created_at, "op"))
}

/// Row 4: identity known, nothing verified since a rebuild.
fn orphaned(facts: &Session) -> Option<Status> {
    let hold = facts.hold.as_ref().filter(|hold| hold.reason == HoldReason::Rebuild)?;
    if is_verified(facts, hold.at) {
        return None;
    }
    let why = match facts.runtime {
        Some(_) => "found again after the state was lost; not verified yet",
        None => "found again after the state was lost, without an agent; `ao session restore` starts one",
    };
    Some(at(StatusName::Orphaned, why, hold.at, "hold"))
}

/// Whether somebody has seen its agent, alive or not, since then; or its end was written down.
fn is_verified(facts: &Session, since: Timestamp) -> bool {
    let Some(runtime) = &facts.runtime else { return false };
    let seen = |probe: &Option<Probe>| probe.as_ref().is_some_and(|probe| probe.unseen.is_none() && probe.at >= since);
    runtime.exit.is_some() || seen(&runtime.process) || seen(&runtime.plugin)
}

/// Taken in with its worktree, and no agent was started in it.
fn without_agent(facts: &Session) -> Option<Status> {
    let why = "it was taken in without an agent; `ao session restore` starts one";
    facts.runtime.is_none().then(|| at(StatusName::Idle, why, facts.created_at, "workspace"))
}

/// Row 8: held.
fn paused(hold: &Hold) -> Status {
    let why = match hold.reason {
        HoldReason::Budget => "paused: its budget is used up",
        HoldReason::RateLimit => "paused: its provider's limit has to pass",
        HoldReason::Rebuild => "found again after the state was lost; `ao resume` lets it go on",
        HoldReason::Paused | HoldReason::Unknown => "paused",
    };
    let until = hold.until.map(|until| format!(" until {until}")).unwrap_or_default();
    let besides = if hold.paused_at.is_some() { "; a human has paused it, too" } else { "" };
    at(StatusName::Paused, format!("{why}{until}{besides}"), hold.at, "hold")
}

impl StatusName {
    /// The name as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spawning => "spawning",
            Self::Errored => "errored",
            Self::Working => "working",
            Self::Ready => "ready",
            Self::Idle => "idle",
            Self::NeedsInput => "needs_input",
            Self::Stuck => "stuck",
            Self::Detecting => "detecting",
            Self::Dead => "dead",
            Self::Paused => "paused",
            Self::Orphaned => "orphaned",
            Self::PrOpen => "pr_open",
            Self::CiFailed => "ci_failed",
            Self::ChangesRequested => "changes_requested",
            Self::ReviewPending => "review_pending",
            Self::Approved => "approved",
            Self::Mergeable => "mergeable",
            Self::Merged => "merged",
            Self::Done => "done",
            Self::Killed => "killed",
            Self::Cleanup => "cleanup",
        }
    }

    /// Whether it does not go on without a human.
    #[must_use]
    pub const fn needs_human(self) -> bool {
        matches!(self, Self::Errored | Self::NeedsInput | Self::Stuck | Self::Dead | Self::Orphaned)
    }

    /// Whether nothing more is expected of the session.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Errored | Self::Dead | Self::Merged | Self::Done | Self::Killed)
    }
}

impl fmt::Display for StatusName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
