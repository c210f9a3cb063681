//! The status of a session: one pure function over its facts. Nothing stores what it returns.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::model::facts::{EndKind, ExitMeaning, Hold, HoldReason, OperationKind, RuntimeFacts, Session};
use crate::record::record;
use crate::slots::agent::ActivityState;
use crate::slots::runtime::Liveness;

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

/// The limits that the status depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// An agent that stayed idle for longer is stuck.
    pub stuck_after: Duration,
    /// A doubt whether an agent lives ends after this time…
    pub doubt_for: Duration,
    /// …or after so many looks, whichever is first.
    pub doubt_probes: u32,
    /// An observation older than this is stale: three times the 30 s between two looks of a running host.
    pub stale_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self { stuck_after: minutes(10), doubt_for: minutes(5), doubt_probes: 3, stale_after: Duration::from_secs(90) }
    }
}

/// Derives a session's status: the first row that matches.
#[must_use]
pub fn status(facts: &Session, now: Timestamp, policy: &Policy) -> Status {
    let mut status = ended(facts)
        .or_else(|| changing(facts))
        .or_else(|| facts.hold.as_ref().filter(|hold| hold.reason == HoldReason::Rebuild).map(orphaned))
        .or_else(|| liveness(facts, now, policy))
        .or_else(|| facts.hold.as_ref().map(paused))
        .unwrap_or_else(|| activity(facts, now, policy));
    status.activity = facts.agent.as_ref().and_then(|agent| agent.activity.as_ref()).map(|activity| activity.state);
    status
}

fn at(name: StatusName, reason: impl Into<String>, since: Timestamp, fact: &str) -> Status {
    Status::new(name, reason, since, fact, since)
}

/// Row 1: an end was recorded.
fn ended(facts: &Session) -> Option<Status> {
    let end = facts.end.as_ref()?;
    let name = match end.kind {
        EndKind::Killed => StatusName::Killed,
        EndKind::Merged => StatusName::Merged,
        EndKind::Done | EndKind::Unknown => StatusName::Done,
    };
    Some(at(name, end.reason.as_str(), end.at, "end"))
}

/// Rows 2 and 3: it is being ended, its start was undone, or it is being started.
fn changing(facts: &Session) -> Option<Status> {
    let op = facts.op.as_ref();
    if let Some(kill) = op.filter(|op| op.kind == OperationKind::Kill) {
        return Some(at(StatusName::Cleanup, format!("ending: {}", kill.step), kill.since, "op"));
    }
    if let Some(failure) = &facts.failure {
        let reason = format!("{}: {}", failure.step, failure.message);
        return Some(at(StatusName::Errored, reason, failure.at, "failure"));
    }
    if let Some(spawn) = op.filter(|op| op.kind == OperationKind::Spawn) {
        return Some(at(StatusName::Spawning, spawn.step.as_str(), spawn.since, "op"));
    }
    facts.runtime.is_none().then(|| at(StatusName::Spawning, "not launched yet", facts.created_at, "runtime"))
}

/// Row 4: identity known, nothing verified since a rebuild.
fn orphaned(hold: &Hold) -> Status {
    at(StatusName::Orphaned, "found again after the state was lost; not verified yet", hold.at, "hold")
}

/// Row 8: held.
fn paused(hold: &Hold) -> Status {
    at(StatusName::Paused, "paused", hold.at, "hold")
}

/// Rows 6 and 7: the agent ended, is gone by two independent signals, or it is open whether it lives.
fn liveness(facts: &Session, now: Timestamp, policy: &Policy) -> Option<Status> {
    let runtime = facts.runtime.as_ref()?;
    if let Some(exit) = &runtime.exit {
        let completes = facts.agent.as_ref().is_some_and(|agent| agent.exit_meaning == ExitMeaning::Completion);
        let name = if completes && exit.status.is_success() { StatusName::Done } else { StatusName::Dead };
        return Some(at(name, format!("the agent ended with {}", exit.status), exit.at, "exit"));
    }
    let open = match signals(runtime) {
        Signals::Alive => return None,
        Signals::Gone(since) => {
            let reason = "the process is gone and the runtime says so too; no exit status was written";
            return Some(at(StatusName::Dead, reason, since, "process, runtime"));
        }
        Signals::Open(open) => open,
    };
    let doubt = runtime.doubt.as_ref();
    let since = doubt.map_or(open.since, |doubt| doubt.since);
    let over = doubt.is_some_and(|doubt| doubt.probes >= policy.doubt_probes) || now.since(since) >= policy.doubt_for;
    let name = if over { StatusName::Stuck } else { StatusName::Detecting };
    let mut status = at(name, open.why, since, open.fact);
    status.observed_at = open.since;
    Some(status)
}

