//! Moving the workspace of an ended session into the trash. Nothing is lost: commits are pinned and files saved before,
//! and the directory is moved whole.

use ao_core::model::SessionId;
use ao_core::model::event::{EventData, SessionCleaned, TrashMoved};
use ao_core::model::facts::{OperationKind, Session, TrashItem, TrashState, WorkspaceFacts};
use ao_core::slots::Workspace;
use ao_core::slots::workspace::{
    Merged, PreserveWorkspace, Purpose, Receipt, RelocateWorkspace, RetireBranch, Retired,
};
use ao_core::{Code, Error, Result};
use camino::Utf8PathBuf;

use super::steps::Step;
use super::{Bound, Sessions};
use crate::trash;
use crate::world::files::{self, PRIVATE_FILE};

/// A session whose workspace is out of the way.
#[derive(Debug)]
pub struct Cleaned {
    /// Its facts.
    pub session: Session,
    /// What is in the trash; none where it never had a workspace, or that was moved before.
    pub item: Option<TrashItem>,
    /// Why its branch stays, where it does.
    pub branch_kept: Option<String>,
}

impl Sessions {
    /// Moves the workspace of a session into the trash whose processes were ended. `merged` says that its work is in the
    /// base branch, as somebody knows who cannot be asked twice.
    pub async fn cleanup(
        &self,
        id: &SessionId,
        workspace: &Bound<dyn Workspace>,
        merged: Option<Merged>,
    ) -> Result<Cleaned> {
        may_be_moved(self, &self.get(id)?)?;
        let operation = self.operation(OperationKind::Cleanup, Step::PinRefs.name())?;
        let claim = self.store.claim(id, &operation, &*self.world.proc)?;
        let session = self.refuse_interrupted(claim, OperationKind::Cleanup)?;
        let cleaned = match may_be_moved(self, &session) {
            Ok(()) => self.move_away(&session, workspace, merged).await,
            Err(error) => Err(error),
        };
        if cleaned.is_err() {
            self.release(id, OperationKind::Cleanup)?;
        }
        cleaned
    }

    /// Everything from the first step on. It may be done again from any step.
    pub(super) async fn move_away(
        &self,
        session: &Session,
        workspace: &Bound<dyn Workspace>,
        merged: Option<Merged>,
    ) -> Result<Cleaned> {
        let id = &session.id;
        let Some(facts) = session.workspace.clone() else { return self.end_cleanup(id, None, None) };
        let begun = session.trash.last().filter(|item| item.state == TrashState::Storing).cloned();
        if begun.is_none() && session.trash.last().is_some_and(|item| item.state.is_kept()) && !facts.path.exists() {
            return self.end_cleanup(id, None, None);
        }
        let mut item = begun.unwrap_or_else(|| {
            let key = self.world.ulid().to_string();
            let place = self.places.trashed(&session.project, id, &key);
            TrashItem::new(key, self.world.now(), facts.path.clone(), place, TrashState::Storing)
        });
        // Written down before anything is moved, so that whoever comes after a crash knows where it went.
        self.put_item(id, &item)?;
        if !item.place.exists() {
            let receipt = self.step(id, Step::PinRefs, preserve(session, &facts, &item, workspace)).await?;
            item.receipt = receipt;
            self.step(id, Step::Snapshot, async { self.put_item(id, &item) }).await?;
        }
        self.step(id, Step::Rename, self.move_directory(session, &mut item, workspace)).await?;
        let branch_kept = self
            .step(id, Step::BranchDelete, self.retire_branch(session, &facts, &mut item, workspace, merged))
            .await?;
        self.end_cleanup(id, Some(item), branch_kept)
    }

    async fn move_directory(
        &self,
        session: &Session,
        item: &mut TrashItem,
        workspace: &Bound<dyn Workspace>,
    ) -> Result<()> {
        if !item.origin.exists() && !item.place.exists() {
            item.state = TrashState::Refs;
            return Ok(());
        }
        if item.origin.exists() {
            relocate(item.origin.clone(), item.place.clone()).await?;
        }
        self.failpoints.pass("cleanup.rename.moved")?;
        let moved = RelocateWorkspace::new(session.project_path.clone(), item.place.clone(), Purpose::Trash);
        match workspace.instance.relocate(moved).await {
            // A workspace plugin need not keep books.
            Err(error) if error.code == Code::UNSUPPORTED => {}
            other => other.map(drop)?,
        }
        let ignored = item.receipt.iter().flat_map(|receipt| &receipt.ignored).map(std::path::PathBuf::from).collect();
        let weight = weigh(item.place.clone(), ignored).await?;
        (item.bytes, item.ignored_bytes) = (weight.bytes, weight.named);
        item.state = TrashState::Stored;
        Ok(())
    }

