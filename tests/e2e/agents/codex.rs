//! Codex, from its launch to its end.

use ao_real_agents::Agent;
use ao_scripted_llm::Rule;
use serde_json::{Value, json};

use super::life::{Life, script};
use crate::studio::Engine;
use crate::support::World;

/// A home in which a provider is set up, and nothing else.
fn set_up(world: &World) {
    let config = "model = \"gpt-5.5\"\nmodel_provider = \"scripted\"\n\n[model_providers.scripted]\nname = \"scripted\"\n\
                  env_key = \"SCRIPTED_KEY\"\nwire_api = \"responses\"\nrequires_openai_auth = false\n\
                  supports_websockets = false\n";
    world.file("home/.codex/config.toml", config);
}

/// Codex keeps no helpers of its sandbox below the directory for temporary files, where the home is.
fn agent(program: &std::path::Path, url: &str) -> Value {
    json!({
        "plugin": "codex", "binary": program, "permissions": "auto-edit",
        "args": ["-c", format!("model_providers.scripted.base_url=\"{url}/v1\"")],
        "env": {"SCRIPTED_KEY": "of-the-tests", "TMPDIR": "/var/tmp"},
    })
}

/// Launched, told, asked, killed, brought back, and ended.
fn whole_life(engine: Engine, test: &str) {
    let Some(program) = Agent::Codex.or_skip(test) else { return };
    let script = script().rule(Rule::on("Touch it").escalate("touch asked.txt").say("Touched."));
    let life = Life::begin(engine, script, set_up, |url| agent(&program, url));
    life.writes_the_parser();
    // What begins like a command, and ends like the name of a file, is a message nevertheless.
    life.mends("/home/ci: CI has failed, see\n- the log of @main");
    life.touches_once_it_may();
    life.is_counted();
    life.dies_and_is_brought_back();
    life.mends("CI has failed once more.");
    life.remembers();
    life.is_counted();
    life.ends_at_work();
}

#[test]
fn exclusive_codex_in_pty() {
    whole_life(Engine::Pty, concat!(module_path!(), "::exclusive_codex_in_pty"));
}

#[test]
fn exclusive_codex_in_tmux() {
    let test = concat!(module_path!(), "::exclusive_codex_in_tmux");
    if Engine::Tmux.is_here(test) {
        whole_life(Engine::Tmux, test);
    }
}
