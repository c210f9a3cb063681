//! Whether what was asked for with a key happened.

use std::sync::Arc;

use ao_plugin_sdk::prelude::*;

use super::pull::{self, Pull};
use super::record::{Attempt, State};
use super::{LocalScm, refs, standing};

/// Looks in the pull request that the target names, else in all.
pub(super) async fn find(scm: &LocalScm, request: FindEffect) -> Result<Proof> {
    if request.repository.is_none() && scm.config.repository.is_none() {
        return Ok(Proof::Unknown);
    }
    let repository = scm.repository(request.repository.as_deref().unwrap_or_default()).await?;
    let refs = refs::look(&repository).await?;
    let mut wanted: Vec<_> = refs.pulls.iter().map(|(number, at)| (*number, at.clone())).collect();
    if let Ok(named) = request.target.parse::<u64>() {
        wanted.retain(|(number, _)| *number == named);
    }
    let loaded = pull::load(scm, &repository, &wanted).await?;
    let is_readable = loaded.values().all(Result::is_ok);
    let pulls: Vec<Arc<Pull>> = loaded.into_values().flatten().collect();
    for pull in &pulls {
        if let Some(reference) = made(pull, &request.key) {
            return Ok(Proof::Found { reference });
        }
    }
    // What was merged by a process that died before it could write it down.
    let mut is_told = is_readable;
    for (pull, standing) in pulls.iter().zip(standing::of(scm, &repository, &refs, &pulls).await?) {
        let Ok(standing) = standing else {
            is_told = false;
            continue;
        };
        if pull.record.state == State::Merged || standing.state != State::Merged {
            continue;
        }
        let is_it =
            |attempt: &&Attempt| attempt.key == request.key && Some(&attempt.commit) == standing.merged_as.as_ref();
        if let Some(attempt) = pull.record.attempts.iter().find(is_it) {
            return Ok(Proof::Found { reference: attempt.commit.to_string() });
        }
    }
    Ok(if is_told { Proof::Absent } else { Proof::Unknown })
}

fn made(pull: &Pull, key: &str) -> Option<String> {
    if pull.record.key == key {
        return Some(pull.number.to_string());
    }
    if let Some(merged) = &pull.record.merged {
        let tried = pull.record.attempts.iter().any(|attempt| attempt.key == key && attempt.commit == merged.commit);
        if tried || merged.key.as_deref() == Some(key) {
            return Some(merged.commit.to_string());
        }
    }
    pull.made_by(key).map(|entry| entry.to_string())
}
