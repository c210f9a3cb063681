//! Checks that the host runs itself: which are wanted, whose turn it is, and what they found.
//!
//! It is level-triggered like everything else here: what is to be done is decided from the sessions' facts and the rows of
//! the store, each time anew. A run takes one of the places from its beginning until nothing is left of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ao_core::config::Checks;
use ao_core::lifecycle::{CheckPlan, CheckedHead, MOST_ATTEMPTS, RunChanges, next_run, overlay_checks, run_changes};
use ao_core::model::event::{CheckRunStarted, Event, EventData, EvidenceRecorded};
use ao_core::model::facts::Session;
use ao_core::model::{CheckName, CheckResult, CheckRun, RunState, SessionId, Timestamp};
use ao_core::slots::Workspace;
use ao_core::slots::scm::{Check, CheckState, PullFound, PullState};
use ao_core::{Code, Error, Result};
use camino::Utf8PathBuf;

use super::super::{CheckMode, HostContext};
use super::crews::Crews;
use super::look::Answers;
use super::{Done, Engine, TOGETHER};
use crate::checks::start::{self, Begun};
use crate::checks::{default_limit, plan};
use crate::sessions::Crew;
use crate::store::Fence;

/// How often runs are looked at whose files say nothing: one that was killed tells nobody.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a run waits that could not be begun, times how often that was so.
const AGAIN: Duration = Duration::from_secs(5);

/// What the engine keeps about checks.
#[derive(Default)]
pub(super) struct Checking {
    mode: CheckMode,
    /// When runs are looked at next.
    at: Option<Duration>,
    /// Runs that a task begins or ends.
    busy: BTreeSet<String>,
    /// Those of them that were told to end.
    cancelled: BTreeSet<String>,
    /// Runs that could not be begun, and when they are tried again.
    not_before: BTreeMap<String, Duration>,
    /// When a run of a project was last begun, by its directory.
    last: BTreeMap<Utf8PathBuf, Timestamp>,
    /// The directories in which runs leave what they found.
    directories: BTreeSet<Utf8PathBuf>,
    /// Runs that something is still to come of, a line each.
    open: Vec<String>,
    /// Whether one of them runs, or will in its turn. What waits for a configuration may wait for good.
    is_moving: bool,
}

impl Checking {
    /// As an engine of this mode begins.
    pub(super) fn new(mode: CheckMode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Asks for a look.
    pub(super) fn ask(&mut self, at: Duration) {
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }

    /// When the next look is due.
    pub(super) const fn next(&self) -> Option<Duration> {
        self.at
    }

    /// Where runs leave what they found.
    pub(super) const fn directories(&self) -> &BTreeSet<Utf8PathBuf> {
        &self.directories
    }

    /// What is still to come, a line each.
    pub(super) fn open(&self) -> &[String] {
        &self.open
    }

    /// Whether an engine that makes one pass has to wait for them.
    pub(super) fn is_awaited(&self) -> bool {
        self.mode == CheckMode::Run && self.is_moving
    }
}

/// A head, with what is needed to check it.
struct Head {
    checked: CheckedHead,
    checks: Checks,
    limit: usize,
}

/// The heads that there are.
#[derive(Default)]
struct Heads {
    heads: Vec<Head>,
    /// Directories of projects whose checks cannot be told.
    undecided: BTreeSet<Utf8PathBuf>,
}

impl Heads {
    fn of(&self, run: &CheckRun) -> Option<&Head> {
        self.heads.iter().find(|Head { checked: head, .. }| {
            head.directory == run.directory && head.commit == run.commit && head.plan.definition == run.definition
        })
    }
}

impl Engine {
    /// Looks at the runs, and does what is to be done, if it is time to.
    pub(super) fn tend_checks(&mut self) -> Result<()> {
        let now = self.elapsed();
        if self.checking.at.is_none_or(|at| at > now) {
            return Ok(());
        }
        self.checking.at = None;
        let store = Arc::clone(&self.context.sessions.store);
        for run in store.open_check_runs()? {
            if run.state == RunState::Running && !self.checking.busy.contains(&run.id) {
                self.look_at_run(run)?;
            }
        }
        let heads = self.heads();
        self.settle_runs(&heads)?;
        let open = store.open_check_runs()?;
        self.begin_runs(&heads, &open)?;
        self.show_checks(&heads)?;
        let open = store.open_check_runs()?;
        let running: Vec<_> = open.iter().filter(|run| run.state == RunState::Running).collect();
        if !running.is_empty() {
            self.checking.ask(now + LOOK_EVERY);
        }
        let later = self.checking.not_before.values().min().copied();
        if let Some(at) = later {
            self.checking.ask(at.max(now + TOGETHER));
        }
        let directories = running.iter().map(|run| start::directory(&self.context.sessions, run)).collect();
        if std::mem::replace(&mut self.checking.directories, directories) != self.checking.directories {
            self.watch_files();
        }
        self.checking.open = open.iter().map(line).collect();
        self.checking.is_moving = !running.is_empty() || open.iter().any(|run| heads.of(run).is_some());
        if self.checking.mode == CheckMode::Leave {
            // What nobody has asked for yet is to come, too.
            self.checking.open.extend(self.wanted(&heads)?.wanted.iter().map(|(head, names)| head_line(head, names)));
        }
        Ok(())
    }

