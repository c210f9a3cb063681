//! The store: sessions' facts, the event log, id counters, the messages to agents, what is to be done and what
//! plugins leave behind, in one SQLite file.
//!
//! Facts and the events that tell of them are written in one transaction. A store has no clock and no chance of its
//! own: what it is handed is what it writes.

mod archive;
mod backup;
mod checks;
mod claim;
mod damage;
mod error;
mod events;
mod host;
mod log;
mod messages;
mod notices;
mod outbox;
mod plugins;
mod schema;
mod sessions;
mod sqlite;
mod watch;
mod why;

use std::collections::BTreeSet;

use ao_core::lifecycle::decide::Ledger;
use ao_core::model::event::{Event, EventKind, TypePattern};
use ao_core::model::facts::{Operation, Session};
use ao_core::model::{CheckRun, DeliveryLevel, Notice, ProcessId, ProjectName, SessionId, SessionPrefix, Timestamp};
use camino::{Utf8Path, Utf8PathBuf};

use crate::world::Proc;

pub use archive::{ArchiveFile, Archived, Archives, Damage, Retention};
pub use backup::{Backup, BackupKind, Backups};
pub use claim::Claim;
pub use damage::{set_aside, verify};
pub use error::StoreError;
pub use host::{Fence, HostRow};
pub use log::{EventLog, Found, Visitor};
pub use messages::{Message, MessageFacts, Origin};
pub use outbox::{Decision, OutboxEntry, OutboxState, Rendered, Scope};
pub use plugins::{PluginStore, StoredCondition};
pub use sqlite::{SqliteReader, SqliteStore};
pub use watch::StoreWatch;
pub use why::{Chain, Link, Part, chain};

/// The result of everything that a store does.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What can be read.
pub trait Reader: Send + Sync {
    /// One session.
    fn session(&self, id: &SessionId) -> Result<Option<Session>>;

    /// Sessions, in the order of their creation.
    fn sessions(&self, filter: &SessionFilter) -> Result<Vec<Session>>;

    /// The sessions that were spawned for this effect: several where a spawn was undone and tried again.
    fn sessions_spawned_for(&self, key: &str) -> Result<Vec<Session>> {
        let mut there = self.sessions(&SessionFilter::default())?;
        there.retain(|session| session.spawned_for.as_deref() == Some(key));
        Ok(there)
    }

    /// The last number that a prefix gave out; 0 where it gave out none.
    fn last_number(&self, prefix: &SessionPrefix) -> Result<u64>;

    /// The version of every session, in the order of their creation; no facts are read.
    fn versions(&self) -> Result<Vec<(SessionId, u64)>>;

    /// A number that changes whenever somebody else's connection has written. It means nothing between two connections.
    fn data_version(&self) -> Result<i64>;

    /// The host that took the state directory last.
    fn host(&self) -> Result<Option<HostRow>>;

    /// Events in the database, in the order of the log. Older ones may be in archives.
    fn events(&self, filter: &EventFilter) -> Result<Vec<Event>>;

    /// One event in the database, by its id.
    fn event(&self, id: &str) -> Result<Option<Event>>;

    /// A session's newest event of a kind.
    fn latest_event(&self, session: &SessionId, kind: EventKind) -> Result<Option<Event>>;

    /// Events in the database that an event led to, at most so many, in the order of the log.
    fn effects(&self, id: &str, limit: u32) -> Result<Vec<Event>>;

    /// The sequence number that was given out last; 0 where none was.
    fn last_sequence(&self) -> Result<u64>;

    /// One message.
    fn message(&self, id: &str) -> Result<Option<Message>>;

    /// A session's messages, in the order in which they were queued.
    fn messages(&self, session: &SessionId) -> Result<Vec<Message>>;

    /// Every session's messages that have not ended, in the order in which they were queued.
    fn waiting_messages(&self) -> Result<Vec<Message>>;

    /// One run of checks.
    fn check_run(&self, id: &str) -> Result<Option<CheckRun>>;

    /// The runs of checks that something is still to come of, in the order in which they were asked for.
    fn open_check_runs(&self) -> Result<Vec<CheckRun>>;

    /// The runs of the checks of the project in this directory at a commit, in the order in which they were asked for.
    fn check_runs_of(&self, directory: &Utf8Path, commit: &str) -> Result<Vec<CheckRun>>;

    /// Every run of checks, in the order in which they were asked for.
    fn check_runs(&self) -> Result<Vec<CheckRun>>;

