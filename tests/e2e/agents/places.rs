//! Where agents work: directories with names that other programs take for something else.

use ao_real_agents::Agent;
use ao_scripted_llm::{Llm, Rule, Script};

use super::cast::Player;
use super::scene::{Scene, commit};
use crate::studio::{Engine, Studio};
use crate::support::World;

/// Blanks, quotes, letters of other scripts, and what a shell would run.
const NAME: &str = "it's a \"home\" $(touch pwned) `touch pwned` ü日 #1";

/// Two projects whose sessions' worktrees have names that Claude Code's own directories do not tell apart, and the first of
/// which is the beginning of the other.
const PROJECTS: &str = "projects:\n  p_q: { path: ., sessionPrefix: s_t }\n  p-q: { path: ., sessionPrefix: s-t }\n";

fn scene(player: &Player) -> Scene {
    let script = Script::new()
        .rule(Rule::on("Write the left one").shell(commit("left")).held("left", "It is written."))
        .rule(Rule::on("Write the right one").shell(commit("right")).say("It is written, and it is right."));
    let llm = Llm::start(script).unwrap();
    let world = World::below("it's a home");
    let ao = world.path(NAME).into_string();
    let studio = Studio::with(world.variable("AO_HOME", &ao), Engine::Pty, "");
    player.prepare(&studio.world);
    let agent = format!("agents:\n  agent: {}\n", player.config(&llm.url()));
    let text = studio.config("").replace("agents:\n", &agent);
    let (head, _) = text.split_once("projects:\n").unwrap();
    studio.write_config(&format!("{head}{PROJECTS}"));
    studio.world.ao(&["start", "--detach"]).succeeds();
    Scene { studio, llm }
}

/// Two at once, in neighbouring directories: what one does is not told of the other.
fn neighbours(player: &Player) {
    let scene = scene(player);
    let studio = &scene.studio;
    let spawn = |project: &str, side: &str| {
        let prompt = format!("Write the {side} one.");
        studio.spawn(&["--project", project, "--agent", "agent", "--prompt", &prompt])
    };
    let (left, right) = (spawn("p_q", "left"), spawn("p-q", "right"));
    assert_eq!((left.as_str(), right.as_str()), ("s_t-1", "s-t-1"));
    studio.wait_for_status(&right, "ready");
    studio.wait("the left one has committed", || scene.commits(&left)[0] == "left");
    assert_eq!(studio.status(&left), "working");
    assert_eq!(scene.commits(&right)[0], "right");
    assert!(!scene.commits(&left).contains(&"right".to_owned()));
    assert_ne!(scene.conversation(&left), scene.conversation(&right));
    scene.llm.open("left");
    studio.wait_for_status(&left, "ready");
    // Together they have used what was served, and each its own.
    let tokens = |id: &str| studio.show(id)["usage"]["tokens"].as_u64().unwrap_or_default();
    let served: u64 =
        scene.llm.served().values().map(|used| used.input + used.output + used.cache_read + used.cache_write).sum();
    studio.wait("all is counted", || tokens(&left) + tokens(&right) == served);
    assert!(tokens(&left) > 0 && tokens(&right) > 0);
    let summary = |id: &str| studio.show(id)["session"]["agent"]["summary"].to_string();
    assert!(
        !summary(&left).contains("right") && !summary(&right).contains("left"),
        "{} {}",
        summary(&left),
        summary(&right)
    );
    for directory in
        [studio.worktree(&left), studio.worktree(&right), studio.world.path("app"), studio.world.path("home")]
    {
        assert!(!directory.join("pwned").exists(), "{directory}");
    }
    // The right one ends, and the left one is still there.
    studio.world.ao(&["session", "kill", &right]).succeeds();
    assert_eq!(studio.status(&left), "ready");
    studio.world.ao(&["session", "kill", &left]).succeeds();
    assert_eq!(studio.processes(), Vec::<u32>::new(), "nothing is left");
}

#[test]
fn exclusive_claude_has_a_neighbour() {
    let test = concat!(module_path!(), "::exclusive_claude_has_a_neighbour");
    if let Some(player) = Player::new(Agent::Claude, test) {
        neighbours(&player);
    }
}

#[test]
fn exclusive_codex_has_a_neighbour() {
    let test = concat!(module_path!(), "::exclusive_codex_has_a_neighbour");
    if let Some(player) = Player::new(Agent::Codex, test) {
        neighbours(&player);
    }
}
