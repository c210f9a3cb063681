//! What a host tells of real agents that end, hang or ask, beside real runtimes: the right status, the right reason, and
//! long before it would have looked by itself.

use std::io::Write;
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::follower::{Detached, Follower};
use crate::host::pid;
use crate::studio::{Engine, Studio, in_every_engine};
use crate::support::exists;

/// Far below the half minute after which a host looks by itself; far above what two busy cores take.
const BY_A_HINT: Duration = Duration::from_secs(12);

/// Does what it reads from the pipe that it makes: prints a line, ends with a code, or by a signal.
const TOLD: &str = r#"mkfifo "$1"
while :; do
    read -r what more < "$1" || continue
    case $what in
        say) printf '%s\n' "$more" ;;
        signal) kill -s "$more" $$ ;;
        exit) exit "$more" ;;
    esac
done
"#;

/// Prints all the time.
const TICKER: &str = "while :; do echo tick; sleep 0.2; done\n";

/// A studio with agents that are told what to do, and a host that runs before they do.
struct Scene {
    studio: Studio,
}

impl Scene {
    fn new(engine: Engine) -> Self {
        let studio = Studio::new(engine);
        let quoted = |path: String| Value::from(path.replace('{', "{{").replace('}', "}}"));
        let told = quoted(studio.world.file("told.sh", TOLD).into_string());
        let ticker = quoted(studio.world.file("ticker.sh", TICKER).into_string());
        let pipe = Value::from(format!("{}-{{session}}", studio.world.path("pipe")));
        let agents = format!(
            "agents:\n  told: {{ plugin: command, argv: [sh, {told}, {pipe}], ask: 'Shall I.*' }}\n  \
             ticker: {{ plugin: command, argv: [sh, {ticker}] }}\n"
        );
        studio.write_config(&studio.config("").replacen("agents:\n", &agents, 1));
        Self { studio }
    }

    /// A session whose agent waits to be told.
    fn told(&self) -> String {
        let id = self.studio.spawn(&["--agent", "told"]);
        let pipe = self.studio.world.path(&format!("pipe-{id}"));
        self.studio.wait("the agent listens", || exists(&pipe));
        id
    }

    fn tell(&self, id: &str, what: &str) {
        let pipe = self.studio.world.path(&format!("pipe-{id}"));
        // Opens when the agent reads.
        let mut pipe = std::fs::OpenOptions::new().write(true).open(pipe).unwrap();
        writeln!(pipe, "{what}").unwrap();
    }

    /// Signals a session's agent itself.
    fn signal(&self, id: &str, signal: Signal) {
        let child = self.studio.show(id)["session"]["runtime"]["child"]["pid"].as_u64().expect("an agent");
        kill_process(pid(u32::try_from(child).unwrap()), signal).unwrap();
    }
}

fn soon((reason, took): (String, Duration), wanted: &str) {
    assert!(reason.contains(wanted), "{reason}");
    assert!(took < BY_A_HINT, "{reason}: only after {took:?}");
}