    /// What was done for a session's or a project's conditions; empty where nothing is known.
    fn ledger(&self, scope: &Scope) -> Result<Ledger>;

    /// Something that is to be done, or was, by the key of its effect.
    fn intent(&self, key: &str) -> Result<Option<OutboxEntry>>;

    /// Everything that something is still to come of, in the order in which it was decided.
    fn open_intents(&self) -> Result<Vec<OutboxEntry>>;

    /// Everything of a session or a project that is known of, in the order in which it was decided.
    fn intents_of(&self, scope: &Scope) -> Result<Vec<OutboxEntry>>;

    /// One notice.
    fn notice(&self, id: &str) -> Result<Option<Notice>>;

    /// The notices of which something is still to be delivered, in the order in which they were written down.
    fn open_notices(&self) -> Result<Vec<Notice>>;

    /// The newest of those that nobody has acknowledged and that were not withdrawn, in the order in which they were written
    /// down.
    fn waiting_notices(&self, most: u32) -> Result<Vec<Notice>>;

    /// What is written down of plugins that are not called as usual.
    fn plugin_conditions(&self) -> Result<Vec<StoredCondition>>;
}

/// What can be read and written. Every write is one transaction: all of it happened, or nothing.
///
/// Functions that a store is handed run inside the transaction, while all other writers wait: they decide about the
/// data, wait for nothing (a look at `/proc` or at a small file is as far as they go), and never call the store.
pub trait Store: Reader {
    /// Gives out the prefix's next number, at least `at_least`, and stores what `make` makes of the id: the session's
    /// first facts and its first events. No id is ever given out twice.
    fn reserve(
        &self,
        prefix: &SessionPrefix,
        at_least: u64,
        make: &mut dyn FnMut(&SessionId) -> (Session, Vec<Event>),
    ) -> Result<Session>;

    /// The same, unless `refuse` has something against it. It is shown the sessions that match `among`, as they are in
    /// the transaction, so two that exclude each other are never both made.
    fn reserve_unless(
        &self,
        prefix: &SessionPrefix,
        at_least: u64,
        among: &SessionFilter,
        refuse: &mut dyn FnMut(&[Session]) -> Result<()>,
        make: &mut dyn FnMut(&SessionId) -> (Session, Vec<Event>),
    ) -> Result<Session>;

    /// Stores a session that was made before and is not known here, with its events, unless there is one of its id: then
    /// none. The id is never given out again.
    fn adopt(&self, session: &Session, events: &[Event]) -> Result<Option<Session>>;

    /// Writes facts and events, unless the session was changed after it was read: [`StoreError::Changed`].
    fn update(&self, session: &Session, events: &[Event]) -> Result<Session>;

    /// Changes a session as it stands now, whoever changed it before. An error of `apply` leaves all as it was.
    fn change(&self, id: &SessionId, apply: &mut dyn FnMut(&mut Session) -> Result<Vec<Event>>) -> Result<Session>;

    /// Changes many sessions as they stand now, in one transaction. Those that are gone are passed over. Where `apply`
    /// leaves the facts as they were, the row and its version stay, and only its events are written. Returns those whose
    /// facts changed.
    ///
    /// Behind a [`Fence`] that does not hold any more, nothing is written: [`StoreError::Fenced`].
    fn change_many(
        &self,
        fence: Fence,
        ids: &[SessionId],
        apply: &mut dyn FnMut(&mut Session) -> Vec<Event>,
    ) -> Result<Vec<Session>>;

    /// Appends events that come with no change of facts.
    fn append(&self, fence: Fence, events: &[Event]) -> Result<()>;

    /// Moves events that are older or more than `policy` keeps into files of this directory, in one file's worth of rows
    /// after the other. An interrupted run loses nothing, and is brought to its end by the next one.
    fn archive_events(
        &self,
        fence: Fence,
        directory: &Utf8Path,
        policy: &Retention,
        now: Timestamp,
    ) -> Result<Archived>;

    /// Makes `host` the one host, and returns the number of its term, which is one more than the last. Whoever calls this
    /// holds the lock of the state directory, and so knows the number from [`Reader::host`] beforehand.
    fn take_epoch(&self, host: &ProcessId, at: Timestamp, events: &[Event]) -> Result<u64>;

    /// Writes down when the host of this term last looked at the sessions.
    fn looked(&self, epoch: u64, at: Timestamp) -> Result<()>;

    /// Writes down that the host of this term stops by itself.
    fn stopped(&self, epoch: u64, at: Timestamp, events: &[Event]) -> Result<()>;

