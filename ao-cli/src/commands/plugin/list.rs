//! `ao plugin list`: every plugin that can be used, and every library that cannot.

use std::process::ExitCode;

use ao_core::config::Isolation;
use ao_core::slots::Slot;
use ao_host::registry::{Condition, ConditionState, Entry, LibraryProblem, Origin};
use ao_host::setup::Setup;
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::config::blocks;
use crate::edge::Edge;
use crate::failure::{self, Outcome};
use crate::manager;
use crate::output::{self, Page};
use crate::view::{Format, View};

/// List the plugins that can be used here, and where each comes from
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    format: Format,
}

/// The plugins that there are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PluginList {
    /// By slot and name.
    plugins: Vec<Row>,
    /// Libraries that cannot be used; everything else can.
    problems: Vec<Problem>,
    /// Configuration files that are not trusted: the libraries that they list are not looked at.
    untrusted: Vec<String>,
}

/// One plugin.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// The slot that it fills.
    slot: Slot,
    /// Its name within the slot.
    name: String,
    /// What it is for.
    summary: String,
    /// The library, or the crate that is linked in.
    library: String,
    /// The library's version.
    version: String,
    /// Where it comes from.
    origin: Origin,
    /// Where its code runs.
    isolation: Isolation,
    /// What it takes the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<Origin>,
    /// Whether calls of it pass: that of its instance that is worst off.
    state: ConditionState,
    /// Its instances that are not called as usual.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition>,
}

/// A library that cannot be used.
#[derive(Serialize, JsonSchema)]
struct Problem {
    /// The file.
    path: String,
    /// The kind of the problem, such as `untrusted`.
    code: String,
    /// What is wrong, and what to do.
    message: String,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files_if_any())?;
        // The list does not depend on it.
        let conditions = manager::plugin_conditions(edge).unwrap_or_else(|failure| {
            output::warning(format_args!("how plugins are doing cannot be read: {}", failure.message()));
            Vec::new()
        });
        let list = PluginList::of(&setup, &conditions);
        if !self.format.is_json() {
            // What is wrong with their settings is no reason not to list them.
            failure::diagnostics(&blocks(&setup).into_iter().collect());
            for path in &list.untrusted {
                output::warning(format_args!("`{path}` is not trusted: the libraries that it lists are not looked at"));
            }
            for problem in &list.problems {
                output::warning(&problem.message);
            }
        }
        self.format.show(&list)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl PluginList {
    fn of(setup: &Setup, conditions: &[Condition]) -> Self {
        Self {
            plugins: setup.registry.entries().map(|entry| Row::of(&entry, conditions)).collect(),
            problems: setup.registry.problems().iter().map(Problem::of).collect(),
            untrusted: setup.loaded.untrusted.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Row {
    fn of(entry: &Entry, conditions: &[Condition]) -> Self {
        let conditions: Vec<_> = conditions.iter().filter(|condition| condition.is_of(entry)).cloned().collect();
        Self {
            slot: entry.component.slot,
            name: entry.component.name.to_string(),
            summary: entry.component.summary.clone(),
            library: entry.library.name.clone(),
            version: entry.library.version.clone(),
            origin: entry.origin.clone(),
            isolation: entry.isolation,
            replaces: entry.replaces.clone(),
            state: conditions.iter().map(|condition| condition.state).max().unwrap_or(ConditionState::Closed),
            conditions,
        }
    }
}

impl Problem {
    fn of(problem: &LibraryProblem) -> Self {
        let (code, message) = (problem.error.code.to_string(), problem.error.to_string());
        Self { path: problem.path.to_string(), code, message }
    }
}

impl View for PluginList {
    fn write(&self, page: &mut Page) {
        if self.plugins.is_empty() {
            return page.line("there are no plugins");
        }
        let row = |row: &Row| {
            let replaces = row.replaces.as_ref().map(|replaced| format!(" (replaces {replaced})")).unwrap_or_default();
            let library = format!("{} {}", row.library, row.version);
            let isolated = if row.isolation == Isolation::Process { ", isolated" } else { "" };
            let state = if row.state == ConditionState::Closed { "ready" } else { row.state.as_str() };
            [
                row.slot.to_string(),
                row.name.clone(),
                state.to_owned(),
                library,
                format!("{}{isolated}{replaces}", row.origin),
                row.summary.clone(),
            ]
        };
        let rows: Vec<_> = self.plugins.iter().map(row).collect();
        page.table(["SLOT", "NAME", "STATE", "LIBRARY", "ORIGIN", "SUMMARY"], &rows);
    }
}
