//! `ao plugin untrust`: takes the trust in a library back. No file is touched.

use std::process::ExitCode;

use ao_core::Error;
use ao_host::loader::Vault;
use ao_host::trust::{Trust, TrustedLibrary};
use ao_host::world::files;
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::completion;
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::{self, Page};
use crate::view::{Format, View};

/// Take back the trust in a plugin library, wherever the same bytes were trusted
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The library file, which need not be there any more, or the SHA-256 of one
    #[arg(value_name = "FILE|SHA256", add = completion::trusted_or_files())]
    what: Utf8PathBuf,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

/// The trust that was taken back, or would be.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Untrusted {
    /// Whether it was taken back; not with `--dry-run`.
    done: bool,
    /// The libraries that were trusted.
    libraries: Vec<Library>,
}

/// A library that was trusted.
#[derive(Serialize, JsonSchema)]
struct Library {
    /// Where it was when it was trusted.
    path: String,
    /// The SHA-256 of what was in it.
    sha256: String,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let trust = edge.trust()?;
        let hashes = self.hashes(edge, &trust);
        // The same bytes are trusted wherever they are, so all of their records go.
        let is_meant = |library: &TrustedLibrary| hashes.contains(&library.sha256);
        let libraries: Vec<_> = if self.dry_run {
            trust.libraries().iter().filter(|library| is_meant(library)).cloned().collect()
        } else {
            Trust::remove_libraries(&edge.places.trust_file(), is_meant, || Ok::<_, Error>(()))?
        };
        for hash in hashes.iter().filter(|hash| trust.environment_trusts_library(hash)) {
            output::warning(format_args!("`AO_TRUST_PLUGINS` trusts {hash} too, and goes on doing so"));
        }
        if libraries.is_empty() {
            let error = Error::not_found(format!("`{}` is not trusted, so there is nothing to take back", self.what));
            return Err(error.into());
        }
        let libraries =
            libraries.into_iter().map(|library| Library { path: library.path.into(), sha256: library.sha256 });
        self.format.show(&Untrusted { done: !self.dry_run, libraries: libraries.collect() })?;
        Ok(ExitCode::SUCCESS)
    }

    /// What is not to be trusted any more: the hash itself, or what the file was when it was trusted and what it is now.
    fn hashes(&self, edge: &Edge, trust: &Trust) -> Vec<String> {
        let text = self.what.as_str();
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return vec![text.to_ascii_lowercase()];
        }
        let path = edge.absolute(&self.what);
        let path = files::canonical(&path).unwrap_or(path);
        let recorded = trust.library_at(&path).map(|library| library.sha256.clone());
        recorded.into_iter().chain(Vault::hash(&path).ok()).collect()
    }
}

impl View for Untrusted {
    fn write(&self, page: &mut Page) {
        let done = if self.done { "not trusted any more:" } else { "would not be trusted any more:" };
        for library in &self.libraries {
            page.line(format_args!("{done} {}", library.path));
            page.line(format_args!("  sha256 {}", library.sha256));
        }
    }
}
