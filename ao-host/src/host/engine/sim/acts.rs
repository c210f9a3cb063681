//! What people and machines do beside the world's own course: pauses, kills, acknowledgements, hints, clocks, crashes.

use std::collections::BTreeSet;

use ao_core::lifecycle::StatusName;
use ao_core::model::facts::Session;
use ao_core::slots::runtime::Liveness;
use tokio::time::Instant;

use super::super::wakes::Wake;
use super::chance::Chance;
use super::run::Story;
use super::world::lock;
use crate::sessions::Crew;
use crate::store::Fence;

/// At which a host may be killed.
pub(super) const FAILPOINTS: [&str; 13] = [
    "react.render_store",
    "react.ledger_count",
    "react.settle",
    "react.notify_post",
    "send.intent_write",
    "send.load_buffer",
    "send.paste",
    "send.enter",
    "send.ack_write",
    "send.paste",
    "send.enter",
    "react.settle",
    "takeover.epoch",
];

/// Where the next host is killed, if anywhere.
pub(super) fn failpoint(chance: &mut Chance) -> String {
    if !chance.happens(350) {
        return String::new();
    }
    format!("{}.{}=unwind", chance.of(&FAILPOINTS), chance.of(&["before", "after"]))
}

/// Hints of what may have changed. One of ten is lost, and one of three comes twice.
pub(super) fn hints(sessions: &[Session], chance: &mut Chance) -> BTreeSet<Wake> {
    let mut hints = BTreeSet::new();
    for session in sessions {
        let id = || session.id.clone();
        let hint = match chance.below(10) {
            0 | 1 => Wake::Session(id()),
            2 | 3 => Wake::Pull(id()),
            4 => Wake::Tree(id()),
            _ => continue,
        };
        if !chance.happens(100) {
            hints.insert(hint);
        }
    }
    if chance.happens(900) {
        hints.insert(Wake::Store);
    }
    if chance.happens(60) {
        hints.insert(Wake::All);
    }
    hints
}

impl Story {
    /// What people do within a tick.
    pub(super) async fn act(&mut self, sessions: &[Session]) {
        for session in sessions.iter().filter(|session| session.end.is_none()) {
            match self.fate.below(1000) {
                0..8 if session.hold.is_none() => self.pause(session),
                8..120 if session.hold.is_some() => self.resume(session),
                120..122 => self.kill(session).await,
                _ => {}
            }
        }
        if self.fate.happens(60) {
            self.acknowledge();
        }
        if self.fate.happens(8) {
            let minute = 60_000;
            let by = self.fate.of(&[-60 * minute, -3 * minute, 10 * minute, 24 * 60 * minute, 500]);
            self.clock.jump(by);
            lock(&self.world).say(format!("the clock jumps by {by} ms"));
        }
    }

    pub(super) fn pause(&mut self, session: &Session) {
        if self.human.pause(&session.id).is_ok() {
            let mut world = lock(&self.world);
            world.say(format!("{} is paused", session.id));
            if let Some(agent) = world.agents.get_mut(&session.id) {
                agent.held = Some(Instant::now());
            }
        }
    }

    pub(super) fn resume(&mut self, session: &Session) {
        let mut world = lock(&self.world);
        world.say(format!("{} is resumed", session.id));
        if let Some(agent) = world.agents.get_mut(&session.id) {
            agent.held = None;
        }
        drop(world);
        self.human.resume(&session.id).unwrap();
    }

    /// A human ends a session. Where somebody sends to it just then, that is refused, and tried another time.
    async fn kill(&mut self, session: &Session) {
        let Ok(crew) = Crew::for_session(&self.setup, session) else { return };
        let killed = self.human.kill(&session.id, &crew.runtime, "not wanted any more").await;
        let line = match killed {
            Ok(_) => format!("{} is killed by a human", session.id),
            Err(error) => format!("{} is not killed: {error}", session.id),
        };
        lock(&self.world).say(line);
    }

    fn acknowledge(&mut self) {
        let waiting = self.human.store.waiting_notices(20).unwrap();
        let Some(notice) = waiting.first() else { return };
        let now = self.human.world.now();
        lock(&self.world).say(format!("`{}` is acknowledged", notice.id));
        self.human
            .store
            .change_notice(Fence::None, &notice.id, &mut |notice| {
                notice.acknowledge("ann", now);
                Vec::new()
            })
            .unwrap();
    }

    /// What must never be seen, whatever goes wrong.
    pub(super) fn watch(&mut self, sessions: &[Session]) {
        let now = self.human.world.now();
        for session in sessions.iter().filter(|session| session.end.is_none()) {
            let status = super::invariants::status_of(session, now);
            let mut world = lock(&self.world);
            let lives = world.agents.get(&session.id).is_some_and(|agent| agent.lives);
            if lives && matches!(status.name, StatusName::Dead | StatusName::Done) {
                let probe = session.runtime.as_ref().map(|runtime| (&runtime.process, &runtime.plugin));
                let seen = format!("{probe:?} {:?}", Liveness::Alive);
                world.breaks(format!("{} lives, and is called {}: {seen}", session.id, status.name));
            }
        }
    }
}