    /// Makes `operation` the session's one operation, unless another is in progress: [`StoreError::Held`]. One whose
    /// process is provably gone is taken over and handed back.
    fn claim(&self, id: &SessionId, operation: &Operation, proc: &dyn Proc) -> Result<Claim> {
        let mut interrupted = None;
        let session = self.change(id, &mut |session| {
            interrupted = claim::take(session, operation, proc)?;
            Ok(Vec::new())
        })?;
        Ok(Claim { session, interrupted })
    }

    /// Stores a message to an agent, with the events that tell of it.
    fn queue_message(&self, message: &Message, events: &[Event]) -> Result<()>;

    /// Writes down what a message's delivery has to know of itself.
    fn note_message(&self, id: &str, facts: &MessageFacts) -> Result<()>;

    /// Writes down a run of checks that is wanted.
    fn add_check_run(&self, fence: Fence, run: &CheckRun, events: &[Event]) -> Result<()>;

    /// Changes a run of checks as it stands now, and returns what it became; none where there is none. Results are only
    /// ever added.
    fn change_check_run(
        &self,
        fence: Fence,
        id: &str,
        apply: &mut dyn FnMut(&mut CheckRun) -> Vec<Event>,
    ) -> Result<Option<CheckRun>>;

    /// Forgets a run of checks, with what it found.
    fn forget_check_run(&self, fence: Fence, id: &str) -> Result<()>;

    /// Decides about sessions as they stand now, each with its ledger, and writes down what is to be done.
    fn decide(
        &self,
        fence: Fence,
        ids: &[SessionId],
        apply: &mut dyn FnMut(&Session, &mut Ledger) -> Decision,
    ) -> Result<()>;

    /// Decides about a project: all of its sessions as they stand now, and the project's ledger.
    fn decide_project(
        &self,
        fence: Fence,
        project: &ProjectName,
        directory: &Utf8Path,
        apply: &mut dyn FnMut(&[Session], &mut Ledger) -> Decision,
    ) -> Result<()>;

    /// Changes something that is to be done as it stands now, with the ledger that it came of, and returns what it became;
    /// none where there is none.
    fn change_intent(
        &self,
        fence: Fence,
        key: &str,
        apply: &mut dyn FnMut(&mut OutboxEntry, &mut Ledger) -> Vec<Event>,
    ) -> Result<Option<OutboxEntry>>;

    /// Writes down something that a human is to be told, with the events that tell of it. The same id is the same notice: where
    /// there is one that was not taken back, nothing changes. Whether it was written.
    fn add_notice(&self, fence: Fence, notice: &Notice, events: &[Event]) -> Result<bool>;

    /// Changes a notice as it stands now, and returns what it became; none where there is none.
    fn change_notice(
        &self,
        fence: Fence,
        id: &str,
        apply: &mut dyn FnMut(&mut Notice) -> Vec<Event>,
    ) -> Result<Option<Notice>>;

    /// Forgets the notices that were acknowledged or withdrawn before then, and all but so many of the others that were. Says
    /// how many.
    fn forget_notices(&self, fence: Fence, before: Timestamp, most: u32) -> Result<usize>;

    /// Takes a message from one level to another, unless it is not at the first: [`StoreError::MessageMoved`].
    fn advance_message(
        &self,
        id: &str,
        from: DeliveryLevel,
        to: DeliveryLevel,
        at: Timestamp,
        events: &[Event],
    ) -> Result<Message>;
}

/// Which sessions to read; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Only those of projects with this name…
    pub project: Option<ProjectName>,
    /// …and only those of the project in this directory. Two repositories may give one name to different projects.
    pub project_path: Option<Utf8PathBuf>,
}

/// Which events to read. However they are chosen, they come in the order of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those about this session.
    pub session: Option<SessionId>,
    /// Only those of these types; of every type where there is none.
    pub kinds: BTreeSet<TypePattern>,
    /// Only those with a greater sequence number.
    pub after: u64,
    /// Only those of this time or later.
    pub since: Option<Timestamp>,
    /// At most so many…
    pub limit: u32,
    /// …from this end.
    pub page: EventPage,
}

/// Which events to leave out where there are too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventPage {
    /// The newer ones, which are to be read next, with [`EventFilter::after`].
    #[default]
    Oldest,
    /// The older ones.
    Newest,
}

impl Default for EventFilter {
    fn default() -> Self {
        let (kinds, page) = (BTreeSet::new(), EventPage::Oldest);
        Self { session: None, kinds, after: 0, since: None, limit: 1000, page }
    }
}
