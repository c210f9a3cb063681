//! The plugin through its slot.

mod answer;
mod config;
mod confirm;
mod conformance;
mod detect;
mod hooks;
mod launch;
mod screens;
mod transcript;

use std::fs::OpenOptions;
use std::io::Write;

use ao_plugin_claude_code::ClaudeCode;
use ao_plugin_sdk::prelude::*;
use tempfile::TempDir;

/// The conversation of the fixture `long`.
const LONG: &str = "212c6f67-fd8e-40d3-8d84-8e46956b9c31";

/// The plugin with this configuration.
fn agent(config: Value) -> Result<ClaudeCode> {
    let config = serde_json::from_value(config).map_err(|error| Error::invalid_input(error.to_string()))?;
    ClaudeCode::new(config)
}

fn plain() -> ClaudeCode {
    agent(json!({})).expect("a plugin")
}

fn id() -> SessionId {
    "app-1".parse().expect("an id")
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A moment before everything in the fixtures.
fn long_ago() -> Timestamp {
    time("2026-11-20T00:00:00Z")
}

/// A moment behind everything in the fixtures.
fn later() -> Timestamp {
    time("2026-11-23T00:00:00Z")
}

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    fs_err::read(path).expect("a fixture")
}

fn pane(name: &str) -> String {
    String::from_utf8(fixture(&format!("panes/{name}.txt"))).expect("utf-8")
}

/// Adds to a file.
fn add(path: &Utf8Path, content: &[u8]) {
    fs_err::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file");
    file.write_all(content).expect("written");
}

/// A home of an agent, with a worktree.
struct Scratch {
    directory: TempDir,
}

impl Scratch {
    fn new() -> Self {
        let scratch = Self { directory: tempfile::tempdir().expect("scratch") };
        for name in ["home/.claude/projects", "work", "launch"] {
            fs_err::create_dir_all(scratch.path(name)).expect("a directory");
        }
        scratch
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        let root = Utf8Path::from_path(self.directory.path()).expect("utf-8");
        root.canonicalize_utf8().expect("a path").join(name)
    }

    fn request(&self) -> PlanLaunch {
        let mut request = PlanLaunch::new(id(), self.path("work"), self.path("launch"));
        request.environment.insert("HOME".to_owned(), self.path("home").into_string());
        request.hook = vec!["/opt/my ao's/ao".to_owned(), "__hook".to_owned()];
        request
    }

    /// The cursor of a launch that resumes this conversation.
    fn cursor(&self, conversation: &str) -> Value {
        let home = self.path("home/.claude");
        let transcript = self.transcript(conversation);
        json!({"config": home, "conversation": conversation, "transcript": transcript})
    }

    fn transcript(&self, conversation: &str) -> Utf8PathBuf {
        let work = self.path("work");
        let name: String = work.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        self.path("home/.claude/projects").join(name).join(format!("{conversation}.jsonl"))
    }
}

fn target(cursor: Value) -> AgentTarget {
    let mut target = AgentTarget::new(id(), Liveness::Alive, long_ago(), "/nonexistent");
    target.cursor = Some(cursor);
    target
}

async fn look_at(agent: &ClaudeCode, target: AgentTarget) -> AgentObservation {
    let seen = agent.observe(ObserveAgents::new(vec![target], later())).await.expect("an observation");
    seen.into_iter().next().expect("one")
}

fn state(seen: &AgentObservation) -> Option<(ActivityState, &str, Strength)> {
    seen.activity.as_ref().map(|activity| (activity.state, activity.source.as_str(), activity.strength))
}
