//! A project with every default filled in.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::budgets::{self, Budgets};
use super::checks::Checks;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::lifecycle::{self, AfterMerge};
use super::limits::Limits;
use super::model;
use super::node::{Entry, Node};
use super::orchestrator::Orchestrator;
use super::paths::Home;
use super::prefix;
use super::reactions::{Layer, Reactions};
use super::scalars::{HumanDuration, RelativePath, RepositoryName};
use super::slot::{Agents, SlotConfig, Wanted};
use crate::lifecycle::Approval;
use crate::model::{BranchName, ProjectName, SessionPrefix};
use crate::prices::Prices;

/// How long one step of `postCreate` may take when it does not say.
const POST_CREATE_TIMEOUT: HumanDuration = HumanDuration::minutes(10);

/// A repository to work on, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// The key in the configuration.
    pub name: ProjectName,
    /// The repository's directory. Absolute if the configuration file's name was; may hold `..` and symbolic links.
    pub path: Utf8PathBuf,
    /// The repository's name where it is hosted.
    pub repo: Option<RepositoryName>,
    /// The branch that sessions start from.
    pub default_branch: BranchName,
    /// The first part of session ids.
    pub session_prefix: SessionPrefix,
    /// Where agents live.
    pub runtime: SlotConfig,
    /// Which agent works; `None` where the configuration names none.
    pub agent: Option<SlotConfig>,
    /// How a session gets its own copy of the repository.
    pub workspace: SlotConfig,
    /// Where issues come from.
    pub tracker: Option<SlotConfig>,
    /// Where pull requests are.
    pub scm: Option<SlotConfig>,
    /// What each workspace gets a symbolic link to.
    pub symlinks: Vec<RelativePath>,
    /// What runs in each new workspace, in order.
    pub post_create: Vec<PostCreateStep>,
    /// Whether to fetch before a workspace is created.
    pub fetch: bool,
    /// After how long without progress an agent is stuck; `None` where nothing is said of it.
    pub stuck_after: Option<HumanDuration>,
    /// What is done about what happens.
    pub reactions: Reactions,
    /// The checks of pull requests that the host runs itself.
    pub checks: Option<Checks>,
    /// How much may be started, here and everywhere.
    pub limits: Limits,
    /// What becomes of a session whose pull request is merged.
    pub after_merge: AfterMerge,
    /// How much its sessions may use.
    pub budgets: Budgets,
    /// What models cost.
    pub prices: Arc<Prices>,
    /// What reviewers may conclude.
    pub approval: Approval,
    /// The session that drives `ao`.
    pub orchestrator: Orchestrator,
}

impl Project {
    /// What plugins of the slots tracker and scm are asked about: `owner/name` where the project is hosted, its directory
    /// where the configuration has no `repo`.
    #[must_use]
    pub fn repository(&self) -> String {
        self.repo.as_ref().map_or_else(|| self.path.as_str().to_owned(), |name| name.as_str().to_owned())
    }

    /// The same in milliseconds, as a session's facts have it.
    #[must_use]
    pub fn stuck_after_ms(&self) -> Option<u64> {
        self.stuck_after.map(|after| u64::try_from(after.get().as_millis()).unwrap_or(u64::MAX))
    }
}

/// One thing to run in a new workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostCreateStep {
    /// What to run.
    pub command: PostCreateCommand,
    /// The longest that it may take.
    pub timeout: HumanDuration,
}

/// How a step of `postCreate` is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostCreateCommand {
    /// A program with its arguments; no shell reads them.
    Run(Vec<String>),
    /// A line for `sh -c`, spelled out as such by the user.
    Shell(String),
}

/// What the projects of a configuration share.
pub(crate) struct Context<'a> {
    pub(crate) defaults: Option<&'a Node>,
    pub(crate) agents: Agents<'a>,
    pub(crate) home: Option<&'a Utf8Path>,
    pub(crate) reactions: Layer<'a>,
    pub(crate) limits: Limits,
    pub(crate) lifecycle: lifecycle::Written,
    pub(crate) budgets: budgets::Written,
    pub(crate) prices: Arc<Prices>,
}

