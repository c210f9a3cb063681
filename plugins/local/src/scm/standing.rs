//! Where pull requests stand: head, base, and whether the base has them already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ao_plugin_sdk::prelude::*;

use super::LocalScm;
use super::oid::Oid;
use super::pull::Pull;
use super::record::State;
use super::refs::Refs;
use super::repository::Repository;

/// How many answers are kept before all are forgotten.
const KEPT: usize = 65_536;

/// Whether a commit is part of what a base leads to, by both.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeMap<(Oid, Oid), bool>>);

/// How a pull request stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: State,
    /// The commit at its head: where its branch stands, while it is open and the branch is there.
    pub(super) head: Oid,
    /// Where the base stands; none where there is no such branch.
    pub(super) base: Option<Oid>,
    /// The commit on the base that has it.
    pub(super) merged_as: Option<Oid>,
    /// Whether the head is something that the base does not have.
    pub(super) is_ahead: bool,
}

/// How these stand: a process or two for each base that is new, none where nothing has moved.
pub(super) async fn of(
    scm: &LocalScm,
    repository: &Repository<'_>,
    refs: &Refs,
    pulls: &[Arc<Pull>],
) -> Result<Vec<Result<Standing>>> {
    let mut questions: BTreeMap<Oid, BTreeSet<Oid>> = BTreeMap::new();
    for pull in pulls.iter().filter(|pull| pull.record.state != State::Merged) {
        let Some(base) = refs.head(&pull.record.base) else { continue };
        let asked = questions.entry(base.clone()).or_default();
        asked.extend(pull.record.attempts.iter().map(|attempt| attempt.commit.clone()));
        if pull.record.state == State::Open {
            asked.extend([head(refs, pull).clone(), pull.record.head.clone()]);
        }
    }
    let mut failed = BTreeMap::new();
    for (base, commits) in &questions {
        ask(scm, repository, base, commits, &mut failed).await?;
    }
    let known = scm.known.0.lock().unwrap_or_else(PoisonError::into_inner);
    let look = |base: &Oid, commit: &Oid| match known.get(&(base.clone(), commit.clone())) {
        Some(answer) => Ok(*answer),
        None => Err(failed.get(commit).cloned().unwrap_or_else(|| Error::other("git gave no answer"))),
    };
    Ok(pulls.iter().map(|pull| judge(pull, refs, &look)).collect())
}

/// Where a pull request's head is, while it is open.
fn head<'a>(refs: &'a Refs, pull: &'a Pull) -> &'a Oid {
    refs.head(&pull.record.branch).unwrap_or(&pull.record.head)
}

fn judge(pull: &Pull, refs: &Refs, is_in: &dyn Fn(&Oid, &Oid) -> Result<bool>) -> Result<Standing> {
    let record = &pull.record;
    let base = refs.head(&record.base).cloned();
    let standing = |state, head: &Oid, merged_as, is_ahead| Standing {
        state,
        head: head.clone(),
        base: base.clone(),
        merged_as,
        is_ahead,
    };
    if record.state == State::Merged {
        let merged_as = record.merged.as_ref().map(|merged| merged.commit.clone());
        return Ok(standing(record.state, &record.head, merged_as, false));
    }
    let head = if record.state == State::Open { head(refs, pull) } else { &record.head };
    let Some(at) = &base else { return Ok(standing(record.state, head, None, false)) };
    // Its process died before it could say so, or a human ran the command that was named. One that git cannot tell about,
    // as its commit is missing, is not on the base, which is whole.
    for attempt in record.attempts.iter().rev() {
        // A rebase of what stands on its base makes no commit of its own. The base may have got that one in any way, while
        // the branch went on, or after the pull request was closed.
        if attempt.commit == attempt.head && (attempt.head != *head || record.state == State::Closed) {
            continue;
        }
        if is_in(at, &attempt.commit).unwrap_or(false) {
            return Ok(standing(State::Merged, &attempt.head, Some(attempt.commit.clone()), false));
        }
    }
    if record.state == State::Closed {
        return Ok(standing(State::Closed, head, None, false));
    }
    if !is_in(at, head)? {
        return Ok(standing(State::Open, head, None, true));
    }
    // By hand. The head that was written down was ahead of the base then: a branch that is only set back to its base, as
    // somebody does who begins anew, has not been merged.
    if is_in(at, &record.head)? {
        return Ok(standing(State::Merged, head, Some(head.clone()), false));
    }
    Ok(standing(State::Open, head, None, false))
}

async fn ask(
    scm: &LocalScm,
    repository: &Repository<'_>,
    base: &Oid,
    commits: &BTreeSet<Oid>,
    failed: &mut BTreeMap<Oid, Error>,
) -> Result<()> {
    let unknown: Vec<Oid> = {
        let known = scm.known.0.lock().unwrap_or_else(PoisonError::into_inner);
        commits.iter().filter(|commit| !known.contains_key(&(base.clone(), (*commit).clone()))).cloned().collect()
    };
    if unknown.is_empty() {
        return Ok(());
    }
    let questions: String = unknown.iter().flat_map(|commit| [commit.as_str(), "\n"]).collect();
    // A commit that leads to itself without the base's is listed; one that the base leads to is not.
    let call = repository.at(["rev-list", "--stdin"]).input(format!("{questions}^{base}\n")).looking();
    let output = call.output().await?;
    let mut answers: Vec<(Oid, Option<bool>)> = Vec::new();
    if output.status.success() && !output.is_cut() {
        let text = output.text();
        let listed: BTreeSet<&str> = text.lines().collect();
        answers.extend(unknown.into_iter().map(|commit| {
            let is_in = !listed.contains(commit.as_str());
            (commit, Some(is_in))
        }));
    } else {
        // One that is missing or endless must not hide the others.
        for commit in unknown {
            let call = repository.at(["merge-base", "--is-ancestor"]).arg(commit.as_str()).arg(base.as_str()).looking();
            let output = call.output().await?;
            let answer = match output.status.code() {
                Some(0) => Some(true),
                Some(1) => Some(false),
                _ => {
                    failed.insert(commit.clone(), call.failure(&output));
                    None
                }
            };
            answers.push((commit, answer));
        }
    }
    let mut known = scm.known.0.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() > KEPT {
        known.clear();
    }
    known.extend(answers.into_iter().filter_map(|(commit, answer)| Some(((base.clone(), commit), answer?))));
    Ok(())
}

/// How one stands.
pub(super) async fn of_one(
    scm: &LocalScm,
    repository: &Repository<'_>,
    refs: &Refs,
    pull: &Arc<Pull>,
) -> Result<Standing> {
    let mut found = of(scm, repository, refs, std::slice::from_ref(pull)).await?;
    found.pop().unwrap_or_else(|| Err(Error::other("git gave no answer")))
}
