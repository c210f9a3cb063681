//! The store in SQLite: one connection behind a lock, every write one immediate transaction.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ao_core::lifecycle::decide::Ledger;
use ao_core::model::event::{Event, EventKind};
use ao_core::model::facts::Session;
use ao_core::model::{CheckRun, DeliveryLevel, Notice, ProcessId, ProjectName, SessionId, SessionPrefix, Timestamp};
use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{Connection, TransactionBehavior};

use super::{
    Archived, Archives, Decision, EventFilter, Fence, HostRow, Message, MessageFacts, OutboxEntry, Reader, Result,
    Retention, Scope, SessionFilter, Store, StoreError, StoredCondition, archive, checks, events, host, messages,
    notices, outbox, plugins, schema, sessions, watch,
};
use crate::failpoint::Failpoints;
use crate::registry::StateScope;

/// The store of an installation, opened to write.
pub struct SqliteStore(Database);

/// The store of an installation, opened to read: it changes nothing, and may not exist yet.
pub struct SqliteReader(Option<Database>);

struct Database {
    path: Utf8PathBuf,
    connection: Mutex<Connection>,
}

/// A connection, with the name of what it leads to for errors.
pub(super) struct Context<'a> {
    connection: &'a Connection,
    path: &'a Utf8Path,
}

impl Context<'_> {
    /// Runs statements.
    pub(super) fn run<T>(&self, statements: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        statements(self.connection).map_err(|source| StoreError::sqlite(self.path, source))
    }

    /// A number that changes when another connection has written.
    fn data_version(&self) -> Result<i64> {
        self.run(|connection| connection.pragma_query_value(None, "data_version", |row| row.get(0)))
    }
}

impl Database {
    fn new(path: &Utf8Path, connection: Connection) -> Self {
        Self { path: path.to_owned(), connection: Mutex::new(connection) }
    }

    /// A panic while it was locked has rolled its transaction back, so the connection is good.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, work: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<T> {
        work(&Context { connection: &self.lock(), path: &self.path })
    }

    /// Several statements that see the database as it is at one moment.
    fn snapshot<T>(&self, work: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred);
        let transaction = transaction.map_err(|source| StoreError::sqlite(&self.path, source))?;
        work(&Context { connection: &transaction, path: &self.path })
    }

    /// One transaction, which takes the write lock at once: one that only took it at its first write would fail
    /// instead of waiting when somebody else wrote in between.
    fn write<T>(&self, work: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<T> {
        let failed = |source| StoreError::sqlite(&self.path, source);
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(failed)?;
        let done = work(&Context { connection: &transaction, path: &self.path })?;
        transaction.commit().map_err(failed)?;
        watch::announce(&self.path);
        Ok(done)
    }
}

