//! The session of a case: what is written of it becomes facts, and a host that looks at it all the time.

use camino::Utf8Path;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::written;
use crate::config::{Limits, Reactions};
use crate::lifecycle::decide::{
    Intent, Ledger, Outcome, Rules, advance, advance_project, decide, decide_project, message_facts, text,
};
use crate::lifecycle::{Load, Policy, Status, status};
use crate::model::facts::{
    AgentFacts, End, ExitFacts, Hold, HoldReason, IdleClock, IssueFacts, Probe, PullFacts, ReportFacts, RuntimeFacts,
    Session, WorkspaceFacts, WorkspaceLook,
};
use crate::model::{BranchName, ExitStatus, PluginName, ProjectName, SessionId, Timestamp};
use crate::slots::agent::{Activity, ActivityState, Ask, Strength};
use crate::slots::runtime::{Liveness, RuntimeHandle};
use crate::slots::scm::{Check, CheckState, PullRef, PullSnapshot, PullState, Thread};
use crate::slots::workspace::Presence;

/// Where the project of a case is.
const PLACE: &str = "/project";

/// When every case begins: 2026-01-01T00:00:00Z, in milliseconds.
const BEGINNING: i64 = 1_767_225_600_000;

/// What a case is decided by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rulebook<'a> {
    pub(super) project: &'a ProjectName,
    pub(super) reactions: &'a Reactions,
    pub(super) limits: &'a Limits,
    pub(super) stuck_after_ms: Option<u64>,
    /// The project's own checks, each with whether a merge needs it: a head has them before they have run.
    pub(super) checks: &'a BTreeMap<String, bool>,
}

/// A session, what was done about it, and a clock.
pub(super) struct World<'a> {
    rulebook: Rulebook<'a>,
    session: Session,
    ledger: Ledger,
    red_on_base: BTreeSet<String>,
    running: u64,
    /// Another session of the project, which goes on.
    other: Session,
    alone: bool,
    /// The ends of checks' logs, which are no facts: who sends a message fetches them.
    logs: BTreeMap<String, String>,
    reports: u32,
    now: Timestamp,
}

/// A name that is right as it stands here.
fn name<T: std::str::FromStr>(name: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    name.parse().expect("a name that is right")
}

impl<'a> World<'a> {
    /// A session whose agent was just launched and is at work, and nothing done about it.
    pub(super) fn new(rulebook: Rulebook<'a>) -> Self {
        let now = Timestamp::from_millis(BEGINNING);
        let id: SessionId = format!("{}-1", rulebook.project).parse().unwrap_or_else(|_| name("app-1"));
        let mut session = Session::new(id.clone(), rulebook.project.clone(), PLACE, now);
        session.stuck_after_ms = rulebook.stuck_after_ms;
        let handle = RuntimeHandle::new(name::<PluginName>("tmux"), id.clone(), "case", json!({}));
        let mut runtime = RuntimeFacts::new("/session", handle, now);
        runtime.launch = 1;
        runtime.process = Some(Probe::new(Liveness::Alive, now));
        session.runtime = Some(runtime);
        session.agent = Some(AgentFacts::new(name::<PluginName>("command"), name::<PluginName>("agent")));
        let branch: BranchName = format!("ao/{id}").parse().unwrap_or_else(|_| name("ao/app-1"));
        session.workspace = Some(WorkspaceFacts::new(name::<PluginName>("worktree"), "/worktree", branch));
        let (ledger, red_on_base, logs) = Default::default();
        let mut other = session.clone();
        other.id = format!("{}-2", rulebook.project).parse().unwrap_or_else(|_| name("app-2"));
        let mut world =
            Self { rulebook, session, ledger, red_on_base, running: 1, other, alone: false, logs, reports: 0, now };
        world.does(ActivityState::Active, None);
        world
    }

    /// How long the case has gone on.
    pub(super) fn elapsed(&self) -> std::time::Duration {
        self.now.since(Timestamp::from_millis(BEGINNING))
    }

    /// Time passes.
    pub(super) fn wait(&mut self, time: std::time::Duration) {
        self.now = self.now.after(time);
    }