in_every_engine! {
    /// By hand, by itself with each kind of end, and with a question.
    fn an_end_is_told_at_once_with_its_reason(engine: Engine) {
        let scene = Scene::new(engine);
        let _host = Detached::start(&scene.studio.world);
        let mut follower = Follower::of(&scene.studio.world);
        let ids = [(); 5].map(|()| scene.told());
        let [asks, killed, zero, one, signalled] = ids.each_ref();
        for id in &ids {
            follower.until_alive(id);
        }
        scene.tell(asks, "say Shall I go on?");
        soon(follower.until_status(asks, "needs_input"), "Shall I go on?");
        scene.signal(killed, Signal::KILL);
        soon(follower.until_status(killed, "dead"), "signal 9");
        scene.tell(zero, "exit 0");
        soon(follower.until_status(zero, "done"), "exit code 0");
        scene.tell(one, "exit 1");
        soon(follower.until_status(one, "dead"), "exit code 1");
        scene.tell(signalled, "signal TERM");
        soon(follower.until_status(signalled, "dead"), "signal 15");
        // Whoever asks sees the same, and why.
        let expected = [(asks, "needs_input"), (killed, "dead"), (zero, "done"), (one, "dead"), (signalled, "dead")];
        for (id, status) in expected {
            assert_eq!(scene.studio.status(id), status, "{id}");
        }
        let why = scene.studio.world.ao(&["why", killed]).succeeds().stdout();
        assert!(why.contains("runtime.exited") && why.contains("session.status_changed"), "{why}");
    }

    /// It is not dead, as long as its process is there; it makes no progress, until it does.
    fn a_frozen_agent_is_stuck_and_not_dead(engine: Engine) {
        let scene = Scene::new(engine);
        let written = fs_err::read_to_string(scene.studio.world.path("app/agent-orchestrator.yaml")).unwrap();
        // Nobody tells it to go on: it would be taken to.
        let rules = "reactions: { agent-idle: { enabled: false }, agent-stuck: { threshold: 3s } }\n";
        scene.studio.write_config(&format!("{rules}{written}"));
        let _host = Detached::start(&scene.studio.world);
        let mut follower = Follower::of(&scene.studio.world);
        let id = scene.studio.spawn(&["--agent", "ticker"]);
        follower.until_status(&id, "working");
        scene.signal(&id, Signal::STOP);
        soon(follower.until_status(&id, "stuck"), "no progress");
        scene.signal(&id, Signal::CONT);
        soon(follower.until_status(&id, "working"), "active");
        let events = scene.studio.world.ao(&["events", "--json", "--session", &id]).succeeds().stdout();
        assert!(!events.contains("\"dead\"") && !events.contains("\"detecting\""), "{events}");
    }
}

/// Every agent of the server ends with it, and each of them has an explanation: nothing is held back.
#[test]
fn tmux_server_that_is_stopped_takes_its_agents_along() {
    if !Engine::Tmux.is_here("looks::tmux_server_that_is_stopped_takes_its_agents_along") {
        return;
    }
    let scene = Scene::new(Engine::Tmux);
    let _host = Detached::start(&scene.studio.world);
    let mut follower = Follower::of(&scene.studio.world);
    let ids = [(); 4].map(|()| scene.told());
    for id in &ids {
        follower.until_alive(id);
    }
    let handle = scene.studio.show(&ids[0])["session"]["runtime"]["handle"]["data"].clone();
    let socket = handle["socket"].as_str().unwrap_or_else(|| panic!("{handle}"));
    let tmux = scene.studio.world.command("tmux").args(["-S", socket, "kill-server"]).status().unwrap();
    assert!(tmux.success());
    for id in &ids {
        soon(follower.until_status(id, "dead"), "the agent ended with signal");
    }
    let events = scene.studio.world.ao(&["events", "--json", "--type", "host."]).succeeds().stdout();
    assert!(!events.contains("mass_death"), "{events}");
}

/// A server that hangs tells nothing; the agents are seen in the process table, and live.
#[test]
fn tmux_server_that_hangs_makes_nobody_dead() {
    if !Engine::Tmux.is_here("looks::tmux_server_that_hangs_makes_nobody_dead") {
        return;
    }
    let scene = Scene::new(Engine::Tmux);
    let ids = [(); 3].map(|()| scene.told());
    let handle = scene.studio.show(&ids[0])["session"]["runtime"]["handle"]["data"].clone();
    let socket = handle["socket"].as_str().unwrap();
    let server = scene.studio.world.command("tmux").args(["-S", socket, "display", "-p", "#{pid}"]).output().unwrap();
    let server = pid(String::from_utf8(server.stdout).unwrap().trim().parse().unwrap());
    kill_process(server, Signal::STOP).unwrap();
    let once = scene.studio.world.ao(&["start", "--once"]);
    let statuses = ids.each_ref().map(|id| scene.studio.status(id));
    kill_process(server, Signal::CONT).unwrap();
    assert_eq!(once.code(), 75, "something could not be asked: {once}");
    assert_eq!(statuses, ["working"; 3]);
    let again = scene.studio.world.ao(&["start", "--once"]);
    assert_eq!(again.code(), 0, "{again}");
}
