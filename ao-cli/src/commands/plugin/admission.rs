//! Letting a library in: its manifest is read in another process, which may die of it; then it is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_core::plugin::Manifest;
use ao_core::slots::Slot;
use ao_core::{Code, Error};
use ao_host::loader::Stored;
use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::manifest::MANIFEST_COMMAND;
use crate::edge::Edge;
use crate::output::Page;
use crate::process::Program;

/// How long a library may take to say what is in it.
const LIMIT: Duration = Duration::from_secs(10);

/// What the process that reads a manifest needs in order to find our copy; nothing else of the environment is shown to
/// code that has not been tried.
const SHOWN: [&str; 3] = ["HOME", "AO_HOME", "XDG_DATA_HOME"];

/// A library that is trusted now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Library {
    /// Where it is, without symbolic links.
    pub(super) path: String,
    /// The SHA-256 of what is in it. When that changes, it is not trusted any more.
    pub(super) sha256: String,
    /// Its plugins.
    plugins: Vec<Plugin>,
}

/// A plugin of a library.
#[derive(Serialize, JsonSchema)]
pub(super) struct Plugin {
    /// The slot that it fills.
    slot: Slot,
    /// Its name within the slot.
    name: String,
    /// What it is for.
    summary: String,
}

/// Has this program read the manifest of our copy, in a process of its own.
pub(super) fn manifest_in_child(edge: &Edge, stored: &Stored) -> Result<Manifest, Error> {
    let variable = |name: &str| Some((name.to_owned(), edge.environment.variable(name)?.to_owned()));
    let environment: BTreeMap<_, _> = SHOWN.into_iter().filter_map(variable).collect();
    let program = Program {
        path: edge.environment.program.clone(),
        arguments: vec![MANIFEST_COMMAND.to_owned(), stored.path.to_string()],
        environment,
        limit: LIMIT,
    };
    let path = stored.path.file_name().unwrap_or_default();
    let ended = program.run(edge.places.data()).map_err(|error| {
        if error.code != Code::TIMEOUT {
            return error.context(format!("cannot read the manifest of `{path}`"));
        }
        let limit = LIMIT.as_secs();
        Error::invalid_input(format!(
            "the library `{path}` did not say what is in it within {limit} s; it is not trusted"
        ))
    })?;
    // Whatever the library itself prints stands above.
    let answer = ended.success().and_then(|text| serde_json::from_str(text.lines().last()?).ok());
    answer.unwrap_or_else(|| {
        let how = ended.signal().map_or("ended".to_owned(), |signal| format!("was killed by signal {signal}"));
        let message = format!("the process that loaded the library `{path}` {how}; the library is not trusted");
        Err(with_cause(Error::invalid_input(message), &ended.stderr))
    })
}

/// The error, with the last of what the process said.
fn with_cause(mut error: Error, stderr: &str) -> Error {
    const MOST: usize = 600;
    let said = stderr.trim();
    let skipped = said.chars().count().saturating_sub(MOST);
    let end: String = said.chars().skip(skipped).collect();
    error.chain.extend(Some(end).filter(|said| !said.is_empty()));
    error
}

impl Library {
    pub(super) fn of(path: &Utf8Path, sha256: &str, manifest: &Manifest) -> Self {
        let plugins = manifest.components.iter().map(|component| Plugin {
            slot: component.slot,
            name: component.name.to_string(),
            summary: component.summary.clone(),
        });
        Self { path: path.to_string(), sha256: sha256.to_owned(), plugins: plugins.collect() }
    }

    /// Its hash and its plugins.
    pub(super) fn write(&self, page: &mut Page) {
        page.line(format_args!("  sha256 {}", self.sha256));
        for plugin in &self.plugins {
            page.line(format_args!("  {}/{}: {}", plugin.slot, plugin.name, plugin.summary));
        }
    }
}
