//! A scratch directory with a store in it, and things to put there.

use ao_core::model::event::{Event, EventData, SessionRequested};
use ao_core::model::facts::Session;
use ao_core::model::{PluginName, ProjectName, SessionId, SessionPrefix};
use ao_host::store::{SqliteStore, Store};
use ao_host::world::World;
use ao_host::world::fake::{self, FakeWorld};
use camino::Utf8PathBuf;
use tempfile::TempDir;

/// A directory that goes away with it, and a fake world.
pub(crate) struct Scratch {
    pub(crate) path: Utf8PathBuf,
    pub(crate) fake: FakeWorld,
    _directory: TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        Self { path, fake: fake::world(1), _directory: directory }
    }

    pub(crate) fn db(&self) -> Utf8PathBuf {
        self.path.join("state/state.db")
    }

    pub(crate) fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.db()).unwrap()
    }

    pub(crate) fn world(&self) -> &World {
        &self.fake.world
    }

    /// A store with one session, `app-1`.
    pub(crate) fn with_session(&self) -> (SqliteStore, Session) {
        let store = self.store();
        let session = reserve(&store, self.world(), "app");
        (store, session)
    }
}

/// The first facts and the event of a session.
pub(crate) fn first_facts(world: &World, id: &SessionId) -> (Session, Vec<Event>) {
    let session = Session::new(id.clone(), "app".parse::<ProjectName>().unwrap(), "/src/app", world.now());
    let agent = "worker".parse::<PluginName>().unwrap();
    let requested = SessionRequested::new(session.project.clone(), agent);
    (session, vec![world.event(Some(id), EventData::SessionRequested(requested))])
}

/// Reserves the prefix's next session.
pub(crate) fn reserve(store: &dyn Store, world: &World, prefix: &str) -> Session {
    store.reserve(&prefix.parse::<SessionPrefix>().unwrap(), 1, &mut |id| first_facts(world, id)).unwrap()
}
