//! What a spawn would do, as data: what `ao spawn --dry-run` shows.

use camino::Utf8PathBuf;
use schemars::JsonSchema;

use crate::model::facts::IssueFacts;
use crate::model::{BranchName, PluginName, ProjectName, SessionId};
use crate::record::record;

record! {
    /// What a spawn would do.
    #[derive(Eq, JsonSchema)]
    pub struct SpawnPlan {
        required {
            /// The id that the session would get, if no other is spawned before it.
            session: SessionId,
            /// The project's key in the configuration.
            project: ProjectName,
            /// The project's directory.
            #[schemars(with = "String")]
            project_path: Utf8PathBuf,
            /// The session's branch.
            branch: BranchName,
            /// What the branch starts from, as configured.
            base: String,
            /// The session's directory of files.
            #[schemars(with = "String")]
            worktree: Utf8PathBuf,
            /// The agent's name in the configuration, or its plugin's.
            agent: PluginName,
            /// The plugins that would do it.
            plugins: PlannedPlugins,
        }
        optional {
            /// The commit that `base` is now, where the workspace plugin can tell.
            base_commit: Option<String>,
            /// The tracker's id of the issue.
            issue: Option<String>,
            /// What the issue is called.
            issue_facts: Option<IssueFacts>,
            /// What the agent would be told.
            prompt: Option<String>,
            /// What the worktree would link to.
            #[schemars(with = "Vec<String>")]
            symlinks: Vec<Utf8PathBuf>,
            /// What would run in the new worktree, in order.
            post_create: Vec<PlannedStep>,
        }
    }

    /// The plugins that a spawn would use, each by its name within its slot.
    #[derive(Eq, JsonSchema)]
    pub struct PlannedPlugins {
        required {
            /// Which program the agent is.
            agent: PluginName,
            /// Where it would live.
            runtime: PluginName,
            /// What would make its worktree.
            workspace: PluginName,
        }
        optional {
            /// Where the issue comes from.
            tracker: Option<PluginName>,
        }
    }

    /// One step of `postCreate`.
    #[derive(Eq, JsonSchema)]
    pub struct PlannedStep {
        required {
            /// The program and its arguments.
            argv: Vec<String>,
            /// How long it may take, in milliseconds.
            timeout_ms: u64,
        }
    }
}
