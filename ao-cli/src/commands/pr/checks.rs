//! `ao pr checks`: how the checks of a pull request stand that `ao` runs itself, what they printed, and once more.

use std::io::{Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use ao_core::lifecycle::CheckPlan;
use ao_core::model::facts::Session;
use ao_core::model::{CheckName, CheckResult, CheckRun, ExitStatus, ProjectName, RunState, SessionId, Timestamp};
use ao_core::slots::scm::CheckState;
use ao_core::{Code, Error};
use ao_host::checks::{log_of, plan};
use ao_host::host::{HostState, look};
use ao_host::store::{Fence, Reader, SessionFilter, SqliteStore, Store};
use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::following::{SLOW_LOOK, follow};
use crate::output::Page;
use crate::view::{Format, View};
use crate::{completion, manager, output};

/// How often is looked for more of a log: no file system tells everywhere.
const OFTEN: Duration = Duration::from_millis(200);
/// So much of a log is read at once, in bytes.
const AT_ONCE: u64 = 256 * 1024;

/// Show the checks of a pull request that `ao` runs itself
///
/// Exits with 0 when every required check has passed, with 1 when one has failed, and with 75 while something is still to
/// come.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The number of the pull request
    #[arg(required_unless_present = "session")]
    number: Option<u64>,
    /// The session whose pull request it is
    #[arg(long, conflicts_with = "number", add = completion::sessions())]
    session: Option<SessionId>,
    /// The project, where several have a pull request of this number
    #[arg(long, add = completion::projects())]
    project: Option<ProjectName>,
    /// Go on until every check has a verdict; with `--log`, until that one has
    #[arg(short, long)]
    follow: bool,
    /// Run a check once more, or all of them
    #[arg(long, value_name = "NAME", num_args = 0..=1, conflicts_with = "log")]
    rerun: Option<Vec<CheckName>>,
    /// Print what a check has printed
    #[arg(long, value_name = "NAME")]
    log: Option<CheckName>,
    #[command(flatten)]
    format: Format,
}

/// The checks of a pull request.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ChecksView {
    /// The project.
    project: ProjectName,
    /// The session whose pull request it is.
    session: SessionId,
    /// The number of the pull request.
    number: u64,
    /// The commit at its head.
    commit: String,
    /// The checks.
    checks: Vec<Row>,
    /// What is not as in the commit, such as submodules that are empty.
    notes: Vec<String>,
}

/// One check.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// Its name.
    name: CheckName,
    /// How it stands.
    state: CheckState,
    /// Whether a merge needs it.
    required: bool,
    /// How far its run is; none where there is none yet.
    run: Option<RunState>,
    /// When it began.
    started_at: Option<Timestamp>,
    /// How long its command ran, in milliseconds.
    elapsed_ms: Option<u64>,
    /// How its command ended.
    exit: Option<ExitStatus>,
    /// Why it failed.
    why: Option<String>,
    /// Paths that were there from an earlier run. None: everything was made fresh.
    reused: Vec<String>,
    /// What it printed.
    log: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let subject = self.subject(edge)?;
        if let Some(names) = &self.rerun {
            subject.rerun(edge, names.first())?;
            if !self.follow {
                return Ok(ExitCode::SUCCESS);
            }
        }
        if let Some(name) = &self.log {
            return subject.print_log(edge, name, self.follow);
        }
        if self.follow {
            block_on(subject.follow(edge))??;
        }
        let view = subject.view(edge)?;
        if !self.format.is_json() && !self.follow {
            // The head may have moved since somebody looked.
            say_who_runs_them(edge);
        }
        self.format.show(&view)?;
        Ok(view.exit_code())
    }

    /// The pull request that is meant, by the facts of the session that it belongs to.
    fn subject(&self, edge: &Edge) -> Result<Subject, Failure> {
        let sessions = manager::reader(edge)?.sessions(&SessionFilter::default()).map_err(Error::from)?;
        let is_meant = |session: &&Session| {
            let of_number = session.pull.as_ref().is_some_and(|pull| Some(pull.snapshot.pull.number) == self.number);
            let named = self.session.as_ref().map_or(of_number, |id| session.id == *id);
            named && self.project.as_ref().is_none_or(|project| session.project == *project)
        };
        // Of several sessions with one pull request, the newest that lives knows most.
        let mut meant: Vec<_> = sessions.iter().filter(is_meant).collect();
        meant.sort_by_key(|session| session.end.is_none());
        let projects: std::collections::BTreeSet<_> = meant.iter().map(|session| &session.project).collect();
        if projects.len() > 1 {
            let names: Vec<_> = projects.into_iter().map(ProjectName::as_str).collect();
            let message = format!("which project's? Say `--project` with one of {}", names.join(", "));
            return Err(Error::invalid_input(message).into());
        }
        let Some(session) = meant.last().copied().cloned() else {
            let message = match (&self.session, self.number) {
                (Some(id), _) => format!("there is no session `{id}`"),
                (None, number) => format!(
                    "no session has the pull request #{}; `ao status` shows which have one",
                    number.unwrap_or_default()
                ),
            };
            return Err(Error::not_found(message).into());
        };
        let (id, project) = (session.id.clone(), session.project.clone());
        let pull = session.pull.as_ref();
        let pull = pull.ok_or_else(|| Error::not_found(format!("`{id}` has no pull request that was seen yet")))?;
        let (number, commit) = (pull.snapshot.pull.number, pull.snapshot.head.clone());
        let setup = manager::setup_for(edge, &session)?;
        setup.require_trust()?;
        let checks = setup.loaded.config.project(&project)?.checks.as_ref().map(plan).ok_or_else(|| {
            let message =
                format!("the project `{project}` has no checks of its own; write `checks:` under `projects.{project}`");
            Error::not_found(message).at_field(format!("projects.{project}.checks"))
        })?;
        Ok(Subject { session: id, project, directory: session.project_path, number, commit, plan: checks })
    }
}

