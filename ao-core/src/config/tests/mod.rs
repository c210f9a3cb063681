//! Tests of the configuration as its callers see it.

mod bad_input;
mod expansion;
mod keys;
mod merging;
mod notifiers;
mod plugin_settings;
mod properties;
mod reference;
mod resolution;
mod rules;

use camino::Utf8Path;
use serde_json::Value;

use super::{Config, Diagnostics, Document, Project};

/// Where the tests' files pretend to be.
const LOCAL: &str = "/r/agent-orchestrator.yaml";
const GLOBAL: &str = "/home/u/.config/agent-orchestrator/config.yaml";

fn home() -> &'static Utf8Path {
    Utf8Path::new("/home/u")
}

fn document(text: &str) -> Result<Document, Diagnostics> {
    Document::parse(Utf8Path::new(LOCAL), text.as_bytes())
}

fn global(text: &str) -> Document {
    Document::parse(Utf8Path::new(GLOBAL), text.as_bytes()).expect("the global file is right")
}

fn config(text: &str) -> Result<Config, Diagnostics> {
    Config::layered([document(text)?], Some(home()))
}

/// What `config` has to say against a text, as a person reads it.
fn complaint(text: &str) -> String {
    config(text).expect_err("the configuration was accepted").render()
}

/// The project `app` of a text.
fn app(text: &str) -> Project {
    let config = config(text).unwrap_or_else(|problems| panic!("{}", problems.render()));
    config.project(&"app".parse().expect("name")).expect("project").clone()
}

/// A configuration of one project with these lines in it, which stand from line 5 on.
fn with_project(lines: &str) -> String {
    let lines = lines.lines().map(|line| format!("    {line}\n")).collect::<Vec<_>>().concat();
    let path = if lines.contains("    path:") { "" } else { "    path: ." };
    format!("version: 1\nprojects:\n  app:\n{path}\n{lines}")
}

/// The places of problems as `line:column key.path`.
fn places(problems: &Diagnostics) -> Vec<String> {
    let place = |problem: &super::Diagnostic| {
        format!("{}:{} {}", problem.place.line(), problem.place.column(), problem.key_path)
    };
    problems.iter().map(place).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}
