//! What only a terminal of the holder's own has: viewers, wake-ups, a log within a quota, a holder that can be stopped.

use std::collections::BTreeSet;
use std::time::Duration;

use ao_plugin_sdk::core::slots::runtime::TerminalControl;
use ao_plugin_sdk::prelude::*;
use tokio::time::timeout;

use super::rig::{Rig, kill, runs, signal, text, until, until_async};

const PATIENCE: Duration = Duration::from_mins(1);

/// A viewer: a terminal of a size, fed with what the stream shows.
struct Viewer {
    stream: BoxStream,
    shown: vt100::Parser,
    end: Option<Value>,
}

impl Viewer {
    async fn attach(rig: &Rig, handle: &RuntimeHandle, columns: u16, rows: u16) -> Self {
        let request = OpenTerminal::new(handle.clone(), Size::new(columns, rows));
        let stream = rig.runtime.terminal(request).await.expect("a terminal");
        let cells = |cells: u16| cells.try_into().expect("cells");
        Self { stream, shown: vt100::Parser::new(cells(rows), cells(columns), 0), end: None }
    }

    /// Reads until the screen shows a text.
    async fn until_shown(&mut self, wanted: &str) {
        self.until(wanted, |screen| screen.contents().contains(wanted)).await;
    }

    /// Reads until the screen is as wanted.
    async fn until(&mut self, wanted: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let reading = async {
            while !is_so(self.shown.screen()) {
                match self.stream.next().await.expect("frames") {
                    Some(Frame::Data(bytes)) => self.shown.process(&bytes),
                    other => panic!("{other:?} before {wanted:?}"),
                }
            }
        };
        let in_time = timeout(PATIENCE, reading).await.is_ok();
        assert!(in_time, "{wanted:?} never showed: {:?}", self.shown.screen().contents());
    }

    /// Reads to the end, past what is shown.
    async fn until_end(&mut self) {
        timeout(PATIENCE, async {
            while let Some(frame) = self.stream.next().await.expect("frames") {
                if let Frame::Control(control) = frame {
                    self.end = Some(control);
                }
            }
        })
        .await
        .expect("the end");
    }

    async fn send(&self, frame: Frame) {
        self.stream.send(frame).await.expect("taken");
    }

    async fn type_in(&self, keys: &[u8]) {
        self.send(Frame::Data(keys.to_vec())).await;
    }

    async fn control(&self, control: TerminalControl) {
        self.send(Frame::Control(json!(control))).await;
    }
}

async fn start(rig: &Rig, session: &str, argv: &[&str]) -> RuntimeHandle {
    let mut request = rig.request(session, &[]);
    request.argv = argv.iter().map(|word| (*word).to_owned()).collect();
    rig.runtime.create(request).await.expect("it starts")
}

#[tokio::test]
async fn a_full_screen_program_shows_rightly_to_every_viewer() {
    if !std::path::Path::new("/usr/bin/vim").exists() {
        return super::rig::skip("vim", "runtimes::pty_only::a_full_screen_program_shows_rightly_to_every_viewer");
    }
    let rig = Rig::pty();
    let handle = start(&rig, "ao-1", &["vim", "-u", "NONE", "-N", "-i", "NONE", "-n", "+set laststatus=2"]).await;
    // Before it is up it does not listen to its keys, or to changes of its size.
    until_async("vim is up", || async {
        rig.observe(&handle).await.screen.is_some_and(|screen| screen.contains("[No Name]"))
    })
    .await;
    let mut first = Viewer::attach(&rig, &handle, 80, 24).await;
    first.type_in("iZeile → 行 🦀\rsecond line\x1b".as_bytes()).await;
    first.until_shown("second line").await;
    // One that comes later sees the same, with the cursor where it is and the alternate screen.
    let mut second = Viewer::attach(&rig, &handle, 80, 24).await;
    second.until_shown("second line").await;
    first.type_in(b":call setline(3, 6*7)\r").await;
    for viewer in [&mut first, &mut second] {
        let text = "Zeile → 行 🦀\nsecond line\n42\n~";
        let at_the_end_of_the_second_line = (1, 10);
        viewer
            .until("what was typed", |screen| {
                screen.contents().starts_with(text)
                    && screen.alternate_screen()
                    && screen.cursor_position() == at_the_end_of_the_second_line
            })
            .await;
    }

    // A detached viewer's stream ends; the program stays.
    second.control(TerminalControl::Detach).await;
    second.until_end().await;
    assert_eq!(second.end, None);
    first.type_in(b":q!\r").await;
    first.until_end().await;
    assert_eq!(first.end, Some(json!({"kind": "exit", "status": {"kind": "code", "code": 0}})));
    assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Code { code: 0 }));
}

