//! The project's repository: whether it can carry worktrees, and which commit a base is.

use ao_plugin_sdk::prelude::*;

use ao_git_command::{Call, Git, complaint};

/// A repository with a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    /// The project's directory: the checkout, or a directory in it.
    pub(crate) project: Utf8PathBuf,
    /// The directory with objects and refs, shared by all worktrees.
    pub(crate) common: Utf8PathBuf,
    /// The project's directory relative to its checkout; empty, or ending with `/`.
    pub(crate) prefix: String,
}

/// The remote that a base is fetched from.
const REMOTE: &str = "origin";

/// Opens the repository of a project.
pub(crate) async fn open(git: &Git, project: &Utf8Path) -> Result<Repository> {
    Ok(open_at(git, project, None).await?.0)
}

/// Opens the repository of a project and finds the commit to start from.
pub(crate) async fn open_with_base(
    git: &Git,
    project: &Utf8Path,
    base: &str,
    freshness: Freshness,
) -> Result<(Repository, String)> {
    check_base(base)?;
    if freshness == Freshness::Fetched {
        let (repository, _) = open_at(git, project, None).await?;
        let fetched = fetch(git, &repository, base).await?;
        let commit = resolve(git, &repository, base, &fetched).await?;
        return Ok((repository, commit));
    }
    // Nearly always the base is a local branch: one process finds both.
    let (repository, commit) = open_at(git, project, Some(base)).await?;
    let commit = match commit {
        Some(commit) => commit,
        None => resolve(git, &repository, base, base).await?,
    };
    Ok((repository, commit))
}

async fn open_at(git: &Git, project: &Utf8Path, base: Option<&str>) -> Result<(Repository, Option<String>)> {
    if !project.is_absolute() {
        return Err(Error::invalid_input(format!("the project's path `{project}` is not absolute")));
    }
    let exists = blocking({
        let project = project.to_owned();
        move || Ok(project.is_dir())
    });
    if !exists.await? {
        return Err(Error::not_found(format!(
            "the project's directory `{project}` does not exist; correct its `path`"
        )));
    }
    let mut call = git.at(
        project,
        ["rev-parse", "--path-format=absolute", "--git-common-dir", "--is-bare-repository", "--show-prefix"],
    );
    if let Some(base) = base {
        call = call.arg(format!("refs/heads/{base}^{{commit}}"));
    }
    // A base that is no local branch ends it with an error, after the rest has been printed.
    let output = call.output().await?;
    let text = String::from_utf8(output.stdout.clone()).map_err(|_| {
        Error::unsupported(format!("the repository of `{project}` has a path that is not UTF-8; move it"))
    })?;
    let mut lines = text.lines();
    let (Some(common), Some(bare), Some(prefix)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(no_repository(project, &call, &output));
    };
    if bare == "true" {
        return Err(Error::invalid_input(format!(
            "`{project}` is a bare repository: it has no files to work on; clone it, or add a worktree to it with \
             `git worktree add`, and set the project's `path` to that"
        )));
    }
    let commit = lines.next().filter(|_| output.status.success()).map(str::to_owned);
    Ok((Repository { project: project.to_owned(), common: common.into(), prefix: prefix.to_owned() }, commit))
}

fn no_repository(project: &Utf8Path, call: &Call<'_>, output: &CommandOutput) -> Error {
    let said = complaint(output);
    if said.contains("not a git repository") {
        return Error::invalid_input(format!(
            "`{project}` is not a git repository: run `git init` there and make a first commit, or set the project's \
             `path` to a checkout"
        ));
    }
    if said.contains("must be run in a work tree") {
        return Error::invalid_input(format!("`{project}` is not in a checkout; set the project's `path` to one"));
    }
    call.failure(output)
}

/// Refuses what cannot be handed to git as one line, or would be taken for an option.
fn check_base(base: &str) -> Result<()> {
    let problem = if base.is_empty() {
        "is empty"
    } else if base.starts_with('-') {
        "starts with `-`"
    } else if base.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    let message = format!("the base `{}` {problem}; name a branch, a tag or a commit", base.escape_debug());
    Err(Error::invalid_input(message).at_field("base"))
}

