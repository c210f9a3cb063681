//! Merges a pull request.
//!
//! In this order, each step repeatable after a crash at any moment: the commit is made; it is written down in the pull
//! request as an attempt, and pinned as `refs/ao/merge/<number>`; head and base are looked at again; the base moves
//! ([`land`]); that it is merged is written down. Whoever comes after a crash finds an attempt's commit on the base, and
//! knows that it is merged, or does not, and begins anew. Two at once make two commits, and git lets the base have one.

mod build;
mod checkouts;
mod commit;
mod land;
mod replay;

use std::sync::Arc;

use ao_plugin_sdk::prelude::*;

use super::change::settled;
use super::oid::Oid;
use super::pull::{self, Pull};
use super::record::{Attempt, Merged, State};
use super::refs::{self, Refs};
use super::repository::Repository;
use super::standing::{self, Standing};
use super::write::{self, Change, Written};
use super::{LocalScm, text};
use crate::clock;
use build::Built;
use land::Landed;

pub(super) async fn merge(scm: &LocalScm, request: MergeRequest) -> Result<MergeOutcome> {
    if request.method == MergeMethod::Unknown {
        return Err(Error::unsupported("this version of the plugin does not know this way to merge"));
    }
    let message = request.message.as_deref().filter(|message| !message.trim().is_empty());
    let message = message.map(|message| text::body(message, "message")).transpose()?;
    let repository = scm.repository(&request.repository).await?;
    for _ in 0..write::TRIES {
        let (refs, pull) = pull::one(scm, &repository, &request.pull).await?;
        let standing = standing::of_one(scm, &repository, &refs, &pull).await?;
        let wanted = match judge(&pull, &standing, &request) {
            Judged::Merge { base } => Wanted { base, head: standing.head.clone(), message: message.as_deref() },
            Judged::Is { commit } => {
                record(scm, &repository, &request, &commit).await?;
                return Ok(MergeOutcome::Merged { commit: commit.to_string() });
            }
            Judged::Not(outcome) => return Ok(outcome),
        };
        let (attempt, at) = match attempt(scm, &repository, &refs, &pull, &wanted, &request).await? {
            Tried::Made { attempt, at } => (attempt, at),
            Tried::Lost => continue,
            Tried::Blocked(outcome) => return Ok(outcome),
        };
        match land::land(scm, &repository, &pull, &attempt, &at).await? {
            Landed::Moved => {
                record(scm, &repository, &request, &attempt.commit).await?;
                return Ok(MergeOutcome::Merged { commit: attempt.commit.to_string() });
            }
            Landed::Blocked(outcome) => return Ok(outcome),
            // What moved, and whether that matters, is judged anew.
            Landed::Elsewhere => {}
        }
    }
    Err(write::never(request.pull.number))
}

/// What is to be merged.
struct Wanted<'a> {
    base: Oid,
    head: Oid,
    message: Option<&'a str>,
}

/// Whether it is to be merged.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    Merge { base: Oid },
    Is { commit: Oid },
    Not(MergeOutcome),
}

fn judge(pull: &Pull, standing: &Standing, request: &MergeRequest) -> Judged {
    let (number, record) = (pull.number, &pull.record);
    if standing.state == State::Merged {
        let commit = standing.merged_as.clone().unwrap_or_else(|| standing.head.clone());
        return Judged::Is { commit };
    }
    if standing.head.as_str() != request.expected_head {
        return Judged::Not(MergeOutcome::HeadMoved);
    }
    if standing.state == State::Closed {
        let why = format!("pull request {number} is closed");
        return Judged::Not(blocked(why, Some(format!("ao pr reopen {number}"))));
    }
    if record.draft {
        let why = format!("pull request {number} is a draft");
        return Judged::Not(blocked(why, Some(format!("ao pr ready {number}"))));
    }
    let Some(base) = &standing.base else {
        let why = format!("its base `{}` is gone", record.base);
        return Judged::Not(blocked(
            why,
            Some(format!("git branch {} {}", text::word(record.base.as_str()), record.base_commit)),
        ));
    };
    if request.expected_base.as_ref().is_some_and(|expected| expected != base.as_str()) {
        return Judged::Not(MergeOutcome::BaseMoved);
    }
    if !standing.is_ahead {
        let why = format!("there is nothing to merge: `{}` has all of `{}` already", record.base, record.branch);
        return Judged::Not(blocked(why, Some(format!("ao pr close {number}"))));
    }
    Judged::Merge { base: base.clone() }
}