    /// The branch goes where its work is in another one, and it is ours. Says why it stays.
    async fn retire_branch(
        &self,
        session: &Session,
        facts: &WorkspaceFacts,
        item: &mut TrashItem,
        workspace: &Bound<dyn Workspace>,
        merged: Option<Merged>,
    ) -> Result<Option<String>> {
        let receipt = item.receipt.as_ref();
        let Some(head) =
            receipt.filter(|found| found.branch.as_ref() == Some(&facts.branch)).and_then(|r| r.head.clone())
        else {
            return Ok(Some(format!("`{}` is not what the workspace stood on", facts.branch)));
        };
        let because = merged.unwrap_or_else(|| Merged::Into { base: facts.base_ref.clone() });
        let retire = RetireBranch::new(session.project_path.clone(), facts.branch.clone(), head, because);
        match workspace.instance.retire(retire).await {
            Ok(Retired::Gone) => {
                item.branch_retired = true;
                Ok(None)
            }
            Ok(Retired::Kept { why }) => Ok(Some(why)),
            Ok(_) => Ok(Some("the workspace plugin does not say".into())),
            Err(error) if error.code == Code::UNSUPPORTED => Ok(Some(error.message)),
            Err(error) => Err(error),
        }
    }

    /// Writes an item down: in the facts, and beside its directory for when those are lost.
    pub(super) fn put_item(&self, id: &SessionId, item: &TrashItem) -> Result<()> {
        write_label(item)?;
        self.change(id, |session| put(session, item.clone())).map(drop)
    }

    fn end_cleanup(&self, id: &SessionId, item: Option<TrashItem>, branch_kept: Option<String>) -> Result<Cleaned> {
        if let Some(item) = &item {
            write_label(item)?;
        }
        let own = self.own_process()?;
        let mut events = vec![self.event(id, EventData::SessionCleaned(SessionCleaned::new()))];
        events.extend(item.iter().map(|item| self.event(id, EventData::TrashStored(TrashMoved::new(item.id.clone())))));
        let session = self.change_telling(id, |session| {
            super::end_operation(session, OperationKind::Cleanup, &own);
            item.iter().cloned().for_each(|item| put(session, item));
            events
        })?;
        self.leave_facts(&session);
        Ok(Cleaned { session, item, branch_kept })
    }
}

/// Writes down beside an item's directory what it is.
pub(super) fn write_label(item: &TrashItem) -> Result<()> {
    let (label, directory) = (label(item), item.place.parent().unwrap_or(&item.place));
    let failed = |error: &std::io::Error| {
        Error::wrap(Code::UNAVAILABLE, format!("cannot write `{label}`; nothing was moved"), error)
    };
    let text = serde_json::to_vec_pretty(item).map_err(|error| failed(&error.into()))?;
    files::private_directory(directory).map_err(|error| failed(&error))?;
    files::write_atomic(&label, &text, PRIVATE_FILE).map_err(|error| failed(&error))
}

/// The file that says what a directory of the trash is.
pub(super) fn label(item: &TrashItem) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{}.json", item.place))
}

pub(super) fn put(session: &mut Session, item: TrashItem) {
    match session.trash.iter_mut().find(|known| known.id == item.id) {
        Some(known) => *known = item,
        None => session.trash.push(item),
    }
}

/// Whether a session's workspace may be moved at all.
fn may_be_moved(sessions: &Sessions, session: &Session) -> Result<()> {
    let id = &session.id;
    if session.end.is_none() && session.failure.is_none() {
        let message = format!("`{id}` has not ended: `ao session kill --cleanup {id}` ends it first");
        return Err(Error::conflict(message));
    }
    match &session.workspace {
        Some(facts) if !sessions.places.is_managed(&facts.path) => {
            let message = format!("`{}` was not made by `ao`, so it stays where it is", facts.path);
            Err(Error::conflict(message))
        }
        _ => Ok(()),
    }
}

/// Pins and saves. A plugin that cannot leaves everything to the directory, which is moved whole.
async fn preserve(
    session: &Session,
    facts: &WorkspaceFacts,
    item: &TrashItem,
    workspace: &Bound<dyn Workspace>,
) -> Result<Option<Receipt>> {
    let mut request = PreserveWorkspace::new(item.id.clone(), session.id.clone(), facts.path.clone());
    request.project = Some(session.project_path.clone());
    request.branch = Some(facts.branch.clone());
    match workspace.instance.preserve(request).await {
        Ok(receipt) => Ok(Some(receipt)),
        Err(error) if error.code == Code::UNSUPPORTED => Ok(None),
        Err(error) => {
            let shown = format!("what is in `{}` cannot be saved, so it stays where it is", facts.path);
            Err(error.context(shown))
        }
    }
}

/// Moves a directory, which takes long where it is copied.
pub(super) async fn relocate(from: Utf8PathBuf, to: Utf8PathBuf) -> Result<()> {
    let moved = tokio::task::spawn_blocking(move || trash::relocate(&from, &to)).await;
    moved.map_err(|error| Error::other(format!("a directory could not be moved: {error}")))?
}

async fn weigh(place: Utf8PathBuf, ignored: Vec<std::path::PathBuf>) -> Result<trash::Weight> {
    let weighed = tokio::task::spawn_blocking(move || trash::weigh(&place, &ignored)).await;
    weighed.map_err(|error| Error::other(format!("a directory could not be measured: {error}")))
}
