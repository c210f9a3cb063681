//! Everything outside of the host: agents, a forge, people. Fakes of the plugins show it and write down what reaches it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ao_core::model::facts::Session;
use ao_core::model::{ExitStatus, SessionId, Timestamp};
use ao_core::slots::scm::PullSnapshot;

use super::agents::{Agent, Arrival};
use super::chance::Chance;
use super::clock::WallClock;
use super::faults::Faults;
use super::forge::{Merge, Pull};
use crate::world::Clock;
use crate::world::fake::FakeProc;

/// A notice that got to a human.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Heard {
    pub(super) alias: &'static str,
    pub(super) id: String,
}

/// The world of one story.
pub(super) struct World {
    pub(super) clock: Arc<WallClock>,
    pub(super) proc: Arc<FakeProc>,
    pub(super) faults: Faults,
    /// Decides what happens.
    pub(super) fate: Chance,
    /// Decides what goes wrong in calls.
    pub(super) luck: Chance,
    pub(super) agents: BTreeMap<SessionId, Agent>,
    pub(super) pulls: BTreeMap<SessionId, Pull>,
    /// What the host was told last of a session's pull request.
    pub(super) shown: BTreeMap<SessionId, PullSnapshot>,
    /// How long a notifier is down, in ticks.
    pub(super) down: BTreeMap<&'static str, u32>,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) heard: Vec<Heard>,
    pub(super) merges: Vec<Merge>,
    /// What must not have happened, as soon as it did.
    pub(super) broken: Vec<String>,
    /// What happened, for a reader of a failure.
    pub(super) log: Vec<String>,
    next_pull: u64,
}

/// A world that plugins and the story share.
pub(super) type Shared = Arc<Mutex<World>>;

static WORLDS: Mutex<BTreeMap<String, Shared>> = Mutex::new(BTreeMap::new());

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a world be found by its name, as a plugin's settings have it.
pub(super) fn enter(name: &str, world: &Shared) {
    lock(&WORLDS).insert(name.to_owned(), Arc::clone(world));
}

pub(super) fn leave(name: &str) {
    lock(&WORLDS).remove(name);
}

pub(super) fn find(name: &str) -> Option<Shared> {
    lock(&WORLDS).get(name).cloned()
}

impl World {
    pub(super) fn new(seed: u64, clock: Arc<WallClock>, proc: Arc<FakeProc>) -> Self {
        let faults = Faults::drawn(&mut Chance::new(seed, 3));
        let (fate, luck) = (Chance::new(seed, 1), Chance::new(seed, 2));
        let (agents, pulls, shown, down) = Default::default();
        let (arrivals, heard, merges, broken, log) = Default::default();
        Self {
            clock,
            proc,
            faults,
            fate,
            luck,
            agents,
            pulls,
            shown,
            down,
            arrivals,
            heard,
            merges,
            broken,
            log,
            next_pull: 0,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A line of the story.
    pub(super) fn say(&mut self, line: impl Into<String>) {
        let at = self.clock.elapsed();
        self.log.push(format!("{:>8.3} {}", at.as_secs_f64(), line.into()));
    }

    pub(super) fn breaks(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.say(format!("BROKEN {what}"));
        self.broken.push(what);
    }

    /// One tick of the world.
    pub(super) fn go_on(&mut self, sessions: &[Session]) {
        let now = self.now();
        for session in sessions {
            self.work(session, now);
        }
        for alias in ["pager", "screen"] {
            let down = self.down.entry(alias).or_default();
            *down = down.saturating_sub(1);
            if *down == 0 && self.fate.happens(8) {
                *down = u32::try_from(self.fate.between(5, 240)).unwrap();
            }
        }
    }

    fn work(&mut self, session: &Session, now: Timestamp) {
        let id = &session.id;
        let fate = &mut self.fate;
        let Some(agent) = self.agents.get_mut(id) else { return };
        let before = (agent.lives, agent.state, agent.holds.clone());
        let pull = self.pulls.get(id).map(|pull| format!("{:?}", pull.snapshot()));
        agent.go_on(self.pulls.get_mut(id), fate, now);
        if agent.lives && fate.happens(6) {
            let written = fate.of(&[
                None,
                Some(ExitStatus::Code { code: 0 }),
                Some(ExitStatus::Code { code: 0 }),
                Some(ExitStatus::Code { code: 1 }),
                Some(ExitStatus::Signal { signal: 9 }),
            ]);
            agent.end(&self.proc, written, now);
        }
        let mends = agent.mends();
        let changed = before != (agent.lives, agent.state, agent.holds.clone());
        let line = format!("{id}: {} {:?} {:?}", if agent.lives { "lives" } else { "gone" }, agent.state, agent.holds);
        match self.pulls.get_mut(id) {
            None if fate.happens(120) => {
                if let Some(workspace) = &session.workspace {
                    self.next_pull += 1;
                    let number = self.next_pull;
                    self.pulls.insert(id.clone(), Pull::new(number, workspace.branch.clone(), fate));
                }
            }
            Some(pull) if pull.is_open() => {
                pull.go_on(fate, mends);
                if fate.happens(180) {
                    pull.happen(fate, now);
                }
            }
            Some(pull) if pull.state == ao_core::slots::scm::PullState::Closed && fate.happens(80) => {
                pull.state = ao_core::slots::scm::PullState::Open;
            }
            _ => {}
        }
        if changed {
            self.say(line);
        }
        let after = self.pulls.get(id).map(|pull| format!("{:?}", pull.snapshot()));
        if pull != after {
            let line = self.pulls.get(id).map(shown).unwrap_or_default();
            self.say(format!("{id}: {line}"));
        }
    }

    /// From now on nothing happens and nothing goes wrong.
    pub(super) fn settle(&mut self) {
        self.say("quiet from here on");
        self.faults = Faults::default();
        self.down.clear();
        let now = self.now();
        self.agents.values_mut().for_each(|agent| agent.settle(now));
        self.pulls.values_mut().for_each(Pull::settle);
    }

    /// One tick of a quiet world: agents do what they were told, and checks pass.
    pub(super) fn rest(&mut self) {
        let now = self.now();
        for (id, agent) in &mut self.agents {
            if let (true, Some(left)) = (agent.lives, agent.task) {
                agent.task = left.checked_sub(1);
                if agent.task.is_none() {
                    agent.does(ao_core::slots::agent::ActivityState::Ready, now);
                    if let Some(pull) = self.pulls.get_mut(id).filter(|pull| pull.is_open() && agent.mends()) {
                        pull.push();
                        pull.threads.clear();
                        pull.settle();
                    }
                }
            }
            agent.settle(now);
        }
        self.pulls.values_mut().for_each(Pull::settle);
        for pull in self.pulls.values_mut().filter(|pull| pull.queued.is_some()) {
            (pull.queued, pull.state) = (None, ao_core::slots::scm::PullState::Merged);
        }
    }
}

fn shown(pull: &Pull) -> String {
    let checks: Vec<_> = pull
        .checks
        .iter()
        .map(|check| format!("{}:{:?}{}", check.name, check.state, if check.required { "!" } else { "" }))
        .collect();
    format!(
        "#{} {:?} r{} b{} draft={} {:?} {} threads={:?} conflicts={:?}",
        pull.number,
        pull.state,
        pull.revision,
        pull.base,
        pull.draft,
        pull.decision,
        checks.join(","),
        pull.threads
            .iter()
            .map(|thread| format!("{}{}", thread.id, if thread.bot { "b" } else { "" }))
            .collect::<Vec<_>>(),
        pull.conflicts
    )
}