    /// The heads of open pull requests whose projects have checks.
    fn heads(&mut self) -> Heads {
        let mut found = Heads::default();
        for session in self.live.values() {
            let Some(pull) = session.pull.as_ref().filter(|pull| pull.snapshot.state == PullState::Open) else {
                continue;
            };
            match self.crews.checks(&self.context, session) {
                Ok(Some((checks, limit))) => {
                    let head = CheckedHead {
                        project: session.project.clone(),
                        directory: session.project_path.clone(),
                        commit: pull.snapshot.head.clone(),
                        session: session.id.clone(),
                        pull: pull.snapshot.pull.number,
                        plan: plan(&checks),
                    };
                    found.heads.push(Head { checked: head, checks, limit });
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!("the checks of `{}` cannot be told: {error}", session.id);
                    found.undecided.insert(session.project_path.clone());
                }
            }
        }
        let bases = self.doubted_bases(&found.heads);
        found.heads.extend(bases);
        found
    }

    /// The commits at which the base of several sessions stands whose pull requests fail the same required check: it may be red
    /// there, too, and then no agent is to blame.
    fn doubted_bases(&self, heads: &[Head]) -> Vec<Head> {
        let mut failing: BTreeMap<(&Utf8PathBuf, &str, &str), Vec<&Head>> = BTreeMap::new();
        for head in heads {
            let pull = self.live.get(&head.checked.session).and_then(|session| session.pull.as_ref());
            let Some((pull, base)) = pull.and_then(|pull| Some((pull, pull.snapshot.base_commit.as_deref()?))) else {
                continue;
            };
            let of_ours = |check: &&Check| check.required && check.state == CheckState::Failed;
            for check in pull.snapshot.checks.iter().filter(of_ours) {
                failing.entry((&head.checked.directory, base, &check.name)).or_default().push(head);
            }
        }
        let mut bases: Vec<Head> = Vec::new();
        for ((directory, base, _), heads) in failing.into_iter().filter(|(_, heads)| heads.len() > 1) {
            let Some(first) = heads.first() else { continue };
            let is_there = |known: &Head| known.checked.commit == base && known.checked.directory == *directory;
            if !bases.iter().any(is_there) {
                let checked = CheckedHead { commit: base.to_owned(), ..first.checked.clone() };
                bases.push(Head { checked, checks: first.checks.clone(), limit: first.limit });
            }
        }
        bases
    }

    fn wanted(&self, heads: &Heads) -> Result<RunChanges> {
        let store = &self.context.sessions.store;
        let (mut runs, mut seen) = (Vec::new(), BTreeSet::new());
        for Head { checked: head, .. } in &heads.heads {
            if seen.insert((&head.directory, &head.commit)) {
                runs.extend(store.check_runs_of(&head.directory, &head.commit)?);
            }
        }
        // Of heads that are none any more.
        let others = store.open_check_runs()?.into_iter().filter(|run| !seen.contains(&(&run.directory, &run.commit)));
        runs.extend(others.collect::<Vec<_>>());
        let only: Vec<_> = heads.heads.iter().map(|head| head.checked.clone()).collect();
        Ok(run_changes(&only, &runs, &heads.undecided))
    }

