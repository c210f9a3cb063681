//! Claude Code, from its launch to its end.

use ao_real_agents::Agent;
use ao_scripted_llm::{Llm, Options, Rule, Script};
use serde_json::{Value, json};

use super::life::{Life, script};
use super::scene::{PATIENCE, Scene};
use crate::studio::Engine;
use crate::support::World;

const KEY: &str = "sk-ant-of-the-tests-0123456789";

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
    let script = script()
        .rule(Rule::on("Touch it").shell("touch asked.txt").say("Touched."))
        .rule(Rule::on("Which way").ask("Which way?", ["left", "right"]).say("As you like."));
    let life = Life::begin(engine, script, set_up, |url| agent(&program, url));
    life.writes_the_parser();
    // What begins like a command is a message nevertheless.
    life.mends("/home/ci: CI has failed, see\n- the log\\");
    life.touches_once_it_may();

    life.is_told("Which way is it?");
    life.asks("Which way?");
    life.is_answered("2");
    life.is("ready");
    let told = life.scene.llm.turns().pop().expect("turns").body.to_string();
    assert!(told.contains("\\\"Which way?\\\"=\\\"right\\\""), "{told}");
    life.is_counted();

    life.dies_and_is_brought_back();
    life.mends("CI has failed once more.");
    life.remembers();
    life.is_counted();
    life.ends_at_work();
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

/// What is too long to be typed is a file outside of its worktree, which it reads without asking.
#[test]
fn exclusive_claude_reads_a_long_message() {
    let test = concat!(module_path!(), "::exclusive_claude_reads_a_long_message");
    let Some(program) = Agent::Claude.or_skip(test) else { return };
    let script = Script::new().rule(Rule::always().say("I have heard that."));
    let mut scene = Scene::new(Engine::Pty, script, set_up, |url| agent(&program, url));
    let id = scene.studio.spawn(&["--agent", "agent", "--prompt", "Begin."]);
    scene.studio.wait_for_status(&id, "ready");
    let long = scene.studio.world.file("long", "Mend the parser.\n".repeat(1100));
    let sent = scene.studio.world.ao(&["send", "--json", "--file", long.as_str(), &id]).succeeds().json();
    scene.studio.wait_for_status(&id, "ready");

    let port = scene.llm.url().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap();
    let read = Rule::on("Read it").tool("Read", json!({"file_path": sent["file"]})).say("I have read it.");
    scene.llm = Llm::start(Script::new()).unwrap();
    scene.llm = Llm::start_with(Options::new().port(port), Script::new().rule(read)).unwrap();
    assert_eq!(scene.send(&id, "Read it now."), "acked");
    let told = scene.llm.wait_for(PATIENCE, |request| request.body.to_string().contains("tool_result")).unwrap();
    assert!(told.body.to_string().contains("Mend the parser."), "{}", told.body);
    scene.studio.wait_for_status(&id, "ready");
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
