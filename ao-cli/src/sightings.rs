//! The facts of a session that are looked at again and again, each with its age. One that is too old says nothing for sure.

use ao_core::lifecycle::Policy;
use ao_core::model::Timestamp;
use ao_core::model::facts::{AgentFacts, Probe, Session, Unseen, WorkspaceFacts};
use ao_core::slots::runtime::Liveness;
use ao_core::slots::workspace::Presence;

use crate::session_view::age;

/// What is known of it by looking, as fields.
pub(crate) fn sightings(session: &Session, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    if let Some(runtime) = session.runtime.as_ref().filter(|runtime| runtime.exit.is_none()) {
        fields.extend(runtime.process.as_ref().map(|probe| ("process", liveness(probe, now))));
        fields.extend(runtime.plugin.as_ref().map(|probe| ("runtime says", liveness(probe, now))));
    }
    fields.extend(session.agent.as_ref().and_then(|agent| Some(("activity", activity(agent, now)?))));
    fields.extend(session.workspace.as_ref().and_then(|workspace| Some(("changes", changes(workspace, now)?))));
    fields
}

/// Whether the agent lives, by one witness. What was seen too long ago is not known any more.
fn liveness(probe: &Probe, now: Timestamp) -> String {
    let word = match &probe.liveness {
        Liveness::Alive => "alive",
        Liveness::Dead { .. } => "gone",
        _ => "unknown",
    };
    let seen = seen(word, probe.at, probe.unseen.as_ref(), now);
    if word != "unknown" && Policy::default().is_stale(probe.at, now) { format!("unknown; was {seen}") } else { seen }
}

fn activity(agent: &AgentFacts, now: Timestamp) -> Option<String> {
    let activity = agent.activity.as_ref()?;
    let word = serde_json::to_value(activity.state).ok();
    let word = word.as_ref().and_then(serde_json::Value::as_str).unwrap_or("unknown").replace('_', " ");
    let what = format!("{word} for {} (by {})", age(now, activity.since), activity.source);
    Some(seen(&what, agent.observed_at.unwrap_or(activity.since), agent.unseen.as_ref(), now))
}

fn changes(workspace: &WorkspaceFacts, now: Timestamp) -> Option<String> {
    let look = workspace.look.as_ref()?;
    let what = match look.presence {
        Presence::Present if look.dirty == 0 && look.untracked == 0 => "none".to_owned(),
        Presence::Present => format!("{} changed, {} untracked", look.dirty, look.untracked),
        Presence::Missing => "the worktree is gone".to_owned(),
        _ => "unknown".to_owned(),
    };
    Some(seen(&what, look.at, workspace.unseen.as_ref(), now))
}

/// What was seen and when, and why the looks since then told nothing.
fn seen(what: &str, at: Timestamp, unseen: Option<&Unseen>, now: Timestamp) -> String {
    let since = unseen.map(|unseen| format!("; not since: {}", unseen.why)).unwrap_or_default();
    format!("{what}, seen {} ago{since}", age(now, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn what_is_old_is_not_known_any_more() {
        let alive = Probe::new(Liveness::Alive, at(0));
        assert_eq!(liveness(&alive, at(90)), "alive, seen 1m ago");
        assert_eq!(liveness(&alive, at(100)), "unknown; was alive, seen 1m ago");
        let unclear = Probe::again(Some(&alive), Liveness::Unknown { why: "tmux is away".to_owned() }, at(30));
        assert_eq!(liveness(&unclear, at(60)), "alive, seen 1m ago; not since: tmux is away");
        let never = Probe::again(None, Liveness::Unknown { why: "no /proc".to_owned() }, at(30));
        assert_eq!(liveness(&never, at(31)), "unknown, seen 1s ago; not since: no /proc");
    }
}
