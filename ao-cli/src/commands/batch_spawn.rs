//! `ao batch-spawn`: a session for each of many issues. One that fails does not stop the others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use ao_core::Error;
use ao_core::config::Project;
use ao_core::lifecycle::SpawnPlan;
use ao_core::model::{IssueId, PluginName, ProjectName, SessionId};
use ao_host::sessions::{Crew, Outlook, Sessions, SpawnRequest, agent_environment};
use ao_host::store::SqliteReader;
use ao_host::world::World;
use camino::Utf8PathBuf;
use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;

use super::spawn;
use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::output::{self, Page};
use crate::view::{Format, View};
use crate::{completion, expiring, input, manager};

/// Start a session for each of many issues; what fails does not stop the others
///
/// An issue that a session works on already, or that is named twice, is passed over, and that is said. Exits with 1 when
/// a session could not be started.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The issues, as the project's tracker calls them
    #[arg(value_name = "ISSUE", required_unless_present = "file")]
    issues: Vec<IssueId>,
    /// A file with more of them, one a line; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<Utf8PathBuf>,
    /// The project; the only one, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    /// The agent, instead of the configured one
    #[arg(long, value_name = "NAME", add = completion::agents())]
    agent: Option<PluginName>,
    /// At most so many are started at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    parallel: u16,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

/// What became of every issue.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BatchView {
    /// In the order in which they were named.
    issues: Vec<One>,
    /// Whether nothing was done.
    dry_run: bool,
}

/// What became of one issue.
#[derive(Serialize, JsonSchema)]
struct One {
    /// As it was named.
    issue: String,
    /// In one word.
    outcome: Became,
    /// The session that works on it, now or already.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    /// Why none was started, or what there is to say about the one that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Box<SpawnPlan>>,
}

/// What became of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Became {
    /// A session works on it now.
    Spawned,
    /// A session would work on it.
    Planned,
    /// It is worked on already, or was named twice.
    Skipped,
    /// No session could be started.
    Failed,
}

impl Became {
    fn as_str(self) -> &'static str {
        match self {
            Self::Spawned => "spawned",
            Self::Planned => "planned",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let issues = self.named(edge)?;
        let setup = edge.setup_of(edge.config_files()?)?;
        setup.require_trust()?;
        spawn::warn(&setup);
        let project = manager::project(edge, &setup, self.project.as_ref())?;
        let batch = Batch {
            project,
            config_file: setup.loaded.files.local.clone(),
            crew: Crew::for_project(&setup, project, self.agent.as_ref())?.with_tracker(&setup, project)?,
            environment: agent_environment(&edge.environment.variables),
            parent: manager::calling_session(edge)?,
            seen: RefCell::default(),
        };
        let issues = if self.dry_run {
            batch.plan(edge, &issues)?
        } else {
            let sessions = manager::open(edge)?;
            let started = stream::iter(&issues).map(|issue| batch.start(&sessions, issue));
            let issues = block_on(started.buffered(usize::from(self.parallel)).collect())?;
            expiring::one_more(edge, &sessions);
            issues
        };
        let view = BatchView { issues, dry_run: self.dry_run };
        if !self.format.is_json() {
            output::note(view.summary());
        }
        self.format.show(&view)?;
        let failed = view.issues.iter().any(|one| one.outcome == Became::Failed);
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// The issues of the command line, then those of the file.
    fn named(&self, edge: &Edge) -> Result<Vec<IssueId>, Error> {
        let mut issues = self.issues.clone();
        let text = match &self.file {
            None => return Ok(issues),
            Some(file) if file == "-" => input::stdin()?,
            Some(file) => input::file(&edge.absolute(file))?,
        };
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            // `#12` is how some trackers call an issue; with a space it is no id.
            if line.is_empty() || line == "#" || line.starts_with("# ") {
                continue;
            }
            let issue = line.parse().map_err(|error: ao_core::model::InvalidName| {
                Error::invalid_input(format!("line {} of the list is no issue's id: {error}", number + 1))
            })?;
            issues.push(issue);
        }
        if issues.is_empty() {
            return Err(Error::invalid_input("the list names no issue"));
        }
        Ok(issues)
    }
}

/// What all the sessions of a batch have in common.
struct Batch<'a> {
    project: &'a Project,
    config_file: Option<Utf8PathBuf>,
    crew: Crew,
    environment: BTreeMap<String, String>,
    parent: Option<SessionId>,
    /// The issues that were taken up, as the command line and as the tracker names them.
    seen: RefCell<BTreeSet<String>>,
}

