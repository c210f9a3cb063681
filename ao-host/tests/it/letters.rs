//! Messages of every length into real programs, in every runtime: none is lost, none is said to have arrived that has not,
//! and no Enter comes alone.

#![expect(clippy::disallowed_methods, reason = "a test asks how deep it is to go, and uses tmux as a human does")]

use std::fmt::Write as _;

use ao_core::model::{DeliveryLevel, SessionId};
use ao_host::sessions::{Crew, Letter, Sent, Sessions};
use ao_host::world::files;
use camino::Utf8PathBuf;

use crate::runtimes::skip;
use crate::sessions::{Desk, PROGRAM, run};

/// How many messages each of the seven pairs of a program and a runtime gets.
fn count() -> usize {
    if std::env::var("AO_DEEP").is_ok() { 144 } else { 6 }
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's multiplier for a linear congruential generator; its high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Texts from 1 B to 64 KiB, of several scripts, in lines that a terminal takes.
fn texts(seed: u64) -> Vec<String> {
    const WORDS: [&str; 12] =
        ["fix", "größe", "行", "🦀", "$(id)", "\"it's\"", ";", "-n", "\\n", "a\tb", "%s", "and run the tests again"];
    let mut numbers = Numbers(seed);
    let count = count();
    let text = |index: usize| {
        // The first and the last are the extremes.
        let longest = if index + 1 == count { 65_536 } else { 1 << numbers.below(17) };
        let mut text = String::new();
        while index > 0 && text.len() < longest {
            let separator = if numbers.below(9) == 0 { "\n" } else { " " };
            write!(text, "{}{separator}", WORDS[numbers.below(WORDS.len())]).unwrap();
        }
        text.truncate(text.floor_char_boundary(longest));
        // Each is known by its end, and ends with a letter.
        let text = format!("{}{index}", text.trim_end());
        if index == 0 { "y".to_owned() } else { text }
    };
    (0..count).map(text).collect()
}

/// A session of one of the receivers.
struct Stage {
    desk: Desk,
    sessions: Sessions,
    crew: Crew,
    id: SessionId,
    directory: Utf8PathBuf,
    runtime: &'static str,
}

impl Stage {
    fn new(runtime: &'static str, agent: &str) -> Self {
        let desk = Desk::configured("", |repository| {
            let vim = "[vim, -u, NONE, -N, -i, NONE, -n, --cmd, \"set t_RV= t_u7=\", \"+set paste updatetime=50\", \
                       \"+autocmd TextChangedI,CursorHoldI * silent! write! heard\", +startinsert, text]";
            format!(
                "version: 1\nagents:\n  \
                 lines: {{ plugin: command, argv: [{PROGRAM}, read, heard], ready: ready }}\n  \
                 vim: {{ plugin: command, argv: {vim}, ready: INSERT }}\n  \
                 composer:\n    plugin: command\n    argv: [{PROGRAM}, composer, \"{{workspace}}\"]\n    \
                 ready: 'status: ready'\n    ask: 'Proceed\\?[\\s\\S]*'\n    \
                 draft: '(?s)^-- compose --(.*)\\z'\n    transcript: {{ path: transcript.jsonl }}\n\
                 defaults: {{ runtime: {runtime}, agent: lines }}\nprojects:\n  app:\n    path: {repository}\n"
            )
        });
        let spawned = desk.spawn("", agent, None).unwrap();
        let directory = spawned.session.workspace.as_ref().unwrap().path.clone();
        let (sessions, crew) = (desk.sessions(""), desk.crew(&spawned.session));
        Self { desk, sessions, crew, id: spawned.session.id, directory, runtime }
    }

    fn send(&self, text: &str) -> Sent {
        run(self.sessions.send(&self.id, &self.crew, &Letter::of(text))).unwrap()
    }

    fn read(&self, file: &str) -> String {
        fs_err::read_to_string(self.directory.join(file)).unwrap_or_default()
    }

    /// What the agent is to read of a message: the text, or the line that names its file.
    fn line(sent: &Sent, text: &str) -> String {
        assert_eq!(fs_err::read_to_string(&sent.file).unwrap(), text, "byte by byte");
        if text.len() <= 16_384 { text.to_owned() } else { format!("Read the file {} and do what it says.", sent.file) }
    }

    /// Somebody scrolls back.
    fn enter_copy_mode(&self) {
        if self.runtime == "tmux" {
            let owner = self.desk.places.owner();
            let socket = owner.run.join(format!("tmux-{}.sock", owner.id));
            let target = format!("={}:", self.id);
            let mut tmux = std::process::Command::new("tmux");
            let done = tmux.args(["-S", socket.as_str(), "copy-mode", "-t", &target]).status().unwrap();
            assert!(done.success());
        }
    }

    /// Waits until the program has read exactly this.
    fn hears(&self, expected: &str) {
        Desk::wait("all is heard", || self.read("heard").len() >= expected.len());
        let heard = self.read("heard");
        let differs = heard.bytes().zip(expected.bytes()).position(|(heard, expected)| heard != expected);
        assert!(heard == expected, "from {differs:?} of {}: {} bytes", expected.len(), heard.len());
    }

    /// Puts something on the composer's screen.
    fn show(&self, wanted: &str) {
        files::write_atomic(&self.directory.join("control"), wanted.as_bytes(), 0o600).unwrap();
        Desk::wait(&format!("the agent shows `{wanted}`"), || {
            self.directory.join("applied").exists() && self.read("applied") == wanted
        });
    }
}

/// A program without a record: everything arrives, and nothing is said to have.
fn to_a_reader(runtime: &'static str, agent: &str, seed: u64) {
    let stage = Stage::new(runtime, agent);
    Desk::wait("the program reads", || {
        let session = stage.sessions.get(&stage.id).unwrap();
        let logs = run(stage.sessions.logs(&session, &stage.crew.runtime, None, 65_536)).unwrap();
        logs.text.contains("ready") || logs.text.contains("INSERT")
    });
    let mut expected = String::new();
    for (index, text) in texts(seed).iter().enumerate() {
        if index % 3 == 1 {
            stage.enter_copy_mode();
        }
        let sent = stage.send(text);
        assert_eq!(sent.level, DeliveryLevel::Unconfirmed, "{:?}", sent.why);
        writeln!(expected, "{}", Stage::line(&sent, text)).unwrap();
        // An editor writes its file when it has nothing to read.
        stage.hears(&if agent == "vim" { format!("{expected}\n") } else { expected.clone() });
    }
}

/// A program with a composer, dialogs, busy phases and a transcript.
fn to_an_agent(runtime: &'static str, seed: u64) {
    let stage = Stage::new(runtime, "composer");
    let told = || -> Vec<String> {
        let transcript = stage.read("transcript.jsonl");
        let read =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
        transcript.lines().map(read).collect()
    };
    stage.show("dialog");
    stage.show("");
    let mut expected = Vec::new();
    for (index, text) in texts(seed).iter().enumerate() {
        if index % 3 == 1 {
            stage.enter_copy_mode();
        }
        let obstacle = match index % 6 {
            2 => Some("dialog"),
            5 => Some("foreign"),
            _ => None,
        };
        if let Some(obstacle) = obstacle {
            stage.show(obstacle);
            let held = stage.send(text);
            assert_eq!(held.level, DeliveryLevel::Queued, "{obstacle}: {:?}", held.why);
            let why = held.why.unwrap();
            assert!(why.retryable() && why.message.contains(if obstacle == "dialog" { "decision" } else { "draft" }));
            let behind = stage.send(&format!("behind {index}"));
            assert!(behind.level == DeliveryLevel::Queued && behind.why.unwrap().message.contains("before it"));
            let again = stage.send(text);
            assert_eq!(again.message, held.message, "the same command is the same message");
            stage.show("");
        }
        let sent = stage.send(text);
        assert_eq!((sent.level, &sent.why), (DeliveryLevel::Acked, &None), "message {index} of {} bytes", text.len());
        expected.push(Stage::line(&sent, text));
        expected.extend(obstacle.map(|_| format!("behind {index}")));
        assert_eq!(told().len(), expected.len(), "what is acknowledged has been told");
    }
    assert!(told() == expected, "all of them, once each, byte by byte, in their order");
    assert_eq!(stage.read("journal"), "", "no Enter came alone, or answered a dialog");
    assert!(stage.sessions.store.waiting_messages().unwrap().is_empty());
}

fn has(program: &str, test: &str) -> bool {
    let version = if program == "tmux" { "-V" } else { "--version" };
    let mut command = std::process::Command::new(program);
    let is_here = command.arg(version).stdout(std::process::Stdio::null()).status().is_ok();
    if !is_here {
        skip(program, &format!("letters::{test}"));
    }
    is_here
}

#[test]
fn lines_through_a_pipe() {
    to_a_reader("process", "lines", 1);
}

#[test]
fn lines_in_a_terminal_of_the_holder() {
    to_a_reader("pty", "lines", 2);
}

#[test]
fn tmux_lines() {
    if has("tmux", "tmux_lines") {
        to_a_reader("tmux", "lines", 3);
    }
}

#[test]
fn vim_in_a_terminal_of_the_holder() {
    if has("vim", "vim_in_a_terminal_of_the_holder") {
        to_a_reader("pty", "vim", 4);
    }
}

#[test]
fn tmux_vim() {
    if has("tmux", "tmux_vim") && has("vim", "tmux_vim") {
        to_a_reader("tmux", "vim", 5);
    }
}

#[test]
fn an_agent_in_a_terminal_of_the_holder() {
    to_an_agent("pty", 6);
}

#[test]
fn tmux_an_agent() {
    if has("tmux", "tmux_an_agent") {
        to_an_agent("tmux", 7);
    }
}
