//! Which library files may be plugins, in which order, and whether each is one that the user has trusted.

use std::fmt;

use ao_core::plugin::Manifest;
use ao_core::{Code, Error};
use camino::{Utf8Path, Utf8PathBuf};

use super::Deadlines;
use crate::isolation::{Hosting, IsolatedLibrary};
use crate::loader::{Library, LoadError, Vault};
use crate::trust::{Stamp, Trust};
use crate::world::files;

/// A library file to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub path: Utf8PathBuf,
    /// The SHA-256 that it must have, where the user wrote one down.
    pub pinned: Option<String>,
    /// Whether its plugins win over those of another library.
    pub overrides: bool,
    /// Time limits in place of the contract's.
    pub deadlines: Deadlines,
    /// Where its code runs.
    pub hosting: Hosting,
    /// How it came to be looked at.
    pub mention: Mention,
}

/// How a library came to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention {
    /// The configuration lists it: whoever wrote that counts on it.
    Listed,
    /// It stands in a directory that is searched, and may be there for somebody else.
    Found,
}

impl Candidate {
    /// A listed file with nothing else said about it.
    #[must_use]
    pub fn plain(path: Utf8PathBuf) -> Self {
        let (deadlines, hosting) = Default::default();
        Self { path, pinned: None, overrides: false, deadlines, hosting, mention: Mention::Listed }
    }
}

/// All candidates, by where they were found: what is named explicitly, then directories.
#[derive(Clone, Debug, Default)]
pub struct SearchOrder {
    /// From `plugins:` in the configuration.
    pub listed: Vec<Candidate>,
    /// `AO_PLUGIN_PATH`, then the installed ones, then those beside the program. Never the current directory.
    pub directories: Vec<Utf8PathBuf>,
}

impl SearchOrder {
    /// Explicit ones first, then each directory's libraries by name; a file name that was found before is skipped.
    /// Overrides come last, so that what they replace is there.
    pub(super) fn in_order(&self) -> Vec<Candidate> {
        let mut found = self.listed.clone();
        for directory in &self.directories {
            let mut files: Vec<_> = libraries_in(directory).collect();
            files.sort();
            for path in files {
                if !found.iter().any(|candidate: &Candidate| candidate.path.file_name() == path.file_name()) {
                    found.push(Candidate { mention: Mention::Found, ..Candidate::plain(path) });
                }
            }
        }
        found.sort_by_key(|candidate| candidate.overrides);
        found
    }
}

pub(crate) fn libraries_in(directory: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> + use<> {
    let entries = directory.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| entry.path().to_owned())
        .filter(|path| path.extension() == Some(std::env::consts::DLL_EXTENSION))
}

/// A library that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryProblem {
    /// The file.
    pub path: Utf8PathBuf,
    /// How it came to be looked at.
    pub mention: Mention,
    /// Why.
    pub error: Error,
}

impl LibraryProblem {
    pub(super) fn new(candidate: &Candidate, error: impl Into<Error>) -> Self {
        Self { path: candidate.path.clone(), mention: candidate.mention, error: error.into() }
    }
}

impl fmt::Display for LibraryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)
    }
}

/// A trusted library, with its manifest.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was looked at.
    pub candidate: Candidate,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// What a search needs.
pub struct Search<'a> {
    /// What to look at.
    pub candidates: SearchOrder,
    /// What is trusted.
    pub trust: &'a Trust,
    /// Where the copies stand.
    pub vault: &'a Vault,
}

impl Search<'_> {
    /// Checks one candidate: that it is there, pinned and trusted; then reads its manifest from beside our copy.
    pub(super) fn resolve(&self, candidate: &Candidate) -> Result<Found, LibraryProblem> {
        self.find(candidate)
            .map(|(sha256, manifest)| Found { candidate: candidate.clone(), sha256, manifest })
            .map_err(|error| LibraryProblem::new(candidate, error))
    }

    fn find(&self, candidate: &Candidate) -> Result<(String, Manifest), Error> {
        let hash = self.hash(&candidate.path)?;
        if let Some(pinned) = candidate.pinned.as_ref().filter(|pinned| **pinned != hash) {
            let message = format!("`{}` has the sha256 {hash}, but {pinned} is written down for it", candidate.path);
            return Err(Error::new(Code::UNTRUSTED, message));
        }
        if !self.trust.trusts_library(&hash) {
            return Err(self.untrusted(&candidate.path));
        }
        if let Some(manifest) = self.vault.manifest(&hash) {
            return Ok((hash, manifest));
        }
        // Trusted by its hash alone, and never used before.
        let stored = self.vault.open(&hash, &candidate.path)?;
        let manifest = match &candidate.hosting {
            Hosting::InProcess => Library::load(&stored)?.manifest().clone(),
            Hosting::Process { program } => IsolatedLibrary::new(program).manifest(&stored)?,
        };
        Ok((hash, self.vault.keep_manifest(&stored, &manifest)?))
    }

    /// The file's hash; from the record of trust while the file is as it was then.
    fn hash(&self, path: &Utf8Path) -> Result<String, LoadError> {
        let canonical = files::canonical(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
        let recorded = self.trust.library_at(&canonical);
        let now = std::fs::metadata(&canonical).map(|metadata| Stamp::of(&metadata));
        match (recorded, now) {
            (Some(recorded), Ok(now)) if recorded.stamp == now => Ok(recorded.sha256.clone()),
            _ => Vault::hash(path),
        }
    }

    fn untrusted(&self, path: &Utf8Path) -> Error {
        let changed = files::canonical(path).is_ok_and(|canonical| self.trust.library_at(&canonical).is_some());
        let what = if changed { "has changed since it was trusted" } else { "is not trusted" };
        let message =
            format!("the plugin library `{path}` {what}; look at where it comes from, then `ao plugin trust {path}`");
        Error::new(Code::UNTRUSTED, message)
    }
}
