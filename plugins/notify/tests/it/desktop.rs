//! The desktop notifier on a real private session bus, with a notification service of the tests' own.
//!
//! A session bus is found by the environment, so the tests behind `inside` run in a process of their own with the bus in
//! its environment.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bus and a process that finds it by its environment are what is tested"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command as Process, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ao_plugin_notify::DesktopNotifier;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::core::plugin::{CallContext, scope};
use ao_plugin_sdk::core::slots::common::Owner;
use ao_plugin_sdk::prelude::*;
use futures_util::StreamExt;
use zbus::OwnedVariant;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream};

use crate::{full, plugin};

/// Set in the process that finds a bus in its environment.
const INSIDE: &str = "AO_TEST_DESKTOP_INSIDE";

/// A session bus that starts no service by itself.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=DIRECTORY</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

struct Bus {
    daemon: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Bus {
    /// None where there is no `dbus-daemon`.
    fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("bus.conf");
        std::fs::write(&config, CONFIG.replace("DIRECTORY", directory.path().to_str().unwrap())).unwrap();
        let mut daemon = Process::new("dbus-daemon");
        daemon.args(["--nofork", "--nopidfile", "--print-address", "--config-file"]).arg(&config);
        let mut daemon = daemon.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().ok()?;
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Some(Self { daemon, address: address.trim().to_owned(), _directory: directory })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill().and_then(|()| self.daemon.wait());
    }
}

/// Runs a test of this binary in a process of its own.
fn run(test: &str, address: &str) {
    let mut process = Process::new(std::env::current_exe().unwrap());
    process.args(["--exact", &format!("desktop::{test}"), "--nocapture"]).env_clear();
    process.env(INSIDE, "1").env("DBUS_SESSION_BUS_ADDRESS", address);
    let output = process.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Runs a test with a bus, or says that there is none.
fn run_with_a_bus(test: &str) {
    match Bus::start() {
        Some(bus) => run(test, &bus.address),
        None => skip(test, "dbus-daemon is not installed"),
    }
}

fn skip(test: &str, why: &str) {
    println!("SKIPPED (engine missing): {why}");
    if let Some(file) = std::env::var_os("AO_TEST_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        file.write_all(format!("dbus-daemon\tdesktop::{test}\t{why}\n").as_bytes()).unwrap();
    }
}

fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

#[test]
fn it_keeps_the_contract() {
    run_with_a_bus("inside_it_keeps_the_contract");
}

#[test]
fn it_is_shown_and_takes_its_own_place() {
    run_with_a_bus("inside_it_is_shown");
}

#[test]
fn a_bus_without_a_desktop_is_unavailable() {
    run_with_a_bus("inside_nobody_shows_it");
}

#[test]
fn no_bus_is_unavailable() {
    run("inside_nobody_shows_it", "unix:path=/nonexistent/bus");
}

#[test]
fn a_desktop_that_does_not_answer_is_given_up() {
    run_with_a_bus("inside_nobody_answers");
}

/// What was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    replaces: u32,
    title: String,
    body: String,
    urgency: u8,
}

/// What `Notify` is called with.
type Call = (String, u32, String, String, String, Vec<String>, BTreeMap<String, OwnedVariant>, i32);

