//! What many sessions' pull requests look like.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ao_plugin_sdk::prelude::*;
use sha2::{Digest, Sha256};

use super::pull::{self, Loaded, Pull};
use super::record::State;
use super::refs::{self, Refs};
use super::repository::Repository;
use super::standing::{self, Standing};
use super::{LocalScm, conflicts, objects, view};

/// How many answers are kept: one each for a few repositories and questions.
const KEPT: usize = 8;

/// Whole answers, by a digest of the question and of all that they were computed from.
#[derive(Debug, Default)]
pub(super) struct Answered(Mutex<Vec<(String, Snapshot)>>);

pub(super) async fn snapshot(scm: &LocalScm, request: SnapshotRequest) -> Result<Snapshot> {
    let repository = scm.repository(&request.repository).await?;
    let refs = refs::look(&repository).await?;
    let known = digest(&repository, &refs.printed, &request.targets);
    if let Some(answer) = scm.answered.get(&known) {
        return Ok(answer);
    }
    let found = find(scm, &repository, &refs, &request.targets).await?;
    let standings = standing::of(scm, &repository, &refs, &found.meant).await?;
    let standings = found.meant.iter().map(|pull| pull.number).zip(standings).collect();
    let chosen: Vec<_> = request.targets.iter().map(|target| found.choose(target, &standings)).collect();
    let foretold = foretell(scm, &repository, chosen.iter().flatten(), &standings).await?;
    let mut is_whole = true;
    let mut pulls = Vec::with_capacity(chosen.len());
    for (target, number) in request.targets.into_iter().zip(chosen) {
        let seen = match number.and_then(|number| Some((number, found.loaded.get(&number)?))) {
            None => PullFound::Absent,
            Some((_, Err(why))) => PullFound::Unknown { why: why.clone() },
            Some((number, Ok(pull))) => match &standings[&number] {
                Err(error) => PullFound::Unknown { why: error.to_string() },
                Ok(standing) => {
                    let conflicts = foretold.get(&number).cloned();
                    is_whole &= conflicts.is_some() || !is_open(standing);
                    PullFound::Found { snapshot: Box::new(view::whole(pull, standing, conflicts, scm.config.review)) }
                }
            },
        };
        is_whole &= !matches!(seen, PullFound::Unknown { .. });
        pulls.push(PullObservation::new(target.session, seen));
    }
    let mut snapshot = Snapshot::new(pulls);
    snapshot.known = Some(known.clone());
    if is_whole {
        scm.answered.put(known, snapshot.clone());
    }
    Ok(snapshot)
}

impl Answered {
    fn get(&self, known: &str) -> Option<Snapshot> {
        let answered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answered.iter().find(|(digest, _)| digest == known).map(|(_, answer)| answer.clone())
    }

    fn put(&self, known: String, answer: Snapshot) {
        let mut answered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() >= KEPT {
            answered.remove(0);
        }
        answered.push((known, answer));
    }
}

type Standings = BTreeMap<u64, Result<Standing>>;

/// What targets may mean.
struct Candidates {
    loaded: BTreeMap<u64, Loaded>,
    /// Those that are looked at more closely: every one of a branch that a target names, as which of them is open is seen
    /// only then.
    meant: Vec<Arc<Pull>>,
}

async fn find(scm: &LocalScm, repository: &Repository<'_>, refs: &Refs, targets: &[PullTarget]) -> Result<Candidates> {
    let numbers: BTreeSet<_> = targets.iter().filter_map(|target| target.number).collect();
    let branches: BTreeSet<_> =
        targets.iter().filter(|target| target.number.is_none()).map(|target| &target.branch).collect();
    // To find a branch's, all are read: once.
    let is_wanted = |number: &u64| !branches.is_empty() || numbers.contains(number);
    let wanted = refs.pulls.iter().filter(|(number, _)| is_wanted(number));
    let wanted: Vec<_> = wanted.map(|(number, at)| (*number, at.clone())).collect();
    let loaded = pull::load(scm, repository, &wanted).await?;
    let is_meant = |pull: &&Arc<Pull>| numbers.contains(&pull.number) || branches.contains(&pull.record.branch);
    let meant = loaded.values().flatten().filter(is_meant).cloned().collect();
    Ok(Candidates { loaded, meant })
}

impl Candidates {
    /// The one that a target means: of a branch, the newest that is open, else the newest.
    fn choose(&self, target: &PullTarget, standings: &Standings) -> Option<u64> {
        if target.number.is_some() {
            return target.number;
        }
        let of_branch = || self.meant.iter().rev().filter(|pull| pull.record.branch == target.branch);
        let is_open =
            |number: u64| matches!(standings.get(&number), Some(Ok(standing)) if standing.state == State::Open);
        of_branch().find(|pull| is_open(pull.number)).or(of_branch().next()).map(|pull| pull.number)
    }
}

/// Whether it could be merged into something.
fn is_open(standing: &Standing) -> bool {
    standing.state == State::Open && standing.base.is_some()
}

/// The files that conflict, of every chosen one that is open.
async fn foretell(
    scm: &LocalScm,
    repository: &Repository<'_>,
    chosen: impl Iterator<Item = &u64>,
    standings: &Standings,
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
    objects::hex(&digest.finalize())
}
