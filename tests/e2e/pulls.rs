//! Pull requests as an scm of a library has them.

use serde_json::Value;

use crate::studio::{Engine, Studio};

/// A studio whose project has the library's scm; the branches of `pulls` have a pull request.
fn studio(pulls: &str) -> Studio {
    let studio = Studio::new(Engine::Process);
    let library = studio.world.library("lib/libao_plugin_fixture.so", |_| {});
    let project = format!("    repo: acme/app\n    scm: {{ plugin: fixture, pulls: [{pulls}] }}\n");
    studio.write_config(&format!("{}plugins:\n  - path: {library}\n", studio.config(&project)));
    studio
}

/// Whether this is the status of an agent that sleeps, and of which nothing else is known.
fn lives(status: &str) -> bool {
    ["working", "ready"].contains(&status)
}

#[test]
fn a_host_sees_a_pull_request_and_says_so() {
    let studio = studio("ao/app-2");
    studio.world.ao(&["plugin", "trust", "./../lib/libao_plugin_fixture.so"]).succeeds();
    let ids = [studio.spawn(&["--agent", "sleeper"]), studio.spawn(&["--agent", "sleeper"])];
    studio.world.ao(&["start", "--once"]).succeeds();
    assert!(lives(&studio.status(&ids[0])));
    assert_eq!(studio.status(&ids[1]), "pr_open");
    let shown = studio.show(&ids[1]);
    assert_eq!(shown["status"]["reason"], "#1: open");
    assert_eq!(shown["session"]["pull"]["repository"], "acme/app");
    let events = studio.world.ao(&["events", "--json", "--type", "pr.,check."]).succeeds();
    let events: Vec<Value> = events.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = events.iter().map(|event| (event["type"].as_str().unwrap(), &event["session"])).collect();
    assert_eq!(told, [("pr.opened", &ids[1].as_str().into()), ("check.changed", &ids[1].as_str().into())]);
    let chain = studio.world.ao(&["why", &ids[1]]).succeeds();
    assert!(chain.stdout().contains("pr.opened"), "{chain}");
}

#[test]
fn an_scm_that_cannot_be_used_is_said_and_nothing_else_suffers() {
    let studio = studio("ao/app-1");
    studio.world.ao(&["plugin", "trust", "./../lib/libao_plugin_fixture.so"]).succeeds();
    let id = studio.spawn(&["--agent", "sleeper"]);
    studio.world.ao(&["plugin", "untrust", "./../lib/libao_plugin_fixture.so"]).succeeds();
    let once = studio.world.ao(&["start", "--once"]);
    assert_eq!(once.code(), 75, "{once}");
    assert!(once.stderr().contains(&format!("`{id}` cannot be looked at")), "{once}");
    assert!(lives(&studio.status(&id)));
}