/// A notification service; it ends with its runtime.
struct Desktop {
    shown: Arc<Mutex<Vec<Shown>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Desktop {
    fn start(capabilities: &'static [&'static str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shown = Arc::<Mutex<Vec<Shown>>>::default();
        let kept = Arc::clone(&shown);
        let (connection, mut calls) = runtime.block_on(async {
            let connection = Connection::session().await.unwrap();
            let calls = MessageStream::from(&connection);
            connection.request_name("org.freedesktop.Notifications").await.unwrap();
            (connection, calls)
        });
        drop(runtime.spawn(async move {
            while let Some(Ok(call)) = calls.next().await {
                if call.message_type() == Type::MethodCall {
                    serve(&connection, &call, capabilities, &kept).await;
                }
            }
        }));
        Self { shown, _runtime: runtime }
    }

    fn shown(&self) -> Vec<Shown> {
        self.shown.lock().unwrap().clone()
    }
}

async fn serve(connection: &Connection, call: &Message, capabilities: &[&str], shown: &Mutex<Vec<Shown>>) {
    let header = call.header();
    let member = header.member().unwrap().to_string();
    match member.as_str() {
        "GetCapabilities" => connection.reply(&header, &capabilities.to_vec()).await.unwrap(),
        "GetServerInformation" => connection.reply(&header, &("stub", "ao", "1.0", "1.2")).await.unwrap(),
        "Notify" => {
            let body = call.body();
            let (name, replaces, _, title, body, _, hints, _): Call = body.deserialize().unwrap();
            assert_eq!(name, "ao");
            let urgency = u8::try_from(&hints["urgency"]).unwrap();
            let number = {
                let mut shown = shown.lock().unwrap();
                shown.push(Shown { replaces, title, body, urgency });
                u32::try_from(shown.len()).unwrap()
            };
            connection.reply(&header, &if replaces == 0 { number } else { replaces }).await.unwrap();
        }
        // As a desktop that has hung.
        _ => {}
    }
}

#[test]
fn inside_it_keeps_the_contract() {
    if is_inside() {
        let desktop = Desktop::start(&["body", "body-markup"]);
        conformance::notifier::<DesktopNotifier>(json!({})).effects().check();
        assert!(desktop.shown().len() > 40);
    }
}

#[test]
fn inside_it_is_shown() {
    if !is_inside() {
        return;
    }
    for (capabilities, escaped) in [(&["body", "body-markup"][..], true), (&["body"][..], false)] {
        let desktop = Desktop::start(capabilities);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let notifier: DesktopNotifier = plugin(json!({})).unwrap();
            let mut request = full("ntf_1");
            request.body = "a < b & c".to_owned();
            let first = notifier.notify(request.clone()).await.unwrap();
            let again = notifier.notify(request.clone()).await.unwrap();
            assert_eq!(first.reference.as_deref(), Some("1"));
            assert_eq!(again, first);
            request.id = "ntf_2".to_owned();
            request.priority = Priority::Urgent;
            notifier.notify(request).await.unwrap();
            let found = notifier.doctor(Doctor::new(Owner::new("0", "/run", "/state"))).await.unwrap();
            assert_eq!(found[0].level, FindingLevel::Ok);
            assert!(found[0].message.contains("stub"), "{found:?}");
        });
        let shown = desktop.shown();
        let body = if escaped { "a &lt; b &amp; c" } else { "a < b & c" };
        let body = format!("{body}\nlook: ao attach web-3\npull request: https://example.org/pulls/3");
        // A title is never markup.
        let title = "web-3 asks: \"merge?\" & <now>".to_owned();
        let card = |replaces, urgency| Shown { replaces, title: title.clone(), body: body.clone(), urgency };
        assert_eq!(shown, [card(0, 1), card(1, 1), card(0, 2)]);
    }
}

#[test]
fn inside_nobody_shows_it() {
    if !is_inside() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let notifier: DesktopNotifier = plugin(json!({})).unwrap();
        let error = notifier.notify(full("ntf_1")).await.unwrap_err();
        assert_eq!(error.code, Code::UNAVAILABLE);
        assert!(error.message.contains("DBUS_SESSION_BUS_ADDRESS"), "{error}");
        let found = notifier.doctor(Doctor::new(Owner::new("0", "/run", "/state"))).await.unwrap();
        assert_eq!(found[0].level, FindingLevel::Fail);
        assert!(found[0].remedy.is_some());
    });
}

#[test]
fn inside_nobody_answers() {
    if !is_inside() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut calls = None;
    runtime.block_on(async {
        // It has the name, and reads nothing that is said to it.
        let connection = Connection::session().await.unwrap();
        connection.request_name("org.freedesktop.Notifications").await.unwrap();
        calls = Some(connection);
        let notifier: DesktopNotifier = plugin(json!({})).unwrap();
        for _ in 0..2 {
            let context = CallContext { id: 1, deadline: Some(Instant::now() + Duration::from_secs(2)) };
            let told = scope(context, notifier.notify(full("ntf_1"))).await;
            assert_eq!(told.unwrap_err().code, Code::TIMEOUT);
        }
    });
    // The thread that asked what the desktop can do is not waited for.
    runtime.shutdown_background();
}