/// Fills in everything that a project leaves unsaid, or says everything that keeps it from being used.
pub(crate) fn resolve(
    name: &ProjectName,
    written: &model::Project,
    entry: &Entry,
    context: &Context<'_>,
) -> Result<Project, Diagnostics> {
    let wanted = |slot| Wanted { slot, project: entry, defaults: context.defaults };
    let mut problems = Vec::new();
    let path = note(&mut problems, resolve_path(name, written, entry, context.home));
    let runtime = note(&mut problems, wanted("runtime").required("tmux"));
    let agent = note(&mut problems, wanted("agent").agent(&context.agents));
    let workspace = note(&mut problems, wanted("workspace").required("worktree"));
    let tracker = note(&mut problems, wanted("tracker").optional());
    let scm = note(&mut problems, wanted("scm").optional());
    let rules = written.orchestrator_rules.as_ref();
    let orchestrator = note(&mut problems, Orchestrator::resolve(&entry.node, rules, &context.agents));
    let (Some(path), Some(runtime), Some(agent), Some(workspace), Some(tracker), Some(scm), Some(orchestrator)) =
        (path, runtime, agent, workspace, tracker, scm, orchestrator)
    else {
        return Err(problems.into_iter().collect());
    };
    let session_prefix = match &written.session_prefix {
        Some(prefix) => prefix.clone(),
        None => derived_prefix(name, &path, entry)?,
    };
    Ok(Project {
        name: name.clone(),
        session_prefix,
        path,
        repo: written.repo.clone(),
        default_branch: written
            .default_branch
            .clone()
            .unwrap_or_else(|| "main".parse().expect("`main` is a branch name")),
        runtime,
        agent,
        workspace,
        tracker,
        scm,
        symlinks: written.symlinks.clone(),
        post_create: written.post_create.iter().map(step).collect(),
        fetch: written.fetch.unwrap_or(false),
        stuck_after: written.reactions.stuck_after().or_else(|| context.reactions.written.stuck_after()),
        reactions: Reactions::resolve(
            context.reactions,
            Layer { written: &written.reactions, node: entry.node.get("reactions") },
        ),
        checks: written.checks.as_ref().map(super::checks::Written::resolve),
        limits: context.limits,
        after_merge: written.lifecycle.resolve(context.lifecycle),
        budgets: written.budgets.resolve(context.budgets),
        prices: Arc::clone(&context.prices),
        approval: written.reviewers.approval(),
        orchestrator,
    })
}

fn note<T>(problems: &mut Vec<Diagnostic>, result: Result<T, Diagnostics>) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

fn resolve_path(
    name: &ProjectName,
    written: &model::Project,
    entry: &Entry,
    home: Option<&Utf8Path>,
) -> Result<Utf8PathBuf, Diagnostics> {
    let (Some(text), Some(node)) = (&written.path, entry.node.get("path")) else {
        let message = format!("the project `{name}` has no `path`");
        return Err(Diagnostic::error(&entry.key, entry.node.path.clone(), message)
            .help("write the repository's directory: `path: .` for the one that this file is in")
            .into());
    };
    Home(home).resolve(node.place.source().directory(), text).map_err(|problem| {
        let message = format!("{} {problem}", node.path.subject());
        Diagnostic::error(&node.place, node.path.clone(), message).into()
    })
}

fn derived_prefix(name: &ProjectName, path: &Utf8Path, entry: &Entry) -> Result<SessionPrefix, Diagnostics> {
    path.file_name().and_then(prefix::derive).or_else(|| prefix::derive(name.as_str())).ok_or_else(|| {
        let message = format!("no session prefix can be made of the name of `{path}`");
        Diagnostic::error(&entry.key, entry.node.path.clone(), message).help("set `sessionPrefix`").into()
    })
}

fn step(written: &model::PostCreate) -> PostCreateStep {
    let (command, timeout) = match written {
        model::PostCreate::Bare(argv) => (PostCreateCommand::Run(argv.clone()), None),
        model::PostCreate::Run { run, timeout } => (PostCreateCommand::Run(run.clone()), *timeout),
        model::PostCreate::Shell { sh, timeout } => (PostCreateCommand::Shell(sh.clone()), *timeout),
    };
    PostCreateStep { command, timeout: timeout.unwrap_or(POST_CREATE_TIMEOUT) }
}
