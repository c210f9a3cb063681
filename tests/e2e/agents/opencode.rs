//! OpenCode over HTTP, from its launch to its end: with a server of its own, with one that is shared, and with none but its
//! interface's.

use std::path::Path;

use ao_real_agents::Agent;
use ao_scripted_llm::{Rule, Script};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::life::{self, Life};
use super::model;
use super::scene::{PATIENCE, Scene, commit};
use crate::host::pid;
use crate::studio::Engine;
use crate::support::World;

/// What the model does about what it is told.
fn script() -> Script {
    life::script()
        .rule(Rule::on("Write the lexer").shell(commit("lexer")).say("It is written."))
        .rule(
            Rule::on("Change the hooks")
                .tool("read", json!({"filePath": ".git"}))
                .tool("write", json!({"filePath": ".git", "content": "gitdir: /elsewhere"}))
                .say("I may not."),
        )
        .rule(Rule::on("Which one").ask("Which way?", ["left", "right"]).say("So be it."))
}

/// OpenCode, of which commits are asked.
fn agent(program: &Path, url: &str, server: &str) -> Value {
    json!({
        "plugin": "opencode", "binary": program, "server": server, "model": "test/model", "permissions": "auto-edit",
        "env": model::variables(url, &json!({})),
    })
}

fn scene(program: &Path, engine: Engine, server: &str) -> Scene {
    Scene::new(engine, script(), |_: &World| {}, |url| agent(program, url, server))
}

/// Whether what was used, and what it cost, is what was served to a session that is alone.
fn is_counted(scene: &Scene, id: &str) -> bool {
    let used = scene.used(id);
    let count = |name: &str| used[0][name].as_u64().unwrap_or_default();
    let used = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"].map(count);
    let served = scene.llm.served();
    let served = served.get("model").map(|told| [told.input, told.output, told.cache_read, told.cache_write]);
    Some(used) == served && count("cost_micros") == model::price(&scene.llm)
}

/// Waits until it asks for something with this in it, and allows that.
fn allow(scene: &Scene, id: &str, sign: &str) {
    let studio = &scene.studio;
    studio.wait(&format!("it asks about {sign}"), || {
        let asked = studio.world.ao(&["answer", id, "--json"]).succeeds().json();
        asked["ask"]["text"].as_str().is_some_and(|text| text.contains(sign))
    });
    studio.wait_for_status(id, "needs_input");
    studio.world.ao(&["answer", id, "yes"]).succeeds();
}

/// Launched, told, asked, left alone, killed, brought back, and ended.
fn whole_life(server: &str, engine: Engine, test: &str) {
    let Some(program) = Agent::OpenCode.or_skip(test) else { return };
    let life = Life::begin(engine, script(), |_: &World| {}, |url| agent(&program, url, server));
    let (studio, llm) = (&life.scene.studio, &life.scene.llm);
    let is_counted = || studio.wait("all that was served is counted", || is_counted(&life.scene, &life.id));
    allow(&life.scene, &life.id, "--message first");
    life.is_at_work();
    studio.wait("its prompt is acknowledged", || studio.show(&life.id)["session"]["prompt"]["delivery"] == "acked");

    // A message behind the turn that runs, and a host that is gone while both are done.
    life.is_told("/home/ci: CI has failed, see\n- the log\\");
    studio.world.ao(&["stop"]).succeeds();
    llm.open("reviewed");
    studio.wait("the next turn asks", || {
        life.question()["text"].as_str().is_some_and(|text| text.contains("--message second"))
    });
    studio.world.ao(&["start", "--detach"]).succeeds();
    allow(&life.scene, &life.id, "--message second");
    life.is("ready");
    assert_eq!(life.scene.commits(&life.id)[..2], ["second", "first"]);
    is_counted();

    life.is_told("Which one is it to be?");
    life.is("needs_input");
    life.is_answered("2");
    life.is("ready");
    let answered = llm.turns().pop().expect("turns");
    assert!(answered.body.to_string().contains("right"), "{}", answered.body);

    life.dies_and_is_brought_back();
    life.is_told("CI has failed once more.");
    allow(&life.scene, &life.id, "--message third");
    life.is("ready");
    assert_eq!(life.scene.commits(&life.id)[0], "third");
    life.remembers();
    is_counted();
    life.ends_at_work();
}

#[test]
fn exclusive_opencode_own() {
    whole_life("own", Engine::Pty, concat!(module_path!(), "::exclusive_opencode_own"));
}

#[test]
fn exclusive_opencode_none() {
    whole_life("none", Engine::Pty, concat!(module_path!(), "::exclusive_opencode_none"));
}

/// Those who hold the shared server.
fn supervisors(scene: &Scene) -> Vec<u32> {
    let is_supervisor = |process: &u32| {
        let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("__opencode-server")
    };
    scene.studio.processes().into_iter().filter(is_supervisor).collect()
}

#[test]
fn exclusive_opencode_shared() {
    let Some(program) = Agent::OpenCode.or_skip(concat!(module_path!(), "::exclusive_opencode_shared")) else { return };
    let scene = scene(&program, Engine::Pty, "shared");
    let (studio, llm) = (&scene.studio, &scene.llm);
    let one = studio.spawn(&["--agent", "agent", "--prompt", "Write the parser."]);
    let two = studio.spawn(&["--agent", "agent", "--prompt", "Write the lexer."]);
    allow(&scene, &one, "--message first");
    allow(&scene, &two, "--message lexer");
    studio.wait_for_status(&two, "ready");
    assert_eq!(scene.commits(&two)[0], "lexer");
    assert_eq!(scene.commits(&one)[0], "first");
    assert_eq!(supervisors(&scene).len(), 1);

    // One is killed in the middle of its turn; the other goes on.
    llm.wait_for(PATIENCE, |request| request.round == 1 && request.user.contains("parser")).unwrap();
    studio.world.ao(&["session", "kill", &one]).succeeds();
    assert_eq!(scene.send(&two, "CI has failed."), "acked");
    allow(&scene, &two, "--message second");
    studio.wait_for_status(&two, "ready");

    // Whoever holds the server is killed: another one does, and the conversation goes on.
    let before = supervisors(&scene);
    let conversation = scene.conversation(&two);
    kill_process(pid(before[0]), Signal::KILL).unwrap();
    studio.wait("another one holds a server", || {
        let now = supervisors(&scene);
        now.len() == 1 && now != before
    });
    assert_eq!(scene.send(&two, "CI has failed once more."), "acked");
    allow(&scene, &two, "--message third");
    studio.wait_for_status(&two, "ready");
    assert_eq!(scene.conversation(&two), conversation);
    let last = llm.turns().pop().expect("turns");
    assert!(last.body.to_string().contains("Write the lexer."), "the same conversation");
    assert_eq!(scene.commits(&two)[..3], ["third", "second", "lexer"]);

    // What is git's own it asks about, though it may change files.
    assert_eq!(scene.send(&two, "Change the hooks."), "acked");
    studio.wait_for_status(&two, "needs_input");
    let asked = studio.world.ao(&["answer", &two, "no", "--json"]).succeeds().json();
    assert!(asked["ask"]["text"].as_str().is_some_and(|text| text.contains(".git")), "{asked}");
    studio.wait_for_status(&two, "ready");
    assert_eq!(scene.commits(&two)[0], "third", "the worktree is what it was");

    studio.world.ao(&["session", "kill", &two]).succeeds();
    studio.wait("nothing is left", || studio.processes().is_empty());
}
