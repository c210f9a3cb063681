//! `ao __manifest`: prints the manifest of one of our copies of a library. A library that crashes takes only this
//! process with it.

use std::process::ExitCode;

use ao_core::plugin::Manifest;
use ao_core::{Code, Error};
use ao_host::loader::Library;
use camino::{Utf8Path, Utf8PathBuf};

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output;

/// The command's name, for whoever starts it.
pub(crate) const MANIFEST_COMMAND: &str = "__manifest";

/// Print the manifest of a plugin library
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Our copy
    copy: Utf8PathBuf,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        // For the process that asked, a library that is refused is an answer like any other.
        let answer: Result<Manifest, Error> = read(edge, &self.copy);
        let answer = serde_json::to_string(&answer)
            .map_err(|error| Error::wrap(Code::OTHER, "cannot write the manifest", &error))?;
        // On a line of its own, whatever the library may have printed.
        output::text(&format!("\n{answer}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn read(edge: &Edge, copy: &Utf8Path) -> Result<Manifest, Error> {
    let hash = copy.parent().and_then(Utf8Path::file_name).unwrap_or_default();
    if copy != edge.places.plugins_by_hash().join(hash).join(copy.file_name().unwrap_or_default()) {
        return Err(Error::invalid_input(format!("`{copy}` is not one of the copies")));
    }
    let vault = edge.vault();
    let stored = vault.open(hash, copy)?;
    let library = Library::load(&stored)?;
    // Here, where the library's own words are known; whoever asked gets what this version understands.
    Ok(vault.keep_manifest(&stored, library.manifest())?)
}