    /// Asks for what is wanted, and lets go what is not any more.
    fn settle_runs(&mut self, heads: &Heads) -> Result<()> {
        if self.checking.mode == CheckMode::Leave {
            return Ok(());
        }
        let RunChanges { wanted, superseded } = self.wanted(heads)?;
        let (sessions, fence) = (Arc::clone(&self.context.sessions), Fence::Epoch(self.epoch));
        for (head, names) in wanted {
            let (id, now) = (sessions.world.ulid().to_string(), sessions.world.now());
            let CheckedHead { project, directory, commit, session, pull, plan } = head;
            let mut run = CheckRun::new(id, project, directory, commit, plan.definition, names, now, RunState::Waiting);
            (run.session, run.pull) = (Some(session), Some(pull));
            sessions.store.add_check_run(fence, &run, &[])?;
        }
        for id in superseded {
            let mut running = None;
            let is_busy = self.checking.busy.contains(&id);
            self.change_run(&id, &mut |run| {
                if run.state == RunState::Waiting && !is_busy {
                    run.state = RunState::Superseded;
                    run.why = Some("the head of the pull request has moved, or it is not open any more".to_owned());
                    run.ended_at = Some(sessions.world.now());
                } else {
                    running = Some(run.clone());
                }
                Vec::new()
            })?;
            self.checking.not_before.remove(&id);
            if let Some(run) = running.filter(|run| !self.checking.busy.contains(&run.id)) {
                self.checking.cancelled.insert(run.id.clone());
                self.end_run(run, None);
            }
        }
        Ok(())
    }

    /// Begins what may be begun.
    fn begin_runs(&mut self, heads: &Heads, open: &[CheckRun]) -> Result<()> {
        if self.checking.mode == CheckMode::Leave {
            return Ok(());
        }
        let now = self.elapsed();
        self.checking.not_before.retain(|_, at| *at > now);
        let mut running = open.iter().filter(|run| run.state == RunState::Running).count();
        let mut waiting: Vec<&CheckRun> =
            open.iter().filter(|run| !self.checking.not_before.contains_key(&run.id)).collect();
        loop {
            let limit = |run: &CheckRun| heads.of(run).map_or(0, |head| head.limit);
            let Some(next) = next_run(waiting.iter().copied(), running, limit, &self.checking.last) else {
                return Ok(());
            };
            waiting.retain(|run| run.id != next.id);
            if let Some(head) = heads.of(next) {
                self.begin_run(next, head)?;
                running += 1;
            }
        }
    }

    fn begin_run(&mut self, run: &CheckRun, head: &Head) -> Result<()> {
        let sessions = Arc::clone(&self.context.sessions);
        sessions.failpoints.pass("check.start.before")?;
        let now = sessions.world.now();
        let begun = self.change_run(&run.id, &mut |run| {
            run.attempt += 1;
            run.nonce = Some(sessions.world.ulid().to_string());
            (run.state, run.started_at, run.runner) = (RunState::Running, Some(now), None);
            let left: Vec<_> = run.left().cloned().collect();
            let mut data = CheckRunStarted::new(run.commit.clone(), run.id.clone(), left);
            (data.attempt, data.number) = (run.attempt, run.pull);
            vec![sessions.world.event(run.session.as_ref(), EventData::CheckStarted(data))]
        })?;
        let Some(run) = begun else { return Ok(()) };
        self.checking.last.insert(run.directory.clone(), now);
        self.checking.busy.insert(run.id.clone());
        let (checks, variables) = (head.checks.clone(), self.context.environment.variables.clone());
        let workspace = self.workspace_of(&run);
        self.calls.spawn(async move {
            let begun = match workspace {
                Ok(workspace) => start::begin(sessions, workspace, run.clone(), checks, variables).await,
                Err(error) => Err(error),
            };
            Done::CheckBegun { id: run.id, begun }
        });
        Ok(())
    }

    /// The plugin that makes copies for the session that a run is for.
    fn workspace_of(&mut self, run: &CheckRun) -> Result<Arc<dyn Workspace>> {
        let gone = || Error::not_found("the session that the checks are for is gone");
        let id = run.session.as_ref().ok_or_else(gone)?;
        let session = self.context.sessions.get(id)?;
        let setup = self.crews.setup(&self.context, session.config_file.as_ref())?;
        Ok(Crew::workspace_of(setup, &session)?.instance)
    }

    /// A run was begun, or could not be.
    pub(super) fn check_begun(&mut self, id: &str, begun: Result<Begun>) -> Result<()> {
        self.checking.busy.remove(id);
        self.checking.ask(self.elapsed());
        match begun {
            Ok(Begun { runner, notes }) => {
                self.change_run(id, &mut |run| {
                    (run.runner, run.notes, run.why) = (Some(runner.clone()), notes.clone(), None);
                    Vec::new()
                })?;
                self.context.sessions.failpoints.pass("check.start.after")
            }
            Err(error) => {
                tracing::warn!("the checks `{id}` could not be begun: {error}");
                if let Some(run) = self.context.sessions.store.check_run(id)? {
                    self.end_run(run, Some(error));
                }
                Ok(())
            }
        }
    }