impl Batch<'_> {
    /// Starts a session for an issue.
    async fn start(&self, sessions: &Sessions, issue: &IssueId) -> One {
        match Box::pin(self.try_start(sessions, issue)).await {
            Ok(one) => one,
            Err(error) => One::without(issue, Became::Failed, error.to_string()),
        }
    }

    async fn try_start(&self, sessions: &Sessions, issue: &IssueId) -> Result<One, Error> {
        let Some(assignment) = self.take_up(issue).await? else { return Ok(One::twice(issue)) };
        let request = self.request(&assignment);
        if let Some(session) = request.worked_on_by(&*sessions.store, &sessions.world)? {
            return Ok(One::taken(issue, session));
        }
        match Box::pin(sessions.spawn(&request)).await {
            Ok(spawned) => {
                let why = spawn::prompt_problem(&spawned);
                let session = Some(spawned.session.id);
                Ok(One { issue: issue.to_string(), outcome: Became::Spawned, session, why, plan: None })
            }
            // Somebody else was faster, and it is in good hands.
            Err(error) => match request.worked_on_by(&*sessions.store, &sessions.world)? {
                Some(session) => Ok(One::taken(issue, session)),
                None => Err(error),
            },
        }
    }

    /// What would be done, one after the other: the numbers of the sessions follow each other.
    fn plan(&self, edge: &Edge, issues: &[IssueId]) -> Result<Vec<One>, Failure> {
        let (store, world) = (manager::reader(edge)?, World::system());
        let (mut planned, mut ahead) = (Vec::new(), 0);
        for issue in issues {
            let outlook = Outlook { store: &store, world: &world, places: &edge.places, ahead };
            let one = block_on(self.plan_one(&outlook, &store, issue))?
                .unwrap_or_else(|error| One::without(issue, Became::Failed, error.to_string()));
            ahead += u64::from(one.outcome == Became::Planned);
            planned.push(one);
        }
        Ok(planned)
    }

    async fn plan_one(&self, outlook: &Outlook<'_>, store: &SqliteReader, issue: &IssueId) -> Result<One, Error> {
        let Some(assignment) = self.take_up(issue).await? else { return Ok(One::twice(issue)) };
        let request = self.request(&assignment);
        if let Some(session) = request.worked_on_by(store, outlook.world)? {
            return Ok(One::taken(issue, session));
        }
        let plan = Box::new(outlook.plan(&request).await?);
        let session = Some(plan.session.clone());
        Ok(One { issue: issue.to_string(), outcome: Became::Planned, session, why: None, plan: Some(plan) })
    }

    /// The issue, if it was not taken up before under this name or another.
    async fn take_up(&self, issue: &IssueId) -> Result<Option<ao_core::lifecycle::Assignment>, Error> {
        if !self.seen.borrow_mut().insert(issue.to_string()) {
            return Ok(None);
        }
        let assignment = spawn::fetch(&self.crew, issue, self.project).await?;
        let is_new = assignment.id == *issue || self.seen.borrow_mut().insert(assignment.id.to_string());
        Ok(Some(assignment).filter(|_| is_new))
    }

    fn request<'b>(&'b self, issue: &'b ao_core::lifecycle::Assignment) -> SpawnRequest<'b> {
        SpawnRequest {
            config_file: self.config_file.clone(),
            issue: Some(issue),
            environment: self.environment.clone(),
            parent: self.parent.clone(),
            ..SpawnRequest::new(self.project, &self.crew)
        }
    }
}

impl One {
    fn without(issue: &IssueId, outcome: Became, why: String) -> Self {
        Self { issue: issue.to_string(), outcome, session: None, why: Some(why), plan: None }
    }

    fn twice(issue: &IssueId) -> Self {
        Self::without(issue, Became::Skipped, "it is named twice".to_owned())
    }

    fn taken(issue: &IssueId, session: SessionId) -> Self {
        let why = format!("`{session}` works on it already");
        Self { session: Some(session), ..Self::without(issue, Became::Skipped, why) }
    }
}

impl BatchView {
    /// How many there are of each.
    fn summary(&self) -> String {
        let counted = [Became::Spawned, Became::Planned, Became::Skipped, Became::Failed].map(|outcome| {
            let count = self.issues.iter().filter(|one| one.outcome == outcome).count();
            (count > 0).then(|| format!("{count} {}", outcome.as_str()))
        });
        let nothing = if self.dry_run { "; nothing was made" } else { "" };
        format!("{}{nothing}", counted.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

impl View for BatchView {
    fn write(&self, page: &mut Page) {
        let row = |one: &One| {
            let session = one.session.as_ref().map(ToString::to_string).unwrap_or_default();
            [one.issue.clone(), one.outcome.as_str().to_owned(), session, one.why.clone().unwrap_or_default()]
        };
        page.table(["ISSUE", "OUTCOME", "SESSION", "WHY"], &self.issues.iter().map(row).collect::<Vec<_>>());
    }
}