/// A pull request and what is to be checked.
struct Subject {
    session: SessionId,
    project: ProjectName,
    directory: Utf8PathBuf,
    number: u64,
    commit: String,
    plan: CheckPlan,
}

impl Subject {
    /// The runs that count, the newest last.
    fn runs(&self, edge: &Edge) -> Result<Vec<CheckRun>, Failure> {
        let mut runs = manager::reader(edge)?.check_runs_of(&self.directory, &self.commit).map_err(Error::from)?;
        runs.retain(|run| run.definition == self.plan.definition);
        Ok(runs)
    }

    fn view(&self, edge: &Edge) -> Result<ChecksView, Failure> {
        let runs = self.runs(edge)?;
        let rows = self.plan.required.iter().map(|(name, required)| Row::new(name, *required, &runs));
        let (project, session, number, commit) =
            (self.project.clone(), self.session.clone(), self.number, self.commit.clone());
        let notes = runs.last().map(|run| run.notes.clone()).unwrap_or_default();
        Ok(ChecksView { project, session, number, commit, checks: rows.collect(), notes })
    }

    /// Says each verdict as it comes, until there are all.
    async fn follow(&self, edge: &Edge) -> Result<(), Failure> {
        let mut told = Vec::new();
        say_who_runs_them(edge);
        follow(edge, SLOW_LOOK, async || {
            let view = self.view(edge)?;
            for row in view.checks.iter().filter(|row| row.state != CheckState::Pending) {
                let key = (row.name.clone(), row.started_at);
                if !told.contains(&key) {
                    told.push(key);
                    output::note(format_args!("{}: {}", row.name, row.outcome()));
                }
            }
            Ok(if view.is_pending() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
        .await
    }

    /// Asks for checks once more, by the row that a host reads.
    fn rerun(&self, edge: &Edge, name: Option<&CheckName>) -> Result<(), Failure> {
        if let Some(name) = name.filter(|name| !self.plan.required.contains_key(*name)) {
            return Err(self.no_check(name).into());
        }
        let Some(run) = self.runs(edge)?.pop() else {
            output::note("nothing was checked yet, so there is nothing to do once more");
            say_who_runs_them(edge);
            return Ok(());
        };
        let store = SqliteStore::open(&edge.places.state_db()).map_err(Error::from)?;
        let changed = store.change_check_run(Fence::None, &run.id, &mut |run| {
            run.ask_again(name.cloned());
            Vec::new()
        });
        changed.map_err(Error::from)?;
        output::note(format_args!(
            "asked for {} of #{} once more",
            name.map_or("every check", CheckName::as_str),
            self.number
        ));
        say_who_runs_them(edge);
        Ok(())
    }

    fn no_check(&self, name: &CheckName) -> Error {
        let names: Vec<_> = self.plan.required.keys().map(CheckName::as_str).collect();
        Error::not_found(format!("no check is called `{name}`; there are {}", names.join(", ")))
    }

    /// Prints a check's log. What could move the cursor or colour the terminal is made harmless, and stays in the file.
    fn print_log(&self, edge: &Edge, name: &CheckName, follow_it: bool) -> Outcome {
        if !self.plan.required.contains_key(name) {
            return Err(self.no_check(name).into());
        }
        let mut at = 0;
        let mut shown = None;
        let mut step = || -> Result<ControlFlow<()>, Failure> {
            let runs = self.runs(edge)?;
            let run = runs.iter().rev().find(|run| run.names.contains(name));
            // Before the file: what is printed after the end was seen does not exist.
            let is_over = run.is_none_or(|run| run.result(name).is_some() || !run.state.is_open());
            let Some(file) = run.and_then(|run| log_of(&edge.places, run, name)).filter(|file| file.exists()) else {
                if is_over && run.is_some() {
                    output::note("it has no log");
                }
                return Ok(if follow_it && !is_over { ControlFlow::Continue(()) } else { ControlFlow::Break(()) });
            };
            if shown.as_ref() != Some(&file) {
                (at, shown) = (0, Some(file.clone()));
            }
            while print_from(&file, &mut at)? {}
            Ok(if follow_it && !is_over { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        };
        if follow_it {
            block_on(follow(edge, OFTEN, async || step()))??;
        } else {
            let _ = step()?;
        }
        if shown.is_none() {
            return Err(Error::unavailable(format!("`{name}` has printed nothing yet: it waits for its turn")).into());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints what is there from an offset on, a part of it. Whether there may be more.
fn print_from(file: &Utf8Path, at: &mut u64) -> Result<bool, Failure> {
    let failed = |error: std::io::Error| Error::wrap(Code::OTHER, format!("cannot read `{file}`"), &error);
    let mut opened = fs_err::File::open(file).map_err(failed)?;
    opened.seek(SeekFrom::Start(*at)).map_err(failed)?;
    let mut bytes = Vec::new();
    let count = opened.take(AT_ONCE).read_to_end(&mut bytes).map_err(failed)?;
    *at += u64::try_from(count).unwrap_or(u64::MAX);
    output::text(&output::printable(&String::from_utf8_lossy(&bytes)))?;
    Ok(count > 0)
}

/// Checks are run by a host; says so where there is none.
fn say_who_runs_them(edge: &Edge) {
    if !matches!(look(&edge.places), HostState::Running(_)) {
        output::warning(
            "no host runs, so nothing is checked now and no new head is seen: `ao start` begins one, `ao reconcile --checks` is one for a pass",
        );
    }
}

impl Row {
    fn new(name: &CheckName, required: bool, runs: &[CheckRun]) -> Self {
        let of_name = || runs.iter().rev().filter(|run| run.names.contains(name));
        let newest = of_name().next();
        let asked_again = runs.last().is_some_and(|run| run.is_asked_again(name));
        let pending = asked_again || newest.is_some_and(|run| run.state.is_open() && run.result(name).is_none());
        let found: Option<&CheckResult> = if pending { None } else { of_name().find_map(|run| run.result(name)) };
        Self {
            name: name.clone(),
            state: found.map_or(CheckState::Pending, |result| result.state),
            required,
            run: newest.map(|run| run.state),
            started_at: found.map(|result| result.started_at),
            elapsed_ms: found.map(|result| result.elapsed_ms),
            exit: found.and_then(|result| result.exit),
            why: found.and_then(|result| result.why.clone()),
            reused: found.into_iter().flat_map(|result| &result.reused).map(ToString::to_string).collect(),
            log: found.and_then(|result| result.log.as_ref()).map(ToString::to_string),
        }
    }

    /// How it stands, for a person.
    fn outcome(&self) -> String {
        let word = match (self.state, self.run) {
            (CheckState::Passed, _) => "passed",
            (CheckState::Failed, _) => "failed",
            (_, Some(RunState::Running)) => "running",
            _ => "waiting",
        };
        self.why.as_ref().map_or_else(|| word.to_owned(), |why| format!("{word}: {why}"))
    }
}

impl ChecksView {
    fn is_pending(&self) -> bool {
        self.checks.iter().any(|row| row.state == CheckState::Pending)
    }

    fn exit_code(&self) -> ExitCode {
        let required = |state: CheckState| self.checks.iter().any(|row| row.required && row.state == state);
        if required(CheckState::Failed) {
            ExitCode::FAILURE
        } else if required(CheckState::Pending) {
            ExitCode::from(Code::UNAVAILABLE.exit_code())
        } else {
            ExitCode::SUCCESS
        }
    }
}

impl View for ChecksView {
    fn write(&self, page: &mut Page) {
        page.line(format_args!("#{} of {} at {}", self.number, self.session, self.commit));
        let rows: Vec<_> = self
            .checks
            .iter()
            .map(|row| {
                let needed = if row.required { "yes" } else { "no" };
                let took = row.elapsed_ms.map(|ms| format!("{:.1?}", Duration::from_millis(ms))).unwrap_or_default();
                let evidence = match (row.state, row.reused.is_empty()) {
                    (CheckState::Pending, _) => String::new(),
                    (_, true) => "fresh".to_owned(),
                    (_, false) => format!("reused {}", row.reused.join(", ")),
                };
                [row.name.to_string(), row.outcome(), needed.to_owned(), took, evidence]
            })
            .collect();
        page.table(["CHECK", "STATE", "REQUIRED", "TOOK", "EVIDENCE"], &rows);
        for note in &self.notes {
            page.line(format_args!("not as in the commit: {note}"));
        }
        if self.checks.iter().any(|row| row.state == CheckState::Failed) {
            page.line(format_args!("`ao pr checks {} --log NAME` prints what one has printed", self.number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> CheckName {
        text.parse().unwrap()
    }

    fn run(id: &str, names: &[&str], state: RunState, found: &[(&str, CheckState)]) -> CheckRun {
        let app: ProjectName = "app".parse().unwrap();
        let names: Vec<_> = names.iter().map(|text| name(text)).collect();
        let mut run = CheckRun::new(id, app, "/p", "c", "d", names, Timestamp::from_millis(0), state);
        for (text, state) in found {
            run.add(CheckResult::new(name(text), *state, Timestamp::from_millis(1), Timestamp::from_millis(2)));
        }
        run
    }

    fn view(required: &[(&str, bool)], runs: &[CheckRun]) -> ChecksView {
        let rows = required.iter().map(|(text, required)| Row::new(&name(text), *required, runs));
        let (project, session) = ("app".parse().unwrap(), "app-1".parse().unwrap());
        ChecksView { project, session, number: 1, commit: "c".to_owned(), checks: rows.collect(), notes: Vec::new() }
    }

    #[test]
    fn the_newest_run_of_a_check_is_shown_and_required_ones_decide() {
        use CheckState::{Failed, Passed, Pending};
        let checks = [("lint", false), ("test", true)];
        let first = run("1", &["lint", "test"], RunState::Ended, &[("lint", Failed), ("test", Failed)]);
        let again = |state, found: &[(&str, CheckState)]| run("2", &["test"], state, found);
        let (ok, failed, later) = (ExitCode::SUCCESS, ExitCode::FAILURE, ExitCode::from(75));
        let table = [
            ("nothing ran", vec![], [Pending, Pending], later),
            ("it failed", vec![first.clone()], [Failed, Failed], failed),
            ("once more", vec![first.clone(), again(RunState::Running, &[])], [Failed, Pending], later),
            ("it passed then", vec![first.clone(), again(RunState::Ended, &[("test", Passed)])], [Failed, Passed], ok),
            ("that was let go", vec![first, again(RunState::Superseded, &[])], [Failed, Failed], failed),
        ];
        for (why, runs, expected, code) in table {
            let view = view(&checks, &runs);
            let states: Vec<_> = view.checks.iter().map(|row| row.state).collect();
            assert_eq!(states, expected, "{why}");
            assert_eq!(view.exit_code(), code, "{why}");
            let mut page = Page::for_stdout();
            view.write(&mut page);
            assert!(page.as_str().contains("test"), "{why}: {}", page.as_str());
        }
    }
}
