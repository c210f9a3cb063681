//! `ao session attach`: what a human sees, in a terminal that another tmux is.

use std::process::Stdio;

use camino::Utf8PathBuf;

use crate::studio::{Engine, Studio, heard};

/// A human's terminal.
struct Terminal<'a> {
    studio: &'a Studio,
    socket: Utf8PathBuf,
}

impl<'a> Terminal<'a> {
    /// In which `ao` runs with these arguments.
    fn running(studio: &'a Studio, arguments: &[&str]) -> Self {
        let terminal = Self { studio, socket: studio.world.path("human.sock") };
        // What it ends with is shown, and the terminal stays.
        let line = "\"$@\"; echo \"[ended with $?]\"; read -r line";
        // tidy: shell because a terminal needs somebody to say how the command ended
        let shell = ["new-session", "-d", "-x", "100", "-y", "30", "--", "sh", "-c", line, "sh"];
        let command = [&shell[..], &[env!("CARGO_BIN_EXE_ao")], arguments];
        terminal.tmux(&command.concat());
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut tmux = self.studio.world.command("tmux");
        tmux.env("TERM", "screen-256color").args(["-u", "-f", "/dev/null", "-S", self.socket.as_str()]);
        let output = tmux.args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn wait_for(&self, text: &str) {
        self.studio.wait(&format!("the terminal shows `{text}`"), || self.shows(text));
    }

    fn shows(&self, text: &str) -> bool {
        self.tmux(&["capture-pane", "-p"]).contains(text)
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let mut tmux = self.studio.world.command("tmux");
        let _ = tmux.args(["-S", self.socket.as_str(), "kill-server"]).stderr(Stdio::null()).status();
    }
}

fn is_here(test: &str) -> bool {
    Engine::Tmux.is_here(&format!("tmux_attach::{test}"))
}

#[test]
fn the_agents_screen_is_shown_and_left_again() {
    if !is_here("the_agents_screen_is_shown_and_left_again") {
        return;
    }
    let studio = Studio::new(Engine::Tmux);
    let id = studio.listen("listener");
    studio.world.ao(&["send", &id, "what the agent shows"]).succeeds();
    let terminal = Terminal::running(&studio, &["session", "attach", &id]);
    terminal.wait_for("what the agent shows");

    // A human types to it.
    let worktree = studio.worktree(&id);
    terminal.press(&["typed by hand"]);
    studio.wait("it is heard", || String::from_utf8(heard(&worktree)).unwrap().ends_with("typed by hand"));

    // Nothing is typed between a human's keys.
    let held = studio.world.ao(&["send", &id, "meanwhile"]);
    assert_eq!((held.code(), held.stdout().as_str()), (75, "queued\n"), "{held}");
    assert!(held.stderr().contains("a tmux client is attached"), "{held}");

    // Keys that come as fast as a machine types are taken for a paste, and then reach the agent.
    studio.wait("the terminal is left", || {
        terminal.press(&["C-b"]);
        terminal.press(&["d"]);
        terminal.shows("[ended with 0]")
    });
    assert!(["working", "ready"].contains(&studio.status(&id).as_str()), "it goes on");
    studio.world.ao(&["send", "--wait", &id, "meanwhile"]).succeeds();
    studio.wait("it is heard", || String::from_utf8_lossy(&heard(&worktree)).contains("meanwhile"));
    let read = String::from_utf8(heard(&worktree)).unwrap();
    assert_eq!(read.matches("meanwhile").count(), 1, "{read}");
    studio.world.ao(&["session", "kill", &id]).succeeds();
}

#[test]
fn a_kill_ends_what_is_watched() {
    if !is_here("a_kill_ends_what_is_watched") {
        return;
    }
    let studio = Studio::new(Engine::Tmux);
    let id = studio.listen("listener");
    let terminal = Terminal::running(&studio, &["session", "attach", &id]);
    terminal.wait_for("ready");
    studio.world.ao(&["session", "kill", &id]).succeeds();
    terminal.wait_for("[ended with");
}

#[test]
fn a_session_that_has_ended_says_where_its_words_are() {
    if !is_here("a_session_that_has_ended_says_where_its_words_are") {
        return;
    }
    let studio = Studio::new(Engine::Tmux);
    let id = studio.spawn(&["--agent", "sleeper"]);
    studio.world.ao(&["session", "kill", &id]).succeeds();
    let run = studio.world.ao(&["session", "attach", &id]);
    assert_ne!(run.code(), 0, "{run}");
    assert!(run.stderr().contains(&format!("ao session logs {id}")), "{run}");
}

#[test]
fn without_a_terminal_it_is_refused() {
    if !is_here("without_a_terminal_it_is_refused") {
        return;
    }
    let studio = Studio::new(Engine::Tmux);
    let id = studio.spawn(&["--agent", "sleeper"]);
    let run = studio.world.ao(&["session", "attach", &id]);
    assert_ne!(run.code(), 0, "{run}");
    assert!(run.stderr().contains("terminal"), "{run}");
}
