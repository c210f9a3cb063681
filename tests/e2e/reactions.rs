//! `ao reactions`, and `ao why` down to the line that decided.

use ao_core::config::{Config, Document};
use ao_core::lifecycle::decide::{Ledger, Outcome, Rules, advance, decide};
use ao_core::lifecycle::{Load, Policy, status};
use ao_core::model::SessionId;
use ao_core::model::event::EventData;
use ao_core::model::facts::{PullFacts, RuntimeFacts, Session};
use ao_core::slots::runtime::RuntimeHandle;
use ao_core::slots::scm::{Check, CheckState, PullRef, PullSnapshot, PullState};
use ao_host::store::{Fence, SqliteStore, Store};
use ao_host::world::World as HostWorld;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::World;

const CONFIG: &str = "\
version: 1
projects:
  app:
    path: .
    reactions:
      ci-failed:
        retries: 5
      agent-idle: { enabled: false }
reactions:
  ci-failed: { escalateAfter: 1, priority: info }
  approved-and-green: { action: auto-merge, auto: true }
";

#[test]
fn the_rules_are_listed_with_where_they_come_from() {
    let world = World::with_config(CONFIG);
    assert_snapshot!(world.ao(&["reactions", "list"]), @r"
    $ ao reactions list
    the rules of app:

    RULE                ACTION         PRIORITY  LIMITS
    pr-closed           notify         action
    ci-failed           send-to-agent  info      1 action, a human after 1 action
    changes-requested   send-to-agent  warning   10 actions, a human after 30m
    bugbot-comments     send-to-agent  warning   10 actions, a human after 30m
    merge-conflicts     send-to-agent  warning   10 actions, a human after 15m
    approved-and-green  auto-merge     action    10 actions
    agent-stuck         notify         urgent    when it lasts 10m
    agent-needs-input   notify         urgent
    agent-exited        notify         urgent
    all-complete        notify         info
    report-needs-input  notify         urgent

    not reacted to: agent-idle, report-no-acknowledge, report-stale

    NOT BY DEFAULT                             FROM
    reactions.ci-failed.escalateAfter          [ROOT]/app/agent-orchestrator.yaml:10:16
    reactions.ci-failed.priority               [ROOT]/app/agent-orchestrator.yaml:10:34
    projects.app.reactions.ci-failed.retries   [ROOT]/app/agent-orchestrator.yaml:7:9
    reactions.approved-and-green.action        [ROOT]/app/agent-orchestrator.yaml:11:25
    reactions.approved-and-green.auto          [ROOT]/app/agent-orchestrator.yaml:11:45
    projects.app.reactions.agent-idle.enabled  [ROOT]/app/agent-orchestrator.yaml:8:21
    --- stderr
    warning: `[ROOT]/app/agent-orchestrator.yaml` is not trusted: nothing in it runs before `ao trust [ROOT]/app/agent-orchestrator.yaml`
    ");
    let list = world.json(&["reactions", "list"]);
    let rule =
        |name: &str| list["rules"].as_array().unwrap().iter().find(|rule| rule["reaction"] == name).unwrap().clone();
    let failed = rule("ci-failed");
    assert_eq!(
        (&failed["retries"], &failed["escalate_after"], &failed["at_most"]),
        (&json!(5), &json!("1 action"), &json!(1))
    );
    assert_eq!(failed["keys"]["retries"]["key"], "projects.app.reactions.ci-failed.retries");
    assert_eq!(failed["rule"]["line"], 6);
    assert_eq!(rule("pr-closed")["keys"], json!({}));
    let off: Vec<_> = list["off"].as_array().unwrap().iter().map(|off| off["reaction"].clone()).collect();
    assert_eq!(off, ["agent-idle", "report-no-acknowledge", "report-stale"]);
    assert_eq!(list["off"][0]["keys"]["enabled"]["line"], 8);
    assert_eq!(world.ao(&["reactions", "list", "--project", "ap"]).code(), 1);
}

const CASES: &str = "\
cases:
  - name: a human hears of the second failure
    given: { pull: { checks: { test: failed } } }
    history:
      - expect: [{ reaction: ci-failed, deed: send, attempt: 1 }]
      - facts: { pull: { head: other, checks: { test: failed } } }
        expect: [{ reaction: ci-failed, deed: escalate, text: not over after 1 action }]
  - name: it isn't <right>
    given: { pull: { checks: { test: passed } } }
    history:
      - expect:
          - { reaction: approved-and-green, deed: notify }
";

#[test]
fn cases_are_run_against_the_projects_rules() {
    let world = World::with_config(CONFIG);
    world.file("app/cases.yaml", CASES);
    assert_snapshot!(world.ao(&["reactions", "test", "cases.yaml"]), @r"
    $ ao reactions test cases.yaml
    ok      cases.yaml:2: a human hears of the second failure
    failed  cases.yaml:8: it isn't <right>
              look 1 at cases.yaml:11:9, 30s in, mergeable
                expected: approved-and-green notify
                got:      approved-and-green merge, attempt 1: merge #7 at 1111111

    1 of 2 cases are not as expected
    --- exit 1
    ");
    assert_snapshot!(world.ao(&["reactions", "test", "cases.yaml", "--junit", "-"]), @r#"
    $ ao reactions test cases.yaml --junit -
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="ao reactions test">
      <testsuite name="cases.yaml" tests="2" failures="1" errors="0" skipped="0">
        <testcase classname="cases.yaml" name="a human hears of the second failure" file="cases.yaml" line="2"/>
        <testcase classname="cases.yaml" name="it isn&apos;t &lt;right&gt;" file="cases.yaml" line="8">
          <failure message="look 1 at cases.yaml:11:9, 30s in, mergeable: expected approved-and-green notify; got approved-and-green merge, attempt 1: merge #7 at 1111111">look 1 at cases.yaml:11:9, 30s in, mergeable: expected approved-and-green notify; got approved-and-green merge, attempt 1: merge #7 at 1111111</failure>
        </testcase>
      </testsuite>
    </testsuites>
    --- exit 1
    "#);
    let run = world.ao(&["reactions", "test", "cases.yaml", "--json", "--junit", "out.xml"]);
    let json: Value = run.json();
    assert_eq!((&json["passed"], &json["files"][0]["project"]), (&json!(false), &json!("app")));
    assert_eq!(json["files"][0]["cases"][1]["mismatches"][0]["line"], 11);
    assert!(fs_err::read_to_string(world.path("app/out.xml")).unwrap().contains("failures=\"1\""));
    assert_eq!(world.ao(&["reactions", "test", "cases.yaml", "--json", "--junit", "-"]).code(), 2);
}

#[test]
fn the_example_needs_no_project_and_its_mistakes_are_shown() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/reactions.cases.yaml");
    let world = World::new();
    let run = world.ao(&["reactions", "test", example]).succeeds();
    assert!(run.stdout().ends_with("cases are as expected\n"), "{run}");
    world.file("app/wrong.yaml", "cases:\n  - name: x\n    histry: []\n");
    assert_snapshot!(world.ao(&["reactions", "test", "wrong.yaml"]), @r"
    $ ao reactions test wrong.yaml
    --- stderr
    error: the key `history` is missing in item 1 of `cases`
       ,-[wrong.yaml:2:5]
     1 | cases:
     2 |   - name: x
       :     |
       :     `-- cases[0]
     3 |     histry: []
       `----
      help: `history`: What happens, in order.

    error: unknown key `histry`
       ,-[wrong.yaml:3:5]
     2 |   - name: x
     3 |     histry: []
       :     ^^^|^^
       :        `-- cases[0].histry
       `----
      help: did you mean `history`?
    --- exit 78
    ");
    assert_eq!(world.ao(&["reactions", "test", "nowhere.yaml"]).code(), 1);
    let schema: Value = world.ao(&["reactions", "schema"]).succeeds().json();
    let text = fs_err::read_to_string(example).unwrap();
    let cases: Value = serde_yaml::from_str(&text).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    assert!(schema.is_valid(&cases));
    assert!(!schema.is_valid(&json!({ "cases": [{ "name": "x", "histry": [] }] })));
}

/// A session whose check fails, told to its agent by the rule of a file, as a host writes it down.
#[test]
fn why_names_the_line_that_decided() {
    let world = World::with_config(CONFIG);
    let outside = HostWorld::system();
    let now = outside.now();
    let file = world.path("app/agent-orchestrator.yaml");
    let config = Config::layered([Document::parse(&file, CONFIG.as_bytes()).unwrap()], None).unwrap();
    let project = config.project(&"app".parse().unwrap()).unwrap();
    let id: SessionId = "app-1".parse().unwrap();
    let mut session = Session::new(id.clone(), project.name.clone(), world.path("app"), now);
    let handle =
        RuntimeHandle::new("process".parse::<ao_core::model::PluginName>().unwrap(), id.clone(), "k", json!({}));
    let mut runtime = RuntimeFacts::new(world.path("s"), handle, now);
    runtime.launch = 1;
    session.runtime = Some(runtime);
    let mut snapshot = PullSnapshot::new(PullRef::new(7_u64), PullState::Open, "abc");
    let mut check = Check::new("test", CheckState::Failed);
    check.required = true;
    snapshot.checks = vec![check];
    let scm: ao_core::model::PluginName = "local".parse().unwrap();
    session.pull = Some(PullFacts::new(scm, "app", snapshot, now));

    let (timing, limits, red) = (Policy::default(), project.limits, std::collections::BTreeSet::new());
    let rules = Rules {
        reactions: &project.reactions,
        timing: &timing,
        limits: &limits,
        load: Load::default(),
        red_on_base: &red,
    };
    let (mut ledger, status) = (Ledger::default(), status(&session, now, &timing));
    let moves = advance(&mut ledger, &session, &status, &rules, now);
    let due = decide(&session, &status, &ledger, &rules, now);
    let [intent] = &due[..] else { panic!("{due:?}") };
    let mut events: Vec<EventData> = moves.into_iter().map(ao_core::lifecycle::decide::Move::event).collect();
    events.extend([intent.planned(), intent.claimed(), intent.ended(&Outcome::Done)]);
    let events: Vec<_> = events.into_iter().map(|data| outside.event(Some(&id), data)).collect();
    let store = SqliteStore::open(&world.path("ao/state/state.db")).unwrap();
    store.adopt(&session, &[]).unwrap();
    store.append(Fence::None, &events).unwrap();
    drop(store);

    let text = world.ao(&["why", "app-1"]).succeeds().stdout();
    let (_, shown) = text.split_once("what rules do about it:\n").unwrap_or_else(|| panic!("{text}"));
    let lines: Vec<_> = shown.lines().map(|line| line.split(" at 20").next().unwrap()).collect();
    assert!(
        lines[0].starts_with("ci-failed, open since ") && lines[0].ends_with(": #7: required checks fail: test"),
        "{text}"
    );
    assert_eq!(lines[1], "  - tell the agent (action 1 of 1), done");
    assert_eq!(
        lines[2],
        "    because [ROOT]/app/agent-orchestrator.yaml:6:7 projects.app.reactions.ci-failed says so; a human hears of it after 1 action"
    );
    let json = world.json(&["why", "app-1"]);
    let episode = &json["reactions"][0];
    assert_eq!((&episode["open"], &episode["reason"]), (&json!(true), &json!("#7: required checks fail: test")));
    let step = &episode["intents"][0];
    assert_eq!((&step["state"], &step["deed"], &step["attempt"]), (&json!("done"), &json!("send"), &json!(1)));
    assert_eq!(step["rule"]["key"], "projects.app.reactions.ci-failed");
}
