//! `ao pr create`: a pull request for the branch that somebody works on.

use std::process::ExitCode;

use ao_core::model::{BranchName, InvalidName};
use ao_core::slots::scm::{OpenPull, PullRef};
use ao_core::text::one_line;
use ao_core::{Code, Error};
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{Desk, Whose, key};
use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::git::Git;
use crate::input;
use crate::output::Page;
use crate::view::{Format, View};

/// The longest title that is made up, in characters.
const MOST_TITLE: usize = 200;

/// Open a pull request
///
/// In a session it is for the session's branch, else for the branch that you stand on. What is not committed is no part of it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One line; the commit's where there is one, else the issue's or one made of the branch's name
    #[arg(short, long, value_name = "TEXT")]
    title: Option<String>,
    /// What there is to say about it; `-` is standard input
    #[arg(short, long, value_name = "TEXT", conflicts_with = "file", allow_hyphen_values = true)]
    body: Option<String>,
    /// A file that says it; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<Utf8PathBuf>,
    /// The branch that it is to go into, instead of the project's default branch
    #[arg(long, value_name = "NAME")]
    base: Option<BranchName>,
    /// The branch that it is for, instead of the session's or the current one
    #[arg(long, value_name = "NAME")]
    branch: Option<BranchName>,
    /// It is not to be merged yet
    #[arg(long)]
    draft: bool,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    format: Format,
}

/// A pull request that was opened.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CreatedView {
    /// Its number and where a human reads it.
    #[serde(flatten)]
    pull: PullRef,
    /// Its title.
    title: String,
    /// From which branch.
    branch: BranchName,
    /// Into which branch.
    base: BranchName,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let body = input::given(edge, self.body.as_deref(), self.file.as_deref())?;
        let desk = Desk::open(edge, &self.whose)?;
        let (git, standing) = place(&desk, self.branch.is_some())?;
        let branch = self.branch.or(standing).ok_or_else(|| {
            Error::invalid_input("you stand on no branch: `git switch --create NAME` makes one, or say `--branch`")
        })?;
        let base = self.base.unwrap_or_else(|| desk.project.default_branch.clone());
        if branch == base {
            let message = format!("`{branch}` is the branch that it would go into: `git switch --create NAME` first");
            return Err(Error::invalid_input(message).into());
        }
        let title = match self.title {
            Some(title) => one_line(&title, usize::MAX),
            None => title(&desk, &git, &branch, &base)?,
        };
        if title.is_empty() {
            return Err(Error::invalid_input("a pull request has a title").at_field("--title").into());
        }
        let repository = desk.forge.repository.as_str();
        let mut open = OpenPull::new(key("open"), repository, branch.clone(), base.clone(), title.as_str());
        open.body = body.unwrap_or_default();
        (open.draft, open.author) = (self.draft, Some(desk.author()));
        open.session = desk.session().map(|session| session.id.clone());
        let pull = block_on(desk.forge.scm.instance.open_pull(open))??;
        desk.changed(&pull);
        self.format.show(&CreatedView { pull, title, branch, base })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View for CreatedView {
    fn write(&self, page: &mut Page) {
        let url = self.pull.url.as_ref().map(|url| format!("  {url}")).unwrap_or_default();
        page.line(format_args!("#{}{url}", self.pull.number));
    }
}

/// Where the branch is looked at, and which one it is unless somebody says.
fn place(desk: &Desk<'_>, is_named: bool) -> Result<(Git, Option<BranchName>), Failure> {
    if let Some(session) = desk.session() {
        let workspace = session.workspace.as_ref();
        let there = workspace.map(|workspace| &workspace.path).filter(|path| path.exists());
        let directory = there.unwrap_or(&desk.project.path).clone();
        return Ok((Git::at(directory, desk.edge), workspace.map(|workspace| workspace.branch.clone())));
    }
    let here = Git::at(desk.edge.environment.current_directory.clone(), desk.edge);
    let common = ["rev-parse", "--path-format=absolute", "--git-common-dir"];
    let ours = desk.git().text(&common)?;
    if ours.is_some() && here.text(&common)? == ours {
        let name = here.text(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
        let name = name.map(|name| name.parse()).transpose();
        return Ok((here, name.map_err(|error: InvalidName| Error::invalid_input(error.to_string()))?));
    }
    if is_named {
        return Ok((desk.git(), None));
    }
    let message = format!("this is no directory of the repository of `{}`: say `--branch`", desk.project.name);
    Err(Error::invalid_input(message).into())
}

/// What a human would write: the commit's own line where there is one commit, else what the work is called.
fn title(desk: &Desk<'_>, git: &Git, branch: &BranchName, base: &BranchName) -> Result<String, Error> {
    let head = format!("refs/heads/{branch}");
    let range = format!("refs/heads/{base}..{head}");
    let commits = git.text(&["rev-list", "--count", "--max-count=2", "--end-of-options", &range])?;
    match commits.as_deref() {
        Some("0") => {
            let message = format!("`{branch}` has no commit that `{base}` has not: commit your work first");
            return Err(Error::new(Code::CONFLICT, message));
        }
        Some("1") => {
            if let Some(subject) = git.text(&["log", "-1", "--format=%s", "--end-of-options", &head])? {
                return Ok(one_line(&subject, MOST_TITLE));
            }
        }
        // Branches that only the forge has are its own matter.
        _ => {}
    }
    let issue = desk.session().filter(|session| session.workspace.as_ref().is_some_and(|own| own.branch == *branch));
    let issue = issue.and_then(|session| session.issue_facts.as_ref()).map(|issue| issue.title.clone());
    Ok(issue.filter(|title| !title.is_empty()).unwrap_or_else(|| readable(branch)))
}

/// `fix/login-page` as people write it: `Login page`.
fn readable(branch: &BranchName) -> String {
    let last = branch.as_str().rsplit('/').next().unwrap_or_default();
    let words = last.replace(['-', '_'], " ");
    let mut rest = words.trim().chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branchs_name_is_made_readable() {
        for (branch, title) in
            [("fix/login-page", "Login page"), ("ao/app-3", "App 3"), ("élan_vital", "Élan vital"), ("x", "X")]
        {
            assert_eq!(readable(&branch.parse().unwrap()), title);
        }
    }
}
