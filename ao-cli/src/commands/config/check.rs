//! `ao config check`: everything that is wrong with the configuration, without running anything of it.

use std::process::ExitCode;

use ao_core::Code;
use ao_core::config::{Config, Diagnostic, Diagnostics, Document, KeyPath, Place, Severity, SlotConfig};
use ao_core::plugin::registrations;
use ao_core::slots::Slot;
use ao_host::registry::Registry;
use ao_host::setup::{ConfigFiles, Loaded, Setup, SetupError, read_config};
use ao_host::world::files;
use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::{self, Failure, Outcome};
use crate::output::{self, Page};
use crate::view::{Format, View};

/// Check the configuration, also one that is not trusted: keys, values, references, plugins' settings
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A file, or a directory with one; what applies here unless given
    path: Option<Utf8PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// What a check has found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Checked {
    /// Whether the configuration can be used, once it is trusted.
    valid: bool,
    /// The files, each laid over those before it.
    files: Vec<String>,
    /// Those of them that are not trusted.
    untrusted: Vec<String>,
    /// Everything that is wrong, by file and position.
    diagnostics: Vec<Problem>,
}

/// One problem.
#[derive(Serialize, JsonSchema)]
struct Problem {
    /// `error`, or `warning` where the configuration can be used nevertheless.
    severity: &'static str,
    /// What is wrong.
    message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// The key path to the value, such as `projects.app.path`; empty for the file as a whole.
    key_path: String,
    #[serde(flatten)]
    position: Position,
    /// The rule of a plugin's JSON Schema that is broken, as a path into that schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The plugin whose schema that is, as `slot/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    /// Other places that take part in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<Related>,
}

/// Another place that takes part in a problem.
#[derive(Serialize, JsonSchema)]
struct Related {
    /// What is there.
    message: String,
    #[serde(flatten)]
    position: Position,
}

/// Where something stands.
#[derive(Serialize, JsonSchema)]
struct Position {
    /// The file.
    file: String,
    /// The line, counted from 1.
    line: usize,
    /// The column in characters, counted from 1.
    column: usize,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let files = match &self.path {
            Some(path) => with_global(edge.config_file(path)?, edge.config_files_if_any().global),
            None => edge.config_files()?,
        };
        let names = files.paths().map(ToString::to_string).collect();
        let (untrusted, diagnostics) = check(files, edge)?;
        let valid = !diagnostics.iter().any(|problem| problem.severity == Severity::Error);
        let untrusted: Vec<String> = untrusted.into_iter().map(Into::into).collect();
        if !self.format.is_json() {
            failure::diagnostics(&diagnostics);
            for path in &untrusted {
                output::warning(format_args!("`{path}` is not trusted: nothing in it runs before `ao trust {path}`"));
            }
        }
        let checked =
            Checked { valid, files: names, untrusted, diagnostics: diagnostics.iter().map(Problem::from).collect() };
        self.format.show(&checked)?;
        Ok(if valid { ExitCode::SUCCESS } else { failure::configuration() })
    }
}

/// The file under the user's own, unless it is that.
fn with_global(path: Utf8PathBuf, global: Option<Utf8PathBuf>) -> ConfigFiles {
    let same = |global: &Utf8PathBuf| files::canonical(global).ok() == files::canonical(&path).ok();
    ConfigFiles { global: global.filter(|global| !same(global)), local: Some(path) }
}

/// The files that are not trusted, and every problem.
fn check(files: ConfigFiles, edge: &Edge) -> Result<(Vec<Utf8PathBuf>, Diagnostics), Failure> {
    let mut problems = Vec::new();
    for path in files.paths() {
        let (path, bytes) = read_config(path)?;
        problems.extend(Document::parse(&path, &bytes).err().into_iter().flatten());
    }
    if !problems.is_empty() {
        return Ok((Vec::new(), problems.into_iter().collect()));
    }
    let loaded = match Loaded::read(files, &edge.environment, &edge.places) {
        Ok(loaded) => loaded,
        Err(SetupError::Config(problems)) => return Ok((Vec::new(), problems)),
        Err(SetupError::Other(error)) => return Err(error.into()),
    };
    let setup = loaded.compose(&edge.environment, &edge.places, registrations())?;
    let plugins = libraries(&setup.loaded.config, &setup.registry).chain(blocks(&setup)).collect();
    Ok((setup.loaded.untrusted, plugins))
}

