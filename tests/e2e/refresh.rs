//! `ao status --refresh`: one look at everything, by whoever is the host, and what readers say of how old a fact is.

use std::collections::BTreeSet;

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::host::pid;
use crate::studio::{Engine, Studio};

/// The processes of a session: its holder's and its agent's.
fn processes(session: &Value) -> [u32; 2] {
    ["holder", "child"].map(|who| u32::try_from(session["runtime"][who]["pid"].as_u64().unwrap()).unwrap())
}

fn looked_at(status: &Value) -> String {
    status["host"]["looked_at"].as_str().unwrap_or_else(|| panic!("nobody has looked: {status}")).to_owned()
}

#[test]
fn without_a_host_it_is_the_pass_of_reconcile() {
    let studio = Studio::new(Engine::Process);
    assert!(studio.world.json(&["status"])["host"].get("looked_at").is_none());
    let id = studio.spawn(&["--agent", "sleeper"]);
    let plain = studio.world.ao(&["status"]).succeeds();
    assert!(plain.stderr().contains("no host runs") && plain.stderr().contains("none has looked"), "{plain}");
    let first = studio.world.json(&["status", "--refresh"]);
    assert_eq!(first["host"]["running"], false);
    assert!(first["sessions"][0]["status"]["observed_at"].as_str().unwrap() >= looked_at(&first).as_str(), "{first}");
    assert!(looked_at(&studio.world.json(&["status", "--refresh"])) > looked_at(&first));
    let after = studio.world.ao(&["status"]).succeeds();
    assert!(after.stderr().contains("the last look was 0s ago") || after.stderr().contains("s ago"), "{after}");
    assert!(after.stdout().contains("DECIDED BY") && after.stdout().contains(", seen "), "{after}");
    for command in [&["session", "show", &id][..], &["session", "list"], &["why", &id], &["reconcile"]] {
        let shown = studio.world.ao(command).succeeds();
        assert!(shown.stdout().contains(", seen "), "{shown}");
    }
    let shown = studio.world.ao(&["session", "show", &id]).succeeds().stdout();
    assert!(shown.contains("alive, seen "), "each fact has its age: {shown}");
}

#[test]
fn many_deaths_at_once_are_not_believed() {
    let studio = Studio::new(Engine::Process);
    let ids: BTreeSet<_> = (0..4).map(|_| studio.spawn(&["--agent", "sleeper"])).collect();
    studio.world.ao(&["status", "--refresh"]).succeeds();
    let sessions = ids.iter().map(|id| studio.show(id)["session"].clone());
    let all: Vec<_> = sessions.flat_map(|session| processes(&session)).collect();
    // Holders first, so that nobody writes down how an agent ended.
    for process in all.iter().step_by(2).chain(all.iter().skip(1).step_by(2)) {
        let _ = kill_process(pid(*process), Signal::KILL);
    }
    studio.wait("they are gone", || studio.processes().is_empty());
    let status = studio.world.json(&["status", "--refresh"]);
    for row in status["sessions"].as_array().unwrap() {
        assert_eq!(row["status"]["name"], "detecting", "{row}");
        assert!(row["status"]["reason"].as_str().unwrap().contains("not believed"), "{row}");
    }
    let told = studio.world.ao(&["events", "--type", "host.mass_death_hold"]).succeeds().stdout();
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_host_that_runs_is_asked() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--agent", "sleeper"]);
    studio.world.ao(&["start", "--detach"]).succeeds();
    let before = studio.world.json(&["status"]);
    let host = before["host"]["pid"].clone();
    // It looks every 30 s by itself: three looks within a moment are three answers.
    let mut last = looked_at(&before);
    for _ in 0..3 {
        let status = studio.world.json(&["status", "--refresh"]);
        assert!(looked_at(&status) > last, "{status}");
        assert_eq!((&status["host"]["running"], &status["host"]["pid"]), (&Value::Bool(true), &host));
        last = looked_at(&status);
    }
    assert!(studio.show(&id)["session"]["runtime"]["plugin"]["at"].as_str().unwrap() >= last.as_str());
    assert_eq!(studio.world.ao(&["status"]).succeeds().stderr(), "", "with a host there is nothing to say");
    studio.world.ao(&["stop"]).succeeds();
}
