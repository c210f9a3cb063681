//! Rows 6 and 7: the agent ended, is gone by two witnesses, or it is open whether it lives.

use std::time::Duration;

use super::{Status, StatusName, at, seen_at};
use crate::lifecycle::Policy;
use crate::model::Timestamp;
use crate::model::facts::{ExitFacts, ExitMeaning, Probe, ReportState, RuntimeFacts, Session};
use crate::slots::runtime::Liveness;

pub(super) fn liveness(facts: &Session, now: Timestamp, policy: &Policy) -> Option<Status> {
    let runtime = facts.runtime.as_ref()?;
    if let Some(exit) = &runtime.exit {
        return Some(ended(facts, exit));
    }
    let open = match signals(runtime) {
        Signals::Alive => return None,
        Signals::Gone(gone) => {
            let detail = gone.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
            let reason = format!("the process is gone and the runtime says so too{detail}; no exit status was written");
            return Some(seen_at(gone.at, at(StatusName::Dead, reason, gone.since(), "process, runtime")));
        }
        Signals::Open(open) => open,
    };
    let doubt = runtime.doubt.as_ref();
    let elapsed = doubt.map_or(Duration::ZERO, |doubt| {
        let last = doubt.at.unwrap_or(doubt.since);
        Duration::from_millis(doubt.elapsed_ms) + policy.counted(last, now)
    });
    let over = doubt.is_some_and(|doubt| doubt.probes >= policy.doubt_probes) || elapsed >= policy.doubt_for;
    let name = if over { StatusName::Stuck } else { StatusName::Detecting };
    let since = doubt.map_or(open.since, |doubt| doubt.since);
    Some(seen_at(open.looked_at, at(name, open.why, since, open.fact)))
}

/// Whoever says that it has done its work, and then returns 0, has done it; so has one that is meant to end.
fn ended(facts: &Session, exit: &ExitFacts) -> Status {
    let meant = facts.agent.as_ref().is_some_and(|agent| agent.exit_meaning == ExitMeaning::Completion);
    let reported = facts.report.as_ref().is_some_and(|report| report.state == ReportState::Completed);
    let name = if (meant || reported) && exit.status.is_success() { StatusName::Done } else { StatusName::Dead };
    at(name, format!("the agent ended with {}", exit.status), exit.at, "exit")
}

/// What the process table and the runtime plugin say together.
enum Signals<'a> {
    Alive,
    Gone(&'a Probe),
    Open(Open),
}

struct Open {
    why: String,
    since: Timestamp,
    looked_at: Timestamp,
    fact: &'static str,
}

fn signals(runtime: &RuntimeFacts) -> Signals<'_> {
    let (process, plugin) = (runtime.process.as_ref(), runtime.plugin.as_ref());
    let open = |why: &str, probe: &Probe, fact| {
        let (since, looked_at) = (probe.since(), probe.looked_at());
        Signals::Open(Open { why: why.to_owned(), since, looked_at, fact })
    };
    match (process.map(|probe| (probe, probe.now())), plugin.map(|probe| (probe, probe.now()))) {
        (Some((process, Liveness::Dead { .. })), Some((_, Liveness::Dead { .. }))) => Signals::Gone(process),
        (Some((process, Liveness::Dead { .. })), Some((_, unclear @ Liveness::Unknown { .. }))) => {
            let why = format!("the process is gone; the runtime cannot tell: {}", unclear.doubt());
            open(&why, process, "process")
        }
        (Some((process, Liveness::Dead { .. })), _) => {
            open("the process is gone; the runtime has not said so yet", process, "process")
        }
        (Some((_, Liveness::Alive)), Some((plugin, Liveness::Dead { .. }))) => {
            open("the runtime says it is gone; the process is still there", plugin, "runtime")
        }
        (_, Some((plugin, Liveness::Dead { .. }))) => {
            open("the runtime says it is gone; the process table could not be asked", plugin, "runtime")
        }
        // A live process outweighs a runtime that could not look.
        (Some((_, Liveness::Alive)), _) | (None, Some((_, Liveness::Alive)) | None) => Signals::Alive,
        (Some((process, unclear)), _) => open(unclear.doubt(), process, "process"),
        (None, Some((plugin, unclear))) => open(unclear.doubt(), plugin, "runtime"),
    }
}