#[tokio::test]
async fn the_program_learns_of_its_size_and_the_last_to_say_wins() {
    let rig = Rig::pty();
    let handle = rig.start("ao-1", &["size"]).await;
    let mut first = Viewer::attach(&rig, &handle, 91, 23).await;
    first.until_shown("size 91x23").await;
    let mut second = Viewer::attach(&rig, &handle, 100, 30).await;
    for viewer in [&mut first, &mut second] {
        viewer.until_shown("size 100x30").await;
    }
    first.control(TerminalControl::Resize { columns: 70, rows: 20 }).await;
    for viewer in [&mut first, &mut second] {
        viewer.until_shown("size 70x20").await;
    }
    // One that goes without a word takes nothing with it.
    drop(first);
    second.control(TerminalControl::Resize { columns: 71, rows: 21 }).await;
    second.until_shown("size 71x21").await;
    assert_eq!(rig.liveness(&handle).await, Liveness::Alive);
}

#[tokio::test]
async fn a_viewer_that_does_not_read_holds_up_nobody_and_is_shown_the_present_later() {
    let rig = Rig::pty();
    let handle = rig.start("ao-1", &["flood", "400000"]).await;
    let mut idle = Viewer::attach(&rig, &handle, 80, 24).await;
    until_async("the flood is over", || async {
        rig.observe(&handle).await.screen.is_some_and(|screen| screen.contains("flood 400000"))
    })
    .await;
    idle.until_shown("flood 400000").await;
    assert_eq!(rig.liveness(&handle).await, Liveness::Alive);
}

#[tokio::test]
async fn an_agent_that_does_not_read_gets_no_part_of_what_is_too_much() {
    let rig = Rig::pty();
    let handle = rig.start_ready("ao-1", &["deaf"]).await;
    let lines = format!("{}\n", "x".repeat(999)).repeat(900);
    rig.send(&handle, text(&lines)).await.expect("the holder keeps it");
    let error = rig.send(&handle, text(&lines)).await.expect_err("it is not read");
    assert!(error.code == Code::UNAVAILABLE && error.message.contains("not reading its input"), "{error}");
    assert_eq!(rig.liveness(&handle).await, Liveness::Alive);
}

#[tokio::test]
async fn a_log_within_its_quota_says_what_is_gone() {
    let rig = Rig::pty_with(json!({"logBytes": 20_000, "scrollbackLines": 1000}));
    let handle = rig.start("ao-1", &["flood", "5000"]).await;
    until_async("the flood is over", || async {
        rig.observe(&handle).await.screen.is_some_and(|screen| screen.contains("flood 5000"))
    })
    .await;
    let read = |cursor: Option<u64>, most: u64| {
        let mut request = ReadOutput::new(handle.clone(), most);
        request.cursor = cursor;
        async { rig.runtime.output(request).await.expect("output") }
    };
    let all = read(Some(0), 1_000_000).await;
    assert!(all.truncated && !all.text.contains("flood 1\n") && all.text.ends_with("flood 5000\n"));
    let printed: usize = (1..=5000).map(|number| format!("flood {number}\r\n").len()).sum();
    assert_eq!(all.cursor, printed as u64, "the cursor counts what is gone, too");
    let on_disk: u64 = std::fs::read_dir(rig.directory("ao-1"))
        .expect("directory")
        .filter_map(|entry| entry.ok().filter(|entry| entry.file_name().to_string_lossy().contains("output.log")))
        .map(|entry| entry.metadata().expect("metadata").len())
        .sum();
    assert!((10_000..20_500).contains(&on_disk), "{on_disk}");
    let last = read(Some(all.cursor - 12), 100).await;
    assert_eq!((last.text.as_str(), last.truncated), ("flood 5000\n", false));
}

