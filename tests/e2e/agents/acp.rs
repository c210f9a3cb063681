//! Agents by the Agent Client Protocol, from their launch to their end, with a host that is gone in between.

use std::path::Path;

use ao_real_agents::Agent;
use serde_json::{Value, json};

use super::life::{Life, script};
use super::model;
use super::scene::Scene;
use crate::studio::Engine;
use crate::support::World;

/// OpenCode asks for commits.
fn opencode(program: &Path, url: &str) -> Value {
    let env = model::variables(url, &json!({"permission": {"bash": "ask"}}));
    json!({"plugin": "acp", "argv": [program, "acp"], "env": env})
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
    let life = Life::begin(Engine::Pty, script(), |_: &World| {}, agent);
    assert_eq!(life.id, "app-1");
    let (studio, llm) = (&life.scene.studio, &life.scene.llm);
    let is_paid = || {
        let is_price = || bill == Bill::Untold || cost(&life.scene, &life.id) == model::price(llm);
        studio.wait("all that was served is paid for", is_price);
    };
    let asks_and_may = |what: &str| {
        assert!(life.asks(what).contains(&"allow_once".to_owned()));
        life.is_answered("yes");
    };
    asks_and_may("--message first");
    life.is_at_work();

    // A message behind the turn that runs, and a host that is gone while both are done.
    life.is_told("/home/ci: CI has failed, see\n- the log\\");
    studio.world.ao(&["stop"]).succeeds();
    llm.open("reviewed");
    studio.wait("the next turn asks", || {
        life.question()["text"].as_str().is_some_and(|text| text.contains("--message second"))
    });
    studio.world.ao(&["start", "--detach"]).succeeds();
    asks_and_may("--message second");
    life.is("ready");
    assert_eq!(life.scene.commits(&life.id)[..2], ["second", "first"]);
    is_paid();

    life.dies_and_is_brought_back();
    life.is_told("CI has failed once more.");
    asks_and_may("--message third");
    life.is("ready");
    assert_eq!(life.scene.commits(&life.id)[0], "third");
    life.remembers();
    is_paid();
    life.ends_at_work();
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
