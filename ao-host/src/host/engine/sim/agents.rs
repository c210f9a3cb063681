//! Agents: what they do, what their composer holds, what has arrived, and whether they mend what they are told of.

use std::time::Duration;

use ao_core::model::draft::normalised;
use ao_core::model::process::{EXIT_FILE, ExitRecord, HOLDER_VERSION};
use ao_core::model::{ExitStatus, ProcessId, SessionId, Timestamp};
use ao_core::slots::agent::{ActivityState, Composer};
use camino::Utf8PathBuf;
use tokio::time::Instant;

use super::chance::Chance;
use super::forge::Pull;
use crate::world::fake::FakeProc;
use crate::world::files::{self, PRIVATE_FILE};

/// What somebody put in and did not submit is cleared away after this.
const LEFT: Duration = Duration::from_mins(2);

/// What a composer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Nothing,
    /// What the host put in, of this message.
    Ours {
        key: String,
        text: String,
        since: Instant,
    },
    /// What a human began to write.
    Theirs,
    /// A question covers it.
    Dialog,
}

/// One agent.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) process: ProcessId,
    pub(super) directory: Utf8PathBuf,
    pub(super) lives: bool,
    /// It returned 0, which means that it has done its task.
    pub(super) done: bool,
    pub(super) state: ActivityState,
    pub(super) since: Timestamp,
    pub(super) holds: Holds,
    pub(super) attended: bool,
    /// Whether its composer can be seen.
    pub(super) shows: bool,
    /// Whether it keeps a record that can be read.
    pub(super) records: bool,
    /// What arrived, and from when on its record shows it.
    pub(super) record: Vec<(String, Instant)>,
    /// It mends after so many messages; never, where none.
    pub(super) mends_after: Option<u64>,
    pub(super) received: u64,
    /// What it was told, and has not done yet.
    pub(super) task: Option<u32>,
    /// Since when its session is held.
    pub(super) held: Option<Instant>,
    /// Whether the runtime has lied about it in the last look.
    pub(super) lied: bool,
}

/// A message that an agent got.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) session: SessionId,
    pub(super) message: String,
}

impl Agent {
    pub(super) fn new(process: ProcessId, directory: Utf8PathBuf, now: Timestamp, chance: &mut Chance) -> Self {
        Self {
            process,
            directory,
            lives: true,
            done: false,
            state: ActivityState::Active,
            since: now,
            holds: Holds::Nothing,
            attended: false,
            shows: chance.happens(750),
            records: chance.happens(700),
            record: Vec::new(),
            mends_after: chance.happens(700).then(|| chance.between(1, 4)),
            received: 0,
            task: None,
            held: None,
            lied: false,
        }
    }

    pub(super) fn does(&mut self, state: ActivityState, now: Timestamp) {
        if self.state != state {
            (self.state, self.since) = (state, now);
        }
    }

    pub(super) fn composer(&self) -> Composer {
        match &self.holds {
            Holds::Dialog => Composer::Dialog,
            _ if !self.shows => Composer::Unknown,
            Holds::Nothing => Composer::Empty,
            Holds::Ours { text, .. } => Composer::Draft { text: text.clone() },
            Holds::Theirs => Composer::Draft { text: "hm, what if".to_owned() },
        }
    }

    /// The submit key: what the composer holds arrives.
    pub(super) fn submit(&mut self, now: Timestamp, shown_after: Duration) -> Option<String> {
        let Holds::Ours { key, text, .. } = std::mem::replace(&mut self.holds, Holds::Nothing) else { return None };
        self.record.push((normalised(&text), Instant::now() + shown_after));
        self.received += 1;
        self.task = Some(2);
        self.does(ActivityState::Active, now);
        Some(key)
    }

    /// Whether what it does now is right.
    pub(super) fn mends(&self) -> bool {
        self.mends_after.is_some_and(|messages| self.received >= messages)
    }

    /// Ends, with or without somebody who writes it down.
    pub(super) fn end(&mut self, proc: &FakeProc, written: Option<ExitStatus>, now: Timestamp) {
        self.lives = false;
        proc.end(self.process.pid);
        if let Some(status) = written {
            let record = ExitRecord::new(HOLDER_VERSION, status, now);
            let bytes = serde_json::to_vec(&record).unwrap();
            files::write_atomic(&self.directory.join(EXIT_FILE), &bytes, PRIVATE_FILE).unwrap();
            self.done = status.is_success();
        }
    }

    /// What it does within a tick, at its own pull request, too.
    pub(super) fn go_on(&mut self, pull: Option<&mut Pull>, chance: &mut Chance, now: Timestamp) {
        if !self.lives {
            return;
        }
        match self.task {
            Some(0) => {
                self.task = None;
                if let Some(pull) = pull.filter(|pull| pull.is_open()) {
                    if self.mends() {
                        pull.threads.clear();
                        pull.conflicts = Some(Vec::new());
                    }
                    pull.push();
                }
                self.does(ActivityState::Ready, now);
            }
            Some(left) => self.task = Some(left - 1),
            None => {}
        }
        match chance.below(1000) {
            0..60 => self.does(ActivityState::Ready, now),
            60..90 => self.does(ActivityState::Active, now),
            90..105 => self.does(ActivityState::WaitingInput, now),
            105..110 => self.does(ActivityState::Blocked, now),
            110..115 => self.does(ActivityState::Idle, now),
            _ => {}
        }
        if chance.happens(200) && matches!(self.state, ActivityState::WaitingInput | ActivityState::Blocked) {
            self.does(ActivityState::Active, now);
        }
        match &self.holds {
            Holds::Nothing if chance.happens(30) => self.holds = chance.of(&[Holds::Theirs, Holds::Dialog]),
            Holds::Theirs | Holds::Dialog if chance.happens(250) => self.holds = Holds::Nothing,
            // A human finds it, and wonders.
            Holds::Ours { since, .. } if since.elapsed() > LEFT => self.holds = Holds::Nothing,
            _ => {}
        }
        self.attended = if self.attended { !chance.happens(300) } else { chance.happens(10) };
    }

    /// Nobody is at it any more, and nothing is asked.
    pub(super) fn settle(&mut self, now: Timestamp) {
        self.attended = false;
        if !matches!(&self.holds, Holds::Ours { since, .. } if since.elapsed() <= LEFT) {
            self.holds = Holds::Nothing;
        }
        if self.lives && self.task.is_none() {
            self.does(ActivityState::Ready, now);
        }
    }
}