#[tokio::test]
async fn the_last_screen_of_an_ended_agent_is_shown() {
    let rig = Rig::pty();
    let handle = start(&rig, "ao-1", &["printf", "one\\ntwo\\n\\033[31mthree\\033[m"]).await;
    assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Code { code: 0 }));
    assert_eq!(rig.observe(&handle).await.screen.as_deref(), Some("one\ntwo\nthree"));
    match rig.runtime.attach(Attach::new(handle)).await.expect("plan") {
        AttachPlan::None { why } => {
            assert!(why.contains("exit code 0") && why.contains("ao session logs ao-1"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_program_that_asks_what_terminal_it_is_in_is_answered() {
    let rig = Rig::pty();
    let (handle, file) = rig.start_reader("ao-1", "raw-asking").await;
    until("it is answered", || std::fs::read(&file).is_ok_and(|read| read == b"\x1b[?62;22c")).await;
    assert_eq!(rig.liveness(&handle).await, Liveness::Alive);
}

#[tokio::test]
async fn a_stopped_holder_makes_its_own_session_unknown_in_time() {
    let rig = Rig::pty();
    let mut handles = Vec::new();
    for number in 1..=6 {
        handles.push(rig.start(&format!("ao-{number}"), &["quiet"]).await);
    }
    let stopped = rig.processes("ao-2").1;
    signal(stopped.pid, rustix::process::Signal::STOP);
    let mut request = ObserveRuntimes::new(handles.clone());
    request.screen_lines = 5;
    let seen = rig.runtime.observe(request).await.expect("observe");
    for (observation, handle) in seen.iter().zip(&handles) {
        assert_eq!(observation.session, handle.session);
        if handle.session.as_str() == "ao-2" {
            assert!(observation.liveness.doubt().contains("does not answer"), "{observation:?}");
        } else {
            assert_eq!(observation.liveness, Liveness::Alive, "{}", handle.session);
        }
    }
    signal(stopped.pid, rustix::process::Signal::CONT);
    assert_eq!(rig.liveness(&handles[1]).await, Liveness::Alive);
}

#[tokio::test]
async fn an_agent_whose_holder_is_killed_is_hung_up() {
    let rig = Rig::pty();
    let handle = rig.start("ao-1", &["quiet"]).await;
    let stubborn = rig.start_ready("ao-2", &["stubborn"]).await;
    for session in ["ao-1", "ao-2"] {
        kill(rig.processes(session).1.pid);
    }
    assert_eq!(rig.until_dead(&handle).await, None);
    assert_eq!(rig.liveness(&stubborn).await, Liveness::Alive, "its process is there to be seen");
    assert_eq!(rig.send(&stubborn, text("x")).await.expect_err("no terminal").code, Code::NOT_FOUND);
    assert_eq!(rig.destroy(&stubborn, 50).await.survivors, []);
}

#[tokio::test]
async fn an_exit_is_written_while_orphans_hold_the_terminal() {
    let rig = Rig::pty();
    let file = rig.file("left");
    let handle = rig.start("ao-1", &["leave-in-terminal", file.as_str()]).await;
    assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Code { code: 3 }));
    let left = super::rig::pids(&file).await;
    assert!(runs(left[0]), "it ignores the hang-up");
    assert_eq!(rig.destroy(&handle, 50).await.survivors, []);
    assert!(!runs(left[0]));
}

/// The next session that a watch names.
async fn noted(watch: &BoxStream) -> String {
    let frame = timeout(PATIENCE, watch.next()).await.expect("a note").expect("no error").expect("no end");
    let Frame::Control(note) = frame else { panic!("{frame:?}") };
    note["session"].as_str().expect("a session").to_owned()
}

#[tokio::test]
async fn wake_ups_come_for_output_ends_and_new_sessions() {
    let rig = Rig::pty();
    let (first, _) = rig.start_reader("ao-1", "raw").await;
    let watch = rig.runtime.watch(WatchRuntimes::new(rig.owner.clone())).await.expect("a watch");
    assert_eq!(noted(&watch).await, "ao-1", "it is there");
    rig.start("ao-2", &["quiet"]).await;
    while noted(&watch).await != "ao-2" {}
    kill(rig.processes("ao-1").0.pid);
    while noted(&watch).await != "ao-1" {}
    assert!(matches!(rig.until_dead(&first).await, Some(ExitStatus::Signal { signal: 9 })));
    let third = rig.start("ao-3", &["flood", "20000"]).await;
    let mut seen = BTreeSet::new();
    // The last note comes after the last byte, or this would wait in vain.
    while !rig.observe(&third).await.screen.is_some_and(|screen| screen.contains("flood 20000")) {
        seen.insert(noted(&watch).await);
    }
    while !seen.contains("ao-3") {
        seen.insert(noted(&watch).await);
    }
}
