//! `ao session attach` to a terminal of the holder's own, from a real terminal.

#![expect(clippy::disallowed_methods, reason = "a test waits for what a terminal shows, and ends what it started")]

use std::io::{Read, Write};
use std::process::Child;
use std::sync::{Arc, Mutex};

use pty_process::blocking::{Command, Pty};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

use crate::studio::{Engine, Studio, heard};

/// A human's terminal, in which `ao` runs.
pub(crate) struct Terminal<'a> {
    studio: &'a Studio,
    pty: Arc<Pty>,
    /// Keeps the terminal open when `ao` has ended.
    pts: rustix::fd::OwnedFd,
    shown: Arc<Mutex<vt100::Parser>>,
    /// All that it ever showed.
    transcript: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

impl<'a> Terminal<'a> {
    /// Runs `ao` in one of 80 columns and 24 rows.
    pub(crate) fn running(studio: &'a Studio, arguments: &[&str]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 80)).unwrap();
        let kept = rustix::io::dup(&pts).unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_ao")).args(arguments).env_clear();
        let command = command.envs(studio.world.environment()).env("TERM", "xterm-256color");
        let child = command.current_dir(studio.world.path("app")).spawn(pts).unwrap();
        let cells = |cells: u16| cells.try_into().unwrap();
        let shown = Arc::new(Mutex::new(vt100::Parser::new(cells(24), cells(80), 0)));
        let transcript: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (pty, theirs) = (Arc::new(pty), (Arc::clone(&shown), Arc::clone(&transcript)));
        let reader = Arc::clone(&pty);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = (&*reader).read(&mut buffer) {
                theirs.1.lock().unwrap().extend_from_slice(&buffer[..length]);
                theirs.0.lock().unwrap().process(&buffer[..length]);
            }
        });
        Self { studio, pty, pts: kept, shown, transcript, child }
    }

    fn attached(studio: &'a Studio, id: &str) -> Self {
        Self::running(studio, &["session", "attach", id])
    }

    /// Types.
    pub(crate) fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    fn resize(&self, columns: u16, rows: u16) {
        self.pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        self.shown.lock().unwrap().set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
    }

    /// What is on it.
    pub(crate) fn shows(&self) -> String {
        self.shown.lock().unwrap().screen().contents()
    }

    /// Waits until it shows this.
    pub(crate) fn wait_for(&self, text: &str) {
        self.studio.wait(&format!("the terminal shows `{text}`"), || self.shows().contains(text));
    }

    /// All that it ever showed.
    pub(crate) fn transcript(&self) -> Vec<u8> {
        self.transcript.lock().unwrap().clone()
    }

    /// Waits for the end of `ao`, and returns its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        let mut status = None;
        self.studio.wait("the command ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let is_as_before = tcgetattr(&self.pts).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO);
        assert!(is_as_before, "the terminal is as before");
        status.and_then(|status| status.code())
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With an agent that says how large its terminal is, and a `vim`.
fn studio() -> Studio {
    let studio = Studio::new(Engine::Pty);
    let vim =
        "vim: { plugin: command, argv: [vim, -u, NONE, -N, -i, NONE, -n, \"+set laststatus=2\"], ready: No Name }";
    let size = "size: { plugin: command, argv: [sh, -c, \"trap 'stty size' WINCH; stty size; sleep 1000000 & while :; do wait; done\"] }";
    let config = studio.config("").replace("agents:\n", &format!("agents:\n  {vim}\n  {size}\n"));
    studio.write_config(&config);
    studio
}

#[test]
fn vim_shows_rightly_to_two_viewers_and_is_left_running() {
    let studio = studio();
    if std::process::Command::new("vim").arg("--version").stdout(std::process::Stdio::null()).status().is_err() {
        return crate::studio::skip("vim", "pty_attach::vim_shows_rightly_to_two_viewers_and_is_left_running");
    }
    let id = studio.spawn(&["--agent", "vim"]);
    studio.wait("vim is up", || studio.world.ao(&["session", "logs", &id]).stdout().contains("No Name"));
    let mut first = Terminal::attached(&studio, &id);
    first.wait_for("[No Name]");
    first.press("ione line\rsecond\x1b");
    first.wait_for("second\n~");
    let mut second = Terminal::attached(&studio, &id);
    second.wait_for("one line\nsecond\n~");
    second.press("othird\x1b");
    for terminal in [&first, &second] {
        terminal.wait_for("one line\nsecond\nthird\n~");
        assert!(terminal.shown.lock().unwrap().screen().alternate_screen());
    }

    // The detach key; what stood before it has reached vim.
    second.press("ofourth\x1b");
    second.wait_for("fourth");
    second.press("\x1c");
    assert_eq!(second.end(), Some(0));
    second.wait_for(&format!("detached from `{id}`"));
    assert!(
        !second.shown.lock().unwrap().screen().alternate_screen()
            && !second.shown.lock().unwrap().screen().hide_cursor()
    );

    // The first still looks on; then the agent ends.
    first.wait_for("third\nfourth\n~");
    first.press(":q!\r");
    assert_eq!(first.end(), Some(0));
    first.wait_for(&format!("the agent of `{id}` has ended with exit code 0"));
    studio.wait_for_status(&id, "done");
}

#[test]
fn the_size_follows_and_the_agent_outlives_a_killed_viewer() {
    let studio = studio();
    let id = studio.spawn(&["--agent", "size"]);
    let mut terminal = Terminal::attached(&studio, &id);
    terminal.wait_for("24 80");
    terminal.resize(101, 31);
    terminal.wait_for("31 101");
    // As `kill -9` of the command does.
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();
    let again = Terminal::attached(&studio, &id);
    again.resize(70, 20);
    again.wait_for("20 70");
    assert!(["working", "ready"].contains(&studio.status(&id).as_str()));
}

#[test]
fn a_key_of_ones_own_and_a_polite_signal_detach() {
    let studio = studio();
    let id = studio.listen("listener");
    let mut terminal = Terminal::running(&studio, &["session", "attach", &id, "--detach-key", "ctrl-]"]);
    terminal.wait_for("ready");
    let transcript = String::from_utf8_lossy(&terminal.transcript.lock().unwrap()).into_owned();
    assert!(transcript.contains("ctrl-] detaches and leaves the agent running"), "{transcript}");
    assert!(
        transcript.contains(&format!("\x1b]2;{id}: ctrl-] detaches\x07")),
        "in the title, which stays: {transcript}"
    );
    let worktree = studio.worktree(&id);
    studio.world.ao(&["send", &id, "who only looks on is not in the way"]).succeeds();
    studio.wait("it is heard", || heard(&worktree).ends_with(b"in the way\r"));
    let before = heard(&worktree).len();
    terminal.press("typed\x1c");
    studio.wait("it is heard", || heard(&worktree)[before..] == *b"typed\x1c");
    let held = studio.world.ao(&["send", &id, "meanwhile"]);
    assert_eq!((held.code(), held.stdout().as_str()), (75, "queued\n"), "{held}");
    assert!(held.stderr().contains("somebody who is attached typed"), "{held}");
    terminal.press("\x1d");
    assert_eq!(terminal.end(), Some(0));
    studio.world.ao(&["send", "--wait", &id, "meanwhile"]).succeeds();
    studio.wait("it is heard", || heard(&worktree)[before..] == *b"typed\x1cmeanwhile\r");

    let mut other = Terminal::attached(&studio, &id);
    other.wait_for("ready");
    kill_process(Pid::from_child(&other.child), Signal::TERM).unwrap();
    assert_eq!(other.end(), Some(0));
    assert!(["working", "ready"].contains(&studio.status(&id).as_str()));
    let run = studio.world.ao(&["session", "attach", &id, "--detach-key", "ctrl-m"]);
    assert!(run.code() == 2 && run.stderr().contains("Enter"), "{run}");
}

#[test]
fn a_lost_terminal_is_an_error_that_leaves_the_humans_own_as_it_was() {
    let studio = studio();
    let id = studio.listen("listener");
    let mut terminal = Terminal::attached(&studio, &id);
    terminal.wait_for("ready");
    let record = fs_err::read(studio.places().state().join("sessions").join(&id).join("holder.json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    let holder = Pid::from_raw(i32::try_from(record["holder"]["pid"].as_u64().unwrap()).unwrap()).unwrap();
    kill_process(holder, Signal::KILL).unwrap();
    assert_eq!(terminal.end(), Some(75));
    terminal.wait_for("is lost");
}

#[test]
fn without_a_terminal_or_an_agent_it_is_refused() {
    let studio = studio();
    let id = studio.spawn(&["--agent", "sleeper"]);
    let run = studio.world.ao(&["session", "attach", &id]);
    assert!(run.code() == 1 && run.stderr().contains("must be a terminal"), "{run}");
    studio.world.ao(&["session", "kill", &id]).succeeds();
    let run = studio.world.ao(&["session", "attach", &id]);
    assert!(run.code() == 1 && run.stderr().contains(&format!("ao session logs {id}")), "{run}");
}
