//! An isolated copy of the project for one session.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Doctor, Finding, unsupported};
use super::define::slots;
use crate::model::{BranchName, SessionId};
use crate::record::{objects, record};

slots! {
/// An isolated copy of the project for one session.
///
/// A workspace plugin never removes anybody's work: the host alone moves directories away.
slot workspace: trait Workspace {
    /// Makes the copy and its branch. The effect is looked up with `list` by `target`.
    [call 10m once] create(request: CreateWorkspace) -> Result<WorkspaceInfo>;
    /// Whether a `create` with this request could do its work as things are. Makes nothing, and fails as `create` would.
    [call 10s idem] check(request: CreateWorkspace) -> Result<WorkspaceCheck> { unsupported("looking ahead") }
    /// Takes back a `create` whose session was never launched: removes a copy that is byte-equal to its checkout, with
    /// the branch if `create` made it and nothing was committed to it. Anything else is kept and said.
    [call 1m idem] discard(request: DiscardWorkspace) -> Result<Discarded>;
    /// Makes a copy again whose directory is gone, as a `preserve` found it, or from what is left of it.
    [call 10m once] restore(request: RestoreWorkspace) -> Result<WorkspaceInfo> { unsupported("restoring") }
    /// Pins commits and snapshots files, before the host moves the directory away. Doing it again with the same `key`
    /// pins what is there then. Changes nothing in the copy.
    [call 5m once] preserve(request: PreserveWorkspace) -> Result<Receipt> { unsupported("preserving") }
    /// Follows a copy that the host has moved, so that it works where it stands now. Doing it again changes nothing.
    [call 1m idem] relocate(request: RelocateWorkspace) -> Result<Relocated> { unsupported("moving") }
    /// Drops the bookkeeping of a directory that the host has moved away and is about to remove for good, or has removed.
    [call 1m idem] forget(request: ForgetWorkspace) -> Result<Forgotten> { unsupported("forgetting") }
    /// Removes a session's branch whose work is all in another one; keeps it otherwise, and says why.
    [call 1m idem] retire(request: RetireBranch) -> Result<Retired> { unsupported("retiring a branch") }
    /// Looks at many copies.
    [call 10s idem] observe(request: ObserveWorkspaces) -> Result<Vec<WorkspaceObservation>>;
    /// All copies of a project under a directory.
    [call 10s idem] list(request: ListWorkspaces) -> Result<Vec<WorkspaceInfo>>;
    /// Writes a session's identity into the repository, so that it survives the loss of the state.
    [call 10s idem] identify(request: IdentifySession) -> Result<Identified> { unsupported("identities") }
    /// What repositories and copies say of sessions, for when the host's state is lost, and so that no id is given out
    /// twice. What is not there, or cannot be looked at, is left out.
    [call 1m idem] identities(request: FindIdentities) -> Result<Identities> { Ok(Identities::new()) }
    /// Makes a clean copy of one commit to run something in: what runs there can change no ref, no setting and no hook of the
    /// repository. The commit is kept until `release`. Doing it again with the same `target` changes nothing.
    [call 10m idem] check_out(request: CheckOutCommit) -> Result<CheckedOut> { unsupported("clean copies of a commit") }
    /// Lets go of the commit of such a copy, which the host removes itself.
    [call 1m idem] release(request: ReleaseCommit) -> Result<Released> { unsupported("clean copies of a commit") }
    /// Whether what the plugin needs is there.
    [call 10s idem] doctor(request: Doctor) -> Result<Vec<Finding>> { Ok(Vec::new()) }
}
}

