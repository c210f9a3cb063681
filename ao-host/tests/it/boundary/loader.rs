//! The loader with a real library: what is refused, and what an instance behind the boundary does.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ao_core::model::SessionId;
use ao_core::plugin::{CallContext, Frame, Host, NoHost, scope};
use ao_core::slots::common::{FindEffect, Owner, Proof};
use ao_core::slots::runtime::{Attach, AttachPlan, CreateRuntime, Input, ListRuntimes, OpenTerminal, ReadOutput};
use ao_core::slots::runtime::{RuntimeHandle, SendInput, Size};
use ao_core::slots::tracker::{CreateIssue, DescribeIssue, GetIssue, Issue, IssueState, ListIssues};
use ao_core::slots::{Instance, Slot, Tracker};
use ao_core::{Code, Result};
use ao_host::loader::{CreateRequest, Library, LoadError, Vault};
use async_trait::async_trait;
use camino::Utf8PathBuf;
use serde_json::{Value, json};

use crate::support::{Scratch, fixture_library, library};

/// Keeps the lines that a library logs.
#[derive(Default)]
struct Lines(Mutex<Vec<(u64, String)>>);

#[async_trait]
impl Host for Lines {
    fn log_enabled(&self, level: u8, _target: &str) -> bool {
        level <= 3
    }

    fn log(&self, call: u64, _level: u8, _target: &str, message: &str) {
        self.0.lock().expect("lines").push((call, message.to_owned()));
    }

    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
        NoHost.call(method, payload).await
    }
}

fn load(scratch: &Scratch, name: &str) -> Library {
    let vault = Vault::new(scratch.path().join("by-hash"));
    Library::load(&vault.store(&library(name)).expect("stored")).expect("loaded")
}

fn create(slot: Slot, config: &Value) -> (Result<Instance>, Arc<Lines>) {
    create_from("ao_plugin_fixture", slot, "fixture", config)
}

fn create_from(library: &str, slot: Slot, name: &str, config: &Value) -> (Result<Instance>, Arc<Lines>) {
    let scratch = Scratch::new();
    let lines = Arc::new(Lines::default());
    let made = load(&scratch, library).create(&CreateRequest { slot, name, config, host: lines.clone() });
    (made, lines)
}

fn tracker() -> (Arc<dyn Tracker>, Arc<Lines>) {
    let (made, lines) = create(Slot::Tracker, &json!({"issues": {"12": "Fix the door"}}));
    (made.expect("made").tracker().expect("a tracker"), lines)
}

