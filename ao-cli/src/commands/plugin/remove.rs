//! `ao plugin remove`: takes an installed library away. The user's own file elsewhere is not touched.

use std::process::ExitCode;

use ao_core::config::{Config, Place};
use ao_core::plugin::Manifest;
use ao_core::{Code, Error, Result};
use ao_host::installed;
use ao_host::loader::Vault;
use ao_host::setup::Loaded;
use ao_host::world::files;
use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::config::slots;
use crate::completion;
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::{self, Page};
use crate::view::{Format, View};

/// Remove an installed plugin library, and the trust in it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Its file's name or path, its own name, or one of its plugins
    #[arg(value_name = "NAME|FILE", add = completion::installed())]
    what: Utf8PathBuf,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

/// An installed library that was removed, or would be.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Removed {
    /// Where it was installed.
    path: String,
    /// Whether it was removed; not with `--dry-run`.
    done: bool,
    /// The SHA-256 of what was in it; a copy of ours stays.
    sha256: String,
    /// Where the configuration that applies here still names it or a plugin of it.
    named_in: Vec<Mentioned>,
}

/// A place in the configuration.
#[derive(Serialize, JsonSchema)]
struct Mentioned {
    /// What is named there.
    what: String,
    /// The file.
    file: String,
    /// The line, counted from 1.
    line: usize,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let library = find(edge, &self.what)?;
        let named_in = mentions(edge, &library);
        if self.dry_run {
            installed::check_removable(&edge.places, &library.path)?;
        } else {
            installed::remove(&edge.places, &library.path)?;
        }
        let Library { path, sha256, .. } = library;
        let removed = Removed { path: path.into(), done: !self.dry_run, sha256, named_in };
        if !self.format.is_json() {
            for Mentioned { what, file, line } in &removed.named_in {
                output::warning(format_args!("{file}:{line} still names {what}"));
            }
        }
        self.format.show(&removed)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// An installed library.
struct Library {
    path: Utf8PathBuf,
    sha256: String,
    /// What it said of itself when it was trusted.
    manifest: Option<Manifest>,
}

impl Library {
    fn is_called(&self, what: &str) -> bool {
        let of_manifest = |manifest: &Manifest| {
            let is_plugin = |slot: &str, name: &str| what == name || what == format!("{slot}/{name}");
            manifest.library.name == what
                || manifest.components.iter().any(|plugin| is_plugin(plugin.slot.as_str(), plugin.name.as_str()))
        };
        self.manifest.as_ref().is_some_and(of_manifest)
    }
}

/// The one installed library that is meant: by its file first, then by what it calls itself.
fn find(edge: &Edge, what: &Utf8Path) -> Result<Library> {
    let vault = edge.vault();
    let mut all = Vec::new();
    for path in installed::libraries(&edge.places) {
        let sha256 = Vault::hash(&path)?;
        all.push(Library { manifest: vault.manifest(&sha256), path, sha256 });
    }
    let absolute = edge.absolute(what);
    let is_file = |library: &Library| library.path.file_name() == Some(what.as_str()) || library.path == absolute;
    let (files, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_file);
    let names: Vec<_> = others.iter().chain(&files).map(|library| library.path.to_string()).collect();
    let found: Vec<_> = if files.is_empty() {
        others.into_iter().filter(|library| library.is_called(what.as_str())).collect()
    } else {
        files
    };
    let paths: Vec<_> = found.iter().map(|library| format!("`{}`", library.path)).collect();
    match (paths.as_slice(), found.into_iter().next()) {
        ([_], Some(library)) => Ok(library),
        ([], _) | (_, None) => {
            let known = if names.is_empty() { "nothing is installed".to_owned() } else { names.join(", ") };
            let directory = edge.places.plugins_installed();
            Err(Error::not_found(format!("`{what}` is not installed in `{directory}`; there: {known}")))
        }
        _ => Err(Error::new(
            Code::CONFLICT,
            format!("`{what}` may be any of {}; say which by its file's name", paths.join(", ")),
        )),
    }
}

/// Where the configuration that applies here names the library or one of its plugins. One that cannot be read names
/// nothing.
fn mentions(edge: &Edge, library: &Library) -> Vec<Mentioned> {
    let loaded = Loaded::read(edge.config_files_if_any(), &edge.environment, &edge.places);
    loaded.map(|loaded| named_in(&loaded.config, library)).unwrap_or_default()
}

fn named_in(config: &Config, library: &Library) -> Vec<Mentioned> {
    let mention = |what: String, place: &Place| Mentioned { what, file: place.file().to_string(), line: place.line() };
    let is_it = |path: &Utf8Path| files::canonical(path).is_ok_and(|path| path == library.path);
    let listed = config.plugins().iter().filter(|listed| is_it(&listed.path));
    let mut found: Vec<_> = listed.map(|listed| mention(format!("`{}`", listed.path), &listed.place)).collect();
    for (slot, settings) in slots(config) {
        let has = |manifest: &Manifest| manifest.component(slot, settings.plugin.as_str()).is_some();
        if library.manifest.as_ref().is_some_and(has) {
            let mentioned = mention(format!("{slot}/{}", settings.plugin), &settings.settings.place);
            if !found.iter().any(|known| known.what == mentioned.what && known.line == mentioned.line) {
                found.push(mentioned);
            }
        }
    }
    found
}

impl View for Removed {
    fn write(&self, page: &mut Page) {
        let done = if self.done { "removed" } else { "would remove" };
        page.line(format_args!("{done} {}", self.path));
        page.line(format_args!("  sha256 {}", self.sha256));
    }
}
