//! Claude Code, from its launch to its end.

use ao_real_agents::Agent;
use ao_scripted_llm::{Rule, Script};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::scene::{PATIENCE, Scene, commit};
use crate::host::pid;
use crate::studio::Engine;
use crate::support::World;

const KEY: &str = "sk-ant-of-the-tests-0123456789";

/// What the model does about what it is told.
fn script() -> Script {
    Script::new()
        .rule(Rule::on("Write the parser").shell(commit("first")).held("reviewed", "It is written, and reviewed."))
        .rule(Rule::on("CI has failed once more").shell(commit("third")).say("Mended again."))
        .rule(Rule::on("CI has failed").shell(commit("second")).say("Mended."))
        .rule(Rule::on("Touch it").shell("touch asked.txt").say("Touched."))
        .rule(Rule::on("Which way").ask("Which way?", ["left", "right"]).say("As you like."))
        .rule(Rule::on("Wait").hang())
}

/// A home in which Claude Code was set up, and its user has trusted the repository. Its worktrees are elsewhere.
fn set_up(world: &World) {
    let approved = &KEY[KEY.len() - 20..];
    let repository = world.path("app");
    let state = json!({
        "hasCompletedOnboarding": true, "theme": "dark",
        "customApiKeyResponses": {"approved": [approved], "rejected": []},
        "projects": {repository.as_str(): {"hasTrustDialogAccepted": true}},
    });
    world.file("home/.claude.json", state.to_string());
    world.file("home/.claude/settings.json", json!({"permissions": {"allow": ["Bash(git commit:*)"]}}).to_string());
}

fn agent(program: &std::path::Path, url: &str) -> Value {
    json!({
        "plugin": "claude-code", "binary": program,
        "env": {
            "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
    })
}

/// Launched, told, asked, killed, brought back, and ended.
fn whole_life(engine: Engine, test: &str) {
    let Some(program) = Agent::Claude.or_skip(test) else { return };
    let scene = Scene::new(engine, script(), set_up, |url| agent(&program, url));
    let (studio, llm) = (&scene.studio, &scene.llm);
    let id = studio.spawn(&["--agent", "agent", "--prompt", "Write the parser."]);
    llm.wait_for(PATIENCE, |request| request.round == 1).unwrap();
    studio.wait_for_status(&id, "working");
    llm.open("reviewed");
    studio.wait_for_status(&id, "ready");
    assert_eq!(scene.commits(&id), ["first", "first"], "its own, and the repository's");
    let conversation = scene.conversation(&id);

    // What begins like a command is a message nevertheless.
    assert_eq!(scene.send(&id, "/home/ci: CI has failed, see\n- the log\\"), "acked");
    studio.wait("it has mended", || scene.commits(&id).len() == 3);
    studio.wait_for_status(&id, "ready");

    assert_eq!(scene.send(&id, "Touch it."), "acked");
    studio.wait_for_status(&id, "needs_input");
    let asked = studio.world.ao(&["answer", &id, "--json"]).succeeds().json();
    assert!(asked["ask"]["text"].as_str().unwrap().contains("touch asked.txt"), "{asked}");
    let answers: Vec<_> = asked["ask"]["options"].as_array().unwrap().iter().map(|option| &option["answer"]).collect();
    assert_eq!(answers, ["allow_once", "allow_always", "reject_once"]);
    studio.world.ao(&["answer", &id, "yes"]).succeeds();
    studio.wait("the tool runs", || studio.worktree(&id).join("asked.txt").exists());
    studio.wait_for_status(&id, "ready");

    assert_eq!(scene.send(&id, "Which way is it?"), "acked");
    studio.wait_for_status(&id, "needs_input");
    studio.world.ao(&["answer", &id, "2"]).succeeds();
    studio.wait_for_status(&id, "ready");
    let told = llm.turns().pop().expect("turns").body.to_string();
    assert!(told.contains("\\\"Which way?\\\"=\\\"right\\\""), "{told}");
    studio.wait("all that was served is counted", || scene.used(&id) == scene.served());

    kill_process(pid(scene.agent(&id)), Signal::KILL).unwrap();
    studio.wait_for_status(&id, "dead");
    studio.world.ao(&["session", "restore", &id]).succeeds();
    studio.wait_for_status(&id, "ready");
    assert_eq!(scene.conversation(&id), conversation);
    assert_eq!(scene.send(&id, "CI has failed once more."), "acked");
    studio.wait("it has mended", || scene.commits(&id).len() == 4);
    studio.wait_for_status(&id, "ready");
    let last = llm.turns().pop().expect("turns");
    assert!(last.body.to_string().contains("Write the parser."), "the same conversation");
    studio.wait("all that was served is counted", || scene.used(&id) == scene.served());

    assert_eq!(scene.send(&id, "Wait for ever."), "acked");
    studio.wait_for_status(&id, "working");
    studio.world.ao(&["session", "kill", &id]).succeeds();
    assert_eq!(studio.processes(), Vec::<u32>::new(), "nothing is left");
}

#[test]
fn exclusive_claude_in_pty() {
    whole_life(Engine::Pty, concat!(module_path!(), "::exclusive_claude_in_pty"));
}

#[test]
fn exclusive_claude_in_tmux() {
    let test = concat!(module_path!(), "::exclusive_claude_in_tmux");
    if Engine::Tmux.is_here(test) {
        whole_life(Engine::Tmux, test);
    }
}

/// A dialog at the start takes no prompt for its answer.
#[test]
fn exclusive_claude_is_not_trusted_yet() {
    let Some(program) = Agent::Claude.or_skip(concat!(module_path!(), "::exclusive_claude_is_not_trusted_yet")) else {
        return;
    };
    let untrusted = |world: &World| {
        set_up(world);
        let state = fs_err::read_to_string(world.path("home/.claude.json")).unwrap();
        world.file("home/.claude.json", state.replace("hasTrustDialogAccepted", "_"));
    };
    let scene = Scene::new(Engine::Pty, script(), untrusted, |url| agent(&program, url));
    let id = scene.studio.spawn(&["--agent", "agent", "--prompt", "Write the parser."]);
    scene.studio.wait_for_status(&id, "needs_input");
    let asked = scene.studio.world.json(&["answer", &id]);
    assert!(asked["ask"]["text"].as_str().unwrap().contains("Accessing workspace"), "{asked}");
    assert_eq!(scene.studio.world.ao(&["answer", &id, "yes"]).code(), 1, "for who looks at it");
    assert!(scene.llm.turns().is_empty());
    let shown = scene.studio.show(&id);
    assert_eq!(shown["session"]["prompt"]["delivery"], "queued", "{shown}");
}
