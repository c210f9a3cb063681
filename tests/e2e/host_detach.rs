//! `ao start --detach`: a host that has nothing of its starter's.

use std::io::Read;
use std::process::Stdio;

use rustix::process::{Signal, kill_process};

use crate::host::{Stage, pid};
use crate::support::World;

/// The pid in what `ao start --detach` printed.
fn started(stdout: &str) -> u32 {
    let words = stdout.strip_prefix("ao runs as pid ").unwrap_or_else(|| panic!("{stdout}"));
    words.split(';').next().unwrap().parse().unwrap()
}

#[test]
fn it_goes_on_alone() {
    let stage = Stage::new();
    let run = stage.0.ao(&["start", "--detach"]).succeeds();
    let number = started(&run.stdout());
    assert_eq!(run.stdout(), format!("ao runs as pid {number}; its log is [ROOT]/ao/state/logs/host.log\n"));
    let link = |name: &str| fs_err::read_link(format!("/proc/{number}/{name}")).unwrap();
    assert_eq!(link("cwd").to_str(), Some("/"));
    for (descriptor, wanted) in [("fd/0", "/dev/null"), ("fd/1", "/dev/null")] {
        assert_eq!(link(descriptor).to_str(), Some(wanted), "{descriptor}");
    }
    assert!(link("fd/2").ends_with("ao/state/logs/host.stderr"));
    let stat = fs_err::read_to_string(format!("/proc/{number}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // State, parent, group, session, terminal (proc(5)).
    assert_eq!((fields[3], fields[4]), (number.to_string().as_str(), "0"), "its own session, without a terminal");

    let again = stage.0.ao(&["start", "--detach"]).succeeds();
    assert!(again.stdout().starts_with(&format!("ao runs already as pid {number}, since ")), "{again}");
    assert_eq!(stage.record().unwrap()["process"]["pid"], number);
    let other = stage.0.ao(&["start", "--detach", "--takeover"]).succeeds();
    assert_ne!(started(&other.stdout()), number);
    stage.0.ao(&["stop"]).succeeds();
    let log = fs_err::read_to_string(stage.0.path("ao/state/logs/host.log")).unwrap();
    assert_eq!(log.matches("serving as pid").count(), 2, "{log}");
    assert!(log.contains("took the place of the host") && log.contains("the host has ended"), "{log}");
    assert!(log.lines().all(|line| line.starts_with("20")), "each line has its time: {log}");
}

#[test]
fn it_keeps_no_descriptor_of_its_starter() {
    let stage = Stage::new();
    // Like a connection over ssh: whoever waits for the end of these waits for the last process that has them.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let script = r#"exec 0<&- 3>&1 4>&1; exec "$0" start --detach"#;
    let mut command = stage.0.command("setsid");
    // tidy: shell because descriptors above 2 are wanted
    command.args(["sh", "-c", script, env!("CARGO_BIN_EXE_ao")]);
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut said = String::new();
    // Returns only when nobody has the other end any more.
    reader.read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    let number = started(&said);
    assert!(fs_err::metadata(format!("/proc/{number}")).is_ok(), "and it runs");
    stage.0.ao(&["stop"]).succeeds();
}

#[test]
fn after_a_crash_the_next_one_starts() {
    let stage = Stage::new();
    let first = started(&stage.0.ao(&["start", "--detach"]).succeeds().stdout());
    kill_process(pid(first), Signal::KILL).unwrap();
    stage.wait("it is gone", || stage.0.json(&["status"])["host"]["running"] == false);
    let second = started(&stage.0.ao(&["start", "--detach"]).succeeds().stdout());
    assert_ne!(first, second);
}

#[test]
fn two_at_once_are_one() {
    let stage = Stage::new();
    let starts = [0; 3].map(|_| stage.0.start(&["start", "--detach"]));
    let runs = starts.map(|start| start.finish().succeeds().stdout());
    let new: Vec<_> = runs.iter().filter(|said| said.starts_with("ao runs as")).collect();
    assert_eq!(new.len(), 1, "{runs:?}");
    assert_eq!(stage.record().unwrap()["process"]["pid"], started(new[0]));
}

#[test]
fn paths_of_its_starter_are_the_same_elsewhere() {
    let stage = Stage::new();
    stage.0.file("app/mine.yaml", "version: 1\n");
    stage.0.ao(&["trust", "mine.yaml"]).succeeds();
    let variables = [("AO_GLOBAL_CONFIG", "mine.yaml"), ("AO_PLUGIN_PATH", "one:/two")];
    let number = started(&stage.0.ao_with(&["start", "--detach"], &variables).succeeds().stdout());
    let environment = fs_err::read_to_string(format!("/proc/{number}/environ")).unwrap();
    let value =
        |name: &str| environment.split('\0').find_map(|variable| variable.strip_prefix(name)).unwrap().to_owned();
    assert_eq!(value("AO_GLOBAL_CONFIG="), stage.0.path("app/mine.yaml"));
    assert_eq!(value("AO_PLUGIN_PATH="), format!("{}:/two", stage.0.path("app/one")));
}

#[test]
fn what_fails_before_it_serves_is_told() {
    let stage = Stage::new();
    // A state directory in which no database can be made.
    fs_err::create_dir_all(stage.0.path("ao/state/state.db")).unwrap();
    let run = stage.0.ao(&["start", "--detach"]);
    assert_ne!(run.code(), 0, "{run}");
    assert!(run.stderr().contains("state.db") && run.stdout().is_empty(), "{run}");
    let foreground = stage.0.ao(&["start"]);
    assert_eq!((run.code(), run.stderr()), (foreground.code(), foreground.stderr()), "as in the foreground");
}

#[test]
fn a_log_directive_that_is_wrong_is_told_by_the_starter() {
    let world = World::with_config("version: 1\n").variable("AO_LOG", "a=b=c");
    assert_eq!(world.ao(&["start", "--detach"]).code(), 2);
}
