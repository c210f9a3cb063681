//! Opens a pull request: makes the next free ref, so that two never share a number; under a lock, so that no branch has two
//! that are open.

use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::serde_json::Map;

use super::oid::Oid;
use super::record::{self, Record, State};
use super::refs::{self, Refs};
use super::repository::Repository;
use super::write::{self, Change, Written};
use super::{LocalScm, identity, pull, standing, text};
use crate::clock;
use crate::lock::{Lock, Of};

pub(super) async fn open(scm: &LocalScm, request: OpenPull) -> Result<PullRef> {
    let title = text::title(&request.title)?;
    let body = text::body(&request.body, "body")?;
    let repository = scm.repository(&request.repository).await?;
    let author = match request.author {
        Some(author) => text::author(&author)?,
        None => identity::name(&repository).await?,
    };
    let _held = Lock::take(&repository.common, Of::OpenPulls).await?;
    for _ in 0..write::TRIES {
        let refs = refs::look(&repository).await?;
        if let Some(number) = made_by(scm, &repository, &refs, &request.key).await? {
            return Ok(PullRef::new(number));
        }
        let (head, base) = ends(&repository, &refs, &request.branch, &request.base)?;
        if let Some(other) = standing_open(scm, &repository, &refs, &request.branch, &request.base).await? {
            return Err(exists(other, &request.branch, &request.base));
        }
        worth_it(&repository, &request.branch, &request.base, &head, &base).await?;
        let (number, now) = (refs.next()?, clock::now());
        let record = Record {
            version: record::VERSION,
            key: request.key.clone(),
            title: title.clone(),
            body: body.clone(),
            author: author.clone(),
            session: request.session.clone(),
            branch: request.branch.clone(),
            base: request.base.clone(),
            state: State::Open,
            draft: request.draft,
            created_at: now,
            updated_at: now,
            head,
            base_commit: base,
            merged: None,
            attempts: Vec::new(),
            rest: Map::new(),
        };
        let message = format!("open pull request {number}");
        let change = Change { number, from: None, record: &record, entries: Vec::new(), message };
        if let Written::Done { .. } = write::write(&repository, &change).await? {
            return Ok(PullRef::new(number));
        }
    }
    Err(Error::unavailable("others open pull requests all the time; try again"))
}

/// The one that a request with this key opened.
async fn made_by(scm: &LocalScm, repository: &Repository<'_>, refs: &Refs, key: &str) -> Result<Option<u64>> {
    let pulls = pull::all(scm, repository, refs).await?;
    Ok(pulls.iter().find(|pull| pull.record.key == key).map(|pull| pull.number))
}

/// The open one of this branch into this base.
pub(super) async fn standing_open(
    scm: &LocalScm,
    repository: &Repository<'_>,
    refs: &Refs,
    branch: &BranchName,
    base: &BranchName,
) -> Result<Option<u64>> {
    let mut pulls = pull::all(scm, repository, refs).await?;
    pulls.retain(|pull| pull.record.branch == *branch && pull.record.base == *base);
    let standings = standing::of(scm, repository, refs, &pulls).await?;
    for (pull, standing) in pulls.iter().zip(standings) {
        if standing?.state == State::Open {
            return Ok(Some(pull.number));
        }
    }
    Ok(None)
}

pub(super) fn exists(number: u64, branch: &BranchName, base: &BranchName) -> Error {
    Error::conflict(format!(
        "pull request {number} from `{branch}` into `{base}` is open already: what is pushed to `{branch}` is part of it"
    ))
}

fn ends(repository: &Repository<'_>, refs: &Refs, branch: &BranchName, base: &BranchName) -> Result<(Oid, Oid)> {
    if branch == base {
        return Err(
            Error::invalid_input(format!("`{branch}` cannot go into itself; name another base")).at_field("base")
        );
    }
    let missing = |name: &BranchName, field: &'static str, hint: &str| {
        Error::not_found(format!("`{}` has no branch `{name}`: {hint}", repository.path)).at_field(field)
    };
    let head = refs.head(branch).ok_or_else(|| missing(branch, "branch", "commit to it, and push it there"))?;
    let base = refs.head(base).ok_or_else(|| missing(base, "base", "correct the project's `defaultBranch`"))?;
    Ok((head.clone(), base.clone()))
}

/// Refuses what could never be merged.
async fn worth_it(
    repository: &Repository<'_>,
    branch: &BranchName,
    base_name: &BranchName,
    head: &Oid,
    base: &Oid,
) -> Result<()> {
    let call = repository.at(["merge-base"]).arg(base.as_str()).arg(head.as_str()).looking();
    let output = call.output().await?;
    match output.status.code() {
        Some(0) if output.text() == head.as_str() => Err(Error::conflict(format!(
            "there is nothing to merge: `{branch}` has no commit that `{base_name}` does not have; commit the work first"
        ))),
        Some(0) => Ok(()),
        Some(1) => Err(Error::conflict(format!(
            "`{branch}` and `{base_name}` have no commit in common; where the repository is a shallow clone, \
             `git fetch --unshallow` brings what is missing"
        ))),
        _ => Err(call.failure(&output)),
    }
}
