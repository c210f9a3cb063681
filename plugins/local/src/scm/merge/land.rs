//! Moves the base, never under a check-out: the next `git commit --all` there would take the merge back unseen.
//!
//! - Checked out nowhere: `git fetch`, from the repository into itself. It moves a branch forward only, and refuses one that
//!   has been checked out meanwhile, or that a rebase or a bisection will come back to.
//! - Checked out: git's own `merge --ff-only` there, which refuses to overwrite what is not committed. It is the one touch
//!   of a check-out.
//! - Else a human is told the command. Once it was run, the pull request counts as merged.
//!
//! Both go on to their end, also when the call does not: a git that is killed here leaves a check-out half made. What came
//! of it, whoever looks next finds.

use std::time::Duration;

use ao_plugin_sdk::prelude::*;

use ao_git_command::complaint;

use super::super::oid::Oid;
use super::super::pull::Pull;
use super::super::record::Attempt;
use super::super::repository::Repository;
use super::super::text::word;
use super::super::{LocalScm, UpdateCheckout, refs};
use super::blocked;
use super::checkouts::{self, Checkout};

/// What a check-out may take: with less time left for the call, none is begun.
const CHECKOUT: Duration = Duration::from_secs(20);

/// How it ended.
pub(super) enum Landed {
    /// The base has it.
    Moved,
    /// Head, base or the pull request itself stood elsewhere by then.
    Elsewhere,
    Blocked(MergeOutcome),
}

/// Moves the base to an attempt's commit, from where the attempt says that it stands, while the pull request's own commit is
/// the one that says so: closed or changed meanwhile, it is judged anew.
///
/// Both ways only move forward, and the commit is made on that base: a base that went on in the last moment is refused by
/// git. One that was set back in the last moment, behind what we have looked at, would come forward again.
pub(super) async fn land(
    scm: &LocalScm,
    repository: &Repository<'_>,
    pull: &Pull,
    attempt: &Attempt,
    at: &Oid,
) -> Result<Landed> {
    let base = &pull.record.base;
    let checkouts = checkouts::of(repository, base).await?;
    let place = match checkouts.as_slice() {
        [] => None,
        [one] => match hindrance(scm, repository, one).await? {
            None => Some(&one.path),
            Some(why) => return Ok(Landed::Blocked(told(pull, &format!("`{base}` is checked out in {why}"), one))),
        },
        [one, ..] => {
            let places: Vec<_> = checkouts.iter().map(|checkout| format!("`{}`", checkout.path)).collect();
            let why = format!("`{base}` is checked out in more than one place: {}", places.join(", "));
            return Ok(Landed::Blocked(told(pull, &why, one)));
        }
    };
    let refs = refs::look(repository).await?;
    let stands = |branch| refs.head(branch);
    let is_as_it_was = refs.pulls.get(&pull.number).is_some_and(|now| now.as_ref() == Ok(at));
    if !is_as_it_was
        || stands(base) != Some(&attempt.base)
        || stands(&pull.record.branch).is_some_and(|head| *head != attempt.head)
    {
        return Ok(Landed::Elsewhere);
    }
    let output = match place {
        None => fetch(repository, base, attempt).await?,
        Some(path) => fast_forward(repository, path, base, attempt).await?,
    };
    let stood = refs::look(repository).await?.head(base).cloned();
    if output.status.success() && stood.as_ref() == Some(&attempt.commit) {
        return Ok(Landed::Moved);
    }
    // Whatever was printed: the base says what happened, and where it went on already, looking again does.
    if stood.as_ref() != Some(&attempt.base) {
        return Ok(Landed::Elsewhere);
    }
    let said = complaint(&output);
    match place {
        Some(path) => {
            let one = Checkout { path: path.clone(), is_gone: false };
            Ok(Landed::Blocked(told(pull, &format!("git refuses to bring it into `{path}`: {said}"), &one)))
        }
        None => match said.split_once(" checked out at '").and_then(|(_, rest)| rest.split_once('\'')) {
            Some((path, _)) => {
                let one = Checkout { path: path.into(), is_gone: false };
                let what = checkouts::under_way(repository, &one.path).await.ok().flatten();
                let what = what.map(|what| format!(", where {what} is under way")).unwrap_or_default();
                Ok(Landed::Blocked(told(pull, &format!("`{base}` is in use in `{path}`{what}"), &one)))
            }
            None => Err(Error::other(format!("cannot move `{base}` in `{}`: {said}", repository.path))),
        },
    }
}

/// Why a check-out is not touched: where it is, and what is the matter.
async fn hindrance(scm: &LocalScm, repository: &Repository<'_>, checkout: &Checkout) -> Result<Option<String>> {
    let path = &checkout.path;
    if checkout.is_gone {
        return Ok(Some(format!("`{path}`, and that directory is gone")));
    }
    if scm.config.update_checkout == UpdateCheckout::Never {
        return Ok(Some(format!("`{path}`, and the configuration says `updateCheckout: never`")));
    }
    let what = checkouts::under_way(repository, path).await?;
    Ok(what.map(|what| format!("`{path}`, where {what} is under way; end that first")))
}

/// With the command that does it by hand.
fn told(pull: &Pull, why: &str, checkout: &Checkout) -> MergeOutcome {
    let remedy = if checkout.is_gone {
        "git worktree prune".to_owned()
    } else {
        let merge = "merge --ff-only --no-squash --no-verify-signatures";
        format!("git -C {} {merge} {}", word(checkout.path.as_str()), refs::of_merge(pull.number))
    };
    blocked(why, Some(remedy))
}

/// By the commit's name: the pin may be another's by now. As the commit is here and no tags are asked for, git starts no other
/// git for it, which would hear nothing of a `safe.directory` in the environment.
async fn fetch(repository: &Repository<'_>, base: &BranchName, attempt: &Attempt) -> Result<CommandOutput> {
    let call = repository
        .at(["fetch", "--quiet", "--no-tags", "--no-prune", "--no-recurse-submodules", "--no-write-fetch-head"])
        .arg("--no-auto-maintenance")
        .arg("--no-write-commit-graph")
        // Where the configuration says no, git does not look whether it goes forward, and takes all for forward.
        .arg("--show-forced-updates")
        .arg("--end-of-options")
        .arg(".")
        .arg(format!("{}:{}", attempt.commit, refs::of_branch(base)))
        // The first version in which any commit may be asked for; and no network is meant by a repository's own path.
        .set("protocol.version", "2")
        .env("GIT_ALLOW_PROTOCOL", "file")
        // A broken ref of somebody's is no reason to refuse: what is merged is here already.
        .env("GIT_REF_PARANOIA", "0");
    call.to_its_end().output().await
}

/// No file that git ignores is overwritten, and nothing is stashed away. Whatever is configured, it is a fast-forward.
async fn fast_forward(
    repository: &Repository<'_>,
    place: &Utf8Path,
    base: &BranchName,
    attempt: &Attempt,
) -> Result<CommandOutput> {
    if deadline().is_some_and(|left| left < CHECKOUT) {
        return Err(Error::unavailable(format!("too little time is left to bring it into `{place}`; try again")));
    }
    let mut call = repository
        .inside(place, ["merge", "--ff-only", "--quiet", "--no-stat", "--no-autostash", "--no-overwrite-ignore"])
        .arg("--no-squash")
        .arg("--no-verify-signatures")
        .arg(attempt.commit.as_str());
    // A strategy that somebody chose for the branch may be one that goes without fast-forwards. A key ends at the first `=`.
    if !base.as_str().contains('=') {
        call = call.set(&format!("branch.{base}.mergeOptions"), "");
    }
    call.to_its_end().output().await
}
