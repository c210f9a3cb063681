//! What the user has trusted: configuration files, because they can run programs, and plugin libraries, because they
//! are native code. One TOML file; a record is a path and the SHA-256 of what was there.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hash::sha256;
use crate::world::files;

/// Why the record of trust cannot be used.
#[derive(Debug, Error)]
pub enum TrustError {
    /// It cannot be read or written.
    #[error("cannot use the record of trust `{path}`: {source}")]
    Access {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It was damaged.
    #[error("the record of trust `{path}` cannot be read: {source}; move it away and trust your files again")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// Where it is damaged.
        source: toml::de::Error,
    },
}

impl From<TrustError> for ao_core::Error {
    fn from(error: TrustError) -> Self {
        let code = match error {
            TrustError::Access { .. } => ao_core::Code::UNAVAILABLE,
            TrustError::Damaged { .. } => ao_core::Code::UNTRUSTED,
        };
        ao_core::Error::new(code, error.to_string())
    }
}

/// The record, with what the environment adds to it.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    record: Record,
    configs_by_hash: BTreeSet<String>,
    libraries_by_hash: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Record {
    #[serde(rename = "config", skip_serializing_if = "Vec::is_empty")]
    configs: Vec<TrustedConfig>,
    #[serde(rename = "library", skip_serializing_if = "Vec::is_empty")]
    libraries: Vec<TrustedLibrary>,
}

/// A trusted configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TrustedConfig {
    path: Utf8PathBuf,
    sha256: String,
}

/// A trusted plugin library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedLibrary {
    /// Where it was when it was trusted; without symbolic links.
    pub path: Utf8PathBuf,
    /// What it was.
    pub sha256: String,
    /// What the file looked like from outside, so that it need not be read to see that it is still the same.
    pub stamp: Stamp,
}

/// A file as `stat` shows it. The change time moves with any write, whatever is done to the modification time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Device and inode number.
    pub file: (u64, u64),
    /// Bytes.
    pub size: u64,
    /// Change time, in nanoseconds since 1970.
    pub changed_ns: i64,
}

impl Stamp {
    /// Of a file that is there.
    #[must_use]
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let changed_ns = metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec());
        Self { file: (metadata.dev(), metadata.ino()), size: metadata.size(), changed_ns }
    }
}

/// What the environment may trust by hash, for machines that nobody sits at: comma-separated.
#[derive(Clone, Debug, Default)]
pub struct TrustedByHash {
    /// `AO_TRUST_CONFIG`.
    pub configs: Option<String>,
    /// `AO_TRUST_PLUGINS`.
    pub libraries: Option<String>,
}

fn hashes(list: Option<&String>) -> BTreeSet<String> {
    let items = list.into_iter().flat_map(|list| list.split(','));
    items.map(|hash| hash.trim().to_ascii_lowercase()).filter(|hash| !hash.is_empty()).collect()
}

