//! `ao pr merge`: a pull request into its base, if both stand where they were looked at.

use std::process::ExitCode;

use ao_core::lifecycle::{Blocker, merge_gate};
use ao_core::slots::scm::{MergeMethod, MergeOutcome, MergeRequest, PullSnapshot, PullState};
use ao_core::{Code, Error};
use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{Desk, ReviewerAct, Which, key};
use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output::Page;
use crate::view::{Format, View};

/// The fewest digits that name a commit.
const FEWEST_DIGITS: usize = 7;

/// Merge a pull request into its base
///
/// It is looked at right before, and merged only if head and base are still where they were then (else exit code 75). A failed
/// or pending required check, wanted changes and conflicts are in the way. A session's agent cannot merge the session's own
/// work.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    how: How,
    /// Only if its head is this commit: the one that you have read
    #[arg(long, value_name = "COMMIT", value_parser = commit)]
    expect_head: Option<String>,
    /// Also where checks or reviews are in the way
    #[arg(long)]
    anyway: bool,
    #[command(flatten)]
    format: Format,
}

/// How it is merged.
#[derive(clap::Args)]
#[group(multiple = false)]
struct How {
    /// With a merge commit, as without an option
    #[arg(long)]
    merge: bool,
    /// As one commit
    #[arg(long)]
    squash: bool,
    /// As the same commits on the base
    #[arg(long)]
    rebase: bool,
}

impl How {
    const fn method(&self) -> MergeMethod {
        match self {
            Self { squash: true, .. } => MergeMethod::Squash,
            Self { rebase: true, .. } => MergeMethod::Rebase,
            Self { .. } => MergeMethod::Merge,
        }
    }
}

fn commit(text: &str) -> Result<String, String> {
    let is_commit = text.len() >= FEWEST_DIGITS && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_commit.then(|| text.to_ascii_lowercase()).ok_or_else(|| format!("at least {FEWEST_DIGITS} digits of a commit"))
}

