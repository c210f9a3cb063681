//! What a human is told: tried out, told, not told, and acknowledged.

use ao_core::model::{Notice, Timestamp};
use ao_core::slots::notifier::Priority;
use ao_host::store::{Fence, SqliteStore, Store};
use insta::assert_snapshot;

use crate::support::World;

const NOTIFIERS: &str = "version: 1
defaults: { notifiers: [log] }
notificationRouting: { urgent: [log, broken], info: [] }
notifiers:
  log: { plugin: file, path: \"ROOT/told.ndjson\" }
  broken: { plugin: command, argv: [\"false\"] }
";

fn world(config: &str) -> World {
    let world = World::with_repository();
    world.file("app/agent-orchestrator.yaml", config.replace("ROOT/", world.path("").as_str()));
    world.ao(&["trust"]).succeeds();
    world
}

/// Writes a notice down, as the host does.
fn add(world: &World, id: &str, priority: Priority, title: &str) {
    let mut notice = Notice::new(id, priority, title, Timestamp::from_millis(1_000));
    notice.config_file = Some(world.path("app/agent-orchestrator.yaml"));
    notice.session = Some("app-1".parse().unwrap());
    let store = SqliteStore::open(&world.path("ao/state/state.db")).unwrap();
    assert!(store.add_notice(Fence::None, &notice, &[]).unwrap());
}

fn told(world: &World) -> Vec<serde_json::Value> {
    let text = fs_err::read_to_string(world.path("told.ndjson")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn notifiers_can_be_tried_out() {
    let world = world(NOTIFIERS);
    assert_snapshot!(world.ao(&["notify", "test"]), @r"
    $ ao notify test
    PASS  log: told ([ROOT]/told.ndjson)
    ");
    assert_snapshot!(world.ao(&["notify", "test", "--priority", "urgent"]), @r"
    $ ao notify test --priority urgent
    PASS  log: told ([ROOT]/told.ndjson)
    FAIL  broken: not told: `false` ended with exit status: 1: it said nothing
    --- exit 1
    ");
    assert_snapshot!(world.ao(&["notify", "test", "--priority", "info"]), @r"
    $ ao notify test --priority info
    --- stderr
    error: the configuration tells nobody of `info`; name notifiers in `defaults.notifiers` or `notificationRouting.info`
    --- exit 1
    ");
    assert_snapshot!(world.ao(&["notify", "test", "lgo"]), @r"
    $ ao notify test lgo
    --- stderr
    error: the configuration has no notifier `lgo`; there are broken, log
    --- exit 1
    ");
    let told = told(&world);
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0]["priority"], &told[1]["priority"]), (&"action".into(), &"urgent".into()));
    let tested = world.json(&["notify", "test", "log", "broken"]);
    let outcomes: Vec<_> = tested["answers"].as_array().unwrap().iter().map(|answer| &answer["outcome"]).collect();
    assert_eq!(outcomes, ["told", "failed"]);
    assert_eq!((&tested["answers"][0]["effect"], &tested["answers"][1]["effect"]), (&"keyed".into(), &"blind".into()));
}

#[test]
fn a_pass_tells_what_is_to_be_told_and_the_inbox_says_how_far_it_got() {
    let world = world(NOTIFIERS);
    world.ao(&["status"]).succeeds();
    world.ao(&["inbox"]).succeeds();
    add(&world, "one", Priority::Action, "a decision is wanted");
    add(&world, "two", Priority::Info, "for the record");
    add(&world, "three", Priority::Urgent, "now");
    world.ao(&["reconcile"]);
    world.ao(&["reconcile"]);
    let ids: Vec<_> = told(&world).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, ["one", "three"], "each once");
    let shown = world.ao(&["inbox"]).succeeds().stdout();
    let shown: Vec<_> =
        shown.lines().map(|line| line.split_once(", for ").map_or(line, |(before, _)| before)).collect();
    // What is so now stands above.
    let shown = &shown[shown.len() - 10..];
    assert_eq!((shown[0], shown[1]), ("app-1  urgent", "    told by log"));
    assert!(shown[2].starts_with("    broken: ") && shown[2].ends_with("(tried 2 times, and again until it is told)"));
    assert_eq!(
        shown[3..7],
        ["    ao inbox acknowledge 3", "app-1  action", "    told by log", "    ao inbox acknowledge 1"]
    );
    assert_eq!(shown[8], "    told here alone: the configuration names no notifier for it");
    assert!(world.ao(&["status"]).stdout().ends_with("3 notices wait for you: `ao inbox`\n"));

    assert_eq!(world.ao(&["inbox", "acknowledge", "3"]).succeeds().stdout(), "acknowledged 3: now\n");
    assert_ne!(world.ao(&["inbox", "acknowledge", "3"]).code(), 0);
    let rest = world.json(&["inbox", "acknowledge", "app-1"]);
    assert_eq!(rest["notices"].as_array().unwrap().len(), 2);
    assert_eq!(rest["notices"][0]["acknowledged"]["by"], rest["by"]);
    assert_eq!(world.ao(&["inbox"]).succeeds().stdout(), "nothing waits for you\n");
    assert_eq!(world.ao(&["inbox", "acknowledge", "--all"]).succeeds().stdout(), "no notice waits for you\n");
    assert_eq!(world.json(&["status"])["notices"], serde_json::Value::Null);
}

#[test]
fn what_nobody_could_be_told_is_shown_until_somebody_has_seen_it() {
    let world = world(&NOTIFIERS.replace("[log]", "[broken]"));
    world.ao(&["inbox"]).succeeds();
    add(&world, "one", Priority::Action, "a decision is wanted");
    world.ao(&["reconcile"]);
    let status = world.ao(&["status"]).stdout();
    assert!(status.ends_with("UNDELIVERED 1  1 of 1 notice told nobody; `ao inbox` says why\n"), "{status}");
    let inbox = world.ao(&["inbox"]).stdout();
    assert!(inbox.contains("\n    UNDELIVERED: broken: "), "{inbox}");
    assert_eq!(world.json(&["inbox"])["notices"][0]["undelivered"], true);
    let events = world.ao(&["events", "--type", "notify.failed"]).stdout();
    assert_eq!(events.lines().count(), 1, "{events}");
    world.ao(&["inbox", "acknowledge", "--all"]).succeeds();
    assert!(!world.ao(&["status"]).stdout().contains("UNDELIVERED"));
}

#[test]
fn a_notifier_that_there_is_not_is_said_before_it_is_needed() {
    let world =
        world(&NOTIFIERS.replace("plugin: command, argv: [\"false\"]", "plugin: slack, url: \"https://x.invalid\""));
    let check = world.ao(&["config", "check"]);
    assert_eq!(check.code(), 78, "{check}");
    let said = check.stderr();
    assert!(said.contains("no notifier plugin is named `slack`") && said.contains("docs/notifiers.md"), "{said}");
    let doctor = world.ao(&["doctor"]);
    assert!(doctor.code() == 1 && doctor.stdout().contains("FAIL  notifier/broken: "), "{doctor}");
    let told = world.ao(&["notify", "test", "broken"]);
    assert!(told.code() == 1 && told.stdout().contains("FAIL  broken: it cannot be used: "), "{told}");

    fs_err::remove_file(world.path("told.ndjson")).unwrap_or_default();
    let world = self::world(&NOTIFIERS.replace("ROOT/", "ROOT/no/such/"));
    let doctor = world.ao(&["doctor"]);
    assert!(doctor.stdout().contains("notifier/log: "), "{doctor}");
}
