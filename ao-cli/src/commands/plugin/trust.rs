//! `ao plugin trust`: lets the code of libraries run.

use std::process::ExitCode;

use ao_core::Error;
use ao_host::loader::Stored;
use ao_host::registry::{Admitted, admit};
use camino::Utf8PathBuf;
use clap::ValueHint;
use schemars::JsonSchema;
use serde::Serialize;

use super::admission::{Library, manifest_in_child};
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::view::{Format, View};

/// Trust plugin libraries as they are now, so that their code may run
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Library files
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
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

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let (vault, trust_file) = (edge.vault(), edge.places.trust_file());
        let read_manifest = |stored: &Stored| manifest_in_child(edge, stored);
        let admitted = self.files.iter().map(|file| admit(&edge.absolute(file), &vault, &trust_file, &read_manifest));
        let shown = |Admitted { path, sha256, manifest, .. }: Admitted| Library::of(&path, &sha256, &manifest);
        let libraries = admitted.map(|admitted| admitted.map(shown)).collect::<Result<_, Error>>()?;
        self.format.show(&TrustedLibraries { libraries })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View for TrustedLibraries {
    fn write(&self, page: &mut Page) {
        for library in &self.libraries {
            page.line(format_args!("trusted {}", library.path));
            library.write(page);
        }
    }
}
