//! A session's facts in its own directory, so that they survive the database. They are written where something changes
//! that nothing else tells, and read only when the state was lost.

use ao_core::model::facts::Session;
use camino::Utf8Path;

use super::Sessions;
use crate::world::files::{self, PRIVATE_FILE};

/// The file in a session's directory that holds its facts.
const FACTS_FILE: &str = "session.json";

impl Sessions {
    /// Leaves a session's facts in its directory. Where that fails, the database has them all the same.
    pub(crate) fn leave_facts(&self, session: &Session) {
        let directory = self.places.session_dir(&session.id);
        let write = || {
            files::private_directory(&directory)?;
            files::write_atomic(&directory.join(FACTS_FILE), &serde_json::to_vec(session)?, PRIVATE_FILE)
        };
        if let Err(error) = write() {
            tracing::warn!("the facts of `{}` are in the database only: {error}", session.id);
        }
    }
}

/// What was left in a session's directory, if it can be read.
pub(super) fn left_facts(directory: &Utf8Path) -> Option<Session> {
    serde_json::from_slice(&fs_err::read(directory.join(FACTS_FILE)).ok()?).ok()
}