    /// Changes a run in the name of this host, and tells of it.
    fn change_run(&mut self, id: &str, apply: &mut dyn FnMut(&mut CheckRun) -> Vec<Event>) -> Result<Option<CheckRun>> {
        let mut written = Vec::new();
        let changed = self.context.sessions.store.change_check_run(Fence::Epoch(self.epoch), id, &mut |run| {
            written = apply(run);
            written.clone()
        })?;
        self.book.was_written(written);
        Ok(changed)
    }

    /// Takes in what a run has found so far.
    fn look_at_run(&mut self, run: CheckRun) -> Result<()> {
        let sight = start::look(&self.context.sessions, &run);
        sight.damaged.iter().for_each(|why| tracing::warn!("of the checks `{}`: {why}", run.id));
        self.record(&run.id, &sight.results)?;
        if sight.is_over {
            self.end_run(run, None);
        }
        Ok(())
    }

    /// Writes down what checks found, and tells of it.
    fn record(&mut self, id: &str, results: &[CheckResult]) -> Result<()> {
        if results.is_empty() {
            return Ok(());
        }
        let sessions = Arc::clone(&self.context.sessions);
        sessions.failpoints.pass("check.record.before")?;
        self.change_run(id, &mut |run| {
            let news = results.iter().filter(|result| run.add((*result).clone())).collect::<Vec<_>>();
            news.into_iter().map(|result| sessions.world.event(run.session.as_ref(), evidence(run, result))).collect()
        })?;
        sessions.failpoints.pass("check.record.after")
    }

    /// Begins to end a run, with all that is left of it.
    fn end_run(&mut self, run: CheckRun, error: Option<Error>) {
        self.checking.busy.insert(run.id.clone());
        let (sessions, workspace) = (Arc::clone(&self.context.sessions), self.workspace_of(&run));
        let is_cancelled = self.checking.cancelled.contains(&run.id);
        self.calls.spawn(async move {
            let id = run.id.clone();
            let ended = async {
                if is_cancelled {
                    start::cancel(Arc::clone(&sessions), run.clone()).await?;
                }
                start::clear(sessions, workspace, run).await
            };
            let left = ended.await.err();
            Done::CheckEnded { id, error, left }
        });
    }

    /// Nothing of a run's attempt runs any more. `error` is why it was not begun, `left` why something of it stays.
    pub(super) fn check_ended(&mut self, id: &str, error: Option<&Error>, left: Option<&Error>) -> Result<()> {
        self.checking.busy.remove(id);
        let is_cancelled = self.checking.cancelled.remove(id);
        if let Some(left) = left {
            tracing::warn!("of the checks `{id}` something stays in the state directory: {left}");
        }
        let sessions = Arc::clone(&self.context.sessions);
        let Some(run) = sessions.store.check_run(id)? else { return Ok(()) };
        // What came in its last moment.
        let sight = start::look(&sessions, &run);
        self.record(id, &sight.results)?;
        let now = sessions.world.now();
        let is_final = error.is_some_and(|error| !is_worth_another_try(error));
        let ended = self.change_run(id, &mut |run| {
            run.runner = None;
            if run.left().next().is_none() {
                run.state = RunState::Ended;
            } else if is_cancelled {
                run.state = RunState::Superseded;
                run.why = Some("the head of the pull request has moved, or it is not open any more".to_owned());
            } else if is_final || (run.attempt >= MOST_ATTEMPTS && !sight.is_cancelled) {
                run.state = RunState::Ended;
                run.why = Some(given_up(run, error));
                return give_up(run, now)
                    .iter()
                    .map(|found| sessions.world.event(run.session.as_ref(), evidence(run, found)))
                    .collect();
            } else {
                run.state = RunState::Waiting;
                run.why = Some(given_up(run, error));
            }
            run.ended_at = (run.state != RunState::Waiting).then_some(now);
            Vec::new()
        })?;
        let Some(run) = ended else { return Ok(()) };
        let elapsed = self.elapsed();
        if run.state == RunState::Waiting && error.is_some() {
            self.checking.not_before.insert(run.id.clone(), elapsed + AGAIN * run.attempt);
        }
        self.checking.ask(elapsed);
        let at_head = |session: &&Session| {
            session.project_path == run.directory
                && session.pull.as_ref().is_some_and(|pull| pull.snapshot.head == run.commit)
        };
        let ids: Vec<_> = self.live.values().filter(at_head).map(|session| session.id.clone()).collect();
        for id in ids {
            self.wake_pull(id, elapsed);
        }
        Ok(())
    }

