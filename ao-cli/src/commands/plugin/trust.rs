//! `ao plugin trust`: lets the code of libraries run. Their manifests are read in another process, which may die of it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use ao_core::plugin::Manifest;
use ao_core::slots::Slot;
use ao_core::{Code, Error};
use ao_host::loader::Stored;
use ao_host::registry::{Admitted, admit};
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::manifest::MANIFEST_COMMAND;
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::process::Program;
use crate::view::{Format, View};

/// How long a library may take to say what is in it.
const LIMIT: Duration = Duration::from_secs(10);

/// What the process that reads a manifest needs in order to find our copy; nothing else of the environment is shown to
/// code that has not been tried.
const SHOWN: [&str; 3] = ["HOME", "AO_HOME", "XDG_DATA_HOME"];

/// Trust plugin libraries as they are now, so that their code may run
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Library files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// The libraries that are trusted now.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TrustedLibraries {
    /// In the order in which they were given.
    libraries: Vec<Library>,
}

/// A library that is trusted now.
#[derive(Serialize, JsonSchema)]
struct Library {
    /// Where it is, without symbolic links.
    path: String,
    /// The SHA-256 of what is in it. When that changes, it is not trusted any more.
    sha256: String,
    /// Its plugins.
    plugins: Vec<Plugin>,
}

/// A plugin of a library.
#[derive(Serialize, JsonSchema)]
struct Plugin {
    /// The slot that it fills.
    slot: Slot,
    /// Its name within the slot.
    name: String,
    /// What it is for.
    summary: String,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let (vault, trust_file) = (edge.vault(), edge.places.trust_file());
        let read_manifest = |stored: &Stored| manifest_in_child(edge, stored);
        let admitted = self.files.iter().map(|file| admit(&edge.absolute(file), &vault, &trust_file, &read_manifest));
        let libraries = admitted.map(|admitted| admitted.map(Library::of)).collect::<Result<_, Error>>()?;
        self.format.show(&TrustedLibraries { libraries })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Has this program read the manifest of our copy, in a process of its own.
fn manifest_in_child(edge: &Edge, stored: &Stored) -> Result<Manifest, Error> {
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
    fn of(admitted: Admitted) -> Self {
        let plugins = admitted.manifest.components.into_iter().map(|component| Plugin {
            slot: component.slot,
            name: component.name.to_string(),
            summary: component.summary.clone(),
        });
        Self { path: admitted.path.into(), sha256: admitted.sha256, plugins: plugins.collect() }
    }
}

impl View for TrustedLibraries {
    fn write(&self, page: &mut Page) {
        for library in &self.libraries {
            page.line(format_args!("trusted {}", library.path));
            page.line(format_args!("  sha256 {}", library.sha256));
            for plugin in &library.plugins {
                page.line(format_args!("  {}/{}: {}", plugin.slot, plugin.name, plugin.summary));
            }
        }
    }
}
