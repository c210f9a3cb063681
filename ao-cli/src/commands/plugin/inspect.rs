//! `ao plugin inspect`: everything about one plugin, or about one library file. No code of an untrusted library runs.

use std::process::ExitCode;

use ao_core::config::Isolation;
use ao_core::model::{InvalidName, PluginName};
use ao_core::plugin::{Class, ComponentManifest, Kind, LibraryManifest, Method};
use ao_core::slots::Slot;
use ao_core::{Code, Error};
use ao_host::loader::{Vault, inspect};
use ao_host::registry::Origin;
use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::completion;
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::view::{Format, View};

/// Show a plugin: its methods, its settings, where it comes from
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A plugin such as `tracker/acme`, or a library file such as `./libacme.so`
    #[arg(value_name = "SLOT/NAME|FILE", add = completion::plugins_or_files())]
    what: Utf8PathBuf,
    #[command(flatten)]
    format: Format,
}

/// What was inspected.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Inspection {
    /// The library file, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<File>,
    /// The plugin, or those in the file; none for a file that is not trusted, since its manifest has not been read.
    plugins: Vec<Plugin>,
}

/// A library file.
#[derive(Serialize, JsonSchema)]
struct File {
    /// Where it is.
    path: String,
    /// The SHA-256 of what is in it.
    sha256: String,
    /// The symbol of its plugin root.
    symbol: String,
    /// Whether its code may run.
    trusted: bool,
}

/// A plugin.
#[derive(Serialize, JsonSchema)]
struct Plugin {
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
    /// The version of the SDK that it was built with.
    sdk: String,
    /// Where it comes from.
    origin: Origin,
    /// Where its code runs; none for a file that is looked at by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    isolation: Option<Isolation>,
    /// What it takes the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<Origin>,
    /// The methods of its slot.
    methods: Vec<MethodRow>,
    /// The JSON Schema of its settings.
    config_schema: Value,
}

/// A method of a slot.
#[derive(Serialize, JsonSchema)]
struct MethodRow {
    /// Its name.
    name: String,
    /// `call` or `open`.
    kind: &'static str,
    /// How long the host waits for it, in milliseconds; none is without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<u64>,
    /// What a repeat means: `idempotent`, `once`, or `pure`.
    class: &'static str,
    /// Whether the plugin answers it. Where it does not, the host uses the contract's default.
    provided: bool,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let inspection = match plugin_name(&self.what) {
            Some((slot, name)) => plugin(edge, slot, name)?,
            None => file(edge, &edge.absolute(&self.what))?,
        };
        self.format.show(&inspection)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `slot/name`, if it begins with a slot. A file of that name is `./slot/name`.
fn plugin_name(what: &Utf8Path) -> Option<(Slot, &str)> {
    let (slot, name) = what.as_str().split_once('/')?;
    Some((slot.parse().ok()?, name))
}

fn plugin(edge: &Edge, slot: Slot, name: &str) -> Result<Inspection, crate::failure::Failure> {
    let name: PluginName = name.parse().map_err(|error: InvalidName| Error::invalid_input(error.to_string()))?;
    let setup = edge.setup_of(edge.config_files_if_any())?;
    let entry = setup.registry.entry(slot, &name)?;
    let shown = Plugin::of(&entry.component, &entry.library, entry.origin.clone());
    let mut plugin = Plugin { isolation: Some(entry.isolation), replaces: entry.replaces.clone(), ..shown };
    for method in &mut plugin.methods {
        let limit = entry.deadline(&method.name).map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        method.deadline_ms = limit.or(method.deadline_ms);
    }
    Ok(Inspection { file: None, plugins: vec![plugin] })
}

fn file(edge: &Edge, path: &Utf8Path) -> Result<Inspection, Error> {
    // Refuses what is no regular file before it is opened for good.
    let sha256 = Vault::hash(path)?;
    let bytes = fs_err::read(path).map_err(|error| Error::wrap(Code::OTHER, "cannot read the library", &error))?;
    let symbol = inspect(path, &bytes)?.symbol;
    let trusted = edge.trust()?.trusts_library(&sha256);
    let manifest = edge.vault().manifest(&sha256).filter(|_| trusted);
    let origin = Origin::Library { path: path.to_owned(), sha256: sha256.clone() };
    let plugins = manifest.iter().flat_map(|manifest| {
        manifest.components.iter().map(|component| Plugin::of(component, &manifest.library, origin.clone()))
    });
    let plugins = plugins.collect();
    Ok(Inspection { file: Some(File { path: path.to_string(), sha256, symbol, trusted }), plugins })
}

impl Plugin {
    fn of(component: &ComponentManifest, library: &LibraryManifest, origin: Origin) -> Self {
        let provided = |method: &Method| component.methods.iter().any(|name| name == method.name);
        Self {
            slot: component.slot,
            name: component.name.to_string(),
            summary: component.summary.clone(),
            library: library.name.clone(),
            version: library.version.clone(),
            sdk: library.sdk.clone(),
            origin,
            isolation: None,
            replaces: None,
            methods: component.slot.methods().iter().map(|method| MethodRow::of(method, provided(method))).collect(),
            config_schema: component.config_schema.clone(),
        }
    }
}

impl MethodRow {
    fn of(method: &Method, provided: bool) -> Self {
        Self {
            name: method.name.to_owned(),
            kind: match method.kind {
                Kind::Call => "call",
                Kind::Open => "open",
            },
            deadline_ms: method.deadline.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
            class: match method.class {
                Class::Idempotent => "idempotent",
                Class::Once => "once",
                Class::Pure => "pure",
            },
            provided,
        }
    }
}

impl View for Inspection {
    fn write(&self, page: &mut Page) {
        if let Some(file) = &self.file {
            let trusted = if file.trusted { "yes" } else { "no; its manifest is read by `ao plugin trust`" };
            page.fields([
                ("file", file.path.clone()),
                ("sha256", file.sha256.clone()),
                ("symbol", file.symbol.clone()),
                ("trusted", trusted.to_owned()),
            ]);
        }
        for plugin in &self.plugins {
            page.gap();
            plugin.write(page);
        }
    }
}

/// A time limit in seconds where it is a whole number of them.
fn seconds(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1000) { format!("{} s", milliseconds / 1000) } else { format!("{milliseconds} ms") }
}

impl Plugin {
    fn write(&self, page: &mut Page) {
        page.line(format_args!("{}/{}: {}", self.slot, self.name, self.summary));
        let mut fields = vec![
            ("library", format!("{} {}, built with SDK {}", self.library, self.version, self.sdk)),
            ("origin", self.origin.to_string()),
        ];
        if let Origin::Library { sha256, .. } = &self.origin {
            fields.push(("sha256", sha256.clone()));
        }
        if self.isolation == Some(Isolation::Process) {
            fields.push(("isolation", "process: isolated from `ao`".to_owned()));
        }
        fields.extend(self.replaces.iter().map(|replaced| ("replaces", replaced.to_string())));
        page.fields(fields);
        let row = |method: &MethodRow| {
            let deadline = method.deadline_ms.map_or("none".to_owned(), seconds);
            let provided = if method.provided { "yes" } else { "no: the default" };
            [method.name.clone(), method.kind.into(), deadline, method.class.into(), provided.into()]
        };
        let rows: Vec<_> = self.methods.iter().map(row).collect();
        page.gap();
        page.table(["METHOD", "KIND", "DEADLINE", "REPEAT", "PROVIDED"], &rows);
        page.gap();
        page.line(format_args!("settings (JSON Schema): {:#}", self.config_schema));
    }
}
