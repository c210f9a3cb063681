//! A pull request that somebody looked at or changed beside the host: what was seen is written down at once, so that nobody
//! waits for the host's next look.

use ao_core::Result;
use ao_core::lifecycle::observe;
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_core::slots::scm::{PullFound, PullState, PullTarget, SnapshotRequest};

use super::{Forge, Sessions, changes};

impl Forge {
    /// Looks at one pull request.
    pub async fn look(&self, target: PullTarget) -> Result<PullFound> {
        let session = target.session.clone();
        let request = SnapshotRequest::new(self.repository.as_str(), vec![target]);
        let seen = self.scm.instance.snapshot(request).await?.pulls.into_iter().find(|seen| seen.session == session);
        let silent = || PullFound::Unknown { why: "the scm plugin says nothing about it".to_owned() };
        Ok(seen.map_or_else(silent, |seen| seen.found))
    }
}

impl Sessions {
    /// Writes down what was seen of a session's pull request, and tells what is new. A host that runs notices, and looks
    /// for itself.
    pub fn saw_pull(&self, id: &SessionId, forge: &Forge, found: &PullFound) -> Result<Session> {
        let world = &self.world;
        self.change_telling(id, |session| {
            if is_another(session, forge, found) {
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
