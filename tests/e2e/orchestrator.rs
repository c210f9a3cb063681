//! The session of a project that drives `ao` itself.

use serde_json::Value;

use crate::studio::{Engine, Studio};

/// Keeps what it is told with each launch, and says so.
const DRIVER: &str = r#"cat "$1" >> told
echo --- >> told
echo ready
exec sleep 1000000
"#;

/// With an agent `driver`, which is the orchestrator's.
fn studio() -> Studio {
    let studio = Studio::new(Engine::Process);
    let script = studio.world.file("driver.sh", DRIVER);
    let argv = serde_json::json!(["sh", script.as_str(), "{prompt_file}"]);
    let text = studio.config("    orchestrator: { agent: driver }\n    orchestratorRules: Two at once.\n");
    let agents = format!("\nagents:\n  driver: {{ plugin: command, argv: {argv} }}\n");
    studio.write_config(&text.replace("\nagents:\n", &agents));
    studio
}

/// What its agent was told, launch by launch.
fn told(studio: &Studio, id: &str) -> Vec<String> {
    let told = fs_err::read_to_string(studio.worktree(id).join("told")).unwrap_or_default();
    told.split_terminator("---\n").map(str::to_owned).collect()
}

fn roles(studio: &Studio, of: &str) -> Vec<String> {
    let list = studio.world.json(&["session", "list"]);
    let sessions = list["sessions"].as_array().unwrap();
    let is_it = |session: &&Value| session["role"] == of;
    sessions.iter().filter(is_it).map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_project_has_one_which_comes_back_where_it_was() {
    let studio = studio();
    let none = studio.world.ao(&["orchestrator", "attach"]);
    assert!(none.code() == 1 && none.stderr().contains("`ao orchestrator start` starts one"), "{none}");

    let starts = [(); 2].map(|()| studio.world.start(&["orchestrator", "start"]));
    let runs = starts.map(|start| start.finish().succeeds());
    for run in &runs {
        assert_eq!(run.stdout(), "app-1\n", "{run}");
    }
    let new = runs.iter().filter(|run| run.stderr().contains("orchestrator of `app` is new")).count();
    assert_eq!(new, 1, "{}{}", runs[0], runs[1]);
    assert_eq!(roles(&studio, "orchestrator"), ["app-1"]);

    studio.wait("it was told", || !told(&studio, "app-1").is_empty());
    let prompt = studio.world.ao(&["orchestrator", "prompt"]).succeeds().stdout();
    let first = told(&studio, "app-1").remove(0).replace(studio.world.path("").as_str(), "[ROOT]/");
    assert_eq!(first.trim(), prompt.trim());
    for said in ["ao spawn [ISSUE]", "ao session claim-pr", "Two at once.", "agent of sessions: worker"] {
        assert!(prompt.contains(said), "{said}: {prompt}");
    }
    let again = studio.world.ao(&["orchestrator", "start", "--agent", "sleeper"]).succeeds();
    assert!(again.stderr().contains("runs already") && again.stderr().contains("is `driver`"), "{again}");

    let session = studio.show("app-1")["session"].clone();
    assert_eq!((&session["role"], &session["workspace"]["branch"]), (&"orchestrator".into(), &"ao/app-1".into()));
    let shown = studio.world.ao(&["status"]).stdout();
    assert!(shown.contains("app-1 (orchestrator)"), "{shown}");

    for pid in studio.processes() {
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    studio.wait("its agent is gone", || studio.processes().is_empty());
    let back = studio.world.ao(&["orchestrator", "start", "--json"]).succeeds();
    assert_eq!(back.json()["session"]["id"], "app-1", "{back}");
    assert_eq!(roles(&studio, "orchestrator"), ["app-1"]);
    studio.wait("it was told again", || told(&studio, "app-1").len() == 2);

    // What it asks reaches a human; what is a worker's to say does not count.
    let told = studio.world.ao(&["report", "needs_input", "--note", "which one?", "app-1"]);
    assert_eq!((told.code(), studio.status("app-1")), (0, "needs_input".to_owned()), "{told}");
    let refused = studio.world.ao(&["report", "completed", "app-1"]);
    assert!(refused.code() == 1 && refused.stderr().contains("is an orchestrator"), "{refused}");

    // It is ended by its name alone; the next one is another.
    studio.world.ao(&["session", "kill", "app-1"]).succeeds();
    let tidied = studio.world.json(&["gc"]);
    assert_eq!(tidied["sessions"][0]["why"], "it is an orchestrator", "{tidied}");
    assert!(studio.worktree("app-1").exists());
    assert_eq!(studio.world.ao(&["orchestrator", "start"]).succeeds().stdout(), "app-2\n");
}
