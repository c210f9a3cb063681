//! Agents that are not installed, too old or not logged in, by programs that say so in their place; and hooks of sessions that are
//! not there.

#![expect(clippy::disallowed_methods, reason = "a hook is started with its standard input as an agent would")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use ao_core::model::spool::MAX_SPOOL_FILE;
use camino::Utf8Path;
use serde_json::{Value, json};

use crate::studio::{Engine, Studio};

/// A program that says its version, and whether somebody is logged in.
fn stand_in(studio: &Studio, name: &str, version: &str) -> Value {
    // tidy: shell because a program that prints a line is wanted, and this is the shortest.
    let text = format!("#!/bin/sh\ncase $1 in --version) echo '{version}' ;; *) exit 1 ;; esac\n");
    let path = studio.world.file(name, text);
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    json!(path)
}

#[test]
fn what_cannot_be_launched_is_said_with_what_to_do() {
    let studio = Studio::new(Engine::Pty);
    let absent = json!(studio.world.path("no/such/program"));
    let old =
        (stand_in(&studio, "old/claude", "1.0.71 (Claude Code)"), stand_in(&studio, "old/codex", "codex-cli 0.42.0"));
    let new =
        (stand_in(&studio, "new/claude", "2.1.197 (Claude Code)"), stand_in(&studio, "new/codex", "codex-cli 0.169.0"));
    let table = [
        (
            "claude-absent",
            json!({"plugin": "claude-code", "binary": absent}),
            "missing",
            "npm install --global @anthropic-ai/claude-code",
        ),
        (
            "claude-old",
            json!({"plugin": "claude-code", "binary": old.0}),
            "too_old",
            "older than 2.1; update it with `claude update`",
        ),
        (
            "claude-out",
            json!({"plugin": "claude-code", "binary": new.0}),
            "logged_out",
            "run `claude` once, and log in",
        ),
        ("codex-absent", json!({"plugin": "codex", "binary": absent}), "missing", "npm install -g @openai/codex"),
        (
            "codex-old",
            json!({"plugin": "codex", "binary": old.1}),
            "too_old",
            "older than 0.160; update it with `npm install -g",
        ),
        ("codex-out", json!({"plugin": "codex", "binary": new.1}), "logged_out", "run `codex login`"),
        (
            "acp-absent",
            json!({"plugin": "acp", "argv": [absent, "acp"]}),
            "missing",
            "correct the first element of `argv`",
        ),
    ];
    let agents: Vec<_> = table.iter().map(|(name, config, ..)| format!("  {name}: {config}\n")).collect();
    studio.write_config(&studio.config("").replace("agents:\n", &format!("agents:\n{}", agents.concat())));
    let list = studio.world.json(&["agent", "list"]);
    let doctor = studio.world.ao(&["doctor", "--json"]).json();
    let before = studio.traces();
    for (name, _, state, remedy) in table {
        let agent = list["agents"].as_array().unwrap().iter().find(|agent| agent["name"] == name).unwrap();
        assert_eq!(agent["state"], state, "{agent}");
        assert!(agent["message"].as_str().unwrap().contains(remedy), "{agent}");
        let by = format!("agent/{name}");
        let checks: Vec<_> = doctor["checks"].as_array().unwrap().iter().filter(|check| check["by"] == *by).collect();
        assert!(
            checks.iter().any(|check| check["level"] != "pass" && check.to_string().contains(remedy)),
            "{checks:?}"
        );
        let run = studio.world.ao(&["spawn", "--agent", name, "--prompt", "Write the parser."]);
        assert!(run.code() != 0 && run.stderr().contains(remedy) && run.stderr().contains(name), "{run}");
    }
    assert_eq!(studio.traces(), before, "nothing was begun");
    assert_eq!(studio.world.json(&["status", "--all"])["sessions"], json!([]));
}

/// What standard input is.
enum Input<'a> {
    Closed,
    Bytes(&'a [u8]),
    /// More than anybody wants.
    Zeros,
}

/// Calls a hook as an agent does; it says nothing and ends well.
fn hook(studio: &Studio, spool: Option<&Utf8Path>, input: &Input) {
    let mut command = studio.world.command(env!("CARGO_BIN_EXE_ao"));
    command.args(["__hook", "Stop"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    spool.map(|spool| command.env("AO_SPOOL", spool));
    let output = match input {
        Input::Closed => command.stdin(Stdio::null()).output(),
        Input::Zeros => command.stdin(std::fs::File::open("/dev/zero").unwrap()).output(),
        Input::Bytes(bytes) => {
            let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
            // It need not read what it does not want.
            let _ = child.stdin.take().unwrap().write_all(bytes);
            child.wait_with_output()
        }
    };
    let output = output.unwrap();
    let said = (output.status.code(), output.stdout.as_slice(), output.stderr.as_slice());
    assert_eq!(said, (Some(0), &b""[..], &b""[..]), "{}", String::from_utf8_lossy(&output.stderr));
}

fn left(spool: &Utf8Path) -> usize {
    spool.read_dir_utf8().map_or(0, Iterator::count)
}

#[test]
fn a_hook_that_nobody_waits_for_leaves_nothing() {
    let studio = Studio::new(Engine::Process);
    let spool = studio.world.path("spool");
    fs_err::create_dir(&spool).unwrap();
    let garbage = b"\xff{\"a\": [".repeat(MAX_SPOOL_FILE / 8 + 10);
    hook(&studio, Some(&spool), &Input::Bytes(&garbage));
    hook(&studio, Some(&spool), &Input::Zeros);
    assert_eq!(left(&spool), 0, "what is no JSON, and too long");
    hook(&studio, None, &Input::Bytes(b"{}"));
    let before = studio.traces();

    // Of a session that is gone, with its directory, and of one that has ended.
    let (id, other) = (studio.spawn(&["--agent", "sleeper"]), studio.spawn(&["--agent", "sleeper"]));
    let spool_of = |id: &str| {
        let directory = studio.show(id)["session"]["runtime"]["directory"].as_str().unwrap().to_owned();
        Utf8Path::new(&directory).join("spool")
    };
    let (gone, theirs) = (spool_of(&id), spool_of(&other));
    studio.world.ao(&["session", "kill", &id]).succeeds();
    let payload = br#"{"session_id": "x", "hook_event_name": "Stop"}"#;
    hook(&studio, Some(&gone), &Input::Bytes(payload));
    studio.world.ao(&["reconcile"]);
    assert_eq!(studio.status(&id), "killed", "an end is an end");
    fs_err::remove_dir_all(gone.parent().unwrap()).unwrap();
    hook(&studio, Some(&gone), &Input::Bytes(payload));
    assert!(!gone.parent().unwrap().exists(), "nothing is made for it");

    // Another's: it is heard there, as what it says, and not more.
    for input in [Input::Closed, Input::Bytes(b"\xff\xfe{"), Input::Bytes(payload)] {
        hook(&studio, Some(&theirs), &input);
    }
    studio.world.ao(&["reconcile"]).succeeds();
    assert_eq!(left(&theirs), 0, "all of it was taken, or thrown away");
    assert!(["working", "ready"].contains(&studio.status(&other).as_str()));
    studio.world.ao(&["session", "kill", &other]).succeeds();
    assert_eq!(before.contains("processes: []"), studio.traces().contains("processes: []"));
}