fn blocked(why: impl Into<String>, remedy: Option<String>) -> MergeOutcome {
    MergeOutcome::Blocked { why: why.into(), remedy, conflicts: Vec::new() }
}

/// Whether there is a commit to move the base to.
enum Tried {
    Made {
        attempt: Attempt,
        /// The pull request's own commit by which it is written down.
        at: Oid,
    },
    /// The pull request was changed meanwhile.
    Lost,
    Blocked(MergeOutcome),
}

/// The commit, written down and pinned. One that was made before of the same is taken again, so that what a human was told
/// to run stays right.
async fn attempt(
    scm: &LocalScm,
    repository: &Repository<'_>,
    refs: &Refs,
    pull: &Arc<Pull>,
    wanted: &Wanted<'_>,
    request: &MergeRequest,
) -> Result<Tried> {
    let number = pull.number;
    let pinned = refs.merges.get(&number);
    let is_same = |attempt: &&Attempt| {
        Some(&attempt.commit) == pinned
            && (&attempt.base, &attempt.head, attempt.method) == (&wanted.base, &wanted.head, request.method)
            && attempt.message.as_deref() == wanted.message
    };
    let former = pull.record.attempts.iter().rev().find(is_same);
    if let Some(attempt) = former.filter(|attempt| attempt.key == request.key) {
        return Ok(Tried::Made { attempt: attempt.clone(), at: pull.at.clone() });
    }
    let commit = match former {
        Some(attempt) => attempt.commit.clone(),
        None => match build::build(scm, repository, pull, wanted, request.method).await? {
            Built::Commit(commit) => commit,
            Built::Blocked(outcome) => return Ok(Tried::Blocked(outcome)),
        },
    };
    let attempt = Attempt {
        key: request.key.clone(),
        commit,
        base: wanted.base.clone(),
        head: wanted.head.clone(),
        method: request.method,
        message: wanted.message.map(str::to_owned),
    };
    let mut record = pull.record.clone();
    (record.head, record.base_commit) = (wanted.head.clone(), wanted.base.clone());
    record.tried(attempt.clone());
    let message = format!("try to merge pull request {number}");
    let change = Change { number, from: Some(pull), record: &record, entries: Vec::new(), message };
    let at = match write::write(repository, &change).await? {
        Written::Done { at } => at,
        Written::Lost => return Ok(Tried::Lost),
    };
    let pin =
        repository.at(["update-ref", "--end-of-options"]).arg(refs::of_merge(number)).arg(attempt.commit.as_str());
    pin.to_its_end().run().await?;
    Ok(Tried::Made { attempt, at })
}

/// Writes down that it is merged.
async fn record(scm: &LocalScm, repository: &Repository<'_>, request: &MergeRequest, commit: &Oid) -> Result<()> {
    let number = request.pull.number;
    for _ in 0..write::TRIES {
        let (refs, pull) = pull::one(scm, repository, &request.pull).await?;
        if pull.record.state == State::Merged {
            return Ok(());
        }
        let standing = standing::of_one(scm, repository, &refs, &pull).await?;
        let mut record = settled(&pull, &standing);
        // A base that was set back at once does not undo what was done.
        if let Some(attempt) = record.attempts.iter().rev().find(|attempt| attempt.commit == *commit) {
            (record.head, record.base_commit) = (attempt.head.clone(), attempt.base.clone());
        }
        record.merged = Some(Merged { commit: commit.clone(), key: Some(request.key.clone()) });
        (record.state, record.updated_at) = (State::Merged, clock::now());
        let message = format!("merge pull request {number}");
        let change = Change { number, from: Some(&pull), record: &record, entries: Vec::new(), message };
        if let Written::Done { .. } = write::write(repository, &change).await? {
            return Ok(());
        }
    }
    Err(write::never(number))
}
