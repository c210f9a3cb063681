//! A pull request as others see it.

use ao_plugin_sdk::prelude::*;

use super::pull::Pull;
use super::record::State;
use super::standing::Standing;
use super::{Review, decide};

/// What a page shows of it: all but threads and conflicts.
pub(super) fn brief(pull: &Pull, standing: &Standing, review: Review) -> PullSnapshot {
    let record = &pull.record;
    let state = match standing.state {
        State::Open => PullState::Open,
        State::Closed => PullState::Closed,
        State::Merged => PullState::Merged,
    };
    let mut snapshot = PullSnapshot::new(PullRef::new(pull.number), state, standing.head.as_str());
    snapshot.draft = record.draft;
    snapshot.decision = decide::decision(&pull.entries, &standing.head, review);
    snapshot.title = Some(record.title.clone());
    snapshot.body = Some(record.body.clone()).filter(|body| !body.is_empty());
    snapshot.author = Some(record.author.clone());
    snapshot.session.clone_from(&record.session);
    snapshot.branch = Some(record.branch.clone());
    snapshot.base = Some(record.base.clone());
    snapshot.base_commit = standing.base.as_ref().map(ToString::to_string);
    snapshot.merged_as = standing.merged_as.as_ref().map(ToString::to_string);
    snapshot.updated_at = Some(record.updated_at);
    snapshot
}

/// All of it. The host adds the checks that it has run.
pub(super) fn whole(pull: &Pull, standing: &Standing, conflicts: Option<Vec<String>>, review: Review) -> PullSnapshot {
    let mut snapshot = brief(pull, standing, review);
    snapshot.threads = decide::unresolved(&pull.entries);
    snapshot.conflicts = conflicts;
    snapshot
}