record! {
    /// Makes a copy.
    #[derive(Eq)]
    pub struct CreateWorkspace {
        required {
            /// Names this effect.
            key: String,
            /// For which session.
            session: SessionId,
            /// The project's directory.
            project: Utf8PathBuf,
            /// Where the copy goes. Does not exist; its parent does.
            target: Utf8PathBuf,
            /// The session's branch.
            branch: BranchName,
            /// The branch or commit to start from, such as `main`.
            base: String,
        }
        optional {
            /// What to do where the branch exists already.
            existing_branch: ExistingBranch,
            /// Whether the base comes from the remote.
            freshness: Freshness,
            /// Paths, relative to the project, that the copy links to instead of having its own.
            symlinks: Vec<Utf8PathBuf>,
            /// What is to be kept with the copy, out of the agent's sight, for `identities` to find.
            identity: Option<String>,
        }
    }

    /// Makes a clean copy of a commit.
    #[derive(Eq)]
    pub struct CheckOutCommit {
        required {
            /// The project's directory, or its repository's.
            project: Utf8PathBuf,
            /// The commit, by its whole id.
            commit: String,
            /// Where the copy goes. Its parent exists.
            target: Utf8PathBuf,
        }
    }

    /// A clean copy of a commit.
    #[derive(Eq)]
    pub struct CheckedOut {
        optional {
            /// What is not as in the commit, such as files that a filter would have to fetch.
            notes: Vec<String>,
        }
    }

    /// Lets go of a commit.
    #[derive(Eq)]
    pub struct ReleaseCommit {
        required {
            /// The same as in `check_out`.
            project: Utf8PathBuf,
            /// The same as in `check_out`.
            target: Utf8PathBuf,
        }
    }

    /// A commit was let go.
    #[derive(Eq)]
    pub struct Released {
        optional {
            /// The commit that was kept until now, if one was.
            commit: Option<String>,
        }
    }

    /// A `create` could do its work.
    #[derive(Eq)]
    pub struct WorkspaceCheck {
        optional {
            /// The commit that the copy would start from.
            base: Option<String>,
        }
    }

    /// A copy that exists.
    #[derive(Eq)]
    pub struct WorkspaceInfo {
        required {
            /// Its directory.
            path: Utf8PathBuf,
            /// The commit that it stands on.
            head: String,
        }
        optional {
            /// The branch that it stands on; none when detached.
            branch: Option<BranchName>,
            /// Whether `create` made the branch.
            branch_created: bool,
            /// The commit that the branch was started from.
            base: Option<String>,
        }
    }

    /// Takes back a `create`.
    #[derive(Eq)]
    pub struct DiscardWorkspace {
        required {
            /// The project's directory.
            project: Utf8PathBuf,
            /// The copy; need not exist any more.
            path: Utf8PathBuf,
            /// The session's branch.
            branch: BranchName,
        }
        optional {
            /// The commit that `create` made the branch at. Without it, as after a crash before that was written down,
            /// the branch goes only if the plugin itself can tell that it made it.
            created_at: Option<String>,
            /// What `create` linked.
            symlinks: Vec<Utf8PathBuf>,
        }
    }

    /// Brings back a copy.
    #[derive(Eq)]
    pub struct RestoreWorkspace {
        required {
            /// The project's directory.
            project: Utf8PathBuf,
            /// Where the copy goes.
            target: Utf8PathBuf,
            /// The branch.
            branch: BranchName,
        }
        optional {
            /// What a `preserve` of it found. Without it, the branch is checked out as it stands.
            receipt: Option<Receipt>,
            /// Paths, relative to the project, that the copy links to instead of having its own.
            symlinks: Vec<Utf8PathBuf>,
        }
    }

    /// Pins and snapshots a copy.
    #[derive(Eq)]
    pub struct PreserveWorkspace {
        required {
            /// Names this effect: a ULID.
            key: String,
            /// The session.
            session: SessionId,
            /// The copy; need not exist any more.
            path: Utf8PathBuf,
        }
        optional {
            /// The project's directory. Needed where the copy is gone.
            project: Option<Utf8PathBuf>,
            /// The session's branch, which is pinned even where the copy stands on another.
            branch: Option<BranchName>,
        }
    }

