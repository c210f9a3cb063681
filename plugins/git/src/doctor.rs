//! What is needed of git.

use ao_git_command::{Git, Need};
use ao_plugin_sdk::prelude::*;

/// The first version with `worktree list -z`; everything else that is used is older.
const NEEDS: [Need; 1] = [Need { what: "worktrees", since: (2, 36), without: FindingLevel::Fail }];

pub(crate) async fn doctor(git: &Git) -> Vec<Finding> {
    ao_git_command::doctor(git, &NEEDS).await
}
