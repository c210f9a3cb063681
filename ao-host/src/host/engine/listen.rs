//! Listening to what plugins' streams hint at, a stream an instance.

use std::collections::{BTreeMap, BTreeSet};

use ao_core::model::SessionId;
use ao_core::plugin::{BoxStream, Frame};
use ao_core::{Error, Result};
use tokio::task::{AbortHandle, JoinSet};

use super::Lane;
use super::wakes::{Wake, Wakes};

/// The streams that are open. They end with this.
#[derive(Default)]
pub(super) struct Listeners {
    tasks: JoinSet<()>,
    open: BTreeMap<Lane, Listener>,
}

struct Listener {
    task: AbortHandle,
    /// What was asked for; another question is another stream.
    sessions: BTreeSet<SessionId>,
}

impl Listeners {
    /// Listens to an instance's hints about these sessions, as long as it gives any. Where that is done already, nothing
    /// happens; where it is done about others, that ends.
    pub(super) fn listen(
        &mut self,
        lane: Lane,
        sessions: BTreeSet<SessionId>,
        wakes: &Wakes,
        open: impl Future<Output = Result<BoxStream, Error>> + Send + 'static,
    ) {
        if self.open.get(&lane).is_some_and(|listener| listener.sessions == sessions) {
            return;
        }
        let wakes = wakes.clone();
        let task = self.tasks.spawn(async move {
            let Ok(stream) = open.await else { return };
            while let Ok(Some(frame)) = stream.next().await {
                let Frame::Control(said) = frame else { continue };
                let id = said.get("session").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
                wakes.put(id.map_or(Wake::All, Wake::Session));
            }
        });
        if let Some(before) = self.open.insert(lane, Listener { task, sessions }) {
            before.task.abort();
        }
    }

    /// Forgets streams that have ended: with its next look, an instance is listened to again.
    pub(super) fn reap(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|_, listener| !listener.task.is_finished());
    }

    /// Whether none of those that were opened goes on.
    #[cfg(test)]
    pub(super) fn ended(&self) -> bool {
        self.open.values().all(|listener| listener.task.is_finished())
    }

    /// Ends all streams: their instances may be gone.
    pub(super) fn close(&mut self) {
        self.tasks.abort_all();
        self.open.clear();
    }
}
