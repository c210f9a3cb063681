//! A library in a process of its own: it answers as it does in this one, and its end costs what was in flight.
#![expect(clippy::disallowed_methods, reason = "starts, stops and kills processes, and polls them against a deadline")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ao_core::model::process::ProcStat;
use ao_core::model::{PluginName, SessionId};
use ao_core::plugin::{BoxStream, CallContext, Frame, Host, NoHost, registrations, scope};
use ao_core::slots::runtime::{OpenTerminal, RuntimeHandle, Size};
use ao_core::slots::tracker::{DescribeIssue, GetIssue, ListIssues};
use ao_core::slots::{Instance, Runtime, Slot, Tracker};
use ao_core::{Code, Error, Result};
use ao_host::isolation::{Hosting, IsolatedLibrary, LIBRARY_COMMAND};
use ao_host::loader::{CreateRequest, Library, Stored, Vault};
use ao_host::registry::{Candidate, Deadlines, Registry, Search, SearchOrder};
use ao_host::trust::{Trust, TrustedByHash};
use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Scratch, library};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps the lines that a library logs: call, target, message.
#[derive(Default)]
struct Lines(Mutex<Vec<(u64, String, String)>>);

#[async_trait]
impl Host for Lines {
    fn log_enabled(&self, level: u8, _target: &str) -> bool {
        level <= 3
    }

    fn log(&self, call: u64, _level: u8, target: &str, message: &str) {
        self.0.lock().unwrap().push((call, target.to_owned(), message.to_owned()));
    }

    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
        NoHost.call(method, payload).await
    }
}

impl Lines {
    fn has(&self, call: u64, part: &str) -> bool {
        self.0.lock().unwrap().iter().any(|(of, _, message)| *of == call && message.contains(part))
    }
}

/// The library whose plugins misbehave when they are told, to be hosted by a program.
struct Rig {
    _scratch: Scratch,
    stored: Stored,
    library: Arc<IsolatedLibrary>,
    lines: Arc<Lines>,
    runtime: tokio::runtime::Runtime,
}

fn program() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_BIN_EXE_ao-host-test-program"))
}

impl Rig {
    fn new() -> Self {
        Self::hosted_by(program())
    }

    fn hosted_by(program: &Utf8Path) -> Self {
        let scratch = Scratch::new();
        let stored = Vault::new(scratch.path().join("by-hash")).store(&library("ao_faulty")).unwrap();
        let library = Arc::new(IsolatedLibrary::new(program));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { _scratch: scratch, stored, library, lines: Arc::default(), runtime }
    }

    fn instance(&self, slot: Slot, config: &Value) -> Instance {
        let manifest = Library::load(&self.stored).unwrap().manifest().clone();
        let component = manifest.component(slot, "faulty").unwrap();
        let request = CreateRequest { slot, name: "faulty", config, host: self.lines.clone() };
        Instance::remote(slot, self.library.connect(&self.stored, component, &request).unwrap())
    }

    fn tracker(&self) -> Arc<dyn Tracker> {
        self.instance(Slot::Tracker, &json!({"number": 5})).tracker().unwrap()
    }

    fn get(&self, tracker: &Arc<dyn Tracker>, id: &str) -> Result<String> {
        self.runtime
            .block_on(tracker.get(GetIssue::new(id)))
            .map(|issue| if issue.body.is_empty() { issue.title } else { issue.body })
    }

    /// The processes that host our copy, with their start times.
    fn children(&self) -> Vec<(u32, u64)> {
        hosting(&self.stored.path)
    }

    fn child(&self) -> Pid {
        let children = self.children();
        let [(pid, _)] = children.as_slice() else { panic!("one child, not {children:?}") };
        Pid::from_raw(pid.cast_signed()).unwrap()
    }

    /// A call that does not end by itself, once the plugin works on it.
    fn stuck(&self, tracker: &Arc<dyn Tracker>) -> tokio::task::JoinHandle<Result<String>> {
        let call = CallContext { id: 77, deadline: None };
        let tracker = Arc::clone(tracker);
        let stuck = self
            .runtime
            .handle()
            .spawn(async move { scope(call, tracker.get(GetIssue::new("never"))).await.map(|issue| issue.body) });
        self.until("the plugin works", || self.lines.has(77, "fetching issue=never"));
        stuck
    }

