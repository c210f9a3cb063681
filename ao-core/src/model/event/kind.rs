//! Every type of event, in one table: its word, its details, and what it says.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::data::{
    AgentActivityChanged, AgentAnswered, ConfigRejected, ConfigReloaded, HostFenced, HostStarted, HostStopped,
    MassDeathHold, MessageMoved, MessageQueued, PluginConditionChanged, RuntimeExited, RuntimeProbeChanged,
    SessionErrored, SessionKilled, SessionRequested, SessionSpawned, StatusChanged,
};
use super::later::{
    BudgetExceeded, CheckRunStarted, EvidenceRecorded, LimitHit, NotifyTried, PullRequestClaimed, PullRequestSeen,
    ReportAccepted, ReportRejected, SessionAcked, SessionAdopted, SessionCleaned, SessionOrphaned, SessionRestored,
    TrashMoved,
};
use super::reaction::{IntentMoved, ReactionEscalated, ReactionMoved};

macro_rules! events {
    ($($(#[doc = $doc:literal])* $Kind:ident $word:literal $Data:ident;)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[doc = $doc])* #[serde(rename = $word)] $Kind,)*
            /// A kind that this version does not know.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl EventKind {
            /// Every kind that this version knows.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$Kind),*];

            /// The word for it, as in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Kind => $word,)*
                    Self::Unknown => "unknown",
                }
            }

            /// What an event of this kind says, in a sentence.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$Kind => concat!($($doc),*),)*
                    Self::Unknown => " A kind that this version does not know.",
                }
            }

            /// The schema of its details.
            pub(super) fn data_schema(self, generator: &mut SchemaGenerator) -> Schema {
                match self {
                    $(Self::$Kind => <$Data as JsonSchema>::json_schema(generator),)*
                    Self::Unknown => generator.subschema_for::<Value>(),
                }
            }
        }

        /// The details of an event, by its kind: the one way to make an event.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum EventData {
            $($(#[doc = $doc])* $Kind($Data),)*
        }

        impl EventData {
            /// The kind of event that has these details.
            #[must_use]
            pub const fn kind(&self) -> EventKind {
                match self {
                    $(Self::$Kind(_) => EventKind::$Kind,)*
                }
            }

            /// The details as they stand in the log.
            #[must_use]
            pub fn into_value(self) -> Value {
                let value = match self {
                    $(Self::$Kind(data) => serde_json::to_value(data),)*
                };
                value.expect("records are objects with text keys, which are always JSON")
            }

            /// Reads details; `None` where they are not what this version knows of the kind.
            #[must_use]
            pub fn read(kind: EventKind, data: &Value) -> Option<Self> {
                match kind {
                    $(EventKind::$Kind => <$Data as Deserialize>::deserialize(data).ok().map(Self::$Kind),)*
                    EventKind::Unknown => None,
                }
            }
        }
    };
}