/// What the process table and the runtime plugin say together.
enum Signals {
    Alive,
    Gone(Timestamp),
    Open(Open),
}

struct Open {
    why: String,
    since: Timestamp,
    fact: &'static str,
}

fn signals(runtime: &RuntimeFacts) -> Signals {
    let (process, plugin) = (runtime.process.as_ref(), runtime.plugin.as_ref());
    let open = |why: String, since, fact| Signals::Open(Open { why, since, fact });
    match (process.map(|probe| &probe.liveness), plugin.map(|probe| &probe.liveness)) {
        (Some(Liveness::Dead { .. }), Some(Liveness::Dead { .. })) => {
            Signals::Gone(process.map_or(runtime.launched_at, |probe| probe.at))
        }
        (Some(Liveness::Dead { .. }), _) => {
            let why = "the process is gone; the runtime has not said so yet".to_owned();
            open(why, process.map_or(runtime.launched_at, |probe| probe.at), "process")
        }
        (_, Some(Liveness::Dead { .. })) => {
            let why = "the runtime says it is gone; the process is still there".to_owned();
            open(why, plugin.map_or(runtime.launched_at, |probe| probe.at), "runtime")
        }
        // A live process outweighs a runtime that could not look.
        (Some(Liveness::Alive), _) | (None, Some(Liveness::Alive) | None) => Signals::Alive,
        (Some(unclear), _) => {
            open(unclear.doubt().to_owned(), process.map_or(runtime.launched_at, |probe| probe.at), "process")
        }
        (None, Some(unclear)) => {
            open(unclear.doubt().to_owned(), plugin.map_or(runtime.launched_at, |probe| probe.at), "runtime")
        }
    }
}

/// Rows 9, 13 and 16: what a living agent does.
fn activity(facts: &Session, now: Timestamp, policy: &Policy) -> Status {
    let launched = facts.runtime.as_ref().map_or(facts.created_at, |runtime| runtime.launched_at);
    let Some((agent, activity)) = facts.agent.as_ref().and_then(|agent| Some((agent, agent.activity.as_ref()?))) else {
        let seen = facts.runtime.as_ref().and_then(|runtime| runtime.process.as_ref()).map(|probe| probe.at);
        let mut status = at(StatusName::Working, "alive; not observed yet", launched, "process");
        status.observed_at = seen.unwrap_or(launched);
        status.stale = now.since(status.observed_at) > policy.stale_after;
        return status;
    };
    let idle_for = now.since(activity.since);
    let (name, reason) = match activity.state {
        ActivityState::WaitingInput => (StatusName::NeedsInput, "the agent waits for a decision".to_owned()),
        ActivityState::Blocked => (StatusName::Stuck, "the agent says that it cannot go on".to_owned()),
        ActivityState::Idle if idle_for >= policy.stuck_after => {
            (StatusName::Stuck, format!("no progress for {} min", idle_for.as_secs() / 60))
        }
        ActivityState::Active => (StatusName::Working, "the agent is active".to_owned()),
        ActivityState::Ready => (StatusName::Ready, "the agent waits for a message".to_owned()),
        ActivityState::Idle => (StatusName::Idle, "the agent has been quiet for long".to_owned()),
        ActivityState::Exited | ActivityState::Unknown => {
            (StatusName::Working, "alive; what the agent does is not known".to_owned())
        }
    };
    let mut status = at(name, reason, activity.since, "activity");
    status.observed_at = agent.observed_at.unwrap_or(activity.since);
    status.stale = now.since(status.observed_at) > policy.stale_after;
    status
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
            Self::Merged => "merged",
            Self::Done => "done",
            Self::Killed => "killed",
            Self::Cleanup => "cleanup",
        }
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