/// One whose ids misbehave, as `Fault` of that library names them.
fn faulty_tracker() -> Arc<dyn Tracker> {
    let (made, _) = create_from("ao_faulty", Slot::Tracker, "faulty", &json!({}));
    made.expect("made").tracker().expect("a tracker")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

#[test]
fn the_manifest_names_all_seven_slots() {
    let library = load(&Scratch::new(), "ao_plugin_fixture");
    let slots: Vec<_> = library.manifest().components.iter().map(|component| component.slot).collect();
    assert_eq!(slots, Slot::ALL);
    let tracker = library.manifest().component(Slot::Tracker, "fixture").expect("a tracker");
    assert_eq!(tracker.summary, "Issues that live in memory.");
    assert_eq!(tracker.config_schema["additionalProperties"], json!(false));
}

#[test]
fn a_call_goes_through_the_boundary_and_back() {
    let (tracker, lines) = tracker();
    let context = CallContext { id: 42, deadline: None };
    let issue = run(scope(context, tracker.get(GetIssue::new("12")))).expect("an issue");
    assert_eq!(issue.title, "Fix the door");
    let lines = lines.0.lock().expect("lines");
    assert_eq!(lines.as_slice(), [(42, "fetching issue=12".to_owned())], "the line carries the call's id");
}

#[test]
fn a_default_is_answered_and_a_refusal_is_not_a_default() {
    let (tracker, _) = tracker();
    let issue = run(tracker.get(GetIssue::new("12"))).expect("an issue");
    let text = run(tracker.describe(DescribeIssue::new(issue))).expect("pure, answered inline");
    assert_eq!(text.label, "12");
    let error = run(faulty_tracker().list(ListIssues::new())).expect_err("not supported");
    assert_eq!(error.code, Code::UNSUPPORTED);
}

#[test]
fn a_pure_call_that_panics_when_it_is_dropped_costs_nothing_else() {
    let tracker = faulty_tracker();
    let issue = |id: &str| Issue::new(id, "Fix the door", IssueState::Open);
    run(async {
        let mut call = Box::pin(tracker.describe(DescribeIssue::new(issue("late_panic"))));
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx))).await;
        assert!(first.is_pending(), "it waits, inline");
        drop(call);
        assert_eq!(tracker.describe(DescribeIssue::new(issue("12"))).await.expect("it answers").label, "12");
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "polls against a deadline")]
fn the_host_of_an_instance_goes_with_it() {
    let made = || {
        let (tracker, host) = tracker();
        (tracker, Arc::downgrade(&host))
    };
    let ((older, older_host), (newer, newer_host)) = (made(), made());
    // An instance is dropped on a thread of its own.
    let gone = |host: &std::sync::Weak<Lines>| {
        let begin = Instant::now();
        while host.strong_count() > 0 {
            assert!(begin.elapsed() < Duration::from_secs(20), "it knows the instance's secrets");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    };
    drop(newer);
    gone(&newer_host);
    assert_eq!(older_host.strong_count(), 1);
    drop(older);
    gone(&older_host);
}

#[test]
fn an_effect_is_found_by_its_key() {
    let (tracker, _) = tracker();
    let made = run(tracker.create(CreateIssue::new("key-1", "Oil it"))).expect("made");
    assert_eq!(run(tracker.create(CreateIssue::new("key-1", "Oil it"))), Ok(made.clone()), "one key, one issue");
    let proof = run(tracker.find_effect(FindEffect::new("key-1", "")));
    assert_eq!(proof, Ok(Proof::Found { reference: made.id }));
    assert_eq!(run(tracker.find_effect(FindEffect::new("key-2", ""))), Ok(Proof::Absent));
    assert_eq!(run(tracker.list(ListIssues::new())).expect("a page").issues.len(), 2);
}

#[test]
fn errors_and_panics_come_back_as_values() {
    let tracker = faulty_tracker();
    let missing = run(tracker.get(GetIssue::new("missing"))).expect_err("missing");
    assert_eq!((missing.code, missing.message.as_str()), (Code::NOT_FOUND, "no issue `missing`"));
    let panic = run(tracker.get(GetIssue::new("panic"))).expect_err("panic");
    assert_eq!(panic.code, Code::PANIC);
    assert!(panic.message.contains("on purpose"), "{panic}");
    run(tracker.get(GetIssue::new("1"))).expect("the library goes on");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a deadline is a point on the monotonic clock")]
fn deadlines_and_blocking_work_reach_the_library() {
    let tracker = faulty_tracker();
    let soon = CallContext { id: 1, deadline: Some(Instant::now() + Duration::from_secs(50)) };
    let issue = run(scope(soon, tracker.get(GetIssue::new("deadline")))).expect("an issue");
    assert!(issue.body == "Some(49)" || issue.body == "Some(50)", "{}", issue.body);
    let issue = run(tracker.get(GetIssue::new("thread"))).expect("an issue");
    assert_eq!(issue.body, "ao_faulty", "blocking work runs on the library's own threads");
}

#[test]
fn a_dropped_call_is_cancelled() {
    let tracker = faulty_tracker();
    let late =
        run(async { tokio::time::timeout(Duration::from_millis(20), tracker.get(GetIssue::new("never"))).await });
    assert!(late.is_err(), "the call does not end by itself");
    run(tracker.get(GetIssue::new("1"))).expect("the library goes on");
}

#[test]
fn constructors_that_fail_say_why() {
    let (refused, _) = create(Slot::Tracker, &json!({"label": " blue"}));
    let refused = refused.expect_err("refused");
    assert_eq!(refused.field.as_deref(), Some("label"));
    let panic = json!({"fault": "panic", "at": "constructor"});
    let (panicked, _) = create_from("ao_faulty", Slot::Tracker, "faulty", &panic);
    assert_eq!(panicked.expect_err("panicked").code, Code::PANIC);
    let (unknown, _) = create(Slot::Tracker, &json!({"lable": "typo"}));
    assert!(unknown.expect_err("a typo").to_string().contains("lable"));
}

#[test]
fn a_stream_carries_data_and_control_both_ways() {
    let (made, _) = create(Slot::Runtime, &json!({}));
    let runtime = made.expect("made").runtime().expect("a runtime");
    run(async {
        let session: SessionId = "ao-1".parse().expect("id");
        let owner = Owner::new("00000000", "/run", "/state");
        let request = CreateRuntime::new(
            session,
            "key",
            owner.clone(),
            "/bin/ao",
            "/dir",
            "/cwd",
            vec!["agent".to_owned()],
            std::collections::BTreeMap::new(),
        );
        let handle = runtime.create(request).await.expect("created");
        let text = Input::Text { text: " said".to_owned() };
        runtime.send(SendInput::new("key", handle.clone(), text)).await.expect("sent");
        let printed = runtime.output(ReadOutput::new(handle.clone(), 100_u64)).await.expect("output");
        assert_eq!(printed.text, "agent said");
        assert_eq!(runtime.list(ListRuntimes::new(owner)).await.expect("list"), std::slice::from_ref(&handle));
        assert_eq!(runtime.attach(Attach::new(handle.clone())).await.expect("plan"), AttachPlan::Stream);
        echo(&*runtime, handle).await;
    });
}

async fn echo(runtime: &dyn ao_core::slots::Runtime, handle: RuntimeHandle) {
    let stream = runtime.terminal(OpenTerminal::new(handle, Size::new(80_u16, 24_u16))).await.expect("opened");
    for frame in [Frame::Data(vec![0, 159, 255]), Frame::Control(json!({"kind": "resize", "columns": 80}))] {
        stream.send(frame.clone()).await.expect("sent");
        assert_eq!(stream.next().await.expect("received"), Some(frame));
    }
    stream.send(Frame::Control(json!({"kind": "exit"}))).await.expect("sent");
    assert_eq!(stream.next().await.expect("ended"), None);
}

/// A copy of the library that a test may damage.
fn damaged(scratch: &Scratch, damage: impl FnOnce(&mut Vec<u8>)) -> Utf8PathBuf {
    let mut bytes = std::fs::read(fixture_library()).expect("the library");
    damage(&mut bytes);
    let path = scratch.path().join("libdamaged.so");
    fs_err::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &bytes))
        .expect("written");
    path
}