    /// What was preserved.
    #[derive(Eq, JsonSchema)]
    pub struct Receipt {
        required {
            /// The refs that keep it.
            refs: Vec<String>,
        }
        optional {
            /// The commit that the copy stood on; none before the first.
            head: Option<String>,
            /// The branch that it stood on; none when detached.
            branch: Option<BranchName>,
            /// The commit whose tree is what was staged, where that differs from `head`.
            staged: Option<String>,
            /// The commit whose tree is the tracked and untracked files, byte for byte, where they differ from `head`.
            snapshot: Option<String>,
            /// What is nowhere but in the directory: big, special, nested and unreadable files, by path, each with the
            /// reason.
            only_there: Vec<String>,
            /// What is ignored, and so nowhere but in the directory: paths relative to it, a directory where all below it
            /// is.
            ignored: Vec<String>,
        }
    }

    /// Follows a copy.
    #[derive(Eq)]
    pub struct RelocateWorkspace {
        required {
            /// The project's directory.
            project: Utf8PathBuf,
            /// Where the copy stands now.
            path: Utf8PathBuf,
            /// What it is there for.
            purpose: Purpose,
        }
        optional {
            /// What its `preserve` found. A branch of it that is gone by now is made again where there is work to do.
            receipt: Option<Receipt>,
        }
    }

    /// It was followed.
    #[derive(Eq)]
    pub struct Relocated {}

    /// Drops bookkeeping.
    #[derive(Eq)]
    pub struct ForgetWorkspace {
        required {
            /// The project's directory.
            project: Utf8PathBuf,
            /// Where the copy was.
            path: Utf8PathBuf,
        }
        optional {
            /// Refs of a receipt that are to go, too.
            refs: Vec<String>,
        }
    }

    /// Removes a branch.
    #[derive(Eq)]
    pub struct RetireBranch {
        required {
            /// The project's directory.
            project: Utf8PathBuf,
            /// The branch.
            branch: BranchName,
            /// The commit that it must stand on: a receipt's, so that its commits are kept.
            at: String,
            /// Why its work is in another branch.
            because: Merged,
        }
    }

    /// Bookkeeping was dropped.
    #[derive(Eq)]
    pub struct Forgotten {}

    /// Looks at copies.
    #[derive(Eq)]
    pub struct ObserveWorkspaces {
        required {
            /// Their directories.
            paths: Vec<Utf8PathBuf>,
        }
        optional {
            /// For directories of them, the branch or commit that their work is to end in.
            bases: Vec<WorkspaceBase>,
        }
    }

    /// What a copy's work is to end in.
    #[derive(Eq)]
    pub struct WorkspaceBase {
        required {
            /// The copy's directory.
            path: Utf8PathBuf,
            /// A branch or commit.
            base: String,
        }
    }

    /// What was seen of a copy.
    #[derive(Eq)]
    pub struct WorkspaceObservation {
        required {
            /// Its directory.
            path: Utf8PathBuf,
            /// Whether it is there.
            presence: Presence,
        }
        optional {
            /// The commit that it stands on.
            head: Option<String>,
            /// The branch that it stands on.
            branch: Option<BranchName>,
            /// How many tracked files differ from the commit.
            dirty: u32,
            /// How many files git does not track, ignored ones apart.
            untracked: u32,
            /// How many of its commits are not in the base that was asked for.
            unmerged: Option<u32>,
        }
    }

    /// Asks for all copies.
    #[derive(Eq)]
    pub struct ListWorkspaces {
        required {
            /// The project's directory.
            project: Utf8PathBuf,
            /// Only those below this directory.
            below: Utf8PathBuf,
        }
    }

    /// Writes an identity.
    #[derive(Eq)]
    pub struct IdentifySession {
        required {
            /// The project's directory.
            project: Utf8PathBuf,
            /// The session.
            session: SessionId,
            /// What to write, or to take back.
            change: IdentityChange,
        }
        optional {
            /// A copy that it is written into, too, as `create` does, or taken from; it may be gone where it is taken.
            copy: Option<Utf8PathBuf>,
        }
    }

