//! A host that looks, decides and writes down, over facts that tests edit.

mod acting;
mod episodes;
mod events;
mod rules;

use camino::Utf8Path;
use serde_json::json;

use super::*;
use crate::config::{Config, Document};
use crate::lifecycle::status;
use crate::model::facts::{
    AgentFacts, End, EndKind, ExitFacts, Hold, HoldReason, IdleClock, Operation, OperationKind, Probe, PullFacts,
    ReportFacts, ReportState, RuntimeFacts,
};
use crate::model::{ExitStatus, PluginName, ProcessId, ProjectName, SessionId};
use crate::slots::agent::{Activity, ActivityState, Ask, RateLimit, Role, Strength};
use crate::slots::notifier::Priority;
use crate::slots::runtime::{Liveness, RuntimeHandle};
use crate::slots::scm::{Check, CheckState, PullRef, PullSnapshot, PullState, ReviewDecision, Thread};

/// One tick of the host, in milliseconds.
pub(in crate::lifecycle::decide) const TICK: i64 = 30_000;

pub(in crate::lifecycle::decide) fn reactions(yaml: &str) -> Reactions {
    let text = format!("version: 1\nprojects: {{ app: {{ path: . }} }}\nreactions: {{ {yaml} }}\n");
    let document = Document::parse(Utf8Path::new("/r/agent-orchestrator.yaml"), text.as_bytes()).expect(&text);
    let config = Config::layered([document], None).expect(&text);
    config.project(&"app".parse().unwrap()).unwrap().reactions.clone()
}

/// A session whose agent was launched at 0 and is at work.
pub(in crate::lifecycle::decide) fn session() -> Session {
    let id: SessionId = "app-1".parse().unwrap();
    let start = Timestamp::from_millis(0);
    let plugin = |name: &str| name.parse::<PluginName>().unwrap();
    let mut session = Session::new(id.clone(), "app".parse::<ProjectName>().unwrap(), "/app", start);
    let mut runtime = RuntimeFacts::new("/s", RuntimeHandle::new(plugin("process"), id, "key", json!({})), start);
    runtime.launch = 1;
    runtime.process = Some(Probe::new(Liveness::Alive, start));
    session.runtime = Some(runtime);
    let mut agent = AgentFacts::new(plugin("command"), plugin("fixer"));
    agent.sightings = 2;
    session.agent = Some(agent);
    active(&mut session);
    session
}

pub(in crate::lifecycle::decide) fn doing(session: &mut Session, state: ActivityState, since: i64) {
    let agent = session.agent.as_mut().unwrap();
    let since = Timestamp::from_millis(since);
    agent.activity = Some(Activity::new(state, "hook", Strength::Strong, since));
    agent.idle = None;
    agent.ask = None;
}

fn active(session: &mut Session) {
    doing(session, ActivityState::Active, 0);
}

pub(in crate::lifecycle::decide) fn pull(session: &mut Session) -> &mut PullSnapshot {
    let facts = session.pull.get_or_insert_with(|| {
        let mut snapshot = PullSnapshot::new(PullRef::new(7_u64), PullState::Open, "head1");
        snapshot.checks = vec![check("build", CheckState::Passed), check("test", CheckState::Pending)];
        snapshot.conflicts = Some(Vec::new());
        PullFacts::new("local".parse::<PluginName>().unwrap(), "acme/app", snapshot, Timestamp::from_millis(0))
    });
    &mut facts.snapshot
}

pub(in crate::lifecycle::decide) fn check(name: &str, state: CheckState) -> Check {
    let mut check = Check::new(name, state);
    check.required = true;
    check
}

fn set(session: &mut Session, name: &str, state: CheckState) {
    let checks = &mut pull(session).checks;
    checks.retain(|check| check.name != name);
    checks.push(check(name, state));
}

fn thread(id: &str, body: &str, bot: bool) -> Thread {
    let mut thread = Thread::new(id, "somebody", body);
    thread.bot = bot;
    thread
}

fn says(session: &mut Session, id: &str, state: ReportState, at: i64) {
    session.report = Some(ReportFacts::new(id, state, Timestamp::from_millis(at)));
}

