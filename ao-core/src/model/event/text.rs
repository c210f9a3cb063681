//! An event's details in a few words, for a list.

use std::fmt;

use super::EventData;
use crate::slots::runtime::Liveness;

/// One line, without what a terminal would act on only as far as others did not write it: who shows it takes that out.
impl fmt::Display for EventData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionRequested(data) => {
                write!(f, "agent {} in {}", data.agent, data.project)?;
                data.issue.iter().try_for_each(|issue| write!(f, ", issue {issue}"))
            }
            Self::SessionSpawned(data) => {
                write!(f, "in {}", data.runtime)?;
                data.worktree.iter().try_for_each(|worktree| write!(f, ", {worktree}"))?;
                if data.recovered { f.write_str(" (found after an interruption)") } else { Ok(()) }
            }
            Self::SessionErrored(data) => write!(f, "{}: {}", data.step, data.error.message),
            Self::SessionStatusChanged(data) => {
                data.from.iter().try_for_each(|from| write!(f, "{from} -> "))?;
                write!(f, "{}: {} (by {})", data.to, data.reason, data.fact)
            }
            Self::SessionKilled(data) => f.write_str(&data.reason),
            Self::SessionRestored(data) => write!(f, "launch {}", data.launch),
            Self::RuntimeProbeChanged(data) => liveness(f, data.liveness.as_ref()),
            Self::RuntimeExited(data) => write!(f, "{}", data.exit.status),
            Self::AgentActivityChanged(data) => match data.state {
                Some(state) => write!(f, "{}", word(&state)),
                None => f.write_str("not known"),
            },
            Self::AgentReportAccepted(data) => {
                data.before.iter().try_for_each(|before| write!(f, "{before} -> "))?;
                match data.state {
                    Some(state) => write!(f, "{state}"),
                    None => f.write_str(&data.report),
                }
            }
            Self::AgentReportRejected(data) => {
                data.state.iter().try_for_each(|state| write!(f, "{state}, "))?;
                write!(f, "{}: {}", data.report, data.reason)
            }
            Self::AgentAnswered(data) => {
                f.write_str(&data.answer)?;
                if !data.label.is_empty() && data.label != data.answer {
                    write!(f, " ({})", data.label)?;
                }
                if data.text.is_empty() { Ok(()) } else { write!(f, ", to: {}", data.text) }
            }
            Self::AgentLimitHit(data) => data.until.iter().try_for_each(|until| write!(f, "until {until}")),
            Self::BudgetExceeded(data) => {
                write!(f, "{} is {}, used {}", data.key, data.limit, data.used)?;
                data.turn.iter().try_for_each(|turn| write!(f, "; {turn}"))
            }
            Self::PrOpened(data)
            | Self::PrUpdated(data)
            | Self::PrClosed(data)
            | Self::PrMerged(data)
            | Self::CheckChanged(data)
            | Self::ReviewChanged(data) => {
                write!(f, "pull request {}", data.number)?;
                data.head_sha.iter().try_for_each(|sha| write!(f, " at {sha}"))
            }
            Self::PrClaimed(data) | Self::PrLost(data) => {
                write!(f, "pull request {}", data.number)?;
                data.by.iter().try_for_each(|by| write!(f, ", by {by}"))?;
                data.from.iter().try_for_each(|from| write!(f, ", from {from}"))
            }
            Self::CheckStarted(data) => {
                let names: Vec<_> = data.checks.iter().map(AsRef::as_ref).collect();
                write!(f, "{} at {}, run {}", names.join(", "), data.sha, data.run)
            }
            Self::CheckEvidenceRecorded(data) => {
                let name = data.check.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
                let what = format!("{name}{} at {}, run {}", data.verdict, data.sha, data.run);
                because(f, &what, data.why.as_deref())
            }
            Self::MessageQueued(data) => write!(f, "{}, {} bytes", data.message, data.bytes),
            Self::MessageDrafted(data)
            | Self::MessageSubmitted(data)
            | Self::MessageAcked(data)
            | Self::MessageUnconfirmed(data)
            | Self::MessageFailed(data) => f.write_str(&data.message),
            Self::IntentPlanned(data)
            | Self::IntentClaimed(data)
            | Self::IntentSuperseded(data)
            | Self::IntentDone(data)
            | Self::IntentFailed(data)
            | Self::IntentHeld(data) => data.fmt(f),
            Self::ReactionOpened(data) | Self::ReactionClosed(data) => data.fmt(f),
            Self::ReactionEscalated(data) => data.fmt(f),
            Self::NotifySent(data) | Self::NotifyFailed(data) | Self::NotifyUndelivered(data) => {
                data.notifier.iter().try_for_each(|notifier| write!(f, "by {notifier}: "))?;
                because(f, &data.intent, data.reason.as_deref())
            }
            Self::HostStarted(data) => write!(f, "term {}, {}", data.epoch, data.process),
            Self::HostStopped(data) => because(f, &format!("term {}", data.epoch), data.reason.as_deref()),
            Self::HostFenced(data) => write!(f, "term {} found term {}", data.epoch, data.found),
            Self::HostMassDeathHold(data) => write!(f, "{} of {} sessions", data.sessions.len(), data.live),
            Self::HostConfigReloaded(data) => f.write_str(&data.file),
            Self::HostConfigRejected(data) => because(f, &data.file, Some(&data.problem)),
            Self::PluginConditionChanged(data) => {
                write!(f, "{}/{} is {}", data.slot, data.name, data.state)?;
                data.retry_at.iter().try_for_each(|at| write!(f, " until {at}"))?;
                if data.why.is_empty() { Ok(()) } else { write!(f, ": {}", data.why) }
            }
            Self::TrashStored(data) | Self::TrashRestored(data) | Self::TrashExpired(data) => f.write_str(&data.item),
            Self::SessionAcked(_) | Self::SessionCleaned(_) | Self::SessionAdopted(_) | Self::SessionOrphaned(_) => {
                Ok(())
            }
        }
    }
}

fn because(f: &mut fmt::Formatter<'_>, what: &str, why: Option<&str>) -> fmt::Result {
    f.write_str(what)?;
    why.iter().try_for_each(|why| write!(f, ": {why}"))
}

fn liveness(f: &mut fmt::Formatter<'_>, liveness: Option<&Liveness>) -> fmt::Result {
    match liveness {
        Some(Liveness::Alive) => f.write_str("alive"),
        Some(Liveness::Dead { exit: Some(exit) }) => write!(f, "dead, {exit}"),
        Some(Liveness::Dead { exit: None }) => f.write_str("dead"),
        Some(doubtful) => write!(f, "unknown: {}", doubtful.doubt()),
        None => f.write_str("not known"),
    }
}

/// The word for a unit variant, as on the wire.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().replace('_', " ")
}