impl Trust {
    /// Reads the record; an absent one trusts nothing.
    pub fn read(path: &Utf8Path, by_hash: &TrustedByHash) -> Result<Self, TrustError> {
        let record = match std::fs::read_to_string(path) {
            Ok(text) => {
                toml::from_str(&text).map_err(|source| TrustError::Damaged { path: path.to_owned(), source })?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Record::default(),
            Err(source) => return Err(TrustError::Access { path: path.to_owned(), source }),
        };
        let configs_by_hash = hashes(by_hash.configs.as_ref());
        Ok(Self { record, configs_by_hash, libraries_by_hash: hashes(by_hash.libraries.as_ref()) })
    }

    /// Whether this configuration, as it is now, is trusted. `path` is without symbolic links.
    #[must_use]
    pub fn trusts_config(&self, path: &Utf8Path, bytes: &[u8]) -> bool {
        let hash = sha256(bytes);
        let recorded = |config: &TrustedConfig| config.path == path && config.sha256 == hash;
        self.configs_by_hash.contains(&hash) || self.record.configs.iter().any(recorded)
    }

    /// Every configuration file that was trusted, in the order of the record; it may have changed since, or be gone.
    pub fn configs(&self) -> impl Iterator<Item = &Utf8Path> {
        self.record.configs.iter().map(|config| &*config.path)
    }

    /// Whether a library with these bytes is trusted, wherever it is.
    #[must_use]
    pub fn trusts_library(&self, hash: &str) -> bool {
        self.libraries_by_hash.contains(hash) || self.record.libraries.iter().any(|library| library.sha256 == hash)
    }

    /// Every library that was trusted, in the order of the record.
    #[must_use]
    pub fn libraries(&self) -> &[TrustedLibrary] {
        &self.record.libraries
    }

    /// The record of the library that was trusted at this place, which may have changed since.
    #[must_use]
    pub fn library_at(&self, path: &Utf8Path) -> Option<&TrustedLibrary> {
        self.record.libraries.iter().find(|library| library.path == path)
    }

    /// Records a configuration, in place of what was recorded for its path.
    pub fn add_config(file: &Utf8Path, path: &Utf8Path, bytes: &[u8]) -> Result<(), TrustError> {
        change(file, |record| {
            record.configs.retain(|config| config.path != path);
            record.configs.push(TrustedConfig { path: path.to_owned(), sha256: sha256(bytes) });
            Ok(())
        })
    }

    /// Records a library, in place of what was recorded for its path.
    pub fn add_library(file: &Utf8Path, library: TrustedLibrary) -> Result<(), TrustError> {
        Self::place_library(file, || Ok((library, ())))
    }

    /// The same for a library that `place` puts where it belongs: nobody else changes the record meanwhile, so the
    /// file and its record agree whoever comes at the same time.
    pub fn place_library<T, E: From<TrustError>>(
        file: &Utf8Path,
        place: impl FnOnce() -> Result<(TrustedLibrary, T), E>,
    ) -> Result<T, E> {
        change(file, |record| {
            let (library, placed) = place()?;
            record.libraries.retain(|recorded| recorded.path != library.path);
            record.libraries.push(library);
            Ok(placed)
        })
    }

    /// Takes back the trust in libraries, and says which they were. `then` runs before anybody else changes the record;
    /// when it fails, they stay trusted.
    pub fn remove_libraries<E: From<TrustError>>(
        file: &Utf8Path,
        is_meant: impl Fn(&TrustedLibrary) -> bool,
        then: impl FnOnce() -> Result<(), E>,
    ) -> Result<Vec<TrustedLibrary>, E> {
        change(file, |record| {
            let removed = record.libraries.extract_if(.., |library| is_meant(library)).collect();
            then()?;
            Ok(removed)
        })
    }

    /// Whether the environment trusts a library with these bytes, which no command takes back.
    #[must_use]
    pub fn environment_trusts_library(&self, hash: &str) -> bool {
        self.libraries_by_hash.contains(hash)
    }
}

/// Changes the record under a lock, so that two commands at once lose nothing. An error of `edit` leaves it as it was.
fn change<T, E: From<TrustError>>(path: &Utf8Path, edit: impl FnOnce(&mut Record) -> Result<T, E>) -> Result<T, E> {
    let access = |source| TrustError::Access { path: path.to_owned(), source };
    let directory = path.parent().unwrap_or(Utf8Path::new("."));
    files::private_directory(directory).map_err(access)?;
    let lock = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.with_extension("lock"))
        .map_err(access)?;
    lock.lock().map_err(access)?;
    let mut record = Trust::read(path, &TrustedByHash::default())?.record;
    let done = edit(&mut record)?;
    let text = toml::to_string(&record).map_err(|error| access(std::io::Error::other(error)))?;
    files::write_atomic(path, text.as_bytes(), 0o600).map_err(access)?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let file = Utf8PathBuf::from_path_buf(directory.path().join("trust/trust.toml")).expect("UTF-8");
        (directory, file)
    }

    #[test]
    fn a_changed_config_is_not_trusted_any_more() {
        let (_keep, file) = scratch();
        let config = Utf8Path::new("/p/agent-orchestrator.yaml");
        Trust::add_config(&file, config, b"version: 1").expect("recorded");
        let trust = Trust::read(&file, &TrustedByHash::default()).expect("read");
        assert!(trust.trusts_config(config, b"version: 1"));
        assert!(!trust.trusts_config(config, b"version: 2"));
        assert!(!trust.trusts_config(Utf8Path::new("/q/agent-orchestrator.yaml"), b"version: 1"));
    }

    #[test]
    fn the_environment_trusts_by_hash() {
        let (_keep, file) = scratch();
        let by_hash = TrustedByHash { configs: Some(format!(" {} ,", sha256(b"x").to_uppercase())), libraries: None };
        let trust = Trust::read(&file, &by_hash).expect("read");
        assert!(trust.trusts_config(Utf8Path::new("/anywhere"), b"x"));
        assert!(!trust.trusts_library(&sha256(b"x")));
    }

    #[test]
    fn a_damaged_record_says_what_to_do() {
        let (_keep, file) = scratch();
        files::private_directory(file.parent().expect("a parent")).expect("made");
        files::write_atomic(&file, b"[[config]]\npath = 3\n", 0o600).expect("written");
        let error = Trust::read(&file, &TrustedByHash::default()).expect_err("damaged").to_string();
        assert!(error.contains("trust.toml") && error.contains("move it away"), "{error}");
    }
}
