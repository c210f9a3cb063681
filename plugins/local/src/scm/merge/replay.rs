//! The same commits on the base, one after the other: `git replay` is still an experiment.

use ao_plugin_sdk::prelude::*;

use super::super::identity;
use super::super::objects;
use super::super::oid::Oid;
use super::super::pull::Pull;
use super::super::repository::Repository;
use super::build::{self, Built, Tree};
use super::commit::{self, Commit};
use super::{Wanted, blocked};

/// The most commits that are replayed: each takes two processes.
const MOST: usize = 1000;

/// Replays them. Author, date and message stay as they are; what comes to nothing on the base, as it has it already, is left
/// out; those that stand on the base already stay the same commits.
pub(super) async fn replay(repository: &Repository<'_>, pull: &Pull, wanted: &Wanted<'_>) -> Result<Built> {
    let refuse = |why: String, remedy: Option<String>| Ok(Built::Blocked(blocked(why, remedy)));
    let (branch, base) = (&pull.record.branch, &pull.record.base);
    let call =
        repository.at(["rev-list", "--reverse", "--topo-order"]).arg(format!("{}..{}", wanted.base, wanted.head));
    let listed = call.looking().run().await?.text();
    let names: Vec<_> = listed.lines().map(str::to_owned).collect();
    if names.len() > MOST {
        let count = names.len();
        return refuse(
            format!("`{branch}` has {count} commits, and at most {MOST} are replayed; squash or merge it"),
            None,
        );
    }
    let unreadable = |name: &str| Error::other(format!("git cannot read the commit {name}"));
    let mut commits = Vec::with_capacity(names.len());
    for (name, object) in names.iter().zip(objects::read(repository, &names).await?) {
        let read = object.and_then(|object| commit::read(&object.bytes)).ok_or_else(|| unreadable(name))?;
        commits.push((Oid::printed(name)?, read));
    }
    let mut onto = wanted.base.clone();
    let mut onto_tree = commit::tree_of(repository, &onto).await?;
    let mut committer = None;
    for (name, (commit, message)) in commits {
        let parent = match commit.parents.as_slice() {
            [parent] => parent.clone(),
            [] => return refuse(format!("`{branch}` has nothing in common with `{base}`"), None),
            _ => {
                let why =
                    format!("`{branch}` has a merge, {name}, and merges are not replayed: merge or squash it instead");
                return refuse(why, None);
            }
        };
        if parent == onto {
            // It stands there already.
            (onto, onto_tree) = (name, commit.tree);
            continue;
        }
        let tree = build::tree(repository, onto.as_str(), name.as_str(), Some(parent.as_str()), &wanted.base);
        let tree = match tree.await? {
            Tree::Merged(tree) => tree,
            Tree::Conflict(files) => return Ok(Built::Blocked(build::conflict(pull, files))),
            Tree::Refused(why) => return refuse(why, None),
        };
        let was_empty = commit.tree == commit::tree_of(repository, &parent).await?;
        if tree == onto_tree && !was_empty {
            continue;
        }
        let committer = match &committer {
            Some(committer) => committer,
            None => committer.insert(identity::line(repository).await?),
        };
        let replayed = Commit { tree: tree.clone(), parents: vec![onto], committer: committer.clone(), ..commit };
        (onto, onto_tree) = (commit::write(repository, &replayed, &message).await?, tree);
    }
    if onto == wanted.base {
        let why = format!("there is nothing to merge: `{base}` has all that `{branch}` changes already");
        return refuse(why, Some(format!("ao pr close {}", pull.number)));
    }
    Ok(Built::Commit(onto))
}
