//! Facts of a session's copy of the project.

use camino::Utf8PathBuf;
use schemars::JsonSchema;

use super::Unseen;
use crate::model::{BranchName, PluginName, Timestamp};
use crate::record::record;
use crate::slots::workspace::Presence;

record! {
    /// A session's workspace.
    #[derive(Eq, JsonSchema)]
    pub struct WorkspaceFacts {
        required {
            /// The workspace plugin.
            plugin: PluginName,
            /// Its directory.
            #[schemars(with = "String")]
            path: Utf8PathBuf,
            /// The session's branch.
            branch: BranchName,
        }
        optional {
            /// Whether the spawn made the branch.
            branch_created: bool,
            /// What it was started from, as configured, such as `main`.
            base_ref: String,
            /// The commit that this was. Known once the copy is made.
            base: Option<String>,
            /// What the copy links to instead of having its own.
            #[schemars(with = "Vec<String>")]
            symlinks: Vec<Utf8PathBuf>,
            /// What was last seen of it.
            look: Option<WorkspaceLook>,
            /// Why the last look told nothing.
            unseen: Option<Unseen>,
        }
    }

    /// What was seen of a workspace.
    #[derive(Eq, JsonSchema)]
    pub struct WorkspaceLook {
        required {
            /// Whether it is there.
            presence: Presence,
            /// When that was seen.
            at: Timestamp,
        }
        optional {
            /// The commit that it stands on.
            head: Option<String>,
            /// The branch that it stands on; none when detached.
            branch: Option<BranchName>,
            /// How many tracked files differ from the commit.
            dirty: u32,
            /// How many files git does not track, ignored ones apart.
            untracked: u32,
            /// How many of its commits are not in the base.
            unmerged: Option<u32>,
        }
    }
}