events! {
    /// A session was asked for, and its id reserved.
    SessionRequested "session.requested" SessionRequested;
    /// Its agent was launched.
    SessionSpawned "session.spawned" SessionSpawned;
    /// Its agent said that it has begun.
    SessionAcked "session.acked" SessionAcked;
    /// Its spawn failed and was undone.
    SessionErrored "session.errored" SessionErrored;
    /// Its status is another one. An observation for readers: nothing is decided by it.
    SessionStatusChanged "session.status_changed" StatusChanged;
    /// It was ended.
    SessionKilled "session.killed" SessionKilled;
    /// Its agent was launched again.
    SessionRestored "session.restored" SessionRestored;
    /// Its workspace was put away.
    SessionCleaned "session.cleaned" SessionCleaned;
    /// It was taken in: it was made without `ao`, or the state that knew it was lost.
    SessionAdopted "session.adopted" SessionAdopted;
    /// It was found again after the state was lost, and no agent of it.
    SessionOrphaned "session.orphaned" SessionOrphaned;
    /// What a probe says of its runtime changed.
    RuntimeProbeChanged "runtime.probe_changed" RuntimeProbeChanged;
    /// Its agent ended.
    RuntimeExited "runtime.exited" RuntimeExited;
    /// What its agent does changed.
    AgentActivityChanged "agent.activity_changed" AgentActivityChanged;
    /// A report of its agent was taken.
    AgentReportAccepted "agent.report_accepted" ReportAccepted;
    /// A report of its agent was refused.
    AgentReportRejected "agent.report_rejected" ReportRejected;
    /// What its agent asked was answered by `ao answer`.
    AgentAnswered "agent.answered" AgentAnswered;
    /// Its agent may do nothing for a while.
    AgentLimitHit "agent.limit_hit" LimitHit;
    /// It, or its project, has used what it may; it is held, and a human is told.
    BudgetExceeded "budget.exceeded" BudgetExceeded;
    /// Its pull request was opened.
    PrOpened "pr.opened" PullRequestSeen;
    /// Its pull request changed.
    PrUpdated "pr.updated" PullRequestSeen;
    /// Its pull request was closed without a merge.
    PrClosed "pr.closed" PullRequestSeen;
    /// Its pull request was merged.
    PrMerged "pr.merged" PullRequestSeen;
    /// It took a pull request over.
    PrClaimed "pr.claimed" PullRequestClaimed;
    /// Another session took its pull request over.
    PrLost "pr.lost" PullRequestClaimed;
    /// The checks of its pull request changed.
    CheckChanged "check.changed" PullRequestSeen;
    /// The host began to run checks itself.
    CheckStarted "check.started" CheckRunStarted;
    /// A check that the host ran itself has a verdict.
    CheckEvidenceRecorded "check.evidence_recorded" EvidenceRecorded;
    /// The review of its pull request changed.
    ReviewChanged "review.changed" PullRequestSeen;
    /// A message was stored.
    MessageQueued "message.queued" MessageQueued;
    /// A message stands in the agent's composer.
    MessageDrafted "message.drafted" MessageMoved;
    /// A message was submitted.
    MessageSubmitted "message.submitted" MessageMoved;
    /// The agent's record shows a message.
    MessageAcked "message.acked" MessageMoved;
    /// Whether a message arrived cannot be told.
    MessageUnconfirmed "message.unconfirmed" MessageMoved;
    /// A message did not arrive.
    MessageFailed "message.failed" MessageMoved;
    /// Something is to be done, and was written down before it is.
    IntentPlanned "intent.planned" IntentMoved;
    /// Somebody does it.
    IntentClaimed "intent.claimed" IntentMoved;
    /// It need not be done any more.
    IntentSuperseded "intent.superseded" IntentMoved;
    /// It was done.
    IntentDone "intent.done" IntentMoved;
    /// It could not be done, was refused, or nobody can tell whether it was done.
    IntentFailed "intent.failed" IntentMoved;
    /// It is not done for now.
    IntentHeld "intent.held" IntentMoved;
    /// A condition that a rule reacts to began.
    ReactionOpened "reaction.opened" ReactionMoved;
    /// That condition is over.
    ReactionClosed "reaction.closed" ReactionMoved;
    /// That condition went on for too long, and a human is told.
    ReactionEscalated "reaction.escalated" ReactionEscalated;
    /// A human was told.
    NotifySent "notify.sent" NotifyTried;
    /// One way to tell a human did not work.
    NotifyFailed "notify.failed" NotifyTried;
    /// No way to tell a human worked.
    NotifyUndelivered "notify.undelivered" NotifyTried;
    /// A host began to look after the sessions of this state directory.
    HostStarted "host.started" HostStarted;
    /// It stopped.
    HostStopped "host.stopped" HostStopped;
    /// It found that another host has taken its place, and did nothing more.
    HostFenced "host.fenced" HostFenced;
    /// So many agents looked dead at once that the way of looking is doubted.
    HostMassDeathHold "host.mass_death_hold" MassDeathHold;
    /// It works by a changed configuration.
    HostConfigReloaded "host.config_reloaded" ConfigReloaded;
    /// A changed configuration has mistakes; the one before it stays.
    HostConfigRejected "host.config_rejected" ConfigRejected;
    /// Whether a plugin is called changed.
    PluginConditionChanged "plugin.condition_changed" PluginConditionChanged;
    /// Something removed was put into the trash.
    TrashStored "trash.stored" TrashMoved;
    /// Something was taken out of the trash.
    TrashRestored "trash.restored" TrashMoved;
    /// Something has been in the trash for long enough, and is gone.
    TrashExpired "trash.expired" TrashMoved;
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_one_on_the_wire() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(serde_json::from_value::<EventKind>(kind.as_str().into()).unwrap(), *kind);
        }
        assert_eq!(serde_json::from_value::<EventKind>("of.tomorrow".into()).unwrap(), EventKind::Unknown);
    }
}
