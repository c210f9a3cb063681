//! Taking in what somebody made without `ao`: a worktree, where it stands, or a branch, in a worktree of its own. No agent
//! is started.

use ao_core::model::event::{EventData, SessionAdopted};
use ao_core::model::facts::{OperationKind, Session, WorkspaceFacts};
use ao_core::model::{BranchName, Identity};
use ao_core::slots::workspace::{CopyIdentity, ExistingBranch, FindIdentities};
use ao_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::spawn::Copy;
use super::steps::Step;
use super::undo::{Abandoned, Effect};
use super::{Sessions, SpawnRequest};
use crate::store::SessionFilter;

/// What is taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The worktree in this directory, which stays there whatever becomes of its session.
    Copy(Utf8PathBuf),
    /// This branch, which is checked out nowhere.
    Branch(BranchName),
}

impl Sessions {
    /// Makes a session of what is there. On failure nothing is left of it but its row, which says what failed.
    ///
    /// Its operation is that of a spawn without a launch, and so is its end where it is interrupted: it is undone. A
    /// worktree that was there before is no part of that.
    pub async fn adopt(&self, request: &SpawnRequest<'_>, subject: &Subject) -> Result<Session> {
        self.places.ensure()?;
        let found = match subject {
            Subject::Copy(path) => Some(self.adoptable(request, path).await?),
            Subject::Branch(branch) => {
                self.refuse_absent(request, branch).await?;
                None
            }
        };
        let id = self.reserve(request).await?.id;
        let taken = match (&found, subject) {
            (Some((copy, branch)), _) => self.take_copy(&id, request, copy, branch).await,
            (None, Subject::Branch(branch)) => self.take_branch(&id, request, branch).await,
            (None, Subject::Copy(_)) => Ok(()),
        };
        if let Err((step, error)) = taken {
            let effect = if error.outcome_unknown() { Effect::Unknown } else { Effect::Recorded };
            let (runtime, workspace) = (&request.crew.runtime, &request.crew.workspace);
            return Err(self.abandon(&id, &Abandoned { runtime, workspace, step, effect }, error).await);
        }
        let event = self.event(&id, EventData::SessionAdopted(SessionAdopted::new()));
        let own = self.own_process()?;
        let session = self.change_telling(&id, |session| {
            if let Some((copy, branch)) = &found {
                let plugin = request.crew.workspace.plugin.clone();
                let mut facts = WorkspaceFacts::new(plugin, copy.path.clone(), branch.clone());
                facts.base_ref = request.project.default_branch.to_string();
                facts.base.clone_from(&copy.head);
                session.workspace = Some(facts);
            }
            super::end_operation(session, OperationKind::Spawn, &own);
            vec![event]
        })?;
        self.leave_facts(&session);
        Ok(session)
    }

    async fn take_copy(
        &self,
        id: &ao_core::model::SessionId,
        request: &SpawnRequest<'_>,
        copy: &CopyIdentity,
        branch: &BranchName,
    ) -> Result<(), (Step, Error)> {
        let identify = self.identify(id, request, branch, Copy::There(&copy.path));
        self.step(id, Step::WriteIdentityRef, identify).await.map_err(|error| (Step::WriteIdentityRef, error))
    }

    async fn take_branch(
        &self,
        id: &ao_core::model::SessionId,
        request: &SpawnRequest<'_>,
        branch: &BranchName,
    ) -> Result<(), (Step, Error)> {
        let target = self.places.worktree(&request.project.name, id);
        let identify = self.identify(id, request, branch, Copy::ToBeMade(&target));
        self.step(id, Step::WriteIdentityRef, identify).await.map_err(|error| (Step::WriteIdentityRef, error))?;
        let add = self.add_worktree(id, request, branch.clone(), ExistingBranch::Continue);
        self.step(id, Step::WorktreeAdd, add).await.map_err(|error| (Step::WorktreeAdd, error))
    }

    /// Where a branch is not there, a spawn would make it.
    async fn refuse_absent(&self, request: &SpawnRequest<'_>, branch: &BranchName) -> Result<()> {
        let find = FindIdentities::new(vec![request.project.path.clone()]);
        let found = request.crew.workspace.instance.identities(find).await?.projects;
        if found.iter().any(|project| project.branches.contains(branch)) {
            return Ok(());
        }
        let name = &request.project.name;
        Err(Error::not_found(format!("there is neither a directory nor, in the project `{name}`, a branch `{branch}`")))
    }

    /// The worktree at a path with its branch, or why it cannot be a session's.
    async fn adoptable(&self, request: &SpawnRequest<'_>, path: &Utf8Path) -> Result<(CopyIdentity, BranchName)> {
        let project = &request.project.path;
        let mut find = FindIdentities::new(Vec::new());
        find.copies = vec![path.to_owned(), project.clone()];
        let found = request.crew.workspace.instance.identities(find).await?.copies;
        let of = |path: &Utf8Path| found.iter().find(|copy| copy.path == path);
        let copy = of(path).ok_or_else(|| Error::not_found(format!("`{path}` is no worktree")))?;
        let same = |one: &Utf8Path, other: &Utf8Path| real(one) == real(other);
        // A project that is a directory in a checkout is no copy itself.
        let home = of(project).map_or(project, |own| &own.project);
        if !real(home).starts_with(real(&copy.project)) {
            let (name, other) = (&request.project.name, &copy.project);
            return Err(Error::invalid_input(format!(
                "`{path}` is a worktree of `{other}`, not of the project `{name}`"
            )));
        }
        if same(path, &copy.project) {
            return Err(Error::conflict(format!(
                "`{path}` is the repository's own checkout, where you work yourself; `git worktree add` makes another"
            )));
        }
        let branch = copy.branch.clone().ok_or_else(|| {
            Error::conflict(format!("`{path}` stands on no branch; `git -C {path} switch --create NAME` gives it one"))
        })?;
        let mut all = self.store.sessions(&SessionFilter::default())?.into_iter();
        let is_there = |session: &Session| session.workspace.as_ref().is_some_and(|facts| same(&facts.path, path));
        if let Some(session) = all.find(is_there) {
            return Err(Error::conflict(format!("`{path}` is the worktree of the session `{}` already", session.id)));
        }
        let identity = copy.blob.as_deref().and_then(Identity::read);
        if let Some(identity) = identity.filter(|identity| identity.owner == self.places.owner().id) {
            return Err(Error::conflict(format!(
                "`{path}` is the worktree of the session `{}`, of which the database knows nothing; \
                 `ao doctor --rebuild` brings it back",
                identity.session
            )));
        }
        Ok((copy.clone(), branch))
    }
}

fn real(path: &Utf8Path) -> Utf8PathBuf {
    path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned())
}
