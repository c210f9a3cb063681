//! Codex, from its launch to its end.

use ao_real_agents::Agent;
use ao_scripted_llm::{Rule, Script};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::scene::{PATIENCE, Scene, commit};
use crate::host::pid;
use crate::studio::Engine;
use crate::support::World;

/// What the model does about what it is told.
fn script() -> Script {
    Script::new()
        .rule(Rule::on("Write the parser").shell(commit("first")).held("reviewed", "It is written, and reviewed."))
        .rule(Rule::on("CI has failed once more").shell(commit("third")).say("Mended again."))
        .rule(Rule::on("CI has failed").shell(commit("second")).say("Mended."))
        .rule(Rule::on("Touch it").escalate("touch asked.txt").say("Touched."))
        .rule(Rule::on("Wait").hang())
}

/// A home in which a provider is set up, and its user has trusted the repository. Its worktrees are elsewhere.
fn set_up(world: &World) {
    untrusted(world);
    let config = world.path("home/.codex/config.toml");
    let text = fs_err::read_to_string(&config).unwrap();
    let repository = world.path("app");
    world.file("home/.codex/config.toml", format!("{text}\n[projects.\"{repository}\"]\ntrust_level = \"trusted\"\n"));
}

/// One in which only the provider is set up.
fn untrusted(world: &World) {
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
    let scene = Scene::new(engine, script(), set_up, |url| agent(&program, url));
    let (studio, llm) = (&scene.studio, &scene.llm);
    let id = studio.spawn(&["--agent", "agent", "--prompt", "Write the parser."]);
    llm.wait_for(PATIENCE, |request| request.round == 1).unwrap();
    studio.wait_for_status(&id, "working");
    llm.open("reviewed");
    studio.wait_for_status(&id, "ready");
    assert_eq!(scene.commits(&id), ["first", "first"], "its own, and the repository's");
    let conversation = scene.conversation(&id);

    // What begins like a command, and ends like the name of a file, is a message nevertheless.
    assert_eq!(scene.send(&id, "/home/ci: CI has failed, see\n- the log of @main"), "acked");
    studio.wait("it has mended", || scene.commits(&id).len() == 3);
    studio.wait_for_status(&id, "ready");

    assert_eq!(scene.send(&id, "Touch it."), "acked");
    studio.wait_for_status(&id, "needs_input");
    let asks = || studio.world.ao(&["answer", &id, "--json"]).succeeds().json();
    studio.wait("its dialog shows", || asks()["ask"]["options"].as_array().is_some_and(|all| !all.is_empty()));
    let asked = asks();
    assert!(asked["ask"]["text"].as_str().unwrap().contains("touch asked.txt"), "{asked}");
    let answers: Vec<_> = asked["ask"]["options"].as_array().unwrap().iter().map(|option| &option["answer"]).collect();
    assert_eq!(answers, ["allow_once", "allow_always", "reject_once"]);
    studio.world.ao(&["answer", &id, "yes"]).succeeds();
    studio.wait("the tool runs", || studio.worktree(&id).join("asked.txt").exists());
    studio.wait_for_status(&id, "ready");
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

/// Who has not trusted the repository is asked, and its prompt waits: nothing that a branch brings along is run before.
#[test]
fn exclusive_codex_is_not_trusted_yet() {
    let Some(program) = Agent::Codex.or_skip(concat!(module_path!(), "::exclusive_codex_is_not_trusted_yet")) else {
        return;
    };
    let scene = Scene::new(Engine::Pty, script(), untrusted, |url| agent(&program, url));
    let studio = &scene.studio;
    let id = studio.spawn(&["--agent", "agent", "--prompt", "Write the parser."]);
    studio.wait_for_status(&id, "needs_input");
    let asked = studio.world.json(&["answer", &id]);
    assert!(asked["ask"]["text"].as_str().unwrap().contains("Folder access"), "{asked}");
    assert!(scene.llm.turns().is_empty());
    assert_eq!(studio.show(&id)["session"]["prompt"]["delivery"], "queued");
    studio.world.ao(&["answer", &id, "1"]).succeeds();
    scene.llm.wait_for(PATIENCE, |request| request.round == 1).unwrap();
    scene.llm.open("reviewed");
    studio.wait_for_status(&id, "ready");
    assert_eq!(scene.commits(&id), ["first", "first"], "its own, and the repository's");
}
