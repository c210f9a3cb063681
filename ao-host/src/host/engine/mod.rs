//! The engine: keeps looking at every session, and writes down what it finds.
//!
//! It is level-triggered. What arrives as a hint ([`wakes`]) only makes a look come sooner; a resync every 30 s looks at
//! everything, whatever was missed. Looks go through a queue in which a session stands once ([`queue`]), and each instance
//! of a plugin is asked once for all sessions that are due, one call at a time: a slow plugin delays its own sessions only.

mod archiving;
mod asking;
mod book;
mod budgeting;
mod checks;
mod crews;
mod daily;
mod endure;
mod expiring;
mod hooks;
mod listen;
mod look;
mod mail;
mod merging;
mod once;
mod pulls;
mod queue;
mod reacting;
mod reload;
mod retiring;
mod round;
mod settings;
mod spool;
mod telling;
mod term;
mod wakes;
mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ao_core::lifecycle::Turn;
use ao_core::model::event::{Event, EventData, HostStarted};
use ao_core::model::facts::Session;
use ao_core::model::{PluginName, SessionId, Timestamp};
use ao_core::slots::agent::AgentObservation;
use ao_core::slots::notifier::Notified;
use ao_core::slots::runtime::RuntimeObservation;
use ao_core::slots::workspace::WorkspaceObservation;
use ao_core::{Error, Result};
use camino::Utf8Path;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{CheckMode, Control, HostContext, HostLock, Progress, Told};
use crate::checks::start::Begun;
use crate::reactions::Carried;
use crate::sessions::Finished;
use crate::store::Fence;
use archiving::Archiving;
use book::{Book, Breadth};
use budgeting::{Budgeting, Stopped};
use checks::Checking;
use crews::Crews;
use endure::Trouble;
use expiring::Expiring;
use listen::Listeners;
use look::Answers;
use merging::Merging;
pub use once::once;
use pulls::PullLooks;
use queue::Queue;
use reacting::Reacting;
use retiring::Retiring;
use round::Round;
use telling::Telling;
use wakes::{Files, Wake, Wakes};

/// Everything is looked at at least this often.
const RESYNC: Duration = Duration::from_secs(30);
/// Worktrees change by themselves seldom, and a look at one starts a program: beside hints, this often is enough.
const TREES_EVERY: Duration = Duration::from_mins(5);
/// Hints that come together make one look.
const TOGETHER: Duration = Duration::from_millis(20);
/// The shortest time between two looks at a session whose agent keeps printing.
const APART: Duration = Duration::from_millis(500);
/// The shortest time between two looks at every worktree, each of which starts programs.
const TREES_APART: Duration = Duration::from_secs(1);
/// How soon something that may be a question is looked at again.
const SURE: Duration = Duration::from_millis(200);
/// How soon an agent that works, as its screen says, is looked at again if nothing else happens.
const QUIET: Duration = Duration::from_secs(5);
/// An engine that waits says that it is alive this often.
const ALIVE: Duration = Duration::from_millis(500);

/// What is looked at of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Facet {
    /// Its process and what its agent does.
    Life,
    /// Its worktree.
    Tree,
    /// Its pull request.
    Pull,
    /// What its agent's hooks left.
    Hooks,
}

type Key = (Facet, SessionId);

/// What of a session is there to be looked at: its agent, its worktree.
fn parts(session: &Session) -> (bool, bool) {
    (session.runtime.is_some(), session.workspace.as_ref().is_some_and(|workspace| workspace.base.is_some()))
}

/// One instance of a plugin, by its address: while the engine holds it, no other has that. An scm is asked about each
/// repository by itself, here by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Runtime(usize),
    Agent(usize),
    Workspace(usize),
    Scm(usize, usize),
}

/// Who could not be asked, or about what nobody could.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Lane(Lane),
    Session(Key),
}

/// The directories in which something happens of a session.
fn stands(session: &Session) -> (Option<&Utf8Path>, Option<&Utf8Path>) {
    let directory = session.runtime.as_ref().map(|runtime| &*runtime.directory);
    (directory, session.workspace.as_ref().map(|workspace| &*workspace.path))
}