fn refused(path: &Utf8PathBuf) -> LoadError {
    let vault = Scratch::new();
    Vault::new(vault.path().to_owned()).store(path).expect_err("refused")
}

#[test]
fn a_damaged_library_is_refused_before_it_is_mapped() {
    let cut = Scratch::new();
    let cut = refused(&damaged(&cut, |bytes| bytes.truncate(4096)));
    assert!(matches!(cut, LoadError::Truncated { .. }), "{cut}");
    let machine = Scratch::new();
    // `e_machine` (offset 18 of the ELF header) becomes 183, AArch64; on that machine 62, x86-64.
    let other = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    let machine = refused(&damaged(&machine, |bytes| bytes[18] = other));
    assert!(machine.to_string().contains("it is built for"), "{machine}");
    let missing = refused(&Utf8PathBuf::from("/nowhere/libgone.so"));
    assert!(missing.to_string().contains("/nowhere/libgone.so"), "{missing}");
    let directory = Scratch::new();
    let directory = refused(&directory.path().to_owned());
    assert!(directory.to_string().contains("not a regular file"), "{directory}");
}

#[test]
fn a_library_that_is_not_ours_is_refused() {
    let scratch = Scratch::new();
    let renamed = damaged(&scratch, |bytes| replace(bytes, b"__ao_plugin_v1_", b"__xo_plugin_v1_"));
    let error = refused(&renamed);
    assert!(matches!(error, LoadError::NoSymbol { .. }), "{error}");
}

#[test]
fn a_library_of_another_layout_is_refused() {
    let scratch = Scratch::new();
    // The island's version stands in its layout as text.
    let path = damaged(&scratch, |bytes| replace(bytes, b"deadline_ms", b"deadline_xx"));
    let vault = Vault::new(scratch.path().join("by-hash"));
    let error = Library::load(&vault.store(&path).expect("complete")).err().expect("another layout");
    assert!(matches!(error, LoadError::Layout { .. }), "{error}");
}

#[test]
fn a_library_that_others_may_change_is_refused() {
    let scratch = Scratch::new();
    let path = damaged(&scratch, |_| {});
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).expect("chmod");
    assert!(matches!(refused(&path), LoadError::Exposed { .. }));
}

#[test]
fn a_library_in_a_directory_that_others_may_change_is_refused() {
    let scratch = Scratch::new();
    let open = scratch.path().join("open");
    fs_err::create_dir(&open).expect("created");
    let path = open.join("lib.so");
    fs_err::copy(fixture_library(), &path).expect("copied");
    fs_err::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("chmod");
    let error = refused(&path);
    assert!(matches!(&error, LoadError::Exposed { path, .. } if path.ends_with("open")), "{error}");
    // Only a sticky bit keeps others from replacing what is in it.
    fs_err::set_permissions(&open, std::fs::Permissions::from_mode(0o1777)).expect("chmod");
    let vault = Scratch::new();
    Vault::new(vault.path().join("by-hash")).store(&path).expect("sticky");
}

#[test]
fn a_library_that_lacks_a_symbol_is_refused_when_it_is_loaded() {
    let scratch = Scratch::new();
    // What tokio waits with: without this, the first call would end the process.
    let path = damaged(&scratch, |bytes| replace(bytes, b"\0epoll_ctl\0", b"\0epoll_xxx\0"));
    let vault = Vault::new(scratch.path().join("by-hash"));
    let error = Library::load(&vault.store(&path).expect("complete")).err().expect("a symbol is missing");
    assert!(matches!(error, LoadError::System { .. }) && error.to_string().contains("epoll_xxx"), "{error}");
}

#[test]
fn a_changed_copy_is_refused() {
    let scratch = Scratch::new();
    let vault = Vault::new(scratch.path().join("by-hash"));
    let stored = vault.store(&fixture_library()).expect("stored");
    fs_err::set_permissions(&stored.path, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    let mut file = fs_err::OpenOptions::new().append(true).open(&stored.path).expect("opened");
    std::io::Write::write_all(&mut file, b"x").expect("written");
    assert!(matches!(vault.open(&stored.sha256, &fixture_library()), Err(LoadError::Changed { .. })));
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}