    /// An identity was written.
    #[derive(Eq)]
    pub struct Identified {}

    /// Asks for identities.
    #[derive(Eq)]
    pub struct FindIdentities {
        required {
            /// Directories of projects.
            projects: Vec<Utf8PathBuf>,
        }
        optional {
            /// Directories that may be copies.
            copies: Vec<Utf8PathBuf>,
        }
    }

    /// What was found.
    #[derive(Eq)]
    pub struct Identities {
        optional {
            /// Of the projects that could be looked at.
            projects: Vec<ProjectIdentities>,
            /// Of the directories that are copies.
            copies: Vec<CopyIdentity>,
        }
    }

    /// What a project's repository says of sessions.
    #[derive(Eq)]
    pub struct ProjectIdentities {
        required {
            /// Its directory, as it was asked for.
            project: Utf8PathBuf,
        }
        optional {
            /// What `identify` has written there.
            sessions: Vec<WrittenIdentity>,
            /// All of its branches.
            branches: Vec<BranchName>,
        }
    }

    /// An identity as it was written.
    #[derive(Eq)]
    pub struct WrittenIdentity {
        required {
            /// The session.
            session: SessionId,
            /// The text.
            blob: String,
        }
    }

    /// What a copy says of its session.
    #[derive(Eq)]
    pub struct CopyIdentity {
        required {
            /// Its directory, as it was asked for.
            path: Utf8PathBuf,
            /// The project that it is a copy of: the same as `path` for the project's own checkout.
            project: Utf8PathBuf,
        }
        optional {
            /// The commit that it stands on.
            head: Option<String>,
            /// The branch that it stands on; none when detached.
            branch: Option<BranchName>,
            /// What was kept with it.
            blob: Option<String>,
        }
    }
}

/// What a moved copy is where it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// To be worked in.
    Work,
    /// To be kept, until it is brought back or removed for good: nothing may take it for abandoned meanwhile.
    Trash,
    /// One that this version does not know; refused.
    #[serde(other)]
    Unknown,
}

/// Why a branch's work is in another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Merged {
    /// Somebody who knows says so: its pull request was merged at this commit.
    Told,
    /// The plugin is to see for itself that all of its commits are in this branch or commit.
    Into {
        /// Its name.
        base: String,
    },
    /// A reason that this version does not know; refused.
    #[serde(other)]
    Unknown,
}

/// What became of a branch that was to be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Retired {
    /// It is gone, or was.
    Gone,
    /// It stays.
    Kept {
        /// Why.
        why: String,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What to do where the session's branch exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExistingBranch {
    /// Refuse: somebody made it.
    #[default]
    Refuse,
    /// Continue on it, unless it is checked out elsewhere.
    Continue,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Where the base comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Freshness {
    /// From the repository as it is; no network.
    #[default]
    Local,
    /// Fetched from the remote first.
    Fetched,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How taking back ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Discarded {
    /// Nothing is left of it.
    Gone,
    /// Something is kept.
    Kept {
        /// What, and why.
        why: String,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Whether a copy is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Presence")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Presence {
    /// It is.
    Present,
    /// Its directory is gone.
    Missing,
    /// It could not be looked at.
    Unknown {
        /// Why.
        why: String,
    },
    /// A kind of answer that this version does not know: as good as none.
    #[serde(other)]
    Unrecognised,
}

/// What happens to a session's identity in the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum IdentityChange {
    /// It is written. One that is there already is another session's: a conflict.
    Write {
        /// The blob at `refs/ao/sessions/<id>`: JSON.
        blob: String,
    },
    /// It is taken back, as the session was never launched; another blob than this stays.
    Remove {
        /// What was written.
        blob: String,
    },
    /// A change that this version does not know; refused.
    #[serde(other)]
    Unknown,
}

objects!(Discarded, Presence, IdentityChange, Merged, Retired);
