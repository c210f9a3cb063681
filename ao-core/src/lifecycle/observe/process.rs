//! Whether an agent lives: the process table and the holder's records on one side, the runtime plugin on the other.

use std::time::Duration;

use crate::lifecycle::Policy;
use crate::model::facts::{Doubt, ExitFacts, Probe, RuntimeFacts};
use crate::model::{ProcessId, Timestamp};
use crate::slots::runtime::Liveness;

/// What the holder's records and the process table say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessSight {
    /// The holder's process, where it wrote itself down.
    pub holder: Option<ProcessId>,
    /// The agent's process, where it was written down.
    pub child: Option<ProcessId>,
    /// How the agent ended, where that was written down.
    pub exit: Option<ExitFacts>,
    /// What the process table says; nothing where no process was written down.
    pub liveness: Option<Liveness>,
    /// What there is to say about it, such as that the machine was restarted.
    pub detail: Option<String>,
}

/// Writes down what the process table says.
pub fn process(facts: &mut RuntimeFacts, sight: ProcessSight, now: Timestamp) {
    facts.holder = sight.holder.or(facts.holder.take());
    facts.child = sight.child.or(facts.child.take());
    if sight.exit.is_some() {
        facts.exit = sight.exit;
        facts.doubt = None;
        return;
    }
    if let Some(liveness) = sight.liveness {
        let mut probe = Probe::again(facts.process.as_ref(), liveness, now);
        if probe.unseen.is_none() {
            probe.detail = sight.detail;
        }
        facts.process = Some(probe);
    }
}

/// Writes down what the runtime plugin says, after [`process`], and counts the looks that leave it open whether the agent
/// lives.
pub fn runtime(facts: &mut RuntimeFacts, liveness: Liveness, now: Timestamp, policy: &Policy) {
    facts.plugin = Some(Probe::again(facts.plugin.as_ref(), liveness, now));
    facts.doubt = doubt(facts, now, policy);
}

fn doubt(facts: &RuntimeFacts, now: Timestamp, policy: &Policy) -> Option<Doubt> {
    let says = |probe: &Option<Probe>| probe.as_ref().map(Probe::now);
    let (process, plugin) = (says(&facts.process), says(&facts.plugin));
    let dead = |liveness: &Option<Liveness>| matches!(liveness, Some(Liveness::Dead { .. }));
    let settled = facts.exit.is_some()
        || (dead(&process) && dead(&plugin))
        || (process == Some(Liveness::Alive) && !dead(&plugin))
        || (process.is_none() && plugin == Some(Liveness::Alive));
    if settled {
        return None;
    }
    let evidence = format!("{}, {}", word(process.as_ref()), word(plugin.as_ref()));
    let Some(before) = facts.doubt.as_ref().filter(|doubt| doubt.evidence == evidence) else {
        let mut doubt = Doubt::new(now, 1_u32);
        (doubt.at, doubt.counted_at, doubt.evidence) = (Some(now), Some(now), evidence);
        return Some(doubt);
    };
    let mut doubt = before.clone();
    let passed = policy.counted(before.at.unwrap_or(before.since), now);
    doubt.elapsed_ms += u64::try_from(passed.as_millis()).unwrap_or(0);
    doubt.at = Some(now);
    // A clock that was set back counts at once: the next look is as good as any.
    let counted_at = before.counted_at.unwrap_or(before.since);
    let since_counted = if now < counted_at { Duration::MAX } else { now.since(counted_at) };
    if since_counted >= policy.doubt_spacing {
        doubt.probes += 1;
        doubt.counted_at = Some(now);
    }
    Some(doubt)
}

fn word(liveness: Option<&Liveness>) -> &'static str {
    match liveness {
        Some(Liveness::Alive) => "alive",
        Some(Liveness::Dead { .. }) => "dead",
        Some(Liveness::Unknown { .. } | Liveness::Unrecognised) => "unknown",
        None => "not asked",
    }
}
