//! The files of a session's runtime directory: reading them as they are, writing them whole.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use ao_core::model::process::{CARD_FILE, EXIT_FILE, ExitRecord, HOLDER_FILE, HolderRecord};
use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::card::Card;

/// What the holder wrote of itself and of its program; `None` before it did.
pub fn read_record(directory: &Utf8Path) -> Result<Option<HolderRecord>> {
    read(&directory.join(HOLDER_FILE))
}

/// How the program ended; `None` while it runs.
pub fn read_exit(directory: &Utf8Path) -> Result<Option<ExitRecord>> {
    read(&directory.join(EXIT_FILE))
}

/// The card of a session's directory; `None` where no runtime has prepared anything.
pub fn read_card(directory: &Utf8Path) -> Result<Option<Card>> {
    read(&directory.join(CARD_FILE))
}

/// An empty file counts as absent: a crash of the machine can leave one, as these files are not all synced.
fn read<T: DeserializeOwned>(path: &Utf8Path) -> Result<Option<T>> {
    let refuse = |error: &dyn std::error::Error| Error::wrap(Code::OTHER, format!("cannot read `{path}`"), error);
    match std::fs::read(path) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| refuse(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refuse(&error)),
    }
}

/// Replaces a file as a whole, mode 0600. Not synced: what is written here is of no use after a crash of the machine.
pub(super) fn replace(path: &Utf8Path, value: &impl Serialize) -> Result<()> {
    let temporary = Utf8PathBuf::from(format!("{path}.{}.tmp", std::process::id()));
    let write = || -> io::Result<()> {
        let text = serde_json::to_vec(value)?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?.write_all(&text)?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error| Error::wrap(Code::OTHER, format!("cannot write `{path}`"), &error))
}

/// Removes a file that may be absent.
pub(super) fn remove(path: &Utf8Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::wrap(Code::OTHER, format!("cannot remove the old `{path}`"), &error))
        }
        _ => Ok(()),
    }
}

/// The directories in a directory that may be absent, sorted. One that is not UTF-8 is not a session's.
pub(super) fn subdirectories(parent: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let entries = match parent.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::wrap(Code::UNAVAILABLE, format!("cannot list `{parent}`"), &error)),
    };
    let mut found: Vec<Utf8PathBuf> =
        entries.flatten().map(camino::Utf8DirEntry::into_path).filter(|path| path.is_dir()).collect();
    found.sort();
    Ok(found)
}
