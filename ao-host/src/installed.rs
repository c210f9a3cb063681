//! The libraries in the data directory, where every `ao` of this user finds them: put there, replaced and taken away by
//! commands. What is put there is a copy; the user's own file is never touched.

use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::loader::{LoadError, Stored, Vault};
use crate::registry::libraries_in;
use crate::trust::{Stamp, Trust, TrustedLibrary};
use crate::world::{Places, files};

/// Permission bits of an installed library: nobody writes into it, it is replaced.
const MODE: u32 = 0o500;

/// How installing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    /// There was none of its name.
    New,
    /// The same bytes were there.
    Same,
    /// Another one was there, of which the vault keeps a copy.
    Upgraded {
        /// The SHA-256 of what was there.
        from: String,
    },
}

/// The installed libraries, by name.
#[must_use]
pub fn libraries(places: &Places) -> Vec<Utf8PathBuf> {
    let mut found: Vec<_> = libraries_in(&places.plugins_installed()).collect();
    found.sort();
    found
}

/// Installs the vault's copy of a library under a file name, and trusts it there.
pub fn install(places: &Places, stored: &Stored, file_name: &str) -> Result<(Utf8PathBuf, Installed)> {
    let vault = Vault::new(places.plugins_by_hash());
    let directory = places.plugins_installed();
    let path = directory.join(file_name);
    let unwritable = |source| LoadError::Store { path: path.clone(), source };
    let how = Trust::place_library(&places.trust_file(), || {
        for directory in [places.data(), directory.parent().unwrap_or(&directory), &directory] {
            files::private_directory(directory).map_err(unwritable)?;
        }
        let how = before(&path, stored, &vault)?;
        if how != Installed::Same {
            let bytes = vault.read(stored)?;
            files::write_atomic(&path, &bytes, MODE).map_err(unwritable)?;
        }
        let metadata = std::fs::metadata(&path).map_err(unwritable)?;
        let (stamp, sha256) = (Stamp::of(&metadata), stored.sha256.clone());
        Ok::<_, Error>((TrustedLibrary { path: path.clone(), sha256, stamp }, how))
    })?;
    Ok((path, how))
}

/// What stands at the path now; refuses to put anything in the place of what might be the only copy.
fn before(path: &Utf8Path, stored: &Stored, vault: &Vault) -> Result<Installed> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Installed::New),
        Err(source) => return Err(LoadError::Read { path: path.to_owned(), source }.into()),
        Ok(found) if !found.is_file() => {
            return Err(Error::conflict(format!("`{path}` is in the way: it is not a file; move it away")));
        }
        Ok(_) => {}
    }
    let found = Vault::hash(path)?;
    if found == stored.sha256 {
        return Ok(Installed::Same);
    }
    if !vault.holds(&found) {
        return Err(only_copy(path));
    }
    Ok(Installed::Upgraded { from: found })
}

/// Takes an installed library away, and the trust in it with it. Says which record of trust that was, if there was one.
pub fn remove(places: &Places, path: &Utf8Path) -> Result<Option<TrustedLibrary>> {
    check_removable(places, path)?;
    let removed = Trust::remove_libraries(
        &places.trust_file(),
        |library| library.path == path,
        || {
            let failed = |error| Error::wrap(Code::OTHER, format!("cannot remove `{path}`"), &error);
            std::fs::remove_file(path).map_err(failed)?;
            files::sync_directory(&places.plugins_installed()).map_err(failed)
        },
    )?;
    Ok(removed.into_iter().next())
}

/// Refuses to remove what is not an installed library, or might be the only copy of one.
pub fn check_removable(places: &Places, path: &Utf8Path) -> Result<()> {
    if path.parent() != Some(&places.plugins_installed()) {
        return Err(Error::invalid_input(format!("`{path}` is not an installed library")));
    }
    if !Vault::new(places.plugins_by_hash()).holds(&Vault::hash(path)?) {
        return Err(only_copy(path));
    }
    Ok(())
}

fn only_copy(path: &Utf8Path) -> Error {
    Error::conflict(format!(
        "`{path}` was not put there by `ao plugin add`, or was changed since, and may be the only copy of what is in it; \
         look at it and move it away"
    ))
}
