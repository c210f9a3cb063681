//! The program: what it is given, how long it has, what of its failure is told.

use std::io::Write;

use ao_plugin_notify::CommandNotifier;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

use crate::{full, plugin};

/// A script and what it leaves beside it.
struct Script(tempfile::TempDir);

impl Script {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tell");
        let text = format!("out={}\n{text}\n", directory.path().display());
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        Self(directory)
    }

    fn path(&self) -> String {
        self.0.path().join("tell").to_str().unwrap().to_owned()
    }

    fn left(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

/// The script as a program.
fn by_shell(script: &Script) -> Value {
    json!({"argv": ["/bin/sh", script.path()], "timeoutSeconds": 20})
}

#[test]
fn it_keeps_the_contract() {
    let config = json!({"argv": ["cat"], "env": {"LANG": "C"}});
    conformance::notifier::<CommandNotifier>(config).effects().check();
}

#[tokio::test]
async fn it_gets_json_and_variables_and_no_shell_sees_them() {
    let script = Script::new(
        "cat > $out/input; env | grep ^AO_NOTIFICATION_ > $out/env; echo \"$EXTRA\" > $out/extra; pwd > $out/pwd",
    );
    let mut config = by_shell(&script);
    config["env"] = json!({"EXTRA": "$(id) `id`"});
    let mut request = full("ntf_1");
    request.title = "$(touch ao-nobody) `id`; \0exit".to_owned();
    let notifier: CommandNotifier = plugin(config).unwrap();
    notifier.notify(request.clone()).await.unwrap();
    let input: Value = serde_json::from_str(&script.left("input")).unwrap();
    assert_eq!(input, serde_json::to_value(&request).unwrap());
    let env = script.left("env");
    for line in [
        "AO_NOTIFICATION_ID=ntf_1",
        "AO_NOTIFICATION_PRIORITY=action",
        "AO_NOTIFICATION_TITLE=$(touch ao-nobody) `id`; exit",
        "AO_NOTIFICATION_BODY=It has finished.",
    ] {
        assert!(env.lines().any(|known| known == line), "{line} is not in {env}");
    }
    assert_eq!((script.left("extra").as_str(), script.left("pwd").as_str()), ("$(id) `id`\n", "/\n"));
}

#[tokio::test]
async fn a_failure_is_told_shortly_with_what_to_do_next() {
    for (text, code, part) in [
        ("echo broken >&2; exit 3", Code::OTHER, "exit status: 3: broken"),
        ("echo later; exit 75", Code::UNAVAILABLE, "later"),
        ("exit 1", Code::OTHER, "it said nothing"),
        ("yes x | head -c 1000000 >&2; exit 1", Code::OTHER, "x x x"),
    ] {
        let script = Script::new(&format!("cat >/dev/null; {text}"));
        let error = plugin::<CommandNotifier>(by_shell(&script)).unwrap().notify(full("1")).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(part) && error.message.len() < 600, "{error}");
    }
    let notifier: CommandNotifier = plugin(json!({"argv": ["/nonexistent/tell"]})).unwrap();
    assert_eq!(notifier.notify(full("1")).await.unwrap_err().code, Code::UNAVAILABLE);
    let owner = ao_plugin_sdk::core::slots::common::Owner::new("0", "/run", "/state");
    assert_eq!(notifier.doctor(Doctor::new(owner)).await.unwrap()[0].level, FindingLevel::Fail);
}

#[tokio::test]
async fn one_that_takes_too_long_is_ended_with_its_children() {
    let script = Script::new("(exec 3>$out/pipe; sleep 1000) & exec 3>$out/pipe; sleep 1000");
    let pipe = script.0.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    // It is read to its end when every process that holds it is gone.
    let read = move || drop(tell.send(std::fs::read(pipe)));
    let reader = std::thread::Builder::new().name("reader".to_owned()).spawn(read).unwrap();
    let mut config = by_shell(&script);
    config["timeoutSeconds"] = json!(2);
    let error = plugin::<CommandNotifier>(config).unwrap().notify(full("1")).await.unwrap_err();
    assert_eq!(error.code, Code::TIMEOUT, "{error}");
    assert!(error.outcome_unknown());
    let ended = told.recv_timeout(std::time::Duration::from_secs(30)).expect("a process that it started lives on");
    assert!(ended.unwrap().is_empty());
    reader.join().unwrap();
}
