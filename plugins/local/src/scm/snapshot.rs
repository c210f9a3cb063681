//! What many sessions' pull requests look like.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ao_plugin_sdk::prelude::*;
use sha2::{Digest, Sha256};

use super::pull::{self, Pull};
use super::record::State;
use super::refs;
use super::repository::Repository;
use super::standing::{self, Standing};
use super::{LocalScm, conflicts, view};

/// How many answers are kept: one each for a few repositories and questions.
const KEPT: usize = 8;

/// Whole answers, by a digest of the question and of all that they were computed from.
#[derive(Debug, Default)]
pub(super) struct Answered(Mutex<Vec<(String, Snapshot)>>);

pub(super) async fn snapshot(scm: &LocalScm, request: SnapshotRequest) -> Result<Snapshot> {
    let repository = scm.repository(&request.repository).await?;
    let refs = refs::look(&repository).await?;
    let known = digest(&repository, &refs.printed, &request.targets);
    {
        let answered = scm.answered.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answer)) = answered.iter().find(|(digest, _)| *digest == known) {
            return Ok(answer.clone());
        }
    }
    // A branch's pull request is found by reading all: they are read once.
    let wanted: Vec<_> = if request.targets.iter().any(|target| target.number.is_none()) {
        refs.pulls.iter().map(|(number, at)| (*number, at.clone())).collect()
    } else {
        let numbers: BTreeSet<_> = request.targets.iter().filter_map(|target| target.number).collect();
        numbers.into_iter().filter_map(|number| Some((number, refs.pulls.get(&number)?.clone()))).collect()
    };
    let loaded = pull::load(scm, &repository, &wanted).await?;
    let mut of_branch: BTreeMap<&BranchName, Vec<&Arc<Pull>>> = BTreeMap::new();
    for pull in loaded.values().rev().flatten() {
        of_branch.entry(&pull.record.branch).or_default().push(pull);
    }
    // Every one that a target may mean.
    let mut meant: BTreeMap<u64, Arc<Pull>> = BTreeMap::new();
    for target in &request.targets {
        match target.number {
            Some(number) => {
                meant.extend(loaded.get(&number).and_then(|found| Some((number, Arc::clone(found.as_ref().ok()?)))))
            }
            None => meant.extend(
                of_branch.get(&target.branch).into_iter().flatten().map(|pull| (pull.number, Arc::clone(pull))),
            ),
        }
    }
    let meant: Vec<_> = meant.into_values().collect();
    let standings = standing::of(scm, &repository, &refs, &meant).await?;
    let standings: BTreeMap<u64, Result<Standing>> = meant.iter().map(|pull| pull.number).zip(standings).collect();
    let choose = |target: &PullTarget| match target.number {
        Some(number) => Some(number),
        None => {
            let found = of_branch.get(&target.branch)?;
            let is_open = |pull: &&&Arc<Pull>| matches!(standings.get(&pull.number), Some(Ok(standing)) if standing.state == State::Open);
            found.iter().find(is_open).or(found.first()).map(|pull| pull.number)
        }
    };
    let chosen: Vec<_> = request.targets.iter().map(choose).collect();
    let foretold = foretell(scm, &repository, chosen.iter().flatten(), &standings).await?;
    let mut is_whole = true;
    let mut pulls = Vec::with_capacity(chosen.len());
    for (target, number) in request.targets.into_iter().zip(chosen) {
        let found = number.and_then(|number| Some((number, loaded.get(&number)?)));
        let found = match found {
            None => PullFound::Absent,
            Some((_, Err(why))) => PullFound::Unknown { why: why.clone() },
            Some((number, Ok(pull))) => match &standings[&number] {
                Err(error) => PullFound::Unknown { why: error.to_string() },
                Ok(standing) => {
                    let conflicts = foretold.get(&number).cloned();
                    is_whole &= conflicts.is_some() || !is_open(standing);
                    PullFound::Found { snapshot: Box::new(view::whole(pull, standing, conflicts)) }
                }
            },
        };
        is_whole &= !matches!(found, PullFound::Unknown { .. });
        pulls.push(PullObservation::new(target.session, found));
    }
    let mut snapshot = Snapshot::new(pulls);
    snapshot.known = Some(known.clone());
    if is_whole {
        let mut answered = scm.answered.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() >= KEPT {
            answered.remove(0);
        }
        answered.push((known, snapshot.clone()));
    }
    Ok(snapshot)
}

fn is_open(standing: &Standing) -> bool {
    standing.state == State::Open && standing.base.is_some()
}

/// The files that conflict, of every chosen one that is open.
async fn foretell(
    scm: &LocalScm,
    repository: &Repository<'_>,
    chosen: impl Iterator<Item = &u64>,
    standings: &BTreeMap<u64, Result<Standing>>,
) -> Result<BTreeMap<u64, Vec<String>>> {
    let mut by_base: BTreeMap<_, Vec<(u64, _)>> = BTreeMap::new();
    for number in chosen.collect::<BTreeSet<_>>() {
        let Some(Ok(standing)) = standings.get(number) else { continue };
        let Some(base) = standing.base.as_ref().filter(|_| is_open(standing)) else { continue };
        by_base.entry(base.clone()).or_default().push((*number, standing.head.clone()));
    }
    let mut found = BTreeMap::new();
    for (base, pulls) in by_base {
        let heads: Vec<_> = pulls.iter().map(|(_, head)| head.clone()).collect();
        let told = conflicts::foretell(scm, repository, &base, &heads).await?;
        found.extend(pulls.into_iter().filter_map(|(number, head)| Some((number, told.get(&head)?.clone()))));
    }
    Ok(found)
}

/// The refs lead to everything that an answer is computed from.
fn digest(repository: &Repository<'_>, printed: &[u8], targets: &[PullTarget]) -> String {
    let mut digest = Sha256::new();
    digest.update(repository.common.as_str());
    digest.update([0]);
    digest.update(printed);
    for target in targets {
        let number = target.number.unwrap_or(0);
        digest.update(format!("\0{}\0{}\0{number}", target.session, target.branch));
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
