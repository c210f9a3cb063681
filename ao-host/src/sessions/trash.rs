//! What is in the trash: looking at it, taking a workspace out of it, and letting go what is due.

use ao_core::lifecycle::{Portion, Removal, TrashPolicy, expiry};
use ao_core::model::SessionId;
use ao_core::model::event::{EventData, TrashMoved};
use ao_core::model::facts::{OperationKind, Session, TrashItem, TrashState};
use ao_core::slots::Workspace;
use ao_core::slots::workspace::ForgetWorkspace;
use ao_core::{Code, Error, Result};
use camino::Utf8PathBuf;

use super::cleanup::{label, put, write_label};
use super::steps::Step;
use super::{Bound, Sessions};
use crate::store::{SessionFilter, StoreError};
use crate::trash;

impl Sessions {
    /// Everything that can be had back, with the sessions whose it is, oldest first.
    pub fn trash(&self) -> Result<Vec<(Session, TrashItem)>> {
        let mut found = Vec::new();
        for session in self.store.sessions(&SessionFilter::default())? {
            let kept = session.trash.iter().filter(|item| item.state.is_kept()).cloned().collect::<Vec<_>>();
            found.extend(kept.into_iter().map(|item| (session.clone(), item)));
        }
        found.sort_by(|(_, one), (_, other)| (one.at, &one.id).cmp(&(other.at, &other.id)));
        Ok(found)
    }

    /// What is to go out of the trash by now.
    pub fn due(&self, policy: TrashPolicy) -> Result<Vec<Removal>> {
        let items = self.trash()?;
        Ok(expiry(items.iter().map(|(session, item)| (&session.id, item)), policy, self.world.now()))
    }

    /// One item, by its id or by its session's; of several of a session's, the newest.
    pub fn trash_item(&self, name: &str) -> Result<(Session, TrashItem)> {
        let named =
            |(session, item): &(Session, TrashItem)| item.id.eq_ignore_ascii_case(name) || session.id.as_str() == name;
        self.trash()?.into_iter().rev().find(named).ok_or_else(|| StoreError::NoTrash(name.to_owned()).into())
    }

    /// Puts a session's workspace back where it was, and launches nothing.
    pub async fn take_out(&self, id: &SessionId, workspace: &Bound<dyn Workspace>) -> Result<Utf8PathBuf> {
        let operation = self.operation(OperationKind::Cleanup, Step::Rename.name())?;
        let claim = self.store.claim(id, &operation, &*self.world.proc)?;
        let session = self.refuse_interrupted(claim, OperationKind::Cleanup)?;
        let back = self.bring_workspace_back(&session, workspace).await;
        self.release(id, OperationKind::Cleanup)?;
        back
    }

    /// Lets something of the trash go for good. What is gone already is no error.
    pub async fn let_go(&self, removal: &Removal, workspace: &Bound<dyn Workspace>) -> Result<TrashItem> {
        let id = &removal.session;
        let operation = self.operation(OperationKind::Cleanup, Step::Expire.name())?;
        let claim = self.store.claim(id, &operation, &*self.world.proc)?;
        let session = self.refuse_interrupted(claim, OperationKind::Cleanup)?;
        let gone = self.step(id, Step::Expire, self.remove(&session, removal, workspace)).await;
        self.release(id, OperationKind::Cleanup)?;
        gone
    }

    async fn remove(
        &self,
        session: &Session,
        removal: &Removal,
        workspace: &Bound<dyn Workspace>,
    ) -> Result<TrashItem> {
        let found = session.trash.iter().find(|item| item.id == removal.item && item.state.is_kept());
        let mut item = found.cloned().ok_or_else(|| Error::from(StoreError::NoTrash(removal.item.clone())))?;
        if item.state == TrashState::Storing {
            return Err(Error::conflict(format!("`{}` is just being moved into the trash", item.id)));
        }
        let refs = || item.receipt.iter().flat_map(|receipt| receipt.refs.clone()).collect();
        match removal.what {
            Portion::Ignored => {}
            Portion::Directory => self.forget(session, &item, Vec::new(), workspace).await?,
            Portion::Everything => self.forget(session, &item, refs(), workspace).await?,
        }
        let (place, root) = (item.place.clone(), self.places.trash());
        let ignored: Vec<std::path::PathBuf> = match removal.what {
            Portion::Ignored => item.receipt.iter().flat_map(|receipt| &receipt.ignored).map(Into::into).collect(),
            _ => Vec::new(),
        };
        let what = removal.what;
        let removed = tokio::task::spawn_blocking(move || match what {
            Portion::Ignored => trash::destroy_parts(&root, &place, &ignored),
            _ => trash::destroy(&root, &place),
        });
        removed.await.map_err(|error| Error::other(format!("the trash could not be emptied: {error}")))??;
        match removal.what {
            Portion::Ignored => item.bytes -= item.ignored_bytes.min(item.bytes),
            Portion::Directory => (item.bytes, item.state) = (0, TrashState::Emptied),
            Portion::Everything => (item.bytes, item.state) = (0, TrashState::Expired),
        }
        item.ignored_bytes = 0;
        let event = self.event(&session.id, EventData::TrashExpired(TrashMoved::new(item.id.clone())));
        let label = label(&item);
        if item.state == TrashState::Expired {
            match fs_err::remove_file(&label) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::wrap(Code::OTHER, format!("cannot remove `{label}`"), &error));
                }
                _ => {}
            }
        } else {
            write_label(&item)?;
        }
        self.change_telling(&session.id, |session| {
            put(session, item.clone());
            vec![event]
        })?;
        Ok(item)
    }

    async fn forget(
        &self,
        session: &Session,
        item: &TrashItem,
        refs: Vec<String>,
        workspace: &Bound<dyn Workspace>,
    ) -> Result<()> {
        let mut forget = ForgetWorkspace::new(session.project_path.clone(), item.place.clone());
        forget.refs = refs;
        match workspace.instance.forget(forget).await {
            // A repository that is gone remembers nothing.
            Err(error) if [Code::UNSUPPORTED, Code::NOT_FOUND].contains(&error.code) => Ok(()),
            other => other.map(drop),
        }
    }
}
