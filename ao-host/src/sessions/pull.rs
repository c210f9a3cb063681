//! A pull request that somebody looked at or changed beside the host: what was seen is written down at once, so that nobody
//! waits for the host's next look.

use std::collections::BTreeMap;

use ao_core::Result;
use ao_core::lifecycle::observe;
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_core::slots::scm::{PullFound, PullState, PullTarget, SnapshotRequest};

use super::{Forge, Sessions, changes};

impl Forge {
    /// Looks at pull requests. What is not in the answer the plugin says nothing about.
    pub async fn look(&self, targets: Vec<PullTarget>) -> Result<BTreeMap<SessionId, PullFound>> {
        let seen = self.scm.instance.snapshot(SnapshotRequest::new(self.repository.as_str(), targets)).await?;
        Ok(seen.pulls.into_iter().map(|seen| (seen.session, seen.found)).collect())
    }
}

impl Sessions {
    /// Writes down what was seen of a session's pull request, and tells what is new. A host that runs notices, and looks
    /// for itself.
    pub fn saw_pull(&self, id: &SessionId, forge: &Forge, found: &PullFound) -> Result<Session> {
        let world = &self.world;
        self.change_telling(id, |session| {
            if session.is_without_pull() || is_another(session, forge, found) {
                return Vec::new();
            }
            let before = session.clone();
            observe::pull(session, &forge.scm.plugin, &forge.repository, found, world.now());
            changes(world, &before, session)
        })
    }
}

/// Whether it is one that is over, of a session that has another by now.
fn is_another(session: &Session, forge: &Forge, found: &PullFound) -> bool {
    let (Some(known), PullFound::Found { snapshot }) = (&session.pull, found) else { return false };
    let same = known.repository == forge.repository && known.snapshot.pull.number == snapshot.pull.number;
    !same && snapshot.state != PullState::Open
}
