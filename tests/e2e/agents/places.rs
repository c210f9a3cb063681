//! Where agents work: directories with names that other programs take for something else, and homes that take nothing.

#![expect(clippy::disallowed_methods, reason = "tests mount a home, and run themselves again where they may")]

use std::process::Command;

use ao_real_agents::Agent;
use ao_scripted_llm::{Llm, Rule, Script};

use super::cast::{Player, is_deep};
use super::scene::{Scene, commit};
use crate::namespace;
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
    studio.wait("the right one has committed", || scene.commits(&right)[0] == "right");
    studio.wait_for_status(&right, "ready");
    studio.wait("the left one has committed", || scene.commits(&left)[0] == "left");
    assert_eq!(studio.status(&left), "working");
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

/// Set for a test that runs again in a mount namespace of its own.
const INSIDE: &str = "AO_TEST_MOUNTS";

/// Runs a test where it may mount something: the test runs itself again. Where nobody may, that is said.
fn where_one_may_mount(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    // The program names its tests without itself.
    let own = name.split_once("::").map_or(name, |(_, own)| own);
    namespace::again(own, &[(INSIDE, "1")]);
}

fn mount(arguments: &[&str]) {
    assert!(Command::new("mount").args(arguments).status().unwrap().success(), "mount {arguments:?}");
}

/// A scene whose home takes nothing any more.
struct Closed {
    scene: Scene,
    home: camino::Utf8PathBuf,
}

impl Closed {
    fn new(player: &Player) -> Self {
        let script = Script::new().rule(Rule::always().say("I have read that."));
        let scene = Scene::new(Engine::Pty, script, |world| player.prepare(world), |url| player.config(url));
        let home = scene.studio.world.path("home");
        mount(&["--bind", home.as_str(), home.as_str()]);
        mount(&["-o", "remount,bind,ro", home.as_str()]);
        Self { scene, home }
    }

    /// What `ao doctor` says of the agent.
    fn doctor(&self) -> String {
        let checks = self.scene.studio.world.ao(&["doctor", "--json"]).json()["checks"].clone();
        let own = checks.as_array().unwrap().iter().filter(|check| check["by"] == "agent/agent");
        own.map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        for id in ["app-1", "app-2"] {
            self.scene.studio.world.ao(&["session", "kill", id]);
        }
        self.scene.studio.world.ao(&["stop"]);
        let _ = Command::new("umount").arg(&self.home).status();
    }
}

/// It works, and nobody claims to know what it has written nowhere.
#[test]
fn exclusive_claude_in_a_home_that_takes_nothing() {
    let test = concat!(module_path!(), "::exclusive_claude_in_a_home_that_takes_nothing");
    // Its record is waited for.
    if !is_deep() {
        return;
    }
    let Some(player) = Player::new(Agent::Claude, test) else { return };
    where_one_may_mount(test, || {
        let closed = Closed::new(&player);
        let studio = &closed.scene.studio;
        let id = studio.spawn(&["--agent", "agent", "--prompt", "Write the parser."]);
        studio.wait_for_status(&id, "ready");
        assert_eq!(closed.scene.llm.turns().len(), 1, "it was asked once");
        let shown = studio.show(&id);
        assert_eq!(shown["session"]["prompt"]["delivery"], "unconfirmed", "{shown}");
        let said = closed.doctor();
        assert!(said.contains("Read-only file system") && said.contains("what it uses is not counted"), "{said}");
    });
}

/// It would end at once; that is said before.
#[test]
fn exclusive_codex_in_a_home_that_takes_nothing() {
    let test = concat!(module_path!(), "::exclusive_codex_in_a_home_that_takes_nothing");
    let Some(player) = Player::new(Agent::Codex, test) else { return };
    where_one_may_mount(test, || {
        let closed = Closed::new(&player);
        let studio = &closed.scene.studio;
        let run = studio.world.ao(&["spawn", "--agent", "agent", "--prompt", "Write the parser."]);
        let why = "/.codex` (Read-only file system (os error 30)), and ends without; set `CODEX_HOME` to another";
        assert!(run.code() != 0 && run.stderr().contains(why), "{run}");
        assert_eq!(studio.processes(), Vec::<u32>::new());
        let said = closed.doctor();
        assert!(said.contains("Read-only file system"), "{said}");
    });
}
