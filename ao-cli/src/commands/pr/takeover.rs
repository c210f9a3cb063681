//! Taking a pull request over: its branch moves from one session's worktree to another's, then the pull request does.

use std::collections::BTreeMap;

use ao_core::Error;
use ao_core::config::Project;
use ao_core::model::facts::Session;
use ao_core::model::{BranchName, SessionId};
use ao_core::slots::scm::{PullSnapshot, PullState};
use ao_host::sessions::{Claimed, Sessions, refuse_claim};
use ao_host::setup::Setup;
use camino::Utf8PathBuf;

use super::checkout::fetch_head;
use super::desk::Desk;
use crate::edge::Edge;
use crate::failure::Failure;
use crate::git::Git;
use crate::{manager, output};

/// Most sessions have lost a pull request no more often than this.
const MOST_NAMES: u32 = 100;

/// Gives a pull request to a session that is there: its worktree stands on the branch then.
pub(in crate::commands) fn take_over(
    edge: &Edge,
    sessions: &Sessions,
    id: &SessionId,
    number: u64,
) -> Result<Claimed, Failure> {
    let session = manager::session(sessions, id)?;
    let desk = Desk::of(edge, &session)?;
    let pull = desk.look(number)?;
    refuse_claim(&session, &pull)?;
    let Some(facts) = &session.workspace else {
        return Err(Error::conflict(format!("`{id}` has no worktree")).into());
    };
    let own = Git::at(facts.path.clone(), edge);
    refuse_unclean(&own, &format!("the worktree of `{id}`"))?;
    let branch = branch_of(&pull)?;
    let moved = free_branch(edge, sessions, &desk, &pull, Some(id))?;
    own.must(&["switch", "--quiet", "--no-guess", branch.as_str()])?;
    Ok(sessions.claim_pull(id, &desk.forge, &pull, &moved)?)
}

/// A pull request whose branch nobody has checked out any more, for a session that is about to be spawned on it.
pub(in crate::commands) struct Freed<'a> {
    desk: Desk<'a>,
    pull: PullSnapshot,
    moved: BTreeMap<SessionId, BranchName>,
}

impl<'a> Freed<'a> {
    /// Frees the branch of a pull request.
    pub(in crate::commands) fn of(desk: Desk<'a>, sessions: &Sessions, number: u64) -> Result<Self, Failure> {
        let pull = desk.look(number)?;
        if pull.state != PullState::Open {
            return Err(Error::conflict(format!("#{number} is not open")).into());
        }
        branch_of(&pull)?;
        let moved = free_branch(desk.edge, sessions, &desk, &pull, None)?;
        Ok(Self { desk, pull, moved })
    }

    /// Its branch.
    pub(in crate::commands) fn branch(&self) -> Option<BranchName> {
        self.pull.branch.clone()
    }

    /// Gives it to the session that stands on its branch now.
    pub(in crate::commands) fn give(&self, sessions: &Sessions, id: &SessionId) -> Result<Claimed, Failure> {
        Ok(sessions.claim_pull(id, &self.desk.forge, &self.pull, &self.moved)?)
    }
}

/// A pull request whose head is in the project's repository, and the session whose work it is.
pub(in crate::commands) fn at_head(
    edge: &Edge,
    setup: &Setup,
    project: &Project,
    number: u64,
) -> Result<(PullSnapshot, Option<SessionId>), Failure> {
    let desk = Desk::of_project(edge, setup, project)?;
    let pull = desk.look(number)?;
    if pull.state != PullState::Open {
        return Err(Error::conflict(format!("#{number} is not open")).into());
    }
    fetch_head(&desk, &desk.git(), &pull)?;
    let worker = desk.worker(&pull)?.map(|worker| worker.id);
    Ok((pull, worker))
}

/// Tells who has lost it.
pub(in crate::commands) fn tell(claimed: &Claimed, number: u64) {
    for former in &claimed.from {
        output::note(format_args!(
            "`{former}` has #{number} no more; its worktree and its commits are where they were"
        ));
    }
}

