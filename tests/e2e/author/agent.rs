//! An agent of an author's own, from nothing to its end: its page word for word, and then what the page does not wait for.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::{Author, Built, PATIENCE, repository, said};
use crate::host::pid;
use crate::studio::marked;

impl Author {
    fn ao(&self, arguments: &[&str]) -> String {
        let output = self.run(&[&["ao"], arguments].concat());
        assert!(output.status.success(), "ao {arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is known of the page's session.
    fn show(&self) -> Value {
        serde_json::from_str(&self.ao(&["session", "show", "app-1", "--json"])).unwrap()
    }

    /// Waits for the session's status.
    fn wait_for(&self, status: &str) -> Value {
        self.wait_until(status, |shown| shown["status"]["name"] == status)
    }

    /// Waits until the session is shown like this; there is no host, so each look is asked for.
    fn wait_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let give_up = Instant::now() + PATIENCE;
        loop {
            self.ao(&["status", "--refresh"]);
            let shown = self.show();
            if is_so(&shown) {
                return shown;
            }
            assert!(Instant::now() < give_up, "waited in vain for {what}: {shown:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the agent has committed, the newest first.
    fn commits(&self) -> Vec<String> {
        let worktree = self.show()["session"]["workspace"]["path"].as_str().unwrap().to_owned();
        let log = self.run(&["git", "-C", &worktree, "log", "--format=%s"]);
        String::from_utf8(log.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

#[test]
fn an_agent_of_ones_own_lives_as_its_page_says() {
    let page = fs_err::read_to_string(repository().join("docs/plugins/agents.md")).unwrap();
    let mut author = Author::at_home();
    let built = Built::new(&mut author, "my-agent");
    built.author.follow(&page);
    let author = &built.author;

    let shown = author.wait_for("ready");
    assert_eq!(author.commits(), ["Now ask me first.", "Write the parser.", "first"]);
    let activity = &shown["session"]["agent"]["activity"];
    assert_eq!((&activity["source"], &activity["strength"]), (&json!("record"), &json!("strong")), "{shown:#}");
    let usage = json!([{"model": "none", "input_tokens": 20, "output_tokens": 4}]);
    assert_eq!(shown["session"]["agent"]["usage"], usage, "{shown:#}");

    // What its provider lets wait is not stuck; and what is killed goes on in the same conversation.
    let sent: Value = serde_json::from_str(&author.ao(&["send", "app-1", "--json", "--", "-x: wait"])).unwrap();
    assert_eq!(sent["level"], "acked", "{sent}");
    let shown = author.wait_until("it is told to wait", |shown| {
        shown["status"]["name"] == "working" && shown["session"]["agent"]["limit"].is_object()
    });
    assert_eq!(shown["session"]["agent"]["limit"]["text"], "429 too many requests", "{shown:#}");
    let conversation = shown["session"]["agent"]["agent_session"].clone();
    let child = shown["session"]["runtime"]["child"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    kill_process(pid(child.expect("a process")), Signal::KILL).unwrap();
    author.wait_for("dead");
    author.ao(&["session", "restore", "app-1"]);
    let shown = author.wait_for("ready");
    assert_eq!(shown["session"]["agent"]["agent_session"], conversation);
    author.ao(&["send", "app-1", "Mend it."]);
    author.wait_for("ready");
    assert_eq!(author.commits()[0], "Mend it.");

    author.ao(&["session", "kill", "app-1"]);
    assert_eq!(marked(&format!("HOME={}\0", author.world.path("home"))), Vec::<u32>::new(), "nothing is left");
}