/// A pull request that was merged.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MergedView {
    /// Its number.
    number: u64,
    /// The commit on the base that has it; none where a queue will merge it.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// Whether it had been merged before.
    before: bool,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let desk = Desk::open(edge, &self.which.whose)?;
        let pull = desk.look(self.which.number)?;
        desk.refuse_own(&pull, "merge")?;
        desk.refuse_reviewer(ReviewerAct::Merge)?;
        let number = pull.pull.number;
        if pull.state == PullState::Merged {
            self.format.show(&MergedView { number, commit: pull.merged_as, before: true })?;
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(expected) = self.expect_head.as_ref().filter(|expected| !pull.head.starts_with(expected.as_str())) {
            let message = format!("the head of #{number} is {}, not {expected}: read what is new first", pull.head);
            return Err(Error::unavailable(message).into());
        }
        refuse(&pull, self.anyway)?;
        let repository = desk.forge.repository.as_str();
        let key = key("merge");
        let mut request = MergeRequest::new(key, repository, pull.pull.clone(), pull.head.as_str(), self.how.method());
        request.expected_base.clone_from(&pull.base_commit);
        let outcome = block_on(desk.forge.scm.instance.merge(request))?.map_err(|error| uncertain(number, error))?;
        let commit = ended(number, outcome)?;
        desk.merged(&pull.pull);
        self.format.show(&MergedView { number, commit, before: false })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View for MergedView {
    fn write(&self, page: &mut Page) {
        let number = self.number;
        match &self.commit {
            Some(commit) if self.before => page.line(format_args!("#{number} was merged as {commit} before")),
            Some(commit) => page.line(format_args!("#{number} is merged as {commit}")),
            None if self.before => page.line(format_args!("#{number} was merged before")),
            None => page.line(format_args!("#{number} will be merged by a queue")),
        }
    }
}

/// Refuses what the gate refuses; `anyway` overrules what a human may overrule. What only waits may succeed later.
fn refuse(pull: &PullSnapshot, anyway: bool) -> Result<(), Error> {
    let mut blockers = merge_gate(pull);
    blockers.retain(|blocker| !anyway || blocker.is_final());
    if blockers.is_empty() {
        return Ok(());
    }
    let code = if blockers.iter().all(Blocker::passes) { Code::UNAVAILABLE } else { Code::CONFLICT };
    let number = pull.pull.number;
    let overrule = if blockers.iter().any(Blocker::is_final) { "" } else { "; `--anyway` merges it all the same" };
    let why: Vec<_> = blockers.iter().map(ToString::to_string).collect();
    Err(Error::new(code, format!("#{number} is not merged: {}{overrule}", why.join("; "))))
}

/// The commit, or why there is none.
fn ended(number: u64, outcome: MergeOutcome) -> Result<Option<String>, Error> {
    let again = format!("look again with `ao pr show {number}`");
    Err(match outcome {
        MergeOutcome::Merged { commit } => return Ok(Some(commit)),
        MergeOutcome::Queued => return Ok(None),
        MergeOutcome::HeadMoved => Error::unavailable(format!("#{number} has got new commits meanwhile: {again}")),
        MergeOutcome::BaseMoved => Error::unavailable(format!("the base of #{number} has moved meanwhile: {again}")),
        MergeOutcome::Blocked { why, remedy, conflicts } => {
            let files = if conflicts.is_empty() { String::new() } else { format!(" in {}", conflicts.join(", ")) };
            let remedy = remedy.map(|remedy| format!("; `{remedy}`")).unwrap_or_default();
            Error::unavailable(format!("#{number} cannot be merged as things are: {why}{files}{remedy}"))
        }
        _ => Error::new(Code::INCOMPATIBLE, format!("how the merge of #{number} ended is of a newer version: {again}")),
    })
}

/// A merge of which nobody knows whether it happened must not look like one that did not.
fn uncertain(number: u64, error: Error) -> Error {
    if error.outcome_unknown() {
        return error
            .context(format!("it cannot be told whether #{number} was merged: `ao pr show {number}` shows it"));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use ao_core::slots::scm::{Check, CheckState, PullRef};

    fn pull(change: impl FnOnce(&mut PullSnapshot)) -> PullSnapshot {
        let mut pull = PullSnapshot::new(PullRef::new(7_u64), PullState::Open, "head");
        change(&mut pull);
        pull
    }

    #[test]
    fn a_human_may_overrule_what_is_not_final() {
        let pending = pull(|pull| {
            let mut check = Check::new("build", CheckState::Pending);
            check.required = true;
            pull.checks = vec![check];
        });
        assert_eq!(refuse(&pending, false).unwrap_err().code.exit_code(), 75);
        refuse(&pending, true).unwrap();
        let draft = refuse(&pull(|pull| pull.draft = true), false).unwrap_err();
        assert_eq!(draft.to_string(), "#7 is not merged: it is a draft; `--anyway` merges it all the same");
        assert_eq!(draft.code.exit_code(), 1);
        let closed = refuse(&pull(|pull| pull.state = PullState::Closed), true).unwrap_err();
        assert_eq!(closed.to_string(), "#7 is not merged: it is not open");
    }

    #[test]
    fn an_outcome_that_is_none_says_what_to_do() {
        let blocked = MergeOutcome::Blocked {
            why: "`main` is checked out".to_owned(),
            remedy: Some("git merge --ff-only refs/ao/merge/7".to_owned()),
            conflicts: Vec::new(),
        };
        for (outcome, said) in [
            (MergeOutcome::HeadMoved, "`ao pr show 7`"),
            (MergeOutcome::BaseMoved, "`ao pr show 7`"),
            (blocked, "`git merge --ff-only refs/ao/merge/7`"),
        ] {
            let error = ended(7, outcome).unwrap_err();
            assert!(error.to_string().contains(said) && error.code.exit_code() == 75, "{error}");
        }
        assert_eq!(ended(7, MergeOutcome::Merged { commit: "c".to_owned() }).unwrap().as_deref(), Some("c"));
        assert_eq!(ended(7, MergeOutcome::Queued).unwrap(), None);
    }

    #[test]
    fn a_commit_is_named_by_enough_of_it() {
        assert_eq!(commit("ABCDEF1"), Ok("abcdef1".to_owned()));
        assert!(commit("abcdef").is_err() && commit("abcdefg").is_err());
    }
}