    /// What becomes due when a host looks now: written down, as the host does it.
    pub(super) fn look(&mut self) -> Vec<Intent> {
        self.observe();
        let (timing, now) = (Policy::default(), self.now);
        let status = self.status();
        let rules = Rules {
            reactions: self.rulebook.reactions,
            timing: &timing,
            limits: self.rulebook.limits,
            load: Load { running: self.running, in_project: self.running, lately: 0, depth: 1 },
            red_on_base: &self.red_on_base,
        };
        let (ledger, session, project) = (&mut self.ledger, &self.session, self.rulebook.project);
        let going_on = crate::lifecycle::status(&self.other, now, &timing);
        let mut sessions = vec![(session, &status)];
        if !self.alone {
            sessions.push((&self.other, &going_on));
        }
        advance(ledger, session, &status, &rules, now);
        advance_project(ledger, project, Utf8Path::new(PLACE), &sessions, &rules, now);
        let mut due = decide(session, &status, ledger, &rules, now);
        due.extend(decide_project(project, Utf8Path::new(PLACE), &sessions, ledger, &rules, now));
        for intent in &due {
            ledger.record(intent);
        }
        due
    }

    /// What became of an intent.
    pub(super) fn settle(&mut self, intent: &Intent, outcome: &Outcome) {
        self.ledger.settle(intent, outcome);
    }

    /// The session's status now.
    pub(super) fn status(&self) -> Status {
        status(&self.session, self.now, &Policy::default())
    }

    /// What would be said.
    pub(super) fn text(&self, intent: &Intent) -> crate::Result<String> {
        let Some(rule) = self.rulebook.reactions.get(intent.reaction) else { return Ok(String::new()) };
        let status = self.status();
        let mut words = message_facts(intent, &[(&self.session, &status)]);
        for check in &mut words.checks {
            check.log = self.logs.get(&check.name).cloned().unwrap_or_default();
        }
        text(intent, rule, &words)
    }

    /// Somebody looks at everything all the time.
    fn observe(&mut self) {
        let now = self.now;
        if let Some(probe) = self.session.runtime.as_mut().and_then(|runtime| runtime.process.as_mut()) {
            probe.at = now;
        }
        if let Some(agent) = &mut self.session.agent {
            agent.observed_at = Some(now);
            let is_quiet = |seen: &&Activity| matches!(seen.state, ActivityState::Ready | ActivityState::Idle);
            agent.idle = agent.activity.as_ref().filter(is_quiet).map(|seen| {
                let elapsed = u64::try_from(now.since(seen.since).as_millis()).unwrap_or(u64::MAX);
                IdleClock::new(seen.since, elapsed, now)
            });
        }
        if let Some(pull) = &mut self.session.pull {
            pull.at = now;
        }
    }

    /// What is otherwise from now on.
    pub(super) fn change(&mut self, facts: &written::Facts) {
        let now = self.now;
        if let Some(role) = facts.role {
            self.session.role = role;
        }
        if let Some(workspace) = &mut self.session.workspace {
            if let Some(branch) = &facts.branch {
                workspace.branch = branch.clone();
            }
            if let Some(commit) = &facts.commit {
                let mut look = WorkspaceLook::new(Presence::Present, now);
                look.head = Some(commit.clone());
                workspace.look = Some(look);
            }
        }
        if let Some(issue) = &facts.issue {
            let (label, title) = issue.split_once(' ').unwrap_or((issue, ""));
            self.session.issue_facts = Some(IssueFacts::new(name::<PluginName>("tracker"), label, title));
        }
        if let Some(agent) = &facts.agent {
            self.agent(agent);
        }
        if let Some(report) = &facts.report {
            let (state, note) = match report {
                written::Report::Word(state) => (*state, None),
                written::Report::Said { state, note } => (*state, note.as_deref()),
            };
            self.reports += 1;
            let mut said = ReportFacts::new(format!("report-{}", self.reports), state, now);
            note.unwrap_or_default().clone_into(&mut said.note);
            self.session.report = Some(said);
        }
        if let Some(pull) = &facts.pull {
            self.pull(pull);
        }
        if let Some(paused) = facts.paused {
            self.session.hold = paused.then(|| Hold::new(HoldReason::Paused, now));
        }
        if let Some(end) = facts.end {
            self.session.end = Some(End::new(end, now));
        }
        if let Some(red) = &facts.red_on_base {
            self.red_on_base = red.iter().cloned().collect();
        }
        if let Some(running) = facts.running {
            self.running = running.into();
        }
        self.alone = facts.alone.unwrap_or(self.alone);
    }