/// Libraries that are listed and cannot be used. One that only lacks the user's trust is not at fault.
fn libraries<'a>(config: &'a Config, registry: &Registry) -> impl Iterator<Item = Diagnostic> + use<'a> {
    registry.problems().into_iter().filter_map(|problem| {
        let library = config.plugins().iter().find(|library| library.path == problem.path)?;
        let found = Diagnostic::error(&library.place, KeyPath::of(["plugins"]), problem.error.to_string());
        Some(Diagnostic { severity: severity(problem.error.code == Code::UNTRUSTED), ..found })
    })
}

/// Each plugin's own settings, against the schema in its manifest.
pub(in crate::commands) fn blocks(setup: &Setup) -> Vec<Diagnostic> {
    let (config, registry) = (&setup.loaded.config, &setup.registry);
    // There may be more plugins, in libraries that are not looked at.
    let hidden = !setup.loaded.untrusted.is_empty() && !config.plugins().is_empty();
    let unproven = hidden || registry.problems().iter().any(|problem| problem.error.code == Code::UNTRUSTED);
    let mut found = Vec::new();
    for (slot, settings) in slots(config) {
        let known = registry.entry(slot, &settings.plugin).is_ok();
        match setup.check(slot, settings) {
            Err(SetupError::Config(problems)) if known => found.extend(problems),
            Err(SetupError::Config(problems)) => found.extend(problems.into_iter().map(|problem| {
                let problem = Diagnostic { severity: severity(unproven), ..problem };
                if unproven { problem.help("it may be in a library that is not trusted yet") } else { problem }
            })),
            // Nobody wrote it down; the host sees what it has when it comes to that.
            Err(SetupError::Other(_)) | Ok(()) => {}
        }
    }
    found
}

fn severity(excused: bool) -> Severity {
    if excused { Severity::Warning } else { Severity::Error }
}

/// Every slot that the configuration fills.
pub(in crate::commands) fn slots(config: &Config) -> impl Iterator<Item = (Slot, &SlotConfig)> {
    let agents = config.agents().values().map(|agent| (Slot::Agent, agent));
    let projects = config.projects().flat_map(|project| {
        let optional = [
            (Slot::Agent, &project.agent),
            (Slot::Agent, &project.orchestrator.agent),
            (Slot::Tracker, &project.tracker),
            (Slot::Scm, &project.scm),
        ];
        let optional = optional.into_iter().filter_map(|(slot, settings)| Some((slot, settings.as_ref()?)));
        [(Slot::Runtime, &project.runtime), (Slot::Workspace, &project.workspace)].into_iter().chain(optional)
    });
    let notifiers = config.notifiers();
    let unnamed = notifiers.used().filter(|notifier| notifier.instance.is_none());
    let notifiers = notifiers.named().values().chain(unnamed).map(|notifier| (Slot::Notifier, notifier));
    agents.chain(projects).chain(notifiers)
}

impl From<&Diagnostic> for Problem {
    fn from(problem: &Diagnostic) -> Self {
        Self {
            severity: problem.severity.word(),
            message: problem.message.clone(),
            help: problem.help.clone(),
            key_path: problem.key_path.to_string(),
            position: Position::of(&problem.place),
            rule: problem.rule.clone(),
            plugin: problem.plugin.clone(),
            related: problem
                .related
                .iter()
                .map(|(what, place)| Related { message: what.clone(), position: Position::of(place) })
                .collect(),
        }
    }
}

impl Position {
    fn of(place: &Place) -> Self {
        Self { file: place.file().to_string(), line: place.line(), column: place.column() }
    }
}

impl View for Checked {
    fn write(&self, page: &mut Page) {
        if self.valid {
            for file in &self.files {
                page.line(format_args!("{}: no errors", Utf8Path::new(file)));
            }
        }
    }
}
