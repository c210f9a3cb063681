//! Messages: byte for byte, whole or not at all.

use super::in_every_runtime;
use super::rig::{Rig, text, until};
use ao_plugin_sdk::prelude::*;

/// What has gone wrong elsewhere.
const HOSTILE: [&str; 7] = ["-n hi", "fix; rm;", "Enter", "$(id)", ";", "C-c #{pane_id} %1 \\; \\n", "-"];

/// Sixteen kibibytes of lines of several scripts.
fn long() -> String {
    let mut text = "Zeile → 行 🦀\tñ and a longer tail of plain letters\n".repeat(400);
    text.truncate(text.floor_char_boundary(16_384));
    text
}

/// What is read is exactly this, now and after another moment.
async fn arrived(file: &Utf8Path, expected: &[u8]) {
    let read = || std::fs::read(file).unwrap_or_default();
    until(&format!("{} bytes arrive", expected.len()), || read().len() >= expected.len()).await;
    let read = read();
    assert!(read == expected, "{} instead of {}", String::from_utf8_lossy(&read), String::from_utf8_lossy(expected));
}

/// Sends each message and its submission; returns what a reader must have read.
async fn send_all(rig: &Rig, handle: &RuntimeHandle, frame: impl Fn(&str) -> String) -> Vec<u8> {
    let long = long();
    let mut expected = String::new();
    for message in HOSTILE.iter().copied().chain([long.as_str()]) {
        let drafted = rig.send(handle, text(message)).await.expect("text");
        assert!(matches!(drafted.level, DeliveryLevel::Drafting | DeliveryLevel::Drafted), "{}", drafted.level);
        let submitted = rig.send(handle, Input::Submit).await.expect("submit");
        assert_eq!(submitted.level, DeliveryLevel::Submitted);
        expected += &frame(message);
    }
    expected.into_bytes()
}

#[tokio::test]
async fn a_pipe_carries_every_byte() {
    let rig = Rig::process();
    let (handle, file) = rig.start_reader("ao-1", "read").await;
    let expected = send_all(&rig, &handle, |message| format!("{message}\n")).await;
    arrived(&file, &expected).await;
    rig.send(&handle, text("\x1b[201~\r\0")).await.expect("a pipe has no keys");
    arrived(&file, &[expected.as_slice(), b"\x1b[201~\r\0"].concat()).await;
}

#[tokio::test]
async fn tmux_a_raw_program_reads_every_byte() {
    let Some(rig) = Rig::tmux("tmux_a_raw_program_reads_every_byte") else { return };
    let (handle, file) = rig.start_reader("ao-1", "raw").await;
    let expected = send_all(&rig, &handle, |message| format!("{message}\r")).await;
    arrived(&file, &expected).await;
}

#[tokio::test]
async fn tmux_a_bracketed_paste_program_reads_every_byte() {
    let Some(rig) = Rig::tmux("tmux_a_bracketed_paste_program_reads_every_byte") else { return };
    let (handle, file) = rig.start_reader("ao-1", "raw-bracketed").await;
    let expected = send_all(&rig, &handle, |message| format!("\x1b[200~{message}\x1b[201~\r")).await;
    arrived(&file, &expected).await;
}

#[tokio::test]
async fn a_terminal_of_the_holder_carries_every_byte() {
    let rig = Rig::pty();
    for (session, mode, (before, after)) in
        [("ao-1", "raw", ("", "")), ("ao-2", "raw-bracketed", ("\x1b[200~", "\x1b[201~"))]
    {
        let (handle, file) = rig.start_reader(session, mode).await;
        let expected = send_all(&rig, &handle, |message| format!("{before}{message}{after}\r")).await;
        arrived(&file, &expected).await;
    }
    let (handle, file) = rig.start_reader("ao-3", "read").await;
    let error = rig.send(&handle, text(&"x".repeat(4096))).await.expect_err("too long a line");
    assert!(error.code == Code::INVALID_INPUT && error.message.contains("ao send --file"), "{error}");
    rig.send(&handle, text(&"x".repeat(4095))).await.expect("text");
    rig.send(&handle, Input::Submit).await.expect("submit");
    arrived(&file, format!("{}\n", "x".repeat(4095)).as_bytes()).await;
}

#[tokio::test]
async fn tmux_copy_mode_takes_neither_text_nor_enter() {
    let Some(rig) = Rig::tmux("tmux_copy_mode_takes_neither_text_nor_enter") else { return };
    let (handle, file) = rig.start_reader("ao-1", "raw").await;
    rig.ask_tmux(&["copy-mode", "-t", "=ao-1:"]);
    rig.send(&handle, text("one")).await.expect("text");
    rig.ask_tmux(&["copy-mode", "-t", "=ao-1:"]);
    rig.send(&handle, Input::Submit).await.expect("submit");
    arrived(&file, b"one\r").await;
    assert_eq!(rig.ask_tmux(&["list-buffers"]), "", "no paste buffer is left");
}

