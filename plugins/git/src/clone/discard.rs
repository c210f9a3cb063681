//! Takes back a clone in which nothing was done; anything else is kept and said.

use std::io::ErrorKind;

use ao_plugin_sdk::prelude::*;

use super::marker::{self, Made, Marker};
use super::record::{self, Record};
use crate::discard::{Copy, Emptied};
use crate::links::{self, Link};
use crate::place::{Private, Stage};
use crate::repository::{self, Repository};
use ao_git_command::Git;

/// What git keeps in its directory for something that was begun, or was made in the clone.
const WORK: &[&str] = &[
    "BISECT_LOG",
    "CHERRY_PICK_HEAD",
    "MERGE_HEAD",
    "REVERT_HEAD",
    "modules",
    "rebase-apply",
    "rebase-merge",
    "sequencer",
    "worktrees",
];

/// What stands at a clone's path.
enum Found {
    /// Nothing.
    Missing,
    /// A directory with nothing in it.
    Empty,
    /// A repository, and how far `create` came with it; none where it was stopped before it was usable.
    Clone(Option<Marker>),
    /// Something else.
    Other,
}

pub(super) async fn discard(git: &Git, request: DiscardWorkspace) -> Result<Discarded> {
    let DiscardWorkspace { project, path, .. } = &request;
    let repository = repository::open(git, project).await?;
    let links = links::plan(&repository, &request.symlinks)?;
    let kept = |why: String| Ok(Discarded::Kept { why: format!("`{path}`: {why}") });
    let record = record::at(git, project, path).await?;
    let found = blocking({
        let path = path.clone();
        move || look(&path)
    });
    let why = match (&record, found.await?) {
        (_, Found::Missing) => None,
        // Of a clone, files come after the marker: without one there are none, or they are not ours.
        (_, Found::Empty) | (Some(_), Found::Clone(None)) => remove(path, &links).await?,
        (None, _) => Some("it is no clone that was made for this project".to_owned()),
        (Some(_), Found::Other) => Some("it holds files but is no clone".to_owned()),
        (Some(record), Found::Clone(Some(marker))) => {
            let created_at = request.created_at.clone().or(record.created_at.clone());
            let clone = Repository { common: path.join(".git"), ..repository.clone() };
            let copy = Copy { git, repository: &clone, path, branch: &request.branch, created_at, links };
            empty(&copy, &repository, &marker).await?
        }
    };
    match (why, record) {
        (Some(why), _) => kept(why),
        (None, Some(Record { session, .. })) => {
            record::forget(git, project, &session).await?;
            Ok(Discarded::Gone)
        }
        (None, None) => Ok(Discarded::Gone),
    }
}

fn look(path: &Utf8Path) -> Result<Found> {
    let unreadable = |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot look at `{path}`"), error);
    match fs_err::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(unreadable(&error)),
        Ok(found) if !found.is_dir() => return Ok(Found::Other),
        Ok(_) => {}
    }
    let is_clone = fs_err::symlink_metadata(path.join(".git")).is_ok_and(|found| found.is_dir());
    if is_clone {
        return Ok(Found::Clone(marker::read(path)));
    }
    let is_empty = fs_err::read_dir(path).map_err(|error| unreadable(&error))?.next().is_none();
    Ok(if is_empty { Found::Empty } else { Found::Other })
}

/// Removes everything, after every check. Says why not, where it must be kept.
async fn empty(copy: &Copy<'_>, project: &Repository, marker: &Marker) -> Result<Option<String>> {
    let directory = copy.path.join(".git");
    let begun = WORK.iter().map(|name| directory.join(name));
    let begun: Vec<_> = begun.collect();
    let begun = blocking(move || Ok(begun.into_iter().find(|path| path.symlink_metadata().is_ok()))).await?;
    if let Some(name) = begun.as_ref().and_then(|path| path.file_name()) {
        return Ok(Some(format!("something was done in it: git keeps `{name}` for it")));
    }
    if let Some(name) = own_ref(copy, project).await? {
        return Ok(Some(format!("it has commits of its own, on `{name}`")));
    }
    let stage = if marker.made == Made::Whole { Stage::Whole } else { Stage::HalfMade };
    let private = Private { directory, stage };
    let head = match copy.take_files_out(&private).await? {
        Emptied::Yes(head) => head,
        Emptied::No(why) => return Ok(Some(why)),
    };
    let kept = remove(copy.path, &copy.links).await?;
    if kept.is_some() {
        copy.put_files_back(&private, &head).await?;
    }
    Ok(kept)
}

/// A ref of the clone whose object the project has not.
async fn own_ref(copy: &Copy<'_>, project: &Repository) -> Result<Option<String>> {
    let listed = copy.git.at(copy.path, ["for-each-ref", "--format=%(objectname) %(refname)"]).looking().run().await?;
    let listed = listed.text();
    let refs: Vec<_> = listed.lines().filter_map(|line| line.split_once(' ')).collect();
    let questions: Vec<_> = refs.iter().map(|(object, _)| (*object).to_owned()).collect();
    let missing = missing(copy.git, &project.project, &questions).await?;
    Ok(refs.iter().zip(missing).find(|(_, missing)| *missing).map(|((_, name), _)| (*name).to_owned()))
}

/// Which of these objects a repository has not, in the same order.
pub(super) async fn missing(git: &Git, project: &Utf8Path, objects: &[String]) -> Result<Vec<bool>> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let call = git.at(project, ["cat-file", "--batch-check=%(objecttype)"]).input(objects.join("\n") + "\n");
    let answers = call.looking().run().await?.text();
    Ok(answers.lines().map(|answer| answer.ends_with(" missing")).collect())
}

/// Removes a clone that holds nothing but its repository, these links, and directories. Says what else there is.
#[expect(
    clippy::disallowed_methods,
    reason = "the repository of a clone in which nothing was done: all of it is in the project"
)]
async fn remove(path: &Utf8Path, links: &[Link]) -> Result<Option<String>> {
    let (path, links) = (path.to_owned(), links.to_vec());
    blocking(move || {
        let failed = |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot remove `{path}`"), error);
        if let Some(first) = first_file(&path, &links).map_err(|error| failed(&error))? {
            return Ok(Some(format!("it holds `{first}`")));
        }
        match fs_err::remove_dir_all(path.join(".git")) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&error)),
            _ => {}
        }
        crate::place::remove(&path, &links).map_err(|error| failed(&error))?;
        Ok(None)
    })
    .await
}

/// What a clone holds besides its repository, directories and these links.
fn first_file(path: &Utf8Path, links: &[Link]) -> std::io::Result<Option<Utf8PathBuf>> {
    let mut ahead = vec![Utf8PathBuf::new()];
    while let Some(relative) = ahead.pop() {
        for entry in fs_err::read_dir(path.join(&relative))? {
            let entry = entry?;
            let name = relative.join(entry.file_name().to_string_lossy().as_ref());
            if name == ".git" {
                continue;
            }
            if entry.file_type()?.is_dir() {
                ahead.push(name);
            } else if !links.iter().any(|link| link.place() == name && link.is_made(path)) {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}
