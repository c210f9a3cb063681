//! What agents report: taken at once, or left for a host that finds it.

use serde_json::{Value, json};

use crate::studio::{Engine, Studio};

/// Tells its token, and stays.
const TELLER: &str = "echo \"$AO_SESSION_TOKEN $AO_SPOOL\" > told.tmp\nmv told.tmp told\nexec sleep 1000000\n";

/// A studio with an agent `teller`, and a pull request #1 of a branch that is nobody's.
fn studio() -> Studio {
    let studio = Studio::new(Engine::Process);
    let library = studio.world.library("lib/libao_plugin_fixture.so", |_| {});
    let script = Value::from(studio.world.file("teller.sh", TELLER).as_str());
    let text = studio.config("    scm: { plugin: fixture, pulls: [elsewhere] }\n");
    let agents = format!("agents:\n  teller: {{ plugin: command, argv: [sh, {script}] }}\n");
    studio.write_config(&format!("{}plugins:\n  - path: {library}\n", text.replace("agents:\n", &agents)));
    studio.world.ao(&["plugin", "trust", "./../lib/libao_plugin_fixture.so"]).succeeds();
    studio
}

/// A session's token and its spool.
fn tell(studio: &Studio, id: &str) -> (String, String) {
    let file = studio.worktree(id).join("told");
    studio.wait("the agent has told its token", || file.exists());
    let told = fs_err::read_to_string(file).unwrap();
    let (token, spool) = told.trim().split_once(' ').unwrap();
    (token.to_owned(), spool.to_owned())
}

fn kinds(studio: &Studio, id: &str) -> Vec<String> {
    let events = studio
        .world
        .ao(&[
            "events",
            "--session",
            id,
            "--type",
            "agent.report_accepted",
            "--type",
            "agent.report_rejected",
            "--json",
        ])
        .succeeds()
        .stdout();
    events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["data"].to_string()).collect()
}

#[test]
fn an_agent_reports_and_a_strangers_word_is_refused() {
    let studio = studio();
    let (one, two) = (studio.spawn(&["--agent", "teller"]), studio.spawn(&["--agent", "teller"]));
    let ((token, _), (others, _)) = (tell(&studio, &one), tell(&studio, &two));
    let own = [("AO_SESSION_ID", one.as_str()), ("AO_SESSION_TOKEN", token.as_str())];
    studio.world.ao_with(&["acknowledge"], &own).succeeds();
    let said = studio.world.ao_with(&["report", "needs-input", "--note", "which one?"], &own).succeeds();
    assert_eq!(said.stdout(), "app-1: needs_input is recorded; it is needs_input\n");
    let refused = studio.world.ao_with(&["report", "done", &one], &[("AO_SESSION_TOKEN", &others)]);
    assert_eq!(refused.code(), 1, "{refused}");
    assert!(refused.stderr().contains("`app-2` reports it"), "{refused}");
    let human = studio.world.ao(&["report", "working", "--session", &one, "--json"]).succeeds();
    let human: Value = serde_json::from_str(&human.stdout()).unwrap();
    assert_eq!((&human["delivery"], &human["before"]), (&json!("recorded"), &json!("needs_input")));
    assert_eq!(studio.world.ao(&["report", "tired", &one]).code(), 2);
    assert_eq!(studio.world.ao(&["report", "working"]).code(), 2, "nobody's");

    let told = kinds(&studio, &one);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[1].contains(r#""before":"started""#) && told[1].contains(r#""state":"needs_input""#), "{told:?}");
    assert!(told[2].contains(r#""caller":"app-2""#), "{told:?}");
    assert!(told[3].contains(r#""by":"human""#), "{told:?}");

    studio.world.ao(&["session", "kill", &one]).succeeds();
    let late = studio.world.ao_with(&["report", "completed"], &own);
    assert!(late.code() == 1 && late.stderr().contains("the session has ended"), "{late}");
}

#[test]
fn a_pull_request_that_is_named_is_the_sessions_if_the_scm_knows_it_and_nobody_has_it() {
    let studio = studio();
    let (one, two) = (studio.spawn(&["--agent", "teller"]), studio.spawn(&["--agent", "teller"]));
    let absent = studio.world.ao(&["report", "pr", "--pr", "9", &one]).succeeds();
    assert!(absent.stderr().contains("the scm knows no pull request #9"), "{absent}");
    let differ = studio.world.ao(&["report", "pr", "--pr", "2", "--pr", "https://x.example/a/b/pull/1", &one]);
    assert!(differ.code() == 2 && differ.stderr().contains("are not the same pull request"), "{differ}");
    studio.world.ao(&["report", "pr", "--pr", "1", &one]).succeeds();
    assert_eq!(studio.show(&one)["session"]["pull"]["snapshot"]["pull"]["number"], 1);
    let taken = studio.world.ao(&["report", "pr", "--pr", "1", &two]).succeeds();
    assert!(taken.stderr().contains("#1 is the pull request of `app-1`"), "{taken}");
    studio.world.ao(&["reconcile"]);
    assert_eq!(studio.show(&two)["session"].get("pull"), None);
}

#[test]
fn what_cannot_be_written_down_is_left_and_taken_once() {
    let studio = studio();
    let id = studio.spawn(&["--agent", "teller"]);
    let (token, spool) = tell(&studio, &id);
    let hidden = studio.world.path("hidden");
    let sandbox =
        [("AO_HOME", hidden.as_str()), ("AO_SESSION_ID", &id), ("AO_SESSION_TOKEN", &token), ("AO_SPOOL", &spool)];
    let left = studio.world.ao_with(&["report", "waiting", "--note", "for a review"], &sandbox).succeeds();
    assert_eq!(left.stdout(), "app-1: waiting is left for the host\n");
    assert!(!hidden.exists(), "nothing is made where a sandbox hides the state");
    assert_eq!(studio.show(&id)["session"].get("report"), None);
    for _ in 0..2 {
        studio.world.ao(&["reconcile"]);
    }
    let report = &studio.show(&id)["session"]["report"];
    assert_eq!((&report["state"], &report["note"]), (&json!("waiting"), &json!("for a review")));
    assert_eq!(kinds(&studio, &id).len(), 1);
    let elsewhere = studio.world.ao_with(&["report", "waiting", "app-9"], &sandbox);
    assert_eq!(elsewhere.code(), 1, "a spool is of its own session alone: {elsewhere}");
}
