//! Cases of reactions: what is so, what happens, and what the rules are expected to do about it, as a policy's author writes
//! it. A case is run through [`decide`](crate::lifecycle::decide) itself, with a clock of its own.
//!
//! Nothing here does anything: an intent that becomes due is done as soon as it is written down, or has the outcome that the
//! case gives it.

mod expected;
mod run;
mod world;
mod written;

use std::sync::LazyLock;
use std::time::Duration;

use camino::Utf8Path;
use jsonschema::Validator;
use serde_json::Value;

use crate::config::checked;
use crate::config::{Diagnostic, Diagnostics, HumanDuration, Kind, Node, Project, Reactions};
use crate::model::ProjectName;

pub use run::{CaseResult, Mismatch};

/// The longest history of a case.
const LONGEST: Duration = Duration::from_hours(31 * 24);

static SCHEMA: LazyLock<Value> = LazyLock::new(checked::schema_of::<written::File>);
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| checked::validator(&SCHEMA));

/// The JSON Schema of a case file.
#[must_use]
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// A file of cases.
#[derive(Debug)]
pub struct CaseFile {
    root: Node,
    written: written::File,
    /// The rules that stand in the file itself.
    own: Option<Reactions>,
}

impl CaseFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Everything that keeps it from being run, each with its place.
    pub fn parse(file: &Utf8Path, bytes: &[u8]) -> Result<Self, Diagnostics> {
        let root = checked::parse(file, bytes)?;
        checked::check(&root, &SCHEMA, &VALIDATOR)?;
        let written: written::File = checked::typed(&root)?;
        let (own, problems) = match &written.reactions {
            Some(reactions) => {
                let (rules, problems) = checked::rules(reactions, root.get("reactions"));
                (Some(rules), problems)
            }
            None => (None, Vec::new()),
        };
        let problems = problems.into_iter().chain(too_long(&root, &written));
        let problems: Diagnostics = problems.collect();
        if problems.is_empty() { Ok(Self { root, written, own }) } else { Err(problems) }
    }

    /// Whether it has rules of its own, and needs no project's.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.own.is_some()
    }

    /// Runs every case, by the rules in the file, else by those of the project, else by the built-in ones.
    #[must_use]
    pub fn run(&self, project: Option<&Project>) -> Vec<CaseResult> {
        // What a file with rules of its own says does not depend on where it is run.
        let project = project.filter(|_| !self.has_rules());
        let built_in = Reactions::default();
        let (limits, app) = (crate::config::Limits::default(), "app".parse::<ProjectName>());
        let app = app.expect("`app` is a name");
        let stuck_after = match &self.written.reactions {
            Some(reactions) => reactions.stuck_after().map(HumanDuration::get),
            None => project.and_then(|project| project.stuck_after).map(HumanDuration::get),
        };
        let own = project.and_then(|project| project.checks.as_ref());
        let own = own.into_iter().flat_map(|checks| &checks.commands);
        let checks = own.map(|(name, check)| (name.to_string(), check.required)).collect();
        let rulebook = world::Rulebook {
            project: project.map_or(&app, |project| &project.name),
            reactions: self.own.as_ref().or(project.map(|project| &project.reactions)).unwrap_or(&built_in),
            limits: self.written.limits.as_ref().or(project.map(|project| &project.limits)).unwrap_or(&limits),
            checks: &checks,
            stuck_after_ms: stuck_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        };
        let cases = self.written.cases.iter().zip(items(self.root.get("cases")));
        let run = |(case, node): (&written::Case, &Node)| {
            let history = items(node.get("history"));
            let places = history.iter().map(|look| (look.place.line(), look.place.column())).collect();
            run::run(case, node.place.line(), &places, rulebook)
        };
        cases.map(run).collect()
    }
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.kind) {
        Some(Kind::Sequence(items)) => items,
        _ => &[],
    }
}

/// Cases whose history takes longer than anybody wants to wait for.
fn too_long(root: &Node, written: &written::File) -> Vec<Diagnostic> {
    let cases = written.cases.iter().zip(items(root.get("cases")));
    let refusal = |(case, node): (&written::Case, &Node)| {
        let time = |look: &written::Look| look.after.map(HumanDuration::get).unwrap_or_default();
        let whole = case.history.iter().map(time).fold(Duration::ZERO, Duration::saturating_add);
        let node = node.get("history").filter(|_| whole > LONGEST)?;
        let problem = Diagnostic::error(&node.place, node.path.clone(), "the history takes longer than 31 days");
        Some(problem.help("shorten what passes between its looks"))
    };
    cases.filter_map(refusal).collect()
}

#[cfg(test)]
mod tests;
