//! What is done every day besides starting and ending sessions: holding them, seeing what waits, watching, comparing.

#![expect(clippy::disallowed_methods, reason = "tests end agents and lose files on purpose")]

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::channel;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::host::PATIENCE;
use crate::pty_attach::Terminal;
use crate::studio::{Engine, Studio, heard};

/// The kinds and sessions of what waits.
fn waiting(studio: &Studio) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let inbox = studio.world.json(&["inbox"]);
    inbox["matters"].as_array().unwrap().iter().map(|one| (text(&one["kind"]), text(&one["session"]))).collect()
}

fn kill_agent(studio: &Studio, id: &str, signal: Signal) {
    let pid = studio.show(id)["session"]["runtime"]["child"]["pid"].as_i64().expect("a pid");
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_pause_holds_what_ao_does_and_not_the_human() {
    let studio = Studio::new(Engine::Process);
    let (one, other) = (studio.listen("listener"), studio.spawn(&["--agent", "sleeper"]));
    let paused = studio.world.ao(&["pause", &one]).succeeds();
    assert_eq!(paused.stdout(), format!("{one}: paused\n"));
    assert_eq!((studio.status(&one), studio.status(&other)), ("paused".to_owned(), "working".to_owned()));
    assert!(studio.world.ao(&["status"]).succeeds().stdout().contains("paused"));
    let since = studio.show(&one)["session"]["hold"]["at"].clone();
    studio.world.ao(&["send", &one, "all the same"]).succeeds();
    studio.wait("it hears", || heard(&studio.worktree(&one)).ends_with(b"all the same\n"));

    let project = studio.world.json(&["pause", "app"]);
    let action = |view: &Value, place: usize| view["sessions"][place]["action"].as_str().unwrap().to_owned();
    assert_eq!((action(&project, 0), action(&project, 1)), ("unchanged".into(), "paused".into()), "{project}");
    assert_eq!(studio.show(&one)["session"]["hold"]["at"], since, "paused once");
    assert_eq!(waiting(&studio), [("held".to_owned(), one.clone()), ("held".to_owned(), other.clone())]);
    let resumed = studio.world.json(&["resume", "--all"]);
    assert_eq!((action(&resumed, 0), action(&resumed, 1)), ("resumed".into(), "resumed".into()));
    assert_eq!(studio.status(&other), "working");
    let nothing = studio.world.ao(&["resume", &one]).succeeds();
    assert_eq!(nothing.stdout(), format!("{one}: unchanged: it is not held\n"));

    studio.world.ao(&["session", "kill", &one]).succeeds();
    for (arguments, code) in
        [(&["pause", one.as_str()][..], 1), (&["pause", "nobody"], 1), (&["pause", "../x"], 2), (&["pause"], 2)]
    {
        assert_eq!(studio.world.ao(arguments).code(), code, "{arguments:?}");
    }
}

#[test]
fn the_inbox_says_what_to_decide_and_how() {
    let studio = Studio::new(Engine::Process);
    assert_eq!(studio.world.ao(&["inbox"]).succeeds().stdout(), "nothing waits for you\n");
    let dead = studio.spawn(&["--agent", "sleeper"]);
    kill_agent(&studio, &dead, Signal::KILL);
    studio.wait_for_status(&dead, "dead");
    let done = studio.spawn(&["--prompt", "one\n"]);
    studio.wait_for_status(&done, "done");
    studio.world.ao(&["session", "kill", &done]).succeeds();
    studio.configure("    postCreate: [[\"false\"]]\n");
    assert_ne!(studio.world.ao(&["spawn"]).code(), 0);
    let errored = "app-3".to_owned();
    let expected = [("dead", &dead), ("errored", &errored), ("unmerged", &done)];
    assert_eq!(waiting(&studio), expected.map(|(kind, id)| (kind.to_owned(), id.clone())));

    // Each is resolved by a command that is printed with it.
    let shown = studio.world.ao(&["inbox"]).succeeds().stdout();
    let commands: Vec<_> = shown.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    for wanted in [format!("ao session restore {dead}"), format!("ao session kill {errored}")] {
        assert!(commands.contains(&wanted.as_str()), "{shown}");
        studio.world.ao(&wanted.split(' ').skip(1).collect::<Vec<_>>()).succeeds();
    }
    let pull = commands.iter().find(|command| command.contains(" pull ")).expect("a way to have the work");
    let pull: Vec<_> = pull
        .replace("[ROOT]", studio.world.path("").as_str().trim_end_matches('/'))
        .split(' ')
        .skip(3)
        .map(str::to_owned)
        .collect();
    studio.world.git(&pull.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(waiting(&studio), []);
}

#[test]
fn a_question_waits_first() {
    let studio = Studio::new(Engine::Process);
    let script = "printf 'Delete everything? [y/n] '\\nsleep 1000000\\n";
    studio.world.file("asker.sh", script.replace("\\n", "\n"));
    let asker = Value::from(studio.world.path("asker.sh").as_str());
    let asker = format!("asker: {{ plugin: command, argv: [sh, {asker}], ask: \"\\\\[y/n\\\\]\" }}");
    studio.write_config(&studio.config("").replace("agents:\n", &format!("agents:\n  {asker}\n")));
    let paused = studio.spawn(&["--agent", "sleeper"]);
    studio.world.ao(&["pause", &paused]).succeeds();
    let id = studio.spawn(&["--agent", "asker"]);
    studio.wait("it is seen to ask", || {
        studio.world.ao(&["reconcile"]);
        studio.status(&id) == "needs_input"
    });
    assert_eq!(waiting(&studio), [("needs_input".to_owned(), id.clone()), ("held".to_owned(), paused)]);
    let shown = studio.world.ao(&["inbox"]).succeeds().stdout();
    assert!(shown.starts_with(&format!("{id}  needs_input, for ")) && shown.contains("[y/n]"), "{shown}");
    assert!(shown.contains(&format!("    ao session attach {id}\n")), "{shown}");
}

#[test]
fn a_diff_is_against_the_base_and_takes_any_text() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--prompt", "one\n"]);
    studio.wait_for_status(&id, "done");
    studio.world.git(&["commit", "--quiet", "--allow-empty", "--message", "the base goes on"]);
    let worktree = studio.worktree(&id);
    std::fs::write(worktree.join("tests.sh"), b"\x1b]0;title\x07 \xff\r\n").unwrap();
    std::fs::write(worktree.join("new"), "new").unwrap();
    let mut command = studio.world.command(env!("CARGO_BIN_EXE_ao"));
    let piped = command.args(["session", "diff", &id]).output().unwrap();
    assert!(piped.status.success());
    let patch = String::from_utf8_lossy(&piped.stdout).into_owned();
    assert!(patch.contains("+one") && patch.contains("b/tests.sh"), "committed and not: {patch}");
    assert!(String::from_utf8_lossy(&piped.stderr).contains("1 files that git does not track yet"), "{piped:?}");
    studio.world.file("patch", &piped.stdout);
    studio.world.git(&["apply", "--check", studio.world.path("patch").as_str()]);

    let mut terminal = Terminal::running(&studio, &["session", "diff", &id]);
    assert_eq!(terminal.end(), Some(0));
    studio.wait("it is shown", || String::from_utf8_lossy(&terminal.transcript()).contains("\\u{1b}]0;title\\u{7}"));
    let stat = studio.world.ao(&["session", "diff", "--stat", &id]).succeeds().stdout();
    assert!(stat.contains("2 files changed"), "{stat}");

    studio.world.ao(&["session", "kill", "--cleanup", &id]).succeeds();
    let trashed = studio.world.ao(&["session", "diff", "--stat", &id]).succeeds().stdout();
    assert!(trashed.contains("work.txt") && trashed.contains("new"), "with what was saved: {trashed}");
    assert_eq!(studio.world.ao(&["session", "diff", "app-9"]).code(), 1);
}

#[test]
fn logs_go_on_until_the_agent_has_ended() {
    let studio = Studio::new(Engine::Process);
    let id = studio.listen("listener");
    let following = studio.world.start(&["session", "logs", "--follow", &id]);
    for text in ["first", "second"] {
        studio.world.ao(&["send", &id, text]).succeeds();
    }
    studio.wait("it hears", || heard(&studio.worktree(&id)).ends_with(b"second\n"));
    kill_agent(&studio, &id, Signal::TERM);
    let run = following.finish().succeeds();
    let printed = run.stdout();
    assert!(printed.starts_with("ready") && printed.contains("first") && printed.ends_with("second\n"), "{run}");
}

#[test]
fn a_watch_tells_each_change_once() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--agent", "sleeper"]);
    let mut command = studio.world.command(env!("CARGO_BIN_EXE_ao"));
    let mut child = command.args(["status", "--watch"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (tell, told) = channel();
    let read = move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line)));
    std::thread::Builder::new().spawn(read).unwrap();
    let next = || told.recv_timeout(PATIENCE).expect("a line");
    assert!(next().contains(&format!("{id}  working: ")));
    studio.world.ao(&["pause", &id]).succeeds();
    assert!(next().contains(&format!("{id}  paused, was working: ")));
    studio.world.ao(&["session", "kill", &id]).succeeds();
    let mut line = next();
    while line.contains("  cleanup, was ") {
        line = next();
    }
    assert!(line.contains(&format!("{id}  ended, was ")), "{line}");
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    assert!(child.wait().unwrap().success(), "Ctrl-C is how it ends");
    assert_eq!(studio.world.ao(&["status", "--watch", "--json"]).code(), 2);
}

#[test]
fn a_watched_terminal_is_as_before() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--agent", "sleeper"]);
    let mut terminal = Terminal::running(&studio, &["status", "--watch"]);
    terminal.wait_for("working");
    studio.world.ao(&["pause", &id]).succeeds();
    terminal.wait_for("paused");
    assert!(!terminal.shows().contains("working"), "it is redrawn: {}", terminal.shows());
    terminal.press("\x03");
    assert_eq!(terminal.end(), Some(0));
    studio.wait("the screen is given back", || terminal.transcript().ends_with(b"\x1b[?7h\x1b[?25h\x1b[?1049l"));
}