/// A host that looks, decides and writes down; what it decides it does not do.
pub(in crate::lifecycle::decide) struct World {
    pub(in crate::lifecycle::decide) session: Session,
    pub(in crate::lifecycle::decide) ledger: Ledger,
    pub(in crate::lifecycle::decide) reactions: Reactions,
    pub(in crate::lifecycle::decide) limits: Limits,
    pub(in crate::lifecycle::decide) load: Load,
    pub(in crate::lifecycle::decide) red: BTreeSet<String>,
    pub(in crate::lifecycle::decide) now: i64,
}

impl World {
    pub(in crate::lifecycle::decide) fn new(yaml: &str) -> Self {
        Self::with_rules(reactions(yaml))
    }

    pub(in crate::lifecycle::decide) fn with_rules(reactions: Reactions) -> Self {
        let (limits, load) = (Limits::default(), Load { depth: 1, ..Load::default() });
        Self { session: session(), ledger: Ledger::default(), reactions, limits, load, red: BTreeSet::new(), now: 0 }
    }

    pub(in crate::lifecycle::decide) fn with<T>(
        &mut self,
        ask: impl FnOnce(&mut Ledger, &Session, &Status, &Rules<'_>, Timestamp) -> T,
    ) -> T {
        let (timing, now) = (Policy::default(), Timestamp::from_millis(self.now));
        // Somebody looks at everything all the time.
        let mut session = self.session.clone();
        if let Some(probe) = session.runtime.as_mut().and_then(|runtime| runtime.process.as_mut()) {
            probe.at = now;
        }
        if let Some(agent) = &mut session.agent {
            agent.observed_at = Some(now);
            if let Some(activity) = agent
                .activity
                .as_ref()
                .filter(|activity| matches!(activity.state, ActivityState::Ready | ActivityState::Idle))
            {
                let idle = u64::try_from(now.since(activity.since).as_millis()).unwrap();
                agent.idle = Some(IdleClock::new(activity.since, idle, now));
            }
        }
        if let Some(pull) = &mut session.pull {
            pull.at = now;
        }
        let status = status(&session, now, &timing);
        let rules = Rules {
            reactions: &self.reactions,
            timing: &timing,
            limits: &self.limits,
            load: self.load,
            red_on_base: &self.red,
        };
        ask(&mut self.ledger, &session, &status, &rules, now)
    }

    /// One tick later: what is due, written down.
    pub(in crate::lifecycle::decide) fn tick(&mut self) -> Vec<Intent> {
        self.now += TICK;
        self.with(|ledger, facts, status, rules, now| {
            advance(ledger, facts, status, rules, now);
            let due = decide(facts, status, ledger, rules, now);
            for intent in &due {
                ledger.record(intent);
            }
            assert_eq!(decide(facts, status, ledger, rules, now), [], "everything is written down");
            due
        })
    }

    pub(in crate::lifecycle::decide) fn settle(&mut self, due: &[Intent], outcome: &Outcome) {
        for intent in due {
            self.ledger.settle(intent, outcome);
        }
    }

    /// So many ticks, in which everything that is due is done.
    fn done(&mut self, ticks: i64) -> Vec<Intent> {
        let ticked = (0..ticks).map(|_| {
            let due = self.tick();
            self.settle(&due, &Outcome::Done);
            due
        });
        ticked.flatten().collect()
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Session)) -> &mut Self {
        edit(&mut self.session);
        self
    }
}

fn of(due: &[Intent], key: ReactionKey) -> Vec<&Deed> {
    due.iter().filter(|intent| intent.reaction == key).map(|intent| &intent.deed).collect()
}

fn told(priority: Priority) -> Deed {
    Deed::Notify { priority, told: Told::Condition }
}

fn is_escalation(intent: &Intent) -> bool {
    matches!(intent.deed, Deed::Notify { told: Told::Escalated { .. }, .. })
}

fn fail() -> Outcome {
    Outcome::Failed { why: "no room".to_owned() }
}

pub(in crate::lifecycle::decide) fn held() -> Hold {
    Hold::new(HoldReason::Paused, Timestamp::from_millis(0))
}

fn operation(kind: OperationKind) -> Operation {
    Operation::new(kind, "step", ProcessId { pid: 1, start: 1, boot: "b".into() }, Timestamp::from_millis(0))
}
