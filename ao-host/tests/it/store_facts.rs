//! Whatever the facts of a session are, the store gives back the same.

use ao_core::model::facts::{
    AgentFacts, Doubt, End, EndKind, ExitFacts, ExitMeaning, Failure, Hold, HoldReason, Operation, OperationKind,
    Probe, PromptFacts, RuntimeFacts, Session, WorkspaceFacts,
};
use ao_core::model::{DeliveryLevel, ExitStatus, PluginName, ProcessId, ProjectName, Timestamp};
use ao_core::slots::agent::{Activity, ActivityState, Role, Strength};
use ao_core::slots::runtime::{Liveness, RuntimeHandle};
use ao_host::store::{Reader, Store};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;

use super::scratch::Scratch;

/// Of the years 1 to 9998.
fn time() -> impl Strategy<Value = Timestamp> {
    (-62_135_596_800_000_i64..253_370_764_800_000).prop_map(Timestamp::from_millis)
}

fn process() -> BoxedStrategy<ProcessId> {
    let fields = (any::<u32>(), any::<u64>(), any::<String>());
    fields.prop_map(|(pid, start, boot)| ProcessId { pid, start, boot }).boxed()
}

fn plugin() -> impl Strategy<Value = PluginName> {
    "[a-z][a-z0-9_-]{0,20}".prop_map(|name| name.parse().unwrap())
}

fn liveness() -> BoxedStrategy<Liveness> {
    let exit = prop_oneof![
        any::<i32>().prop_map(|code| ExitStatus::Code { code }),
        any::<i32>().prop_map(|signal| ExitStatus::Signal { signal }),
    ];
    prop_oneof![
        Just(Liveness::Alive),
        option::of(exit).prop_map(|exit| Liveness::Dead { exit }),
        any::<String>().prop_map(|why| Liveness::Unknown { why }),
    ]
    .boxed()
}

fn probe() -> impl Strategy<Value = Probe> {
    (liveness(), time()).prop_map(|(liveness, at)| Probe::new(liveness, at))
}

/// Any JSON but fractions, whose last digit is not promised.
fn json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let nested = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    nested.boxed()
}

prop_compose! {
    fn runtime()(
        directory: String, plugin in plugin(), key: String, data in json(), launched_at in time(), launch: u32,
        holder in option::of(process()), child in option::of(process()), code in option::of(any::<i32>()),
        process in option::of(probe()), said in option::of(probe()), doubt in option::of((time(), any::<u32>())),
    ) -> RuntimeFacts {
        let handle = RuntimeHandle::new(plugin, "x-1".parse::<ao_core::model::SessionId>().unwrap(), key, data);
        let mut runtime = RuntimeFacts::new(directory, handle, launched_at);
        (runtime.launch, runtime.holder, runtime.child) = (launch, holder, child);
        runtime.exit = code.map(|code| ExitFacts::new(ExitStatus::Code { code }, launched_at));
        (runtime.process, runtime.plugin) = (process, said);
        runtime.doubt = doubt.map(|(since, probes)| Doubt::new(since, probes));
        runtime
    }
}

prop_compose! {
    fn agent()(
        plugin in plugin(), name in plugin(), completes: bool, seen in option::of((time(), any::<String>())),
        agent_session: Option<String>,
        cursor in option::of(json().prop_filter("an absent cursor and a null one are the same", |json| !json.is_null())),
    ) -> AgentFacts {
        let mut agent = AgentFacts::new(plugin, name);
        agent.exit_meaning = if completes { ExitMeaning::Completion } else { ExitMeaning::Death };
        agent.observed_at = seen.as_ref().map(|(at, _)| *at);
        agent.activity =
            seen.map(|(at, source)| Activity::new(ActivityState::WaitingInput, source, Strength::Weak, at));
        (agent.agent_session, agent.cursor) = (agent_session, cursor);
        agent
    }
}

prop_compose! {
    fn facts()(
        project in "[A-Za-z0-9][A-Za-z0-9_-]{0,30}", path: String, created_at in time(), issue: Option<String>,
        op in option::of((any::<String>(), process(), time())), held in option::of(time()),
        prompt in option::of((any::<String>(), any::<String>())), base: Option<String>,
        agent in option::of(agent().boxed()), runtime in option::of(runtime().boxed()),
        failure in option::of((any::<String>(), any::<String>(), any::<String>())),
        end in option::of((time(), any::<String>())),
    ) -> Session {
        let id = "x-1".parse::<ao_core::model::SessionId>().unwrap();
        let mut session = Session::new(id, project.parse::<ProjectName>().unwrap(), path.clone(), created_at);
        (session.role, session.issue) = (Role::Reviewer, issue);
        session.op = op.map(|(step, owner, since)| Operation::new(OperationKind::Send, step, owner, since));
        session.hold = held.map(|at| Hold::new(HoldReason::Paused, at));
        session.prompt = prompt.map(|(file, sha256)| PromptFacts::new(file, sha256, DeliveryLevel::Unconfirmed));
        session.workspace = base.map(|base| {
            let plugin = "git".parse::<PluginName>().unwrap();
            let mut workspace = WorkspaceFacts::new(plugin, path, session.id.default_branch());
            workspace.base = Some(base);
            workspace
        });
        (session.agent, session.runtime) = (agent, runtime);
        session.failure = failure.map(|(step, message, output)| {
            let mut failure = Failure::new(step, message, created_at);
            failure.output = output;
            failure
        });
        session.end = end.map(|(at, reason)| {
            let mut end = End::new(EndKind::Done, at);
            end.reason = reason;
            end
        });
        session
    }
}

#[test]
fn facts_survive_the_store() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let cases = |facts: Session| {
        let stored = store.reserve(&"x".parse().unwrap(), 1, &mut |_| (facts.clone(), Vec::new())).unwrap();
        let mut expected = facts;
        (expected.id, expected.row_version) = (stored.id.clone(), 1);
        prop_assert_eq!(&stored, &expected);
        prop_assert_eq!(store.session(&stored.id).unwrap(), Some(expected));
        Ok(())
    };
    proptest!(ProptestConfig::with_cases(128), |(facts in facts())| cases(facts)?);
}
