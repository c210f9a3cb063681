//! The host as a process: one a state directory, told to end, replaced, and told of by a service manager's socket.

#![expect(clippy::disallowed_methods, reason = "tests wait for other processes, and end what they started")]

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use ao_core::model::ProcessId;
use ao_core::slots::runtime::Liveness;
use ao_host::world::{Proc, SystemProc};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use serde_json::{Value, json};

use crate::studio::{Engine, Studio, in_every_engine};
use crate::support::{World, exists};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A world in which hosts run; none is left when it goes.
pub(crate) struct Stage(pub(crate) World);

impl Stage {
    /// With a trusted configuration in `app`.
    pub(crate) fn new() -> Self {
        let world = World::with_config("version: 1\nprojects: { app: { path: . } }\n");
        world.ao(&["trust"]).succeeds();
        Self(world)
    }

    /// The host that wrote itself down last.
    pub(crate) fn record(&self) -> Option<Value> {
        serde_json::from_slice(&fs_err::read(self.0.path("ao/state/host.json")).ok()?).ok()
    }

    /// Whether a host runs, as `ao status` says.
    pub(crate) fn runs(&self) -> bool {
        self.0.json(&["status"])["host"]["running"].as_bool().expect("a host or none")
    }

    fn process(&self) -> Option<ProcessId> {
        serde_json::from_value(self.record()?["process"].clone()).ok()
    }

    /// Waits until something is so.
    pub(crate) fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        let give_up = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < give_up, "waited in vain until {what}: {}", self.0.ao(&["status"]));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A host in the foreground, once it serves.
    pub(crate) fn foreground(&self, arguments: &[&str]) -> Foreground {
        let mut command = self.0.command(env!("CARGO_BIN_EXE_ao"));
        command.arg("start").args(arguments);
        Foreground::spawn(&mut command)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let Some(process) = self.process() else { return };
        if SystemProc::new().look(&process) == Liveness::Alive {
            let _ = kill_process(pid(process.pid), Signal::KILL);
        }
    }
}

/// A host in the foreground.
pub(crate) struct Foreground {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Foreground {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let mut host = Self { child, said };
        host.hears("serving as pid");
        host
    }

    /// Reads on until a line has this in it.
    pub(crate) fn hears(&mut self, wanted: &str) -> String {
        let mut heard = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "`{wanted}` was not said: {heard}");
            heard.push_str(&line);
            if line.contains(wanted) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(pid(self.child.id()), signal).unwrap();
    }

    /// Lets its files grow up to so many bytes, and says what was so before.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> Option<u64> {
        let host = Some(pid(self.child.id()));
        let known = getrlimit(Resource::Fsize);
        prlimit(host, Resource::Fsize, Rlimit { current: bytes, maximum: known.maximum }).unwrap().current
    }

    /// What it exits with; none when a signal ended it.
    pub(crate) fn ends(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pid as the kernel takes it.
pub(crate) fn pid(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).unwrap()
}

#[test]
fn one_host_a_state_directory() {
    let stage = Stage::new();
    assert!(!stage.runs());
    let first = stage.foreground(&[]);
    assert!(stage.runs());
    let record = stage.record().unwrap();
    assert_eq!(record["process"]["pid"], first.child.id());
    for arguments in [&["start"][..], &["start", "--once"]] {
        let second = stage.0.ao(arguments);
        assert_eq!(second.code(), 75, "{second}");
        let who =
            format!("a host runs already (pid {}, since {})", first.child.id(), record["started_at"].as_str().unwrap());
        assert!(second.stderr().contains(&who) && second.stderr().contains("--takeover"), "{second}");
    }
    let status = stage.0.json(&["status"]);
    let looked = status["host"]["looked_at"].clone();
    let host = json!({"running": true, "pid": first.child.id(), "since": record["started_at"], "looked_at": looked});
    assert!(looked.is_string() && status["host"] == host, "{status}");

    let stop = stage.0.json(&["stop"]);
    assert_eq!(stop, json!({"host": {"process": record["process"], "since": record["started_at"]}}));
    assert_eq!(first.ends(), Some(0));
    assert!(!stage.runs());
    // Asked again, there is nothing to do.
    let again = stage.0.ao(&["stop"]).succeeds();
    assert_eq!(again.stdout(), "no host runs\n");
    assert_eq!(stage.0.json(&["stop"]), json!({}));
}

#[test]
fn a_key_ends_it_well_and_a_crash_leaves_no_lock() {
    let stage = Stage::new();
    let mut host = stage.foreground(&[]);
    host.signal(Signal::INT);
    host.hears("the host has ended; agents go on");
    assert_eq!(host.ends(), Some(0));
    stage.foreground(&[]).signal(Signal::KILL);
    stage.wait("it is gone", || !stage.runs());
    assert!(stage.record().is_some(), "what it wrote down is no host");
    stage.foreground(&[]);
}

#[test]
fn a_host_is_replaced_whether_it_can_end_or_not() {
    let stage = Stage::new();
    let first = stage.foreground(&[]);
    let mut second = stage.foreground(&["--takeover"]);
    assert_eq!(first.ends(), Some(0), "it was asked to end");
    assert_eq!(stage.record().unwrap()["process"]["pid"], second.child.id());

    second.signal(Signal::STOP);
    let refused = stage.0.ao(&["stop"]);
    assert_eq!(refused.code(), 75, "{refused}");
    assert!(refused.stderr().contains("is suspended and cannot end"), "{refused}");
    let third = stage.foreground(&["--takeover"]);
    assert_eq!(second.child.wait().unwrap().code(), None, "it was killed");
    assert!(stage.runs());
    drop(third);

    // With nobody to replace it is an ordinary start, whatever the former host wrote down.
    stage.wait("it is gone", || !stage.runs());
    stage.foreground(&["--takeover"]);
}

