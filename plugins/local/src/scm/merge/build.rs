//! Makes the commit that the base is moved to, without an index or a file.

use ao_plugin_sdk::prelude::*;

use ao_git_command::complaint;

use super::super::oid::Oid;
use super::super::pull::Pull;
use super::super::repository::Repository;
use super::super::text::word;
use super::super::{LocalScm, conflicts, identity};
use super::commit::{self, Commit};
use super::{Wanted, blocked, replay};

/// What came of it.
pub(super) enum Built {
    Commit(Oid),
    Blocked(MergeOutcome),
}

/// Makes it, in the way that was asked for.
pub(super) async fn build(
    scm: &LocalScm,
    repository: &Repository<'_>,
    pull: &Pull,
    wanted: &Wanted<'_>,
    method: MergeMethod,
) -> Result<Built> {
    if method == MergeMethod::Rebase {
        return replay::replay(repository, pull, wanted).await;
    }
    // Where it is known to conflict, nothing is written.
    let known = conflicts::foretell(scm, repository, &wanted.base, std::slice::from_ref(&wanted.head)).await?;
    if let Some(files) = known.into_values().next().filter(|files| !files.is_empty()) {
        return Ok(Built::Blocked(conflict(pull, files)));
    }
    let tree = match tree(repository, wanted.base.as_str(), wanted.head.as_str(), None, &wanted.base).await? {
        Tree::Merged(tree) => tree,
        Tree::Conflict(files) => return Ok(Built::Blocked(conflict(pull, files))),
        Tree::Refused(why) => return Ok(Built::Blocked(blocked(why, None))),
    };
    let record = &pull.record;
    let squash = method == MergeMethod::Squash;
    if squash && commit::tree_of(repository, &wanted.base).await? == tree {
        let why = format!("there is nothing to merge: `{}` has all that it changes already", record.base);
        return Ok(Built::Blocked(blocked(why, Some(format!("ao pr close {}", pull.number)))));
    }
    let identity = identity::line(repository).await?;
    let message = match wanted.message {
        Some(message) => message.trim().to_owned(),
        None => default_message(pull, method),
    };
    let mut parents = vec![wanted.base.clone()];
    if !squash {
        parents.push(wanted.head.clone());
    }
    let commit = Commit { tree, parents, author: identity.clone().into_bytes(), committer: identity, encoding: None };
    commit::write(repository, &commit, format!("{message}\n").as_bytes()).await.map(Built::Commit)
}

fn default_message(pull: &Pull, method: MergeMethod) -> String {
    let (number, record) = (pull.number, &pull.record);
    let message = match method {
        MergeMethod::Squash => format!("{} (#{number})\n\n{}", record.title, record.body),
        _ => format!("Merge pull request #{number} from {}\n\n{}", record.branch, record.title),
    };
    message.trim_end().to_owned()
}

/// The outcome where files conflict.
pub(super) fn conflict(pull: &Pull, conflicts: Vec<String>) -> MergeOutcome {
    let (branch, base) = (&pull.record.branch, &pull.record.base);
    MergeOutcome::Blocked {
        why: format!("`{branch}` conflicts with `{base}`"),
        remedy: Some(format!("git rebase {} {}", word(base.as_str()), word(branch.as_str()))),
        conflicts,
    }
}

/// What a merge comes to.
pub(super) enum Tree {
    Merged(String),
    Conflict(Vec<String>),
    Refused(String),
}

/// Merges two commits, as if `onto` were what both began from where that is given. Attributes are those of the base,
/// whatever is checked out.
pub(super) async fn tree(
    repository: &Repository<'_>,
    ours: &str,
    theirs: &str,
    onto: Option<&str>,
    base: &Oid,
) -> Result<Tree> {
    let mut call = repository.at(["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"]);
    if let Some(onto) = onto {
        call = call.arg(format!("--merge-base={onto}"));
    }
    let output = call.arg(ours).arg(theirs).env("GIT_ATTR_SOURCE", base.as_str()).output().await?;
    let mut fields = output.stdout.split(|byte| *byte == 0);
    let tree = fields.next().map(|tree| String::from_utf8_lossy(tree).into_owned()).unwrap_or_default();
    let files = fields.filter(|file| !file.is_empty()).map(|file| String::from_utf8_lossy(file).into_owned());
    Ok(match output.status.code() {
        Some(0) => Tree::Merged(Oid::printed(&tree)?.to_string()),
        Some(1) => Tree::Conflict(files.collect()),
        _ => Tree::Refused(format!("git cannot merge it: {}", complaint(&output))),
    })
}
