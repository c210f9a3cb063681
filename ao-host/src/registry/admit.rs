//! Trusting a library: a copy into the vault, its manifest read, a record written. The only place where code of a
//! library that is not trusted yet runs, and it does so in another process.

use ao_core::plugin::Manifest;
use ao_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::loader::{LoadError, Stored, Vault};
use crate::trust::{Stamp, Trust, TrustedLibrary};
use crate::world::files;

/// A library that has just been trusted.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The user's file, without symbolic links.
    pub path: Utf8PathBuf,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Trusts a library as it is now. `read_manifest` reads the manifest of our copy, in a process that may die of it.
pub fn admit(
    path: &Utf8Path,
    vault: &Vault,
    trust_file: &Utf8Path,
    read_manifest: &dyn Fn(&Stored) -> Result<Manifest>,
) -> Result<Admitted> {
    let unreadable = |source| LoadError::Read { path: path.to_owned(), source };
    let canonical = files::canonical(path).map_err(unreadable)?;
    // The stamp is taken before the bytes are read: a change in between makes it outdated, which is safe.
    let stamp = Stamp::of(&std::fs::metadata(&canonical).map_err(unreadable)?);
    let (stored, manifest) = take_in(&canonical, vault, read_manifest)?;
    let sha256 = stored.sha256;
    Trust::add_library(trust_file, TrustedLibrary { path: canonical.clone(), sha256: sha256.clone(), stamp })?;
    Ok(Admitted { path: canonical, sha256, manifest })
}

/// Checks a library, copies it into the vault and reads its manifest there. It is not trusted by that.
pub fn take_in(
    path: &Utf8Path,
    vault: &Vault,
    read_manifest: &dyn Fn(&Stored) -> Result<Manifest>,
) -> Result<(Stored, Manifest)> {
    let stored = vault.store(path)?;
    let manifest = read_manifest(&stored)?;
    if manifest.components.is_empty() {
        return Err(Error::invalid_input(format!("`{path}` exports no plugins")));
    }
    vault.keep_manifest(&stored, &manifest)?;
    Ok((stored, manifest))
}