/// Brings the base's branch from the remote. Returns the name that the fetched commit is found by.
async fn fetch(git: &Git, repository: &Repository, base: &str) -> Result<String> {
    let branch = base.strip_prefix("origin/").unwrap_or(base);
    let fetched = format!("refs/remotes/{REMOTE}/{branch}");
    let call = git
        .at(&repository.project, ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"])
        .arg("--end-of-options")
        .arg(REMOTE)
        .arg(format!("+refs/heads/{branch}:{fetched}"));
    let output = call.output().await?;
    if output.status.success() {
        return Ok(fetched);
    }
    let said = complaint(&output);
    if said.contains("couldn't find remote ref") {
        return Err(Error::not_found(format!(
            "the remote `{REMOTE}` has no branch `{branch}` to fetch: push it, correct the project's `defaultBranch`, \
             or turn `fetch` off"
        )));
    }
    let remotes = git.at(&repository.project, ["remote"]).run().await?.text();
    if !remotes.lines().any(|remote| remote == REMOTE) {
        let known = if remotes.is_empty() { "none".to_owned() } else { remotes.replace('\n', ", ") };
        return Err(Error::not_found(format!(
            "`{}` has no remote `{REMOTE}` to fetch from (remotes: {known}): add it, or turn `fetch` off",
            repository.project
        )));
    }
    Err(Error::unavailable(format!("cannot fetch `{branch}` from `{REMOTE}` in `{}`: {said}", repository.project)))
}

/// The commit that a base means: a local branch, else a branch of the remote, else whatever git finds by that name.
async fn resolve(git: &Git, repository: &Repository, base: &str, first: &str) -> Result<String> {
    let names = [
        first.strip_prefix("refs/").map_or_else(|| format!("refs/heads/{first}"), |_| first.to_owned()),
        format!("refs/remotes/{REMOTE}/{base}"),
        base.to_owned(),
        "HEAD".to_owned(),
    ];
    let questions: String = names.iter().flat_map(|name| [name.as_str(), "^{commit}\n"]).collect();
    let call = git.at(&repository.project, ["cat-file", "--batch-check=%(objecttype) %(objectname)"]).input(questions);
    let answers = call.run().await?.text();
    let mut commits = answers.lines().map(|line| line.strip_prefix("commit "));
    if let Some(commit) = commits.by_ref().take(names.len() - 1).flatten().next() {
        return Ok(commit.to_owned());
    }
    let head = answers.lines().last().and_then(|line| line.strip_prefix("commit "));
    Err(no_base(git, repository, base, head).await?)
}

async fn no_base(git: &Git, repository: &Repository, base: &str, head: Option<&str>) -> Result<Error> {
    const SHOWN: usize = 10;
    let project = &repository.project;
    let call = git.at(project, ["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/remotes"]);
    let names = call.run().await?.text();
    let names: Vec<_> = names.lines().filter(|name| !name.ends_with("/HEAD")).collect();
    if names.is_empty() && head.is_none() {
        return Ok(Error::invalid_input(format!(
            "`{project}` has no commits yet, so there is nothing to start from: make a first commit \
             (`git add . && git commit`)"
        )));
    }
    let call = git.at(project, ["symbolic-ref", "--quiet", "--short", "HEAD"]);
    let on = call.output().await?.text();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let names = names.into_iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let names = if names.is_empty() { "none".to_owned() } else { names };
    let standing = match (on.as_str(), head) {
        ("", Some(head)) => format!("HEAD is detached at {head}"),
        ("", None) => "HEAD stands on no commit".to_owned(),
        (branch, _) => format!("HEAD is on `{branch}`"),
    };
    Ok(Error::not_found(format!(
        "`{project}` has no branch, tag or commit `{base}` to start from; its branches are {names}{more}; {standing}: \
         set the project's `defaultBranch`"
    ))
    .at_field("base"))
}
