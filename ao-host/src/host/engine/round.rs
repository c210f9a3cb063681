//! When all that lives was looked at last. It is told of a look when that has ended, by the time at which it began: who
//! asks for a look waits until a time is told that is after the question.

use std::time::Duration;

use ao_core::Result;
use ao_core::model::Timestamp;
use ao_core::model::facts::{Probe, Session};

use super::{Engine, Facet};

/// A look at everything that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    at: Timestamp,
    /// The same, since the engine's start.
    began: Duration,
}

impl Engine {
    /// A look begins at everything that is due by now.
    pub(super) fn begin_round(&mut self, now: Duration) {
        self.round = Some(Round { at: self.context.sessions.world.now(), began: now });
    }

    /// Writes down that the look has ended, if it has: what was due when it began has been asked, and every answer is
    /// written down. Where agents never rest there is always a call under way; then it is the facts that tell.
    pub(super) fn end_round(&mut self) -> Result<()> {
        let Some(round) = self.round else { return Ok(()) };
        // Nobody waits for a forge.
        let next = self.queue.next(|(facet, id)| *facet != Facet::Pull && self.live.contains_key(id));
        if next.is_some_and(|due| due <= round.began) {
            return Ok(());
        }
        if !self.is_asking() || self.live.values().all(|session| is_seen_since(session, round.at)) {
            self.round = None;
            self.context.sessions.store.looked(self.epoch, round.at)?;
        }
        Ok(())
    }
}

/// Whether runtime and agent were asked about a session since then, whatever came of it.
fn is_seen_since(session: &Session, at: Timestamp) -> bool {
    let Some(runtime) = &session.runtime else { return true };
    let of_agent = session.agent.as_ref().and_then(|agent| {
        let unseen = agent.unseen.as_ref().map(|unseen| unseen.at);
        agent.observed_at.max(unseen)
    });
    runtime.plugin.as_ref().is_some_and(|probe| Probe::looked_at(probe) >= at)
        && of_agent.is_some_and(|seen| seen >= at)
}

#[cfg(test)]
mod tests {
    use ao_core::model::facts::{AgentFacts, RuntimeFacts, Unseen};
    use ao_core::model::{PluginName, ProjectName, SessionId};
    use ao_core::slots::runtime::{Liveness, RuntimeHandle};

    use super::*;

    #[test]
    fn a_session_is_seen_when_both_witnesses_were_asked() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let (id, name): (SessionId, PluginName) = ("app-1".parse().unwrap(), "x".parse().unwrap());
        let project: ProjectName = "app".parse().unwrap();
        let mut session = Session::new(id.clone(), project, "/src/app", at(0));
        assert!(is_seen_since(&session, at(5)), "it has no agent yet");
        let handle = RuntimeHandle::new(name.clone(), id, "key", serde_json::json!({}));
        let mut runtime = RuntimeFacts::new("/state/app-1", handle, at(0));
        runtime.plugin = Some(Probe::new(Liveness::Alive, at(6)));
        session.runtime = Some(runtime);
        let mut agent = AgentFacts::new(name.clone(), name);
        agent.observed_at = Some(at(4));
        session.agent = Some(agent.clone());
        assert!(!is_seen_since(&session, at(5)) && is_seen_since(&session, at(4)));
        agent.unseen = Some(Unseen::again(None, "it hangs", at(7)));
        session.agent = Some(agent);
        assert!(is_seen_since(&session, at(6)) && !is_seen_since(&session, at(7)));
    }
}
