//! Agents by the Agent Client Protocol, from their launch to their end, with a host that is gone in between.

use std::path::Path;

use ao_real_agents::Agent;
use ao_scripted_llm::{Llm, Rule, Script};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::scene::{PATIENCE, Scene, commit};
use crate::host::pid;
use crate::studio::Engine;
use crate::support::World;

/// Dollars for a million tokens.
const PRICES: (u64, u64) = (3, 15);

/// What the model does about what it is told.
fn script() -> Script {
    Script::new()
        .rule(Rule::on("Write the parser").shell(commit("first")).held("reviewed", "It is written, and reviewed."))
        .rule(Rule::on("CI has failed once more").shell(commit("third")).say("Mended again."))
        .rule(Rule::on("CI has failed").shell(commit("second")).say("Mended."))
        .rule(Rule::on("Wait").hang())
}

/// OpenCode asks for commits, and knows one model.
fn opencode(program: &Path, url: &str) -> Value {
    let (input, output) = PRICES;
    let model = json!({
        "name": "Test", "tool_call": true, "limit": {"context": 200_000, "output": 8000}, "cost": {"input": input, "output": output},
    });
    let provider = json!({
        "npm": "@ai-sdk/openai-compatible", "name": "Test",
        "options": {"baseURL": format!("{url}/v1"), "apiKey": "k"}, "models": {"model": model},
    });
    let config = json!({
        "autoupdate": false, "share": "disabled", "enabled_providers": ["test"], "provider": {"test": provider},
        "model": "test/model", "small_model": "test/model", "permission": {"bash": "ask"},
    });
    json!({
        "plugin": "acp", "argv": [program, "acp"],
        "env": {
            "OPENCODE_CONFIG_CONTENT": config.to_string(), "OPENCODE_PURE": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        },
    })
}

/// What was served, in millionths of a dollar. Nothing is served from a cache here.
fn price(llm: &Llm) -> u64 {
    llm.served().values().map(|tokens| tokens.input * PRICES.0 + tokens.output * PRICES.1).sum()
}

fn cost(scene: &Scene, id: &str) -> u64 {
    let used = scene.used(id);
    used.as_array().into_iter().flatten().filter_map(|model| model["cost_micros"].as_u64()).sum()
}

/// Claude Code, by an adapter; it asks for commits of itself.
fn claude(program: &Path, url: &str) -> Value {
    json!({
        "plugin": "acp", "argv": [program],
        "env": {
            "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-ant-of-the-tests-0123456789",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
    })
}

/// Whether an agent says what it costs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bill {
    Told,
    Untold,
}

/// Launched, told, asked, left alone, killed, brought back, and ended.
fn whole_life(agent: impl FnOnce(&str) -> Value, bill: Bill) {
    let scene = Scene::new(Engine::Pty, script(), |_: &World| {}, agent);
    let is_paid = || bill == Bill::Untold || cost(&scene, "app-1") == price(&scene.llm);
    let (studio, llm) = (&scene.studio, &scene.llm);
    let id = studio.spawn(&["--agent", "agent", "--prompt", "Write the parser."]);
    assert_eq!(id, "app-1");
    studio.wait_for_status(&id, "needs_input");
    let asked = studio.world.ao(&["answer", &id, "--json"]).succeeds().json();
    assert!(asked["ask"]["text"].as_str().unwrap().contains("--message first"), "{asked}");
    let answers: Vec<_> = asked["ask"]["options"].as_array().unwrap().iter().map(|option| &option["answer"]).collect();
    assert!(answers.iter().any(|answer| **answer == "allow_once"), "{asked}");
    studio.world.ao(&["answer", &id, "yes"]).succeeds();
    llm.wait_for(PATIENCE, |request| request.round == 1).unwrap();
    studio.wait_for_status(&id, "working");

    // A message behind the turn that runs, and a host that is gone while both are done.
    assert_eq!(scene.send(&id, "/home/ci: CI has failed, see\n- the log\\"), "acked");
    studio.world.ao(&["stop"]).succeeds();
    llm.open("reviewed");
    studio.wait("the next turn asks", || {
        let asked = studio.world.ao(&["answer", &id, "--json"]).succeeds().json();
        asked["ask"]["text"].as_str().is_some_and(|text| text.contains("--message second"))
    });
    studio.world.ao(&["start", "--detach"]).succeeds();
    studio.wait_for_status(&id, "needs_input");
    studio.world.ao(&["answer", &id, "yes"]).succeeds();
    studio.wait_for_status(&id, "ready");
    assert_eq!(scene.commits(&id)[..2], ["second", "first"]);
    let conversation = scene.conversation(&id);
    studio.wait("all that was served is paid for", is_paid);

    kill_process(pid(scene.agent(&id)), Signal::KILL).unwrap();
    studio.wait_for_status(&id, "dead");
    studio.world.ao(&["session", "restore", &id]).succeeds();
    studio.wait_for_status(&id, "ready");
    assert_eq!(scene.conversation(&id), conversation);
    assert_eq!(scene.send(&id, "CI has failed once more."), "acked");
    studio.wait_for_status(&id, "needs_input");
    studio.world.ao(&["answer", &id, "yes"]).succeeds();
    studio.wait_for_status(&id, "ready");
    assert_eq!(scene.commits(&id)[0], "third");
    let last = llm.turns().pop().expect("turns");
    assert!(last.body.to_string().contains("Write the parser."), "the same conversation");
    studio.wait("all that was served is paid for", is_paid);

    assert_eq!(scene.send(&id, "Wait for ever."), "acked");
    studio.wait_for_status(&id, "working");
    studio.world.ao(&["session", "kill", &id]).succeeds();
    assert_eq!(studio.processes(), Vec::<u32>::new(), "nothing is left");
}

#[test]
fn exclusive_acp_opencode() {
    if let Some(program) = Agent::OpenCode.or_skip(concat!(module_path!(), "::exclusive_acp_opencode")) {
        whole_life(|url| opencode(&program, url), Bill::Told);
    }
}

#[test]
fn exclusive_acp_claude() {
    if let Some(program) = Agent::ClaudeAcp.or_skip(concat!(module_path!(), "::exclusive_acp_claude")) {
        whole_life(|url| claude(&program, url), Bill::Untold);
    }
}