#[tokio::test]
async fn tmux_a_line_that_a_terminal_would_cut_is_refused() {
    let Some(rig) = Rig::tmux("tmux_a_line_that_a_terminal_would_cut_is_refused") else { return };
    let (handle, file) = rig.start_reader("ao-1", "read").await;
    let error = rig.send(&handle, text(&"x".repeat(4096))).await.expect_err("too long a line");
    assert!(error.code == Code::INVALID_INPUT && error.message.contains("ao send --file"), "{error}");
    let fits = "x".repeat(4095);
    rig.send(&handle, text(&fits)).await.expect("text");
    rig.send(&handle, Input::Submit).await.expect("submit");
    arrived(&file, format!("{fits}\n").as_bytes()).await;
    let error = rig.send(&handle, text("a\x1b[201~b")).await.expect_err("a key");
    assert!(error.message.contains("U+001B"), "{error}");
}

in_every_runtime! {
    async fn senders_do_not_interleave(rig: &Rig) {
        let (handle, file) = rig.start_reader("ao-1", "read").await;
        let messages: Vec<String> = ('a'..='h').map(|letter| format!("{}\n", letter.to_string().repeat(3000))).collect();
        let mut sends = tokio::task::JoinSet::new();
        for message in messages.clone() {
            let (runtime, handle) = (std::sync::Arc::clone(&rig.runtime), handle.clone());
            sends.spawn(async move { runtime.send(SendInput::new("send", handle, text(&message))).await });
        }
        while let Some(sent) = sends.join_next().await {
            sent.expect("no panic").expect("sent");
        }
        until("all arrive", || std::fs::read(&file).is_ok_and(|read| read.len() >= 8 * 3001)).await;
        let read = std::fs::read_to_string(&file).expect("text");
        let mut lines: Vec<String> = read.lines().map(|line| format!("{line}\n")).collect();
        lines.sort();
        assert_eq!(lines, messages);
    }

    async fn a_dead_agent_is_sent_nothing(rig: &Rig) {
        let handle = rig.start("ao-1", &["exit", "7"]).await;
        rig.until_dead(&handle).await;
        for input in [text("hello"), Input::Submit] {
            let error = rig.send(&handle, input).await.expect_err("it has ended");
            assert!(error.code == Code::NOT_FOUND && error.message.contains("exit code 7"), "{error}");
        }
        rig.destroy(&handle, 0).await;
        assert_eq!(rig.send(&handle, text("hello")).await.expect_err("it is gone").code, Code::NOT_FOUND);
    }
}

#[tokio::test]
async fn an_agent_that_does_not_read_is_reported_and_gets_no_part() {
    let rig = Rig::process();
    let handle = rig.start("ao-1", &["quiet"]).await;
    rig.send(&handle, text(&"x".repeat(40_000))).await.expect("the pipe is empty");
    let error = rig.send(&handle, text(&"y".repeat(40_000))).await.expect_err("it is not");
    assert_eq!(error.code, Code::UNAVAILABLE);
    assert!(error.message.contains("not reading its input"), "{error}");
    let pipe = std::fs::File::options().read(true).write(true).open(rig.directory("ao-1").join("input")).expect("pipe");
    assert_eq!(rustix::io::ioctl_fionread(&pipe).expect("count"), 40_000);
}

/// A dialog's keys: each as it is, outside of any paste, for a program that would take a paste in brackets.
async fn keys_are_typed(rig: &Rig) {
    let (handle, file) = rig.start_reader("ao-1", "raw-bracketed").await;
    let keys = |text: &str| Input::Keys { text: text.to_owned() };
    for input in [keys("1"), keys("a; b;"), keys("-l"), Input::Key { key: Key::Escape }, Input::Key { key: Key::Enter }]
    {
        assert_eq!(rig.send(&handle, input).await.expect("a key").level, DeliveryLevel::Submitted);
    }
    arrived(&file, b"1a; b;-l\x1b\r").await;
    for input in [keys(""), keys("a\nb"), Input::Key { key: Key::Unknown }] {
        rig.send(&handle, input.clone()).await.expect_err(&format!("{input:?}"));
    }
}

#[tokio::test]
async fn tmux_types_keys() {
    let Some(rig) = Rig::tmux("tmux_types_keys") else { return };
    keys_are_typed(&rig).await;
}

#[tokio::test]
async fn a_terminal_of_the_holder_takes_keys() {
    keys_are_typed(&Rig::pty()).await;
}