impl SqliteStore {
    /// Opens the database, creating it and its directory (both closed to other users) or bringing it up to date.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        Self::open_failing_at(path, Failpoints::none())
    }

    /// The same, with places at which a test makes it fail.
    pub fn open_failing_at(path: &Utf8Path, failpoints: &Failpoints) -> Result<Self> {
        Ok(Self(Database::new(path, schema::open(path, schema::PATIENCE, failpoints)?)))
    }

    /// The same, for what waits for another program's write for so long and no longer.
    pub(super) fn open_with(path: &Utf8Path, patience: Duration) -> Result<Self> {
        Ok(Self(Database::new(path, schema::open(path, patience, Failpoints::none())?)))
    }

    fn read<T>(&self, work: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<T> {
        self.0.read(work)
    }

    fn snapshot<T>(&self, work: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<T> {
        self.0.snapshot(work)
    }

    /// One transaction in somebody's name.
    fn fenced<T>(&self, fence: Fence, work: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<T> {
        self.0.write(|context| {
            host::check(context, fence)?;
            work(context)
        })
    }

    /// Takes the rows of an archived range out of the database, few at a time.
    fn remove_archived(&self, fence: Fence, range: (u64, u64)) -> Result<usize> {
        archive::parts(range).map(|part| self.fenced(fence, |context| archive::remove(context, part))).sum()
    }

    pub(super) fn plugin_state(&self, scope: &StateScope, key: &str) -> Result<Option<String>> {
        self.0.read(|context| plugins::state(context, scope, key))
    }

    pub(super) fn set_plugin_state(&self, scope: &StateScope, key: &str, json: &str) -> Result<bool> {
        self.0.write(|context| plugins::set_state(context, scope, key, json))
    }

    pub(super) fn remove_plugin_state(&self, scope: &StateScope, key: &str) -> Result<()> {
        self.0.write(|context| plugins::remove_state(context, scope, key))
    }

    pub(super) fn set_plugin_condition(&self, stored: &StoredCondition) -> Result<()> {
        self.0.write(|context| plugins::set_condition(context, stored))
    }
}

impl SqliteReader {
    /// Opens the database to read. Creates nothing; where there is none, everything is empty.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        Ok(Self(schema::open_read_only(path)?.map(|connection| Database::new(path, connection))))
    }

    fn read<T: Default>(&self, work: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<T> {
        self.0.as_ref().map_or_else(|| Ok(T::default()), |database| database.read(work))
    }

    fn snapshot<T: Default>(&self, work: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<T> {
        self.0.as_ref().map_or_else(|| Ok(T::default()), |database| database.snapshot(work))
    }

    /// Whether there was a database when this was opened.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

/// What both can read: their `read` and `snapshot` say of what.
macro_rules! reader {
    ($($Reader:ty),*) => {$(
        impl Reader for $Reader {
            fn session(&self, id: &SessionId) -> Result<Option<Session>> {
                self.read(|context| sessions::get(context, id))
            }

            fn sessions(&self, filter: &SessionFilter) -> Result<Vec<Session>> {
                self.read(|context| sessions::list(context, filter))
            }

            fn last_number(&self, prefix: &SessionPrefix) -> Result<u64> {
                self.read(|context| sessions::last(context, prefix))
            }

            fn versions(&self) -> Result<Vec<(SessionId, u64)>> {
                self.read(sessions::versions)
            }

            fn data_version(&self) -> Result<i64> {
                self.read(|context| context.data_version())
            }

            fn host(&self) -> Result<Option<HostRow>> {
                self.read(host::get)
            }

            fn events(&self, filter: &EventFilter) -> Result<Vec<Event>> {
                self.snapshot(|context| events::list(context, filter))
            }

            fn event(&self, id: &str) -> Result<Option<Event>> {
                self.read(|context| events::get(context, id))
            }

            fn latest_event(&self, session: &SessionId, kind: EventKind) -> Result<Option<Event>> {
                self.read(|context| events::latest(context, session, kind))
            }

            fn effects(&self, id: &str, limit: u32) -> Result<Vec<Event>> {
                self.read(|context| events::effects(context, id, limit))
            }

            fn last_sequence(&self) -> Result<u64> {
                self.read(events::last_sequence)
            }

            fn message(&self, id: &str) -> Result<Option<Message>> {
                self.read(|context| messages::get(context, id))
            }

            fn messages(&self, session: &SessionId) -> Result<Vec<Message>> {
                self.read(|context| messages::list(context, session))
            }

            fn waiting_messages(&self) -> Result<Vec<Message>> {
                self.read(messages::waiting)
            }

            fn check_run(&self, id: &str) -> Result<Option<CheckRun>> {
                self.snapshot(|context| checks::get(context, id))
            }

            fn open_check_runs(&self) -> Result<Vec<CheckRun>> {
                self.snapshot(checks::open)
            }

            fn check_runs_of(&self, directory: &Utf8Path, commit: &str) -> Result<Vec<CheckRun>> {
                self.snapshot(|context| checks::of_commit(context, directory, commit))
            }

            fn check_runs(&self) -> Result<Vec<CheckRun>> {
                self.snapshot(checks::all)
            }

            fn ledger(&self, scope: &Scope) -> Result<Ledger> {
                self.read(|context| outbox::ledger(context, scope))
            }

            fn intent(&self, key: &str) -> Result<Option<OutboxEntry>> {
                self.read(|context| outbox::get(context, key))
            }

            fn open_intents(&self) -> Result<Vec<OutboxEntry>> {
                self.read(outbox::open)
            }

            fn intents_of(&self, scope: &Scope) -> Result<Vec<OutboxEntry>> {
                self.read(|context| outbox::of_scope(context, scope))
            }

            fn notice(&self, id: &str) -> Result<Option<Notice>> {
                self.read(|context| notices::get(context, id))
            }

            fn open_notices(&self) -> Result<Vec<Notice>> {
                self.read(notices::open)
            }

            fn waiting_notices(&self, most: u32) -> Result<Vec<Notice>> {
                self.read(|context| notices::waiting(context, most))
            }

            fn plugin_conditions(&self) -> Result<Vec<StoredCondition>> {
                self.read(plugins::conditions)
            }
        }
    )*};
}

reader!(SqliteReader, SqliteStore);

impl Store for SqliteStore {
    fn reserve(
        &self,
        prefix: &SessionPrefix,
        at_least: u64,
        make: &mut dyn FnMut(&SessionId) -> (Session, Vec<Event>),
    ) -> Result<Session> {
        self.0.write(|context| sessions::reserve(context, prefix, at_least, make))
    }

    fn reserve_unless(
        &self,
        prefix: &SessionPrefix,
        at_least: u64,
        among: &SessionFilter,
        refuse: &mut dyn FnMut(&[Session]) -> Result<()>,
        make: &mut dyn FnMut(&SessionId) -> (Session, Vec<Event>),
    ) -> Result<Session> {
        self.0.write(|context| {
            refuse(&sessions::list(context, among)?)?;
            sessions::reserve(context, prefix, at_least, make)
        })
    }

    fn adopt(&self, session: &Session, events: &[Event]) -> Result<Option<Session>> {
        self.0.write(|context| sessions::adopt(context, session, events))
    }

    fn update(&self, session: &Session, events: &[Event]) -> Result<Session> {
        self.0.write(|context| sessions::update(context, session, events))
    }

    fn change(&self, id: &SessionId, apply: &mut dyn FnMut(&mut Session) -> Result<Vec<Event>>) -> Result<Session> {
        self.0.write(|context| sessions::change(context, id, apply))
    }

    fn change_many(
        &self,
        fence: Fence,
        ids: &[SessionId],
        apply: &mut dyn FnMut(&mut Session) -> Vec<Event>,
    ) -> Result<Vec<Session>> {
        self.fenced(fence, |context| sessions::change_many(context, ids, apply))
    }

    fn append(&self, fence: Fence, events: &[Event]) -> Result<()> {
        self.fenced(fence, |context| events::append(context, events))
    }

    fn archive_events(
        &self,
        fence: Fence,
        directory: &Utf8Path,
        policy: &Retention,
        now: Timestamp,
    ) -> Result<Archived> {
        let archives = Archives::new(directory);
        let mut archived = Archived::default();
        for file in archives.files()? {
            let left = self.read(|context| archive::left(context, &file))?;
            if left.is_empty() {
                continue;
            }
            if !archive::holds(&file, &left)? {
                tracing::warn!("`{}` lacks events that the database still has; they stay there", file.path);
                continue;
            }
            archived.rows += self.remove_archived(fence, (file.first, file.last))?;
        }
        let mut last = archives.last()?;
        while let Some(due) = self.read(|context| archive::due(context, policy, last, now))? {
            self.read(|context| host::check(context, fence))?;
            last = due.1;
            let Some((text, first, end)) = self.read(|context| archive::text(context, due))? else { continue };
            archived.files.push(archive::write(directory, &text, first, end)?);
            archived.rows += self.remove_archived(fence, (first, end))?;
        }
        Ok(archived)
    }

    fn take_epoch(&self, host: &ProcessId, at: Timestamp, events: &[Event]) -> Result<u64> {
        self.0.write(|context| {
            let epoch = host::take(context, host, at)?;
            events::append(context, events)?;
            Ok(epoch)
        })
    }

    fn looked(&self, epoch: u64, at: Timestamp) -> Result<()> {
        self.fenced(Fence::Epoch(epoch), |context| host::looked(context, at))
    }

    fn stopped(&self, epoch: u64, at: Timestamp, events: &[Event]) -> Result<()> {
        self.fenced(Fence::Epoch(epoch), |context| {
            host::stopped(context, at)?;
            events::append(context, events)
        })
    }

    fn queue_message(&self, message: &Message, events: &[Event]) -> Result<()> {
        self.0.write(|context| messages::queue(context, message, events))
    }

    fn note_message(&self, id: &str, facts: &MessageFacts) -> Result<()> {
        self.0.write(|context| messages::note(context, id, facts))
    }

    fn add_check_run(&self, fence: Fence, run: &CheckRun, events: &[Event]) -> Result<()> {
        self.fenced(fence, |context| checks::put(context, run, events))
    }

    fn change_check_run(
        &self,
        fence: Fence,
        id: &str,
        apply: &mut dyn FnMut(&mut CheckRun) -> Vec<Event>,
    ) -> Result<Option<CheckRun>> {
        self.fenced(fence, |context| {
            let Some(mut run) = checks::get(context, id)? else { return Ok(None) };
            let before = run.clone();
            let events = apply(&mut run);
            if run != before || !events.is_empty() {
                checks::put(context, &run, &events)?;
            }
            Ok(Some(run))
        })
    }

    fn forget_check_run(&self, fence: Fence, id: &str) -> Result<()> {
        self.fenced(fence, |context| checks::forget(context, id))
    }

    fn decide(
        &self,
        fence: Fence,
        ids: &[SessionId],
        apply: &mut dyn FnMut(&Session, &mut Ledger) -> Decision,
    ) -> Result<()> {
        self.fenced(fence, |context| outbox::decide(context, ids, apply))
    }

    fn decide_project(
        &self,
        fence: Fence,
        project: &ProjectName,
        directory: &Utf8Path,
        apply: &mut dyn FnMut(&[Session], &mut Ledger) -> Decision,
    ) -> Result<()> {
        self.fenced(fence, |context| outbox::decide_project(context, project, directory, apply))
    }

    fn change_intent(
        &self,
        fence: Fence,
        key: &str,
        apply: &mut dyn FnMut(&mut OutboxEntry, &mut Ledger) -> Vec<Event>,
    ) -> Result<Option<OutboxEntry>> {
        self.fenced(fence, |context| outbox::change(context, key, apply))
    }

    fn add_notice(&self, fence: Fence, notice: &Notice, events: &[Event]) -> Result<bool> {
        self.fenced(fence, |context| notices::add(context, notice, events))
    }

    fn change_notice(
        &self,
        fence: Fence,
        id: &str,
        apply: &mut dyn FnMut(&mut Notice) -> Vec<Event>,
    ) -> Result<Option<Notice>> {
        self.fenced(fence, |context| {
            let Some(mut notice) = notices::get(context, id)? else { return Ok(None) };
            let before = notice.clone();
            let events = apply(&mut notice);
            if notice != before || !events.is_empty() {
                notices::put(context, &notice, &events)?;
            }
            Ok(Some(notice))
        })
    }

    fn forget_notices(&self, fence: Fence, before: Timestamp, most: u32) -> Result<usize> {
        self.fenced(fence, |context| notices::forget(context, before, most))
    }

    fn advance_message(
        &self,
        id: &str,
        from: DeliveryLevel,
        to: DeliveryLevel,
        at: Timestamp,
        events: &[Event],
    ) -> Result<Message> {
        self.0.write(|context| messages::advance(context, id, from, to, at, events))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteStore").field(&self.0.path).finish()
    }
}

impl fmt::Debug for SqliteReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteReader").field(&self.0.as_ref().map(|database| &database.path)).finish()
    }
}

#[cfg(test)]
mod tests {

    use ao_core::Error;
    use ao_core::model::ProjectName;
    use ao_core::model::event::{EventData, SessionKilled};
    use tempfile::TempDir;

    use super::*;
    use crate::world::fake;

    fn scratch() -> (TempDir, SqliteStore) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().join("state.db")).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        (directory, store)
    }

    /// Reserves a session whose event carries so many bytes.
    fn reserve(store: &SqliteStore, bulk: usize) -> Result<Session> {
        let world = fake::world(1).world;
        let project: ProjectName = "app".parse().unwrap();
        store.reserve(&"app".parse().unwrap(), 1, &mut |id| {
            let event = world.event(Some(id), EventData::SessionKilled(SessionKilled::new("x".repeat(bulk))));
            (Session::new(id.clone(), project.clone(), "/p", world.now()), vec![event])
        })
    }

    #[test]
    fn a_full_disk_says_so_and_leaves_nothing_behind() {
        let (_directory, store) = scratch();
        // SQLite answers with the same code when the file may not grow as when the disk is full.
        store.0.lock().pragma_update(None, "max_page_count", 20).unwrap();
        let error = reserve(&store, 1_000_000).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert_eq!(Error::from(error).code.exit_code(), 75);
        assert_eq!(store.sessions(&SessionFilter::default()).unwrap(), []);
        assert_eq!(reserve(&store, 1).unwrap().id.as_str(), "app-1");
    }

    #[test]
    fn a_database_that_stays_locked_is_worth_another_try() {
        let (_directory, store) = scratch();
        let mut other = Connection::open(&store.0.path).unwrap();
        let lock = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
        store.0.lock().busy_timeout(Duration::ZERO).unwrap();
        let error = reserve(&store, 1).unwrap_err();
        assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
        let error = Error::from(error);
        assert_eq!((error.code.exit_code(), error.retryable()), (75, true));
        assert_eq!(store.sessions(&SessionFilter::default()).unwrap(), [], "readers need not wait");
        drop(lock);
        reserve(&store, 1).unwrap();
    }

    #[test]
    fn every_commit_is_on_disk_before_it_is_reported() {
        let (_directory, store) = scratch();
        let connection = store.0.lock();
        let pragma = |name: &str| -> String {
            let value: rusqlite::types::Value = connection.pragma_query_value(None, name, |row| row.get(0)).unwrap();
            format!("{value:?}")
        };
        assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
        assert_eq!((pragma("synchronous"), pragma("foreign_keys")), ("Integer(2)".to_owned(), "Integer(1)".to_owned()));
    }

    #[test]
    fn a_panic_in_a_change_takes_it_back() {
        let (_directory, store) = scratch();
        let session = reserve(&store, 1).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.change(&session.id, &mut |_| panic!("a bug"))
        }));
        assert!(panicked.is_err());
        assert_eq!(store.update(&session, &[]).unwrap().row_version, 2);
    }
}
