//! Hints that an agent has printed something, or that its pane has ended.
//!
//! tmux tells nobody when a pane that nobody looks at prints. So the list of panes is read twice a second, one program
//! for all sessions, and what differs is a hint.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ao_plugin_sdk::core::plugin::{Frame, Stream};
use ao_plugin_sdk::prelude::*;
use tokio::sync::Mutex;

use crate::panes::{self, Pane, PaneState};
use crate::server::Server;

/// The time between two looks.
const EVERY: Duration = Duration::from_millis(500);
/// After so many looks without a pane the hints end; whoever starts an agent asks for them anew.
const PATIENCE: u32 = 20;

/// What can be told of a pane without looking into it.
type Sight = (Option<Timestamp>, PaneState);

/// An open stream of hints: control frames `{"session": "<id>"}`.
pub(crate) struct Watch {
    server: Server,
    owner: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: BTreeMap<SessionId, Sight>,
    hints: BTreeSet<SessionId>,
    /// Sessions that printed in the second in which they were looked at: what they print in its rest shows no other time.
    fresh: BTreeSet<SessionId>,
    empty: u32,
}

impl Watch {
    pub(crate) fn new(owner: &Owner) -> Self {
        Self { server: Server::of(owner), owner: owner.id.clone(), state: Mutex::default() }
    }
}

impl State {
    /// Takes in a look at the panes.
    fn look(&mut self, panes: impl IntoIterator<Item = Pane>) {
        let now: BTreeMap<_, Sight> =
            panes.into_iter().map(|pane| (pane.session.clone(), (pane.activity, pane.state))).collect();
        self.empty = if now.is_empty() { self.empty + 1 } else { 0 };
        let newest = now.values().filter_map(|(activity, _)| *activity).max();
        self.hints.append(&mut self.fresh);
        for (session, sight) in &now {
            if self.seen.get(session) != Some(sight) {
                self.hints.insert(session.clone());
                if sight.0 == newest {
                    self.fresh.insert(session.clone());
                }
            }
        }
        self.hints.extend(self.seen.keys().filter(|session| !now.contains_key(*session)).cloned());
        self.seen = now;
    }
}

#[async_trait]
impl Stream for Watch {
    async fn next(&self) -> Result<Option<Frame>> {
        let mut state = self.state.lock().await;
        loop {
            if let Some(session) = state.hints.pop_first() {
                return Ok(Some(Frame::Control(json!({"session": session}))));
            }
            if state.empty >= PATIENCE {
                return Ok(None);
            }
            tokio::time::sleep(EVERY).await;
            let panes = panes::list(&self.server).await?;
            state.look(panes.into_iter().filter(|pane| pane.owner == self.owner));
        }
    }

    async fn send(&self, _frame: Frame) -> Result<()> {
        Err(Error::unsupported("wake-ups are only listened to"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane(session: &str, second: i64, state: PaneState) -> Pane {
        Pane {
            id: "%1".to_owned(),
            state,
            activity: Some(Timestamp::from_millis(second * 1000)),
            clients: 0,
            tty: "/dev/pts/1".into(),
            owner: "0a1b2c3d".to_owned(),
            session: session.parse().expect("an id"),
            directory: "/sessions".into(),
        }
    }

    fn hints(state: &mut State) -> Vec<String> {
        std::mem::take(&mut state.hints).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_differs_is_a_hint_and_so_is_the_rest_of_its_second() {
        let mut state = State::default();
        let running = PaneState::Running;
        state.look([pane("ao-1", 5, running), pane("ao-2", 3, running)]);
        assert_eq!(hints(&mut state), ["ao-1", "ao-2"]);
        state.look([pane("ao-1", 5, running), pane("ao-2", 3, running)]);
        assert_eq!(hints(&mut state), ["ao-1"], "it may have printed more in the fifth second");
        state.look([pane("ao-1", 5, running), pane("ao-2", 3, running)]);
        assert_eq!(hints(&mut state), Vec::<String>::new());
        state.look([pane("ao-1", 5, PaneState::Ended), pane("ao-2", 3, running)]);
        assert_eq!(hints(&mut state), ["ao-1"]);
        state.look([]);
        assert_eq!(hints(&mut state), ["ao-1", "ao-2"], "they are gone");
    }
}