fn address<T: ?Sized>(instance: &Arc<T>) -> usize {
    Arc::as_ptr(instance).cast::<()>().addr()
}

/// What a call brought back.
enum Done {
    Runtimes {
        lane: Lane,
        plugin: PluginName,
        breadth: Breadth,
        began: Timestamp,
        answers: Answers<RuntimeObservation>,
        error: Option<Error>,
    },
    Agents {
        lane: Lane,
        began: Timestamp,
        answers: Answers<AgentObservation>,
        error: Option<Error>,
    },
    Workspaces {
        lane: Lane,
        answers: Answers<Result<WorkspaceObservation, String>>,
        error: Option<Error>,
    },
    Pulls {
        hosted: crews::Hosted,
        seen: look::Pulls,
    },
    Hooks {
        lane: Lane,
        found: BTreeMap<SessionId, hooks::Ingested>,
    },
    Recovered {
        id: SessionId,
        error: Option<Error>,
    },
    CheckBegun {
        id: String,
        begun: Result<Begun>,
    },
    CheckEnded {
        id: String,
        error: Option<Error>,
        left: Option<Error>,
    },
    ChecksRetired {
        gone: Vec<String>,
    },
    Told {
        notice: String,
        alias: PluginName,
        answer: Result<Notified>,
    },
    MergedFinished {
        id: SessionId,
        finished: Result<Finished>,
    },
    Interrupted {
        id: SessionId,
        stopped: Stopped,
        turn: Turn,
    },
    Expired,
    Carried {
        line: reacting::Line,
        key: String,
        carried: Result<Carried>,
        told: Vec<Event>,
    },
}

struct Engine {
    context: HostContext,
    epoch: u64,
    book: Book,
    crews: Crews,
    queue: Queue<Key>,
    started: Instant,
    /// The sessions that have not ended, as the store had them last.
    live: BTreeMap<SessionId, Session>,
    /// What each row's version was.
    versions: BTreeMap<SessionId, u64>,
    data_version: i64,
    looked: BTreeMap<SessionId, Duration>,
    trees_looked: BTreeMap<SessionId, Duration>,
    busy: BTreeSet<Lane>,
    /// What runtimes saw in looks that began then, for agents whose plugin is busy.
    waiting: BTreeMap<SessionId, (Timestamp, RuntimeObservation)>,
    recovering: BTreeSet<SessionId>,
    calls: JoinSet<Done>,
    listeners: Listeners,
    wakes: Wakes,
    files: Files,
    unavailable: BTreeMap<Asked, String>,
    pulls: PullLooks,
    /// Whose spools are being read. What an agent says itself comes before looks at it: who said that it is done, and
    /// ended, is done and not dead.
    reading: BTreeSet<SessionId>,
    tries: hooks::Tries,
    archiving: Archiving,
    expiring: Expiring,
    checking: Checking,
    retiring: Retiring,
    reacting: Reacting,
    telling: Telling,
    merging: Merging,
    budgeting: Budgeting,
    round: Option<Round>,
    /// The store cannot be used, or could not.
    trouble: Option<Trouble>,
    /// When messages that wait are tried next; none where none wait.
    mail_at: Option<Duration>,
    /// When configuration files that were written to are to be read.
    config_at: Option<Duration>,
    resync_at: Duration,
    /// When everything was looked at last.
    resynced: Duration,
    trees_at: Duration,
}

/// Serves until it is told to stop. The lock is held meanwhile.
pub async fn serve(
    context: HostContext,
    lock: HostLock,
    mut control: Receiver<Control>,
    progress: Arc<Progress>,
    told: &mut dyn FnMut(Told),
) -> Result<()> {
    let mut engine = Engine::start(context, CheckMode::Run, told)?;
    let served = engine.run(&mut control, &progress, told).await;
    engine.end_telling().await;
    let ended = served.map_err(|error| engine.fenced().unwrap_or(error)).and_then(|()| engine.stop("asked to"));
    drop(lock);
    ended
}