    fn agent(&mut self, written: &written::Agent) {
        let (state, code, asks, summary) = match written {
            written::Agent::Word(state) => (Some(*state), None, None, None),
            written::Agent::Seen { state, code, asks, summary } => (*state, *code, asks.as_deref(), summary.as_deref()),
        };
        // Who asks waits, and who has a code has exited.
        let meant = code.map(|_| ActivityState::Exited).or(asks.map(|_| ActivityState::WaitingInput));
        let now = self.now;
        if let Some(state) = state.or(meant) {
            if let Some(runtime) = &mut self.session.runtime {
                if state == ActivityState::Exited {
                    let code = code.unwrap_or(1);
                    runtime.exit.get_or_insert_with(|| ExitFacts::new(ExitStatus::Code { code }, now));
                } else if runtime.exit.take().is_some() {
                    runtime.launch += 1;
                    runtime.launched_at = now;
                }
            }
            self.does(state, asks);
        }
        if let (Some(agent), Some(summary)) = (&mut self.session.agent, summary) {
            agent.summary = Some(summary.to_owned());
        }
    }

    fn does(&mut self, state: ActivityState, asks: Option<&str>) {
        let now = self.now;
        let Some(agent) = &mut self.session.agent else { return };
        if agent.activity.as_ref().is_none_or(|seen| seen.state != state) {
            agent.activity = Some(Activity::new(state, "case", Strength::Strong, now));
        }
        agent.ask = asks.map(|asks| Ask::new(asks, asks));
    }

    fn pull(&mut self, written: &written::Pull) {
        let (now, own) = (self.now, self.rulebook.checks);
        let expected = |snapshot: &mut PullSnapshot| {
            snapshot.checks = own.iter().map(|(name, required)| check(name, *required)).collect();
        };
        let facts = self.session.pull.get_or_insert_with(|| {
            let mut snapshot = PullSnapshot::new(PullRef::new(7_u64), PullState::Open, "1111111");
            snapshot.conflicts = Some(Vec::new());
            expected(&mut snapshot);
            let mut facts = PullFacts::new(name::<PluginName>("scm"), "acme/app", snapshot, now);
            facts.since = Some(now);
            facts
        });
        let snapshot = &mut facts.snapshot;
        if let Some(state) = written.state.filter(|state| *state != snapshot.state) {
            snapshot.state = state;
            facts.since = Some(now);
        }
        if let Some(head) = written.head.as_ref().filter(|head| **head != snapshot.head) {
            snapshot.head.clone_from(head);
            expected(snapshot);
            self.logs.clear();
        }
        snapshot.pull.number = written.number.unwrap_or(snapshot.pull.number);
        snapshot.draft = written.draft.unwrap_or(snapshot.draft);
        snapshot.decision = written.decision.unwrap_or(snapshot.decision);
        let keep = |mine: &mut Option<String>, written: &Option<String>| {
            if let Some(written) = written {
                *mine = Some(written.clone());
            }
        };
        keep(&mut snapshot.base_commit, &written.base_commit);
        keep(&mut snapshot.title, &written.title);
        keep(&mut snapshot.pull.url, &written.url);
        if let Some(base) = &written.base {
            snapshot.base = Some(base.clone());
        }
        match &written.conflicts {
            Some(written::Conflicts::Files(files)) => snapshot.conflicts = Some(files.clone()),
            Some(written::Conflicts::Unknown(_)) => snapshot.conflicts = None,
            None => {}
        }
        if let Some(threads) = &written.threads {
            snapshot.threads = threads.iter().enumerate().map(thread).collect();
        }
        for (name, written) in &written.checks {
            let before = snapshot.checks.iter().position(|check| check.name == *name);
            let mut check = before.map_or_else(|| check(name, true), |at| snapshot.checks.remove(at));
            match written {
                written::Check::Word(state) => check.state = *state,
                written::Check::Seen { state, required, url, log } => {
                    check.state = *state;
                    check.required = required.unwrap_or(check.required);
                    keep(&mut check.url, url);
                    if let Some(log) = log {
                        self.logs.insert(name.clone(), log.clone());
                    }
                }
            }
            snapshot.checks.push(check);
        }
    }
}

/// A check that has not ended.
fn check(name: &str, required: bool) -> Check {
    let mut check = Check::new(name, CheckState::Pending);
    check.required = required;
    check
}

fn thread((number, written): (usize, &written::Thread)) -> Thread {
    let id = written.id.clone().unwrap_or_else(|| (number + 1).to_string());
    let author = written.author.as_deref().unwrap_or(if written.bot { "bot" } else { "reviewer" });
    let mut thread = Thread::new(id, author, written.body.as_str());
    thread.path.clone_from(&written.path);
    thread.line = written.line;
    thread.bot = written.bot;
    thread
}
