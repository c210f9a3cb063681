//! What every later host can do with a library that was built with any earlier SDK.
//!
//! `cargo xtask golden` builds the example library as it was and names it in `AO_GOLDEN_LIBRARY`; without that, these
//! tests hold for the library of today. What is asked here is what the first version could do: it is added to, and
//! never changed, because the libraries cannot be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ao_core::model::SessionId;
use ao_core::plugin::{CallContext, Frame, Host, NoHost, scope};
use ao_core::slots::common::Owner;
use ao_core::slots::notifier::{Notification, Priority};
use ao_core::slots::runtime::{CreateRuntime, Input, OpenTerminal, ReadOutput, SendInput, Size};
use ao_core::slots::tracker::{CreateIssue, DescribeIssue, GetIssue};
use ao_core::slots::{Instance, Slot};
use ao_core::{Code, Result};
use ao_host::loader::{CreateRequest, Library, Vault};
use async_trait::async_trait;
use camino::Utf8PathBuf;
use serde_json::{Value, json};

use crate::support::{Scratch, fixture_library};

/// Keeps the lines that a library logs.
#[derive(Default)]
struct Lines(Mutex<Vec<(u64, String)>>);

#[async_trait]
impl Host for Lines {
    fn log_enabled(&self, _level: u8, _target: &str) -> bool {
        true
    }

    fn log(&self, call: u64, _level: u8, _target: &str, message: &str) {
        self.0.lock().expect("lines").push((call, message.to_owned()));
    }

    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
        NoHost.call(method, payload).await
    }
}

fn golden() -> Library {
    #[expect(clippy::disallowed_methods, reason = "the task that builds the library names it")]
    let named = std::env::var("AO_GOLDEN_LIBRARY").ok().filter(|path| !path.is_empty());
    let path = named.map_or_else(fixture_library, Utf8PathBuf::from);
    let scratch = Scratch::new();
    let vault = Vault::new(scratch.path().join("by-hash"));
    Library::load(&vault.store(&path).expect("stored")).expect("loaded")
}

fn make(slot: Slot, config: &Value, host: Arc<dyn Host>) -> Instance {
    golden().create(&CreateRequest { slot, name: "fixture", config, host }).expect("made")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

#[test]
fn its_manifest_is_read() {
    let library = golden();
    let manifest = library.manifest();
    assert!(manifest.wire.starts_with("1."), "{}", manifest.wire);
    for slot in Slot::ALL {
        assert!(manifest.component(*slot, "fixture").is_some(), "{slot}");
    }
}

#[test]
fn each_method_that_it_lists_is_there() {
    let library = golden();
    for component in &library.manifest().components {
        let config = json!({});
        let request =
            CreateRequest { slot: component.slot, name: "fixture", config: &config, host: Arc::new(Lines::default()) };
        let transport = library.connect(&request).expect("made");
        for name in &component.methods {
            // A request that is none: what is there says so, what is not would not know the method.
            let known = component.slot.methods().iter().find(|method| method.name == name);
            let method = known.expect("a method is never taken out of a slot");
            let error = match method.kind {
                ao_core::plugin::Kind::Call => {
                    run(transport.call(CallContext::default(), method.name, b"[1]".to_vec())).err()
                }
                ao_core::plugin::Kind::Open => {
                    run(transport.open(CallContext::default(), method.name, b"[1]".to_vec())).err()
                }
            };
            assert_eq!(error.map(|error| error.code), Some(Code::INVALID_INPUT), "{}.{name}", component.slot);
        }
    }
}

#[test]
fn its_tracker_answers() {
    let config = json!({"issues": {"7": "Old but good"}});
    let tracker = make(Slot::Tracker, &config, Arc::new(Lines::default())).tracker().expect("a tracker");
    let issue = run(tracker.get(GetIssue::new("7"))).expect("an issue");
    assert_eq!(issue.title, "Old but good");
    let text = run(tracker.describe(DescribeIssue::new(issue))).expect("a text");
    assert!(text.prompt.contains("Old but good"), "{}", text.prompt);
    assert_eq!(run(tracker.get(GetIssue::new("no"))).expect_err("missing").code, Code::NOT_FOUND);
    let made = run(tracker.create(CreateIssue::new("key", "New"))).expect("made");
    let again = run(tracker.create(CreateIssue::new("key", "New"))).expect("found");
    assert_eq!(made.id, again.id, "one key is one effect");
}

#[test]
fn its_lines_carry_the_number_of_the_call() {
    let lines = Arc::new(Lines::default());
    let notifier = make(Slot::Notifier, &json!({}), lines.clone()).notifier().expect("a notifier");
    let context = CallContext { id: 42, deadline: None };
    run(scope(context, notifier.notify(Notification::new("id", Priority::Info, "it happened")))).expect("told");
    let lines = lines.0.lock().expect("lines");
    assert!(lines.iter().any(|(call, line)| *call == 42 && line.contains("it happened")), "{lines:?}");
}

#[test]
fn its_runtime_keeps_sessions_and_streams() {
    let runtime = make(Slot::Runtime, &json!({}), Arc::new(Lines::default())).runtime().expect("a runtime");
    run(async {
        let session: SessionId = "old-1".parse().expect("an id");
        let owner = Owner::new("00000000", "/run", "/state");
        let argv = vec!["agent".to_owned()];
        let create = CreateRuntime::new(session, "key", owner, "/bin/ao", "/dir", "/cwd", argv, BTreeMap::new());
        let handle = runtime.create(create).await.expect("created");
        let text = Input::Text { text: " said".to_owned() };
        runtime.send(SendInput::new("key", handle.clone(), text)).await.expect("sent");
        let printed = runtime.output(ReadOutput::new(handle.clone(), 100_u64)).await.expect("output");
        assert!(printed.text.contains("said"), "{}", printed.text);
        let stream = runtime.terminal(OpenTerminal::new(handle, Size::new(80_u16, 24_u16))).await.expect("opened");
        let data = Frame::Data((0..=255).collect());
        stream.send(data.clone()).await.expect("sent");
        assert_eq!(stream.next().await.expect("a frame"), Some(data));
    });
}