    /// Writes into the sessions' facts how their checks stand, where that is news.
    fn show_checks(&mut self, heads: &Heads) -> Result<()> {
        let mut shown = BTreeMap::new();
        for Head { checked: head, .. } in &heads.heads {
            let runs = self.context.sessions.store.check_runs_of(&head.directory, &head.commit)?;
            let Some(session) = self.live.get(&head.session) else { continue };
            // What is found at a base is no verdict about what is built on it.
            let Some(pull) = session.pull.as_ref().filter(|pull| pull.snapshot.head == head.commit) else { continue };
            let mut snapshot = pull.snapshot.clone();
            overlay_checks(&mut snapshot, &head.plan, &runs);
            if snapshot != pull.snapshot {
                shown.insert(head.session.clone(), (head.clone(), runs));
            }
        }
        if shown.is_empty() {
            return Ok(());
        }
        self.book.checks(&shown)?;
        self.remember_versions(&shown.into_keys().collect::<Vec<_>>())
    }

    /// Puts the host's own checks into what an scm says of pull requests.
    pub(super) fn overlay_pulls(&mut self, answers: &mut Answers<PullFound>) -> Result<()> {
        for (id, found) in answers {
            let PullFound::Found { snapshot } = found else { continue };
            let Some((plan, directory)) = self.plan_of(id) else { continue };
            let runs = self.context.sessions.store.check_runs_of(&directory, &snapshot.head)?;
            overlay_checks(snapshot, &plan, &runs);
        }
        Ok(())
    }

    fn plan_of(&mut self, id: &SessionId) -> Option<(CheckPlan, Utf8PathBuf)> {
        let session = self.live.get(id)?;
        let (checks, _) = self.crews.checks(&self.context, session).ok()??;
        Some((plan(&checks), session.project_path.clone()))
    }
}

/// Whether what kept a run from beginning may be over soon.
fn is_worth_another_try(error: &Error) -> bool {
    error.code == Code::OTHER || error.retryable()
}

fn given_up(run: &CheckRun, error: Option<&Error>) -> String {
    match error {
        Some(error) => format!("it could not be begun: {error}"),
        None => {
            format!("the process that ran it ended without saying how, in attempt {} of {MOST_ATTEMPTS}", run.attempt)
        }
    }
}

/// Every check without a result has failed.
fn give_up(run: &mut CheckRun, now: Timestamp) -> Vec<CheckResult> {
    let left: Vec<_> = run.left().cloned().collect();
    let mut found = Vec::new();
    for name in left {
        let mut result = CheckResult::new(name, CheckState::Failed, run.started_at.unwrap_or(now), now);
        (result.attempt, result.why) = (run.attempt, run.why.clone());
        run.add(result.clone());
        found.push(result);
    }
    run.ended_at = Some(now);
    found
}

fn evidence(run: &CheckRun, result: &CheckResult) -> EventData {
    let verdict = if result.state == CheckState::Passed { "passed" } else { "failed" };
    let mut data = EvidenceRecorded::new(run.commit.clone(), run.id.clone(), verdict);
    (data.check, data.number) = (Some(result.name.clone()), run.pull);
    (data.why, data.reused) = (result.why.clone(), result.reused.clone());
    EventData::CheckEvidenceRecorded(data)
}

fn line(run: &CheckRun) -> String {
    let names: Vec<_> = run.left().map(CheckName::as_str).collect();
    let pull = run.pull.map(|number| format!(" for #{number}")).unwrap_or_default();
    format!("`{}` at {}{pull}: {}", run.project, short(&run.commit), names.join(", "))
}

fn head_line(head: &CheckedHead, names: &[CheckName]) -> String {
    let names: Vec<_> = names.iter().map(CheckName::as_str).collect();
    format!("`{}` at {} for #{}: {}", head.project, short(&head.commit), head.pull, names.join(", "))
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

impl Crews {
    /// The checks of a session's project, with how many commits are checked at once; none where it has none. An error where
    /// that cannot be told: the configuration cannot be used, or is not trusted.
    fn checks(&mut self, context: &HostContext, session: &Session) -> Result<Option<(Checks, usize)>> {
        let setup = self.in_force(context, session.config_file.as_ref())?;
        let Ok(project) = setup.loaded.config.project(&session.project) else { return Ok(None) };
        let limit =
            project.limits.checks.map_or_else(default_limit, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(project.checks.clone().map(|checks| (checks, limit)))
    }
}