fn branch_of(pull: &PullSnapshot) -> Result<&BranchName, Error> {
    let nowhere =
        || Error::unsupported(format!("the scm plugin does not say from which branch #{} is", pull.pull.number));
    pull.branch.as_ref().ok_or_else(nowhere)
}

fn refuse_unclean(git: &Git, whose: &str) -> Result<(), Error> {
    let found = git.must(&["status", "--porcelain", "--untracked-files=normal"])?;
    match found.lines().count() {
        0 => Ok(()),
        files => Err(Error::conflict(format!(
            "{files} files in {whose} are not committed: commit them first, in `{}`",
            git.directory
        ))),
    }
}

/// Makes the branch of a pull request free for a worktree: it is in the repository, and nobody stands on it. A session that
/// does goes on on a branch of its own, at the same commit: none of its files changes.
fn free_branch(
    edge: &Edge,
    sessions: &Sessions,
    desk: &Desk<'_>,
    pull: &PullSnapshot,
    claimer: Option<&SessionId>,
) -> Result<BTreeMap<SessionId, BranchName>, Failure> {
    let (git, branch, number) = (desk.git(), branch_of(pull)?, pull.pull.number);
    let reference = format!("refs/heads/{branch}");
    let mut moved = BTreeMap::new();
    match git.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &reference])? {
        Some(at) if at == pull.head => {}
        Some(at) => {
            let message = format!("the branch `{branch}` is at {at} here, and #{number} at {}", pull.head);
            return Err(Error::conflict(message + ": bring them together first").into());
        }
        None => {
            fetch_head(desk, &git, pull)?;
            git.must(&["branch", "--no-track", "--end-of-options", branch.as_str(), &pull.head])?;
        }
    }
    let Some(place) = stands_on(&git, &reference)? else { return Ok(moved) };
    let owner = desk.sessions()?.into_iter().find(|session| is_at(session, &place));
    let Some(owner) = owner else {
        let message = format!("`{branch}` is checked out in `{place}`: switch that to another branch first");
        return Err(Error::conflict(message).into());
    };
    if claimer == Some(&owner.id) {
        return Ok(moved);
    }
    manager::session(sessions, &owner.id)?;
    let there = Git::at(place, edge);
    refuse_unclean(&there, &format!("the worktree of `{}`, which has #{number}", owner.id))?;
    let name = free_name(&git, &owner.id)?;
    there.must(&["switch", "--quiet", "--no-track", "--create", name.as_str()])?;
    moved.insert(owner.id, name);
    Ok(moved)
}

fn is_at(session: &Session, place: &Utf8PathBuf) -> bool {
    session
        .workspace
        .as_ref()
        .is_some_and(|facts| facts.path == *place || facts.path.canonicalize_utf8().is_ok_and(|path| path == *place))
}

/// The worktree that a branch is checked out in.
fn stands_on(git: &Git, reference: &str) -> Result<Option<Utf8PathBuf>, Error> {
    let list = git.must(&["worktree", "list", "--porcelain", "-z"])?;
    let of = |entry: &str| {
        let mut lines = entry.split('\0');
        let place = lines.next()?.strip_prefix("worktree ")?.to_owned();
        lines.any(|line| line.strip_prefix("branch ") == Some(reference)).then(|| Utf8PathBuf::from(place))
    };
    Ok(list.split("\0\0").find_map(of))
}

/// A branch for who loses one.
fn free_name(git: &Git, id: &SessionId) -> Result<BranchName, Error> {
    for number in 1..MOST_NAMES {
        let name = format!("ao/{id}-former-{number}");
        let reference = format!("refs/heads/{name}");
        if git.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &reference])?.is_none() {
            return name.parse().map_err(|error| Error::other(format!("`{name}` is no branch name: {error}")));
        }
    }
    Err(Error::conflict(format!("`{id}` has lost {MOST_NAMES} pull requests: delete some of `ao/{id}-former-*`")))
}