#[test]
fn a_process_that_is_not_the_host_is_never_ended() {
    let stage = Stage::new();
    let host = stage.foreground(&[]);
    let mut bystander = stage.0.command("sleep").arg("1000000").spawn().unwrap();
    // A record of the bystander's pid and another start: the lock's holder is not to be identified.
    let mut record = stage.record().unwrap();
    record["process"]["pid"] = bystander.id().into();
    let honest = stage.record().unwrap();
    stage.0.file("ao/state/host.json", record.to_string());
    let refused = stage.0.ao(&["start", "--takeover"]);
    assert_eq!(refused.code(), 75, "{refused}");
    assert!(refused.stderr().contains("Nothing is ended"), "{refused}");
    assert_eq!(stage.0.ao(&["stop"]).code(), 75);
    fs_err::remove_file(stage.0.path("ao/state/host.json")).unwrap();
    let refused = stage.0.ao(&["start", "--takeover"]);
    assert!(refused.stderr().contains("has not written down who it is"), "{refused}");
    assert!(bystander.try_wait().unwrap().is_none() && stage.runs());
    stage.0.file("ao/state/host.json", honest.to_string());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    drop(host);
}

/// The messages of one datagram.
fn told(manager: &UnixDatagram) -> Vec<String> {
    let mut buffer = [0; 4096];
    let length = manager.recv(&mut buffer).expect("a message of the host");
    String::from_utf8(buffer[..length].to_vec()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_service_manager_hears_how_it_is() {
    let stage = Stage::new();
    let socket = stage.0.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = stage.0.command(env!("CARGO_BIN_EXE_ao"));
    command.arg("start").env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "1000000");
    let mut host = Foreground::spawn(&mut command);
    let until = |wanted: &str| loop {
        let message = told(&manager);
        if message[0] == wanted {
            return message;
        }
        assert_eq!(message[0], "WATCHDOG=1", "before {wanted}");
    };
    assert_eq!(until("READY=1")[1], "STATUS=serving");
    until("WATCHDOG=1");
    host.signal(Signal::HUP);
    assert!(until("RELOADING=1")[1].starts_with("MONOTONIC_USEC="));
    until("READY=1");
    host.hears("the configurations were read again");
    host.signal(Signal::TERM);
    until("STOPPING=1");
    assert_eq!(host.ends(), Some(0));
}

/// Git is a program that a plugin starts with the environment that it finds, and its filters with it.
#[test]
fn what_a_plugin_starts_sees_nothing_of_a_service_manager() {
    let studio = Studio::new(Engine::Process);
    let seen = studio.world.path("seen");
    studio.world.file("look.sh", format!("env > '{seen}'\nexec cat\n"));
    studio.git(&["config", "filter.look.smudge", &format!("sh {}", studio.world.path("look.sh"))]);
    studio.world.file("app/.gitattributes", "tests.sh filter=look\n");
    studio.world.git(&["add", ".gitattributes"]);
    studio.world.commit("a filter");
    let variables = [("NOTIFY_SOCKET", "/nowhere"), ("WATCHDOG_USEC", "1"), ("MINE", "1")];
    studio.world.ao_with(&["spawn", "--agent", "sleeper"], &variables).succeeds();
    let environment = fs_err::read_to_string(seen).unwrap();
    assert!(environment.contains("MINE=1"), "{environment}");
    assert!(!environment.contains("NOTIFY_SOCKET") && !environment.contains("WATCHDOG"), "{environment}");
}

in_every_engine! {
    /// Neither an agent nor its holder can speak for the host.
    fn agents_see_nothing_of_a_service_manager(engine: Engine) {
        let studio = Studio::new(engine);
        let spawn = studio.world.ao_with(&["spawn", "--agent", "sleeper"], &[("NOTIFY_SOCKET", "/nowhere"), ("WATCHDOG_USEC", "1")]);
        spawn.succeeds();
        let processes = studio.processes();
        assert_eq!(processes.len(), 2);
        for pid in processes {
            let environment = fs_err::read(format!("/proc/{pid}/environ")).unwrap();
            let environment = String::from_utf8_lossy(&environment);
            assert!(environment.contains("AO_SESSION_MARKER=") && !environment.contains("NOTIFY_SOCKET") && !environment.contains("WATCHDOG"));
        }
    }

    /// The host ends and its agents stay, until they are to be ended too.
    fn agents_stay_unless_they_are_to_be_ended(engine: Engine) {
        let studio = Studio::new(engine);
        let ids = [studio.spawn(&["--agent", "sleeper"]), studio.spawn(&["--agent", "sleeper"])];
        let alone = studio.world.ao(&["status"]).succeeds();
        assert!(alone.stderr().contains("no host runs"), "{alone}");
        studio.world.ao(&["start", "--detach"]).succeeds();
        assert_eq!(studio.world.ao(&["status"]).stderr(), "");
        studio.world.ao(&["stop"]).succeeds();
        assert_eq!(studio.processes().len(), 4);

        studio.world.ao(&["start", "--detach"]).succeeds();
        let stop = studio.world.json(&["stop", "--kill-sessions"]);
        assert!(stop["host"]["process"]["pid"].is_u64(), "{stop}");
        let ended: Vec<_> = stop["sessions"].as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap()).collect();
        assert_eq!(ended, ids);
        assert!(studio.processes().is_empty());
        for id in &ids {
            assert_eq!(studio.status(id), "killed");
            assert!(exists(&studio.worktree(id)), "the work stays");
        }
        assert_eq!(studio.world.json(&["stop", "--kill-sessions"]), json!({}));
    }
}
