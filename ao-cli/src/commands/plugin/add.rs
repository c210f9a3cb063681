//! `ao plugin add`: puts a library where every `ao` of the user finds it, trusts it there, and says what to write.

use std::process::ExitCode;

use ao_core::config::example_block;
use ao_core::model::PluginName;
use ao_host::installed::{Installed, install};
use ao_host::loader::Stored;
use ao_host::registry::take_in;
use camino::Utf8PathBuf;
use clap::ValueHint;
use schemars::JsonSchema;
use serde::Serialize;

use super::admission::{Library, manifest_in_child};
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::view::{Format, View};

/// Trust a plugin library and install a copy of it, which is found from everywhere
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The library file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Utf8PathBuf,
    /// Install it as `lib<NAME>` instead of under the file's own name
    #[arg(long, value_name = "NAME")]
    name: Option<PluginName>,
    #[command(flatten)]
    format: Format,
}

/// A library that is installed and trusted now.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Added {
    /// How it came there.
    result: How,
    /// The SHA-256 of what was there before, of which a copy is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<String>,
    /// The installed library.
    library: Library,
    /// The YAML to write for each of its plugins.
    blocks: Vec<String>,
}

/// How a library came to be installed.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    /// There was none of its name.
    New,
    /// The same one was there.
    Same,
    /// Another one was there.
    Upgraded,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let file = edge.absolute(&self.file);
        let (stored, manifest) = take_in(&file, &edge.vault(), &|stored: &Stored| manifest_in_child(edge, stored))?;
        let (path, installed) = install(&edge.places, &stored, &self.file_name(&stored))?;
        let (result, replaced) = match installed {
            Installed::New => (How::New, None),
            Installed::Same => (How::Same, None),
            Installed::Upgraded { from } => (How::Upgraded, Some(from)),
        };
        let blocks = manifest.components.iter().map(example_block).collect();
        let library = Library::of(&path, &stored.sha256, &manifest);
        self.format.show(&Added { result, replaced, library, blocks })?;
        Ok(ExitCode::SUCCESS)
    }

    /// Under which name it is installed; always one that a search for libraries finds.
    fn file_name(&self, stored: &Stored) -> String {
        let extension = std::env::consts::DLL_EXTENSION;
        match &self.name {
            Some(name) => format!("{}{name}.{extension}", std::env::consts::DLL_PREFIX),
            None => format!("{}.{extension}", stored.path.file_stem().unwrap_or("library")),
        }
    }
}

impl View for Added {
    fn write(&self, page: &mut Page) {
        let Self { library, .. } = self;
        match self.result {
            How::New => page.line(format_args!("installed {}", library.path)),
            How::Same => page.line(format_args!("already installed: {}", library.path)),
            How::Upgraded => page.line(format_args!("upgraded {}", library.path)),
        }
        if let Some(replaced) = &self.replaced {
            page.line(format_args!("  before {replaced}, of which a copy is kept"));
        }
        library.write(page);
        for block in &self.blocks {
            page.gap();
            page.line(block.trim_end());
        }
    }
}