    /// Lets this runtime work until something is so.
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        self.runtime.block_on(async {
            let begin = Instant::now();
            while !is_so() {
                assert!(begin.elapsed() < PATIENCE, "not in time: {what}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
}

/// Who hosts this copy, with start times; not who has ended.
pub(crate) fn hosting(copy: &Utf8Path) -> Vec<(u32, u64)> {
    let wanted = format!("\0{LIBRARY_COMMAND}\0{copy}\0");
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let hosts = processes.filter_map(|name| {
        let pid: u32 = name.parse().ok()?;
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let stat = ProcStat::parse(&String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/stat")).ok()?))?;
        arguments.ends_with(wanted.as_bytes()).then_some((pid, stat.start))
    });
    hosts.collect()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn calls_errors_panics_and_defaults_are_as_in_this_process() {
    let rig = Rig::new();
    let tracker = rig.tracker();
    assert_eq!(rig.children(), [], "nothing starts before the first call");
    assert_eq!(rig.get(&tracker, "12").unwrap(), "Issue 12");
    let issue = rig.runtime.block_on(tracker.get(GetIssue::new("12"))).unwrap();
    assert_eq!(rig.runtime.block_on(tracker.describe(DescribeIssue::new(issue))).unwrap().label, "12");
    let missing = rig.get(&tracker, "missing").unwrap_err();
    assert_eq!((missing.code, missing.message.as_str()), (Code::NOT_FOUND, "no issue `missing`"));
    assert_eq!(rig.runtime.block_on(tracker.list(ListIssues::new())).unwrap_err().code, Code::UNSUPPORTED);
    let panic = rig.get(&tracker, "panic").unwrap_err();
    assert_eq!(panic.code, Code::PANIC);
    assert!(panic.message.contains("on purpose"), "{panic}");
    assert_eq!(rig.get(&tracker, "thread").unwrap(), "ao_faulty");
    assert_eq!(rig.children().len(), 1, "one process for all of it");
}

#[test]
fn constructors_that_fail_say_why_with_the_first_call() {
    let rig = Rig::new();
    let made = |config: Value| rig.get(&rig.instance(Slot::Tracker, &config).tracker().unwrap(), "1").unwrap_err();
    let refused = made(json!({"fault": "refuse", "at": "constructor"}));
    assert_eq!((refused.code.clone(), refused.field.as_deref()), (Code::INVALID_INPUT, Some("fault")));
    assert!(refused.to_string().starts_with("cannot make the tracker plugin `faulty`: "), "{refused}");
    assert_eq!(made(json!({"fault": "panic", "at": "constructor"})).code, Code::PANIC);
    assert!(made(json!({"falt": "typo"})).to_string().contains("falt"));
    assert_eq!(rig.get(&rig.tracker(), "1").unwrap(), "Issue 1");
    assert_eq!(rig.children().len(), 1, "a refusal is no end of the process");
}

#[test]
fn a_constructor_that_never_ends_is_given_up_on_with_its_process() {
    let rig = Rig::new();
    let other = rig.tracker();
    rig.get(&other, "1").unwrap();
    let child = rig.children();
    let hanging = rig.instance(Slot::Tracker, &json!({"fault": "busy", "at": "constructor"})).tracker().unwrap();
    let call = rig.runtime.handle().spawn(async move { hanging.get(GetIssue::new("1")).await });
    for _ in 0..20 {
        rig.get(&other, "1").unwrap();
    }
    assert!(!call.is_finished() && rig.children() == child, "the others answer meanwhile");
    let error = rig.runtime.block_on(call).unwrap().unwrap_err();
    assert_eq!(error.code, Code::TIMEOUT, "{error}");
    assert!(error.message.contains("its constructor did not end"), "{error}");
    wait_until("the process is gone", || !rig.children().contains(&child[0]));
    assert_eq!(rig.get(&other, "1").unwrap(), "Issue 1");
}

#[test]
fn call_numbers_and_deadlines_reach_the_plugin_and_lines_come_back() {
    let rig = Rig::new();
    let tracker = rig.tracker();
    let context = CallContext { id: 42, deadline: Some(Instant::now() + Duration::from_secs(50)) };
    let body = rig.runtime.block_on(scope(context, tracker.get(GetIssue::new("deadline")))).unwrap().body;
    assert!(body == "Some(49)" || body == "Some(50)", "{body}");
    let lines = rig.lines.0.lock().unwrap();
    let (call, target, message) = &lines[0];
    assert_eq!((*call, target.as_str(), message.as_str()), (42, "ao_faulty::tracker", "fetching issue=deadline"));
}

#[test]
fn a_dropped_call_is_cancelled_in_the_plugin() {
    let rig = Rig::new();
    let tracker = rig.tracker();
    let stuck = rig.stuck(&tracker);
    assert!(!rig.lines.has(77, "nobody waits"));
    stuck.abort();
    rig.until("the cancellation reaches the plugin", || {
        rig.lines.has(77, "nobody waits") || rig.lines.has(0, "nobody waits")
    });
    rig.get(&tracker, "1").unwrap();
}

#[test]
fn a_slow_call_delays_no_other() {
    let rig = Rig::new();
    let tracker = rig.tracker();
    let stuck = rig.stuck(&tracker);
    let calls: Vec<_> = (0..300)
        .map(|number| {
            let tracker = rig.instance(Slot::Tracker, &json!({"number": number % 3})).tracker().unwrap();
            rig.runtime.handle().spawn(async move { tracker.get(GetIssue::new(format!("{number}"))).await })
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        let issue = rig.runtime.block_on(call).unwrap().unwrap();
        assert_eq!(issue.id, format!("{number}"), "each gets its own answer");
        assert!(issue.labels == [(number % 3).to_string()], "from its own instance");
    }
    assert!(!stuck.is_finished());
    assert_eq!(rig.children().len(), 1);
}

fn terminal(rig: &Rig) -> BoxStream {
    let runtime: Arc<dyn Runtime> = rig.instance(Slot::Runtime, &json!({})).runtime().unwrap();
    let session: SessionId = "ao-1".parse().unwrap();
    let plugin: PluginName = "faulty".parse().unwrap();
    let handle = RuntimeHandle::new(plugin, session, "echo", Value::Null);
    rig.runtime.block_on(runtime.terminal(OpenTerminal::new(handle, Size::new(80_u16, 24_u16)))).unwrap()
}

#[test]
fn streams_carry_large_frames_both_ways_byte_for_byte() {
    let rig = Rig::new();
    let stream = terminal(&rig);
    rig.runtime.block_on(async {
        for round in 0..50_usize {
            let bytes = (0..64 * 1024).map(|at| u8::try_from((at * 7 + round * 13) % 251).unwrap()).collect();
            let frame = Frame::Data(bytes);
            stream.send(frame.clone()).await.unwrap();
            assert_eq!(stream.next().await.unwrap(), Some(frame), "round {round}");
        }
        let resize = Frame::Control(json!({"kind": "resize", "columns": 80}));
        stream.send(resize.clone()).await.unwrap();
        assert_eq!(stream.next().await.unwrap(), Some(resize));
        stream.send(Frame::Control(json!({"kind": "exit"}))).await.unwrap();
        assert_eq!(stream.next().await.unwrap(), None);
    });
}

#[test]
fn a_stream_has_backpressure_and_loses_nothing_to_a_waiter_that_goes_away() {
    let rig = Rig::new();
    let stream = terminal(&rig);
    rig.runtime.block_on(async {
        // Nothing is there yet: whoever waits goes away.
        assert!(tokio::time::timeout(Duration::from_millis(20), stream.next()).await.is_err());
        // The frame that was asked for leaves the plugin at once; the plugin itself keeps one more, and takes no third.
        for number in [1, 2] {
            stream.send(Frame::Data(vec![number])).await.unwrap();
        }
        let third = stream.send(Frame::Data(vec![3]));
        assert!(tokio::time::timeout(Duration::from_millis(50), third).await.is_err(), "the plugin has no room");
        for number in [1, 2] {
            assert_eq!(stream.next().await.unwrap(), Some(Frame::Data(vec![number])));
        }
    });
    // Closing it takes the request for a frame with it; the process goes on.
    rig.runtime.block_on(async {
        // Of the third, which was given up, nobody can tell whether the plugin took it.
        match tokio::time::timeout(Duration::from_millis(20), stream.next()).await {
            Err(_) => {}
            Ok(third) => assert_eq!(third.unwrap(), Some(Frame::Data(vec![3]))),
        }
    });
    drop(stream);
    rig.get(&rig.tracker(), "1").unwrap();
    assert_eq!(rig.children().len(), 1);
}

#[test]
fn a_killed_process_costs_the_calls_in_flight_and_nothing_else() {
    let rig = Rig::new();
    let tracker = rig.tracker();
    let (stuck, stream) = (rig.stuck(&tracker), terminal(&rig));
    let first = rig.child();
    kill_process(first, Signal::KILL).unwrap();
    let lost = rig.runtime.block_on(stuck).unwrap().unwrap_err();
    assert_eq!(lost.code, Code::LOST);
    assert!(lost.message.ends_with("ended during the call: signal 9"), "{lost}");
    assert!(lost.outcome_unknown());
    assert_eq!(rig.get(&tracker, "2").unwrap(), "Issue 2", "the first start is at once");
    assert_ne!(rig.child(), first);
    // What was open in the old process is gone with it.
    assert_eq!(rig.runtime.block_on(stream.next()).unwrap_err().code, Code::UNAVAILABLE);
}

#[test]
fn a_library_whose_process_ends_again_and_again_rests() {
    let rig = Rig::new();
    let tracker = rig.tracker();
    let mut refusals = Vec::new();
    for round in 1..=5 {
        while let Err(error) = rig.get(&tracker, "1") {
            assert_eq!(error.code, Code::UNAVAILABLE, "{error}");
            assert!(error.message.contains("the last time by signal 9"), "{error}");
            let rest = error.retry_after_ms.unwrap();
            assert!((1..=400).contains(&rest), "{error:?}");
            refusals.push(round);
            rig.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(rest)).await });
        }
        rig.lines.0.lock().unwrap().clear();
        let stuck = rig.stuck(&tracker);
        rig.library.kill();
        assert_eq!(rig.runtime.block_on(stuck).unwrap().unwrap_err().code, Code::LOST);
    }
    // On a busy machine a rest may be over before anybody asks; the last one lasts for 400 ms.
    assert!(!refusals.is_empty() && refusals.iter().all(|round| *round > 2), "{refusals:?}");
}

#[test]
fn a_process_that_does_not_answer_is_bound_by_deadlines_and_can_be_killed() {
    let rig = Rig::new();
    let tracker = rig.tracker();
    rig.get(&tracker, "1").unwrap();
    let stopped = rig.child();
    kill_process(stopped, Signal::STOP).unwrap();
    // Far more than the socket takes: whoever sends waits, and the thread stays free for the timer.
    let late = rig.runtime.block_on(async {
        let large = "x".repeat(2_000_000);
        let calls = (0..8).map(|_| {
            let (tracker, id) = (Arc::clone(&tracker), large.clone());
            rig.runtime.handle().spawn(async move {
                tokio::time::timeout(Duration::from_millis(50), tracker.get(GetIssue::new(id))).await.is_err()
            })
        });
        let mut late = 0;
        for call in calls.collect::<Vec<_>>() {
            late += u32::from(call.await.unwrap());
        }
        late
    });
    assert_eq!(late, 8);
    rig.library.kill();
    wait_until("the stopped process ends", || {
        !rig.children().iter().any(|(pid, _)| *pid == stopped.as_raw_nonzero().get().cast_unsigned())
    });
    wait_until("a new process answers", || rig.get(&tracker, "1").is_ok());
}

#[test]
fn the_standard_streams_are_not_the_protocols() {
    let rig = Rig::new();
    rig.get(&rig.tracker(), "1").unwrap();
    let pid = rig.child().as_raw_nonzero();
    let link = |fd: u32| {
        let link = std::fs::read_link(format!("/proc/{pid}/fd/{fd}"));
        link.map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
    };
    assert_eq!(link(0), "/dev/null");
    assert_eq!(link(1), link(2), "what is printed goes where errors go");
    assert!(link(1).starts_with("pipe:"), "{}", link(1));
    assert!(link(64).starts_with("socket:"), "{}", link(64));
    for fd in (0..256).filter(|fd| link(*fd) == link(64)) {
        let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        let flags = u32::from_str_radix(flags, 8).unwrap();
        assert_ne!(flags & 0o2_000_000, 0, "descriptor {fd} is closed on exec");
    }
}

/// A program that is none of ours, with these lines.
fn script(scratch: &Scratch, lines: &str) -> Utf8PathBuf {
    let path = scratch.path().join("program");
    ao_host::world::files::write_atomic(&path, format!("#!/bin/sh\n{lines}\n").as_bytes(), 0o700).unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[test]
fn what_is_printed_becomes_lines_and_garbage_ends_the_process() {
    let scratch = Scratch::new();
    // Waits for the first byte of a request, so that there is an instance to log for.
    let rig = Rig::hosted_by(&script(
        &scratch,
        "head -c 1 >/dev/null; echo hello >&2; printf '\\377\\377\\377\\377' >&0; sleep 60",
    ));
    let error = rig.get(&rig.tracker(), "1").unwrap_err();
    assert_eq!(error.code, Code::LOST);
    assert!(error.message.contains("signal 9, because it broke the protocol: a message is larger than"), "{error}");
    wait_until("the line arrives", || rig.lines.0.lock().unwrap().contains(&(0, "stderr".into(), "hello".into())));
}

#[test]
fn how_it_ended_is_told() {
    let scratch = Scratch::new();
    let rig = Rig::hosted_by(&script(&scratch, "head -c 1 >/dev/null; exit 7"));
    let error = rig.get(&rig.tracker(), "1").unwrap_err();
    assert_eq!(error.code, Code::LOST);
    assert!(error.message.ends_with("ended during the call: exit code 7"), "{error}");
    let rig = Rig::hosted_by(&scratch.path().join("nowhere"));
    let error = rig.get(&rig.tracker(), "1").unwrap_err();
    assert_eq!(error.code, Code::UNAVAILABLE, "it never ran, so nothing is unknown");
    assert!(error.message.contains("nowhere` cannot be started: No such file"), "{error}");
}

fn hosted_by_hand(copy: &Utf8Path) -> (std::process::Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(program());
    command.arg(LIBRARY_COMMAND).arg(copy).stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::piped());
    (command.spawn().unwrap(), ours)
}

#[test]
fn a_host_that_talks_garbage_or_goes_away_ends_the_process() {
    let rig = Rig::new();
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64], &[3, 0, 0, 0, 200, 1, 1], &[9, 0, 0, 0, 1]] {
        let (mut child, mut ours) = hosted_by_hand(&rig.stored.path);
        ours.write_all(bytes).unwrap();
        drop(ours);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(said.contains("cannot read what the host says"), !bytes.is_empty(), "{bytes:?}: {said}");
    }
}

#[test]
fn the_process_ends_with_its_host_even_when_it_is_stopped() {
    for wedged in [false, true] {
        let rig = Rig::new();
        let mut command = Command::new(program());
        command.args(["isolate", rig.stored.path.as_str()]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut host = command.spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(host.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        let child = rig.child();
        if wedged {
            kill_process(child, Signal::STOP).unwrap();
        }
        host.kill().unwrap();
        host.wait().unwrap();
        wait_until("the child is gone", || rig.children().is_empty());
    }
}

#[test]
fn the_process_ends_with_its_last_user() {
    let rig = Rig::new();
    let tracker = rig.tracker();
    rig.get(&tracker, "1").unwrap();
    let Rig { stored, library, .. } = rig;
    drop(library);
    assert_eq!(hosting(&stored.path).len(), 1, "an instance uses it");
    drop(tracker);
    wait_until("the child is gone", || hosting(&stored.path).is_empty());
}

#[test]
fn only_our_own_copies_are_hosted_and_only_as_they_were() {
    let rig = Rig::new();
    let theirs = Stored { path: library("ao_faulty"), ..rig.stored.clone() };
    let component = Library::load(&rig.stored).unwrap().manifest().component(Slot::Tracker, "faulty").unwrap().clone();
    let refusal = |stored: &Stored| -> Error {
        let request =
            CreateRequest { slot: Slot::Tracker, name: "faulty", config: &json!({}), host: rig.lines.clone() };
        let library = Arc::new(IsolatedLibrary::new(program()));
        let instance = Instance::remote(Slot::Tracker, library.connect(stored, &component, &request).unwrap());
        rig.get(&instance.tracker().unwrap(), "1").unwrap_err()
    };
    let error = refusal(&theirs);
    assert_eq!(error.code, Code::UNTRUSTED);
    assert!(error.message.contains("is not one of the copies"), "{error}");
    fs_err::set_permissions(&rig.stored.path, std::fs::Permissions::from_mode(0o700)).unwrap();
    fs_err::OpenOptions::new().append(true).open(&rig.stored.path).unwrap().write_all(b"x").unwrap();
    let error = refusal(&rig.stored);
    assert_eq!(error.code, Code::UNTRUSTED);
    assert!(error.message.contains("was changed"), "{error}");
}

#[test]
fn the_registry_hosts_what_the_configuration_says_and_guards_it() {
    let scratch = Scratch::new();
    let path = scratch.path().join("libao_faulty.so");
    fs_err::copy(library("ao_faulty"), &path).unwrap();
    let vault = Vault::new(scratch.path().join("by-hash"));
    // Trusted by its hash alone and never seen before: even its manifest is read by a process of its own.
    let hash = Vault::hash(&path).unwrap();
    let by_hash = TrustedByHash { configs: None, libraries: Some(hash.clone()) };
    let trust = Trust::read(&scratch.path().join("trust.toml"), &by_hash).unwrap();
    let candidate = Candidate {
        deadlines: Deadlines::new([(Slot::Tracker, "get".to_owned(), Duration::from_secs(3))]),
        hosting: Hosting::Process { program: program().to_owned() },
        ..Candidate::plain(path.clone())
    };
    let candidates = SearchOrder { listed: vec![candidate], directories: Vec::new() };
    let registry = Registry::assemble(registrations(), &Search { candidates, trust: &trust, vault: &vault }).unwrap();
    assert!(registry.problems().is_empty(), "{:?}", registry.problems());
    let name = "faulty".parse().unwrap();
    assert_eq!(registry.entry(Slot::Tracker, &name).unwrap().isolation.as_str(), "process");
    let tracker = registry.tracker(&name, &json!({})).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let get = |id: &str| runtime.block_on(tracker.get(GetIssue::new(id)));
    wait_until("a call in time", || get("1").is_ok());
    assert_eq!(get("never").unwrap_err().code, Code::TIMEOUT);
    let copy = vault.open(&hash, &path).unwrap().path;
    let [child] = hosting(&copy)[..] else { panic!("one child, not {:?}", hosting(&copy)) };
    assert!(get("1").is_ok());
    assert_eq!(hosting(&copy), [child], "a deadline is no end of a process that answers");

    // All its threads compute for ever: it does not answer the next call's probe, and is ended.
    runtime.block_on(async {
        let busy = (0..4).map(|_| {
            let tracker = Arc::clone(&tracker);
            runtime.handle().spawn(async move { tracker.get(GetIssue::new("busy")).await })
        });
        for call in busy.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap().unwrap_err().code, Code::TIMEOUT);
        }
    });
    wait_until("the next call has a process of its own", || get("1").is_ok());
    wait_until("the silent process is gone", || !hosting(&copy).contains(&child));
    assert_eq!(hosting(&copy).len(), 1);
    let maps = fs_err::read_to_string("/proc/self/maps").unwrap();
    assert!(!maps.contains(copy.as_str()), "the library was never in this process");
    drop((tracker, registry));
    wait_until("the child is gone", || hosting(&copy).is_empty());
}
