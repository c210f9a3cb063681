//! Messages of every kind, byte by byte in a program that reads its terminal raw, or its pipe.

use camino::Utf8Path;

use crate::studio::{Engine, Studio, heard, in_every_engine};
use crate::support::Run;

/// What ends a message where an agent reads.
fn submit(engine: Engine) -> &'static [u8] {
    match engine {
        Engine::Process => b"\n",
        Engine::Pty | Engine::Tmux => b"\r",
    }
}

/// Waits until an agent has read exactly this, and nothing after it.
fn hears(studio: &Studio, worktree: &Utf8Path, expected: &[u8]) {
    studio.wait("all is heard", || heard(worktree).len() >= expected.len());
    let read = heard(worktree);
    let different = read.iter().zip(expected).position(|(heard, expected)| heard != expected);
    let shown = |bytes: &[u8]| {
        let start = different.unwrap_or(expected.len()).saturating_sub(20);
        String::from_utf8_lossy(&bytes[start.min(bytes.len())..bytes.len().min(start + 60)]).escape_debug().to_string()
    };
    assert!(read == expected, "from {different:?}: heard {}, expected {}", shown(&read), shown(expected));
}

/// 16 KiB of text in many lines, with letters of one to four bytes.
fn long_text() -> String {
    let line = "fn größe() { // 🦀 \"quoted\" $HOME `id` \\n %s;\n\tλ }\n";
    let mut text = line.repeat(16 * 1024 / line.len());
    text.extend(std::iter::repeat_n('x', 16 * 1024 - text.len()));
    assert_eq!(text.len(), 16 * 1024);
    text
}

fn send(studio: &Studio, id: &str, text: &str) -> Run {
    studio.world.ao(&["send", id, "--", text]).succeeds()
}

in_every_engine! {
    /// Whatever they look like, they are text.
    fn short_messages_arrive_as_they_are(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        let worktree = studio.worktree(&id);
        let mut expected = Vec::new();
        for text in [
            "-n hi", "fix; rm;", "Enter", "$(id)", ";", "--", "C-c", "#{pane_id}", "\\", "'\"", "ü🦀", "two\nlines", "tab\there", "%1",
        ] {
            send(&studio, &id, text);
            expected.extend_from_slice(text.as_bytes());
            expected.extend_from_slice(submit(engine));
            hears(&studio, &worktree, &expected);
        }
        // Without `--`, options stand before the session.
        studio.world.ao(&["send", &id, "-n", "hi"]).succeeds();
        expected.extend_from_slice(b"-n hi");
        expected.extend_from_slice(submit(engine));
        hears(&studio, &worktree, &expected);
    }

    /// The longest text that is typed, and a longer one, which is read from its file.
    fn long_messages_arrive_whole(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        let worktree = studio.worktree(&id);
        let text = long_text();
        let file = studio.world.file("task", &text);
        studio.world.ao(&["send", "--file", file.as_str(), &id]).succeeds();
        let mut expected = [text.as_bytes(), submit(engine)].concat();
        hears(&studio, &worktree, &expected);

        let text = text.repeat(4);
        let file = studio.world.file("task", &text);
        let sent = studio.world.ao(&["send", "--json", "--file", file.as_str(), &id]).succeeds().json();
        let kept = sent["file"].as_str().unwrap();
        assert_eq!(fs_err::read_to_string(kept).unwrap(), text, "byte by byte");
        expected.extend_from_slice(format!("Read the file {kept} and do what it says.").as_bytes());
        expected.extend_from_slice(submit(engine));
        hears(&studio, &worktree, &expected);
    }

    /// What is no message is refused, and nothing is typed.
    fn what_is_no_message_is_refused(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        let worktree = studio.worktree(&id);
        let binary = studio.world.file("binary", b"ok \xff\xfe");
        let empty = studio.world.file("empty", "");
        for (arguments, why) in [
            (vec!["send", id.as_str(), ""], "the message is empty"),
            (vec!["send", "--file", empty.as_str(), id.as_str()], "the message is empty"),
            // Standard input, in which there is nothing.
            (vec!["send", id.as_str()], "the message is empty"),
            (vec!["send", "--file", binary.as_str(), id.as_str()], "is not UTF-8: byte 3"),
        ] {
            let run = studio.world.ao(&arguments);
            assert_eq!(run.code(), 2, "{run}");
            assert!(run.stderr().contains(why), "{run}");
        }
        let gone = studio.world.ao(&["send", "--file", "gone", &id]);
        assert_eq!(gone.code(), 1, "{gone}");
        send(&studio, &id, "the end");
        hears(&studio, &worktree, &[b"the end", submit(engine)].concat());
    }

    /// A prompt that is sent when the agent is ready.
    fn a_prompt_is_a_first_message(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.spawn(&["--agent", "listener", "--prompt", "-n {x} $(id);\nand more"]);
        let worktree = studio.worktree(&id);
        hears(&studio, &worktree, &[b"-n {x} $(id);\nand more", submit(engine)].concat());
    }
}

/// A program that asks for it gets each message in brackets, so that a line break in it submits nothing.
#[test]
fn tmux_puts_pastes_in_brackets() {
    if !Engine::Tmux.is_here("messages::tmux_puts_pastes_in_brackets") {
        return;
    }
    let studio = Studio::new(Engine::Tmux);
    let id = studio.listen("pasted");
    let worktree = studio.worktree(&id);
    send(&studio, &id, "one\ntwo");
    hears(&studio, &worktree, b"\x1b[200~one\ntwo\x1b[201~\r");
}

/// A message cannot end its own brackets, and type.
#[test]
fn tmux_brackets_hold_what_wants_out() {
    if !Engine::Tmux.is_here("messages::tmux_brackets_hold_what_wants_out") {
        return;
    }
    let studio = Studio::new(Engine::Tmux);
    let id = studio.listen("pasted");
    let worktree = studio.worktree(&id);
    let run = studio.world.ao(&["send", &id, "--", "a\u{1b}[201~\rrm -rf x"]);
    assert_ne!(run.code(), 0, "{run}");
    send(&studio, &id, "the end");
    hears(&studio, &worktree, b"\x1b[200~the end\x1b[201~\r");
}
