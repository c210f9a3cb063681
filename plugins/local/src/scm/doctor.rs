//! What is needed of git.

use ao_git_command::{Git, Need};
use ao_plugin_sdk::prelude::*;

const NEEDS: [Need; 2] = [
    // The first with `merge-tree --write-tree`, without which nothing can be merged.
    Need { what: "merges of pull requests", since: (2, 38), without: FindingLevel::Fail },
    // The first with `merge-tree --merge-base`, by which commits are replayed; `--stdin`, by which conflicts are foretold,
    // is older.
    Need { what: "conflicts that are foretold, and rebases,", since: (2, 40), without: FindingLevel::Warn },
];

pub(super) async fn doctor(git: &Git) -> Vec<Finding> {
    ao_git_command::doctor(git, &NEEDS).await
}