impl Engine {
    async fn run(
        &mut self,
        control: &mut Receiver<Control>,
        progress: &Progress,
        told: &mut dyn FnMut(Told),
    ) -> Result<()> {
        let engine = self;
        let mut ready = Some(Told::Ready);
        let wakes = engine.wakes.clone();
        loop {
            let begun = engine.begin_calls().and_then(|()| engine.end_round());
            engine.endure(begun, told)?;
            let settled = engine.take_settled();
            let reloaded = settled.iter().try_for_each(|file| engine.reload(file, told));
            engine.endure(reloaded, told)?;
            engine.book.take_written().into_iter().for_each(|event| told(Told::Event(event)));
            if engine.has_looked() {
                ready.take().into_iter().for_each(&mut *told);
            }
            progress.made();
            let sleep = engine.sleep();
            tokio::select! {
                asked = control.recv() => match asked {
                    Some(Control::Reload) => {
                        let reloaded = engine.reload_all(told);
                        engine.endure(reloaded, told)?;
                        told(Told::Ready);
                    }
                    Some(Control::Stop) | None => return Ok(()),
                },
                hints = wakes.take() => {
                    let heeded = engine.heed(hints);
                    engine.endure(heeded, told)?;
                }
                Some(done) = engine.calls.join_next(), if !engine.calls.is_empty() => match done {
                    Ok(done) => {
                        let finished = engine.finish(done);
                        engine.endure(finished, told)?;
                    }
                    Err(error) => return Err(Error::other(format!("a look ended with a bug: {error}"))),
                },
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }
}

impl Engine {
    fn start(context: HostContext, checks: CheckMode, told: &mut dyn FnMut(Told)) -> Result<Self> {
        let (store, world) = (&context.sessions.store, &context.sessions.world);
        let process = world
            .proc
            .own()
            .map_err(|error| Error::unavailable(format!("cannot tell which process this is: {error}")))?;
        let epoch = store.host()?.map_or(0, |row| row.epoch) + 1;
        let mut data = HostStarted::new(epoch, process.clone());
        data.version = Some(env!("CARGO_PKG_VERSION").to_owned());
        let event = world.event(None, EventData::HostStarted(data));
        context.sessions.failpoints.pass("takeover.epoch.before")?;
        let epoch = store.take_epoch(&process, world.now(), std::slice::from_ref(&event))?;
        context.sessions.failpoints.pass("takeover.epoch.after")?;
        told(Told::Event(event));
        let wakes = Wakes::default();
        let mut engine = Self {
            book: Book::new(Arc::clone(&context.sessions), Fence::Epoch(epoch)),
            context,
            epoch,
            crews: Crews::new(wakes.clone()),
            queue: Queue::default(),
            started: Instant::now(),
            live: BTreeMap::new(),
            versions: BTreeMap::new(),
            data_version: 0,
            looked: BTreeMap::new(),
            trees_looked: BTreeMap::new(),
            busy: BTreeSet::new(),
            waiting: BTreeMap::new(),
            recovering: BTreeSet::new(),
            calls: JoinSet::new(),
            listeners: Listeners::default(),
            files: Files::new(wakes.clone()),
            wakes,
            unavailable: BTreeMap::new(),
            pulls: PullLooks::default(),
            reading: BTreeSet::new(),
            tries: hooks::Tries::default(),
            archiving: Archiving::default(),
            expiring: Expiring::default(),
            checking: Checking::new(checks),
            retiring: Retiring::default(),
            reacting: Reacting::default(),
            telling: Telling::default(),
            merging: Merging::default(),
            budgeting: Budgeting::default(),
            round: None,
            trouble: None,
            mail_at: None,
            config_at: None,
            resync_at: Duration::ZERO,
            resynced: Duration::ZERO,
            trees_at: Duration::ZERO,
        };
        engine.resync()?;
        Ok(engine)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long there is nothing to do, if nobody says otherwise.
    fn rest(&self) -> Duration {
        let next = self.queue.next(|key| self.is_free(key)).unwrap_or(self.resync_at).min(self.resync_at);
        let others = [self.config_at, self.mail_at].into_iter().flatten().chain(self.asked());
        let next = others.fold(next, Duration::min);
        next.saturating_sub(self.elapsed())
    }

    /// The same, up to the next sign of life.
    fn sleep(&self) -> Duration {
        self.rest().min(ALIVE)
    }

    /// Whether every session has been looked at. Pull requests are elsewhere, and nobody waits for them to be served.
    fn has_looked(&self) -> bool {
        let looked = |session: &Session| session.runtime.is_none() || self.looked.contains_key(&session.id);
        self.live.values().all(looked) && !self.is_asking()
    }

    /// Whether answers are awaited, other than those of an scm.
    fn is_asking(&self) -> bool {
        let here = |lane: &Lane| !matches!(lane, Lane::Scm(..));
        self.busy.iter().any(here) || !self.waiting.is_empty() || !self.recovering.is_empty()
    }

    /// Reads what other processes have written, and asks for looks at what they changed.
    fn read_store(&mut self) -> Result<()> {
        let store = Arc::clone(&self.context.sessions.store);
        self.data_version = store.data_version()?;
        let now = self.elapsed();
        let rows = store.versions()?;
        let (mut changed, mut moved) = (Vec::new(), false);
        for (id, version) in &rows {
            if self.versions.insert(id.clone(), *version) != Some(*version) {
                changed.push(id.clone());
            }
        }
        for id in &changed {
            self.reacting.heed(id);
            let Some(session) = store.session(id)? else { continue };
            if session.end.is_some() || session.failure.is_some() {
                self.live.remove(id);
                self.looked.remove(id);
            } else {
                let here = parts(&session);
                moved |= self.live.get(id).is_none_or(|known| stands(known) != stands(&session));
                let pull = session.pull.clone();
                let before = self.live.insert(id.clone(), session);
                let is_other = before.as_ref().map(parts) != Some(here);
                if is_other {
                    self.queue.add((Facet::Tree, id.clone()), now);
                    self.queue.add((Facet::Hooks, id.clone()), now);
                }
                // Somebody else has looked at it, because something is to be done about it.
                if is_other || before.is_some_and(|before| before.pull != pull) {
                    self.wake_pull(id.clone(), now);
                }
                self.queue.add((Facet::Life, id.clone()), now + TOGETHER);
            }
        }
        let live = &self.live;
        self.queue.retain(|(_, id)| live.contains_key(id));
        self.trees_looked.retain(|id, _| live.contains_key(id));
        self.tries.retain(|(id, _), _| live.contains_key(id));
        self.unavailable.retain(|asked, _| !matches!(asked, Asked::Session((_, id)) if !live.contains_key(id)));
        self.pulls.retain(|id| live.contains_key(id));
        self.mail_at.get_or_insert(now);
        self.checking.ask(now);
        self.telling.ask(now);
        self.merging.ask(now);
        self.budgeting.ask(now);
        self.book.derive(&changed)?;
        self.remember_versions(&changed)?;
        if moved {
            self.watch_files();
        }
        Ok(())
    }

    /// Own writes are no news.
    fn remember_versions(&mut self, ids: &[SessionId]) -> Result<()> {
        for id in ids {
            if let Some(session) = self.context.sessions.store.session(id)? {
                let moved = |known: &Session| stands(known) != stands(&session) || parts(known) != parts(&session);
                if self.live.get(id).is_some_and(moved) {
                    // Somebody else has written meanwhile: that is news for the next reading.
                    continue;
                }
                if self.versions.insert(id.clone(), session.row_version) != Some(session.row_version) {
                    self.reacting.heed(id);
                }
                if let Some(known) = self.live.get_mut(id) {
                    *known = session;
                }
            }
        }
        Ok(())
    }

    /// Looks at everything.
    fn resync(&mut self) -> Result<()> {
        self.read_store()?;
        self.apply_settings()?;
        self.archive_if_due();
        self.expire_if_due();
        self.retire_checks_if_due()?;
        self.forget_notices_if_due()?;
        let now = self.elapsed();
        self.merging.ask(now);
        self.begin_round(now);
        let trees = now >= self.trees_at;
        for id in self.live.keys() {
            self.queue.add((Facet::Life, id.clone()), now);
            self.queue.add_unless_failed((Facet::Hooks, id.clone()), now);
            if trees {
                self.queue.add((Facet::Tree, id.clone()), now);
            }
        }
        if trees {
            self.trees_at = now + TREES_EVERY;
        }
        self.resynced = now;
        self.reacting.heed_all(&self.live);
        self.look_at_pulls(now);
        self.resync_at = (now + RESYNC).min(self.pulls.next());
        self.listeners.reap();
        self.tell_conditions()?;
        self.recover()?;
        self.watch_files();
        self.config_at.get_or_insert(now);
        self.trouble = self.trouble.map(|_| Trouble::Over);
        Ok(())
    }

    /// Brings to an end what a killed process has left half done.
    fn recover(&mut self) -> Result<()> {
        for session in self.context.sessions.interrupted()? {
            if !self.recovering.insert(session.id.clone()) {
                continue;
            }
            let crew = match self.crews.of(&self.context, &session) {
                Ok(crew) => crew,
                Err(error) => {
                    tracing::warn!("`{}` was left half done and cannot be brought to an end: {error}", session.id);
                    self.recovering.remove(&session.id);
                    continue;
                }
            };
            let sessions = Arc::clone(&self.context.sessions);
            self.calls.spawn(async move {
                // What a dead sender left on its way is mail, and goes on as mail does.
                let ended = sessions.recover(&session, &crew.runtime, &crew.workspace).await.map(drop);
                Done::Recovered { id: session.id, error: ended.err() }
            });
        }
        Ok(())
    }

    /// Tells whose plugins' calls pass no more, or again.
    fn tell_conditions(&mut self) -> Result<()> {
        let mut conditions = self.wakes.take_conditions();
        while let Some(entry) = conditions.first_entry() {
            if let Err(error) = self.book.condition(entry.get()) {
                self.wakes.give_back(conditions);
                return Err(error.into());
            }
            entry.remove();
        }
        Ok(())
    }

    /// Hints that arrived.
    fn heed(&mut self, hints: BTreeSet<Wake>) -> Result<()> {
        let now = self.elapsed();
        for hint in hints {
            match hint {
                Wake::Session(id) if self.live.contains_key(&id) => {
                    let apart = self.looked.get(&id).map_or(now, |looked| *looked + APART);
                    self.queue.add((Facet::Life, id), apart.max(now + TOGETHER));
                }
                Wake::Hooks(id) if self.live.contains_key(&id) => {
                    self.queue.add_unless_failed((Facet::Hooks, id), now);
                }
                Wake::Tree(id) if self.live.contains_key(&id) => {
                    let apart = self.trees_looked.get(&id).map_or(now, |looked| *looked + APART);
                    self.queue.add((Facet::Tree, id), apart.max(now + TOGETHER));
                }
                Wake::Trees => {
                    let ids = self.live.keys().cloned();
                    ids.for_each(|id| self.queue.add((Facet::Tree, id), now + TREES_APART));
                }
                Wake::Pull(id) => self.wake_pull(id, now + TOGETHER),
                Wake::Pulls => self.wake_pulls(now + TOGETHER),
                Wake::Store if self.context.sessions.store.data_version()? != self.data_version => {
                    // Only what others write: each end of an errand writes, too, and none would ever rest.
                    self.reacting.stir();
                    self.read_store()?;
                }
                Wake::Session(_) | Wake::Hooks(_) | Wake::Tree(_) | Wake::Store => {}
                Wake::Checks => self.checking.ask(now + TOGETHER),
                Wake::Conditions => self.tell_conditions()?,
                // Who writes a file in place writes more than once.
                Wake::Config => self.config_at = Some(now + TOGETHER),
                // Whoever asks for everything all the time gets it twice a second.
                Wake::Asked => self.resync_at = now,
                Wake::All => self.resync_at = self.resync_at.min(now.max(self.resynced + APART)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
