//! Reads and writes files of the workspace, with errors that name them.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::process::Failure;

/// Returns the text of a file, or nothing when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure("read", path, &error)),
    }
}

/// Replaces a file as a whole: a temporary file beside it, then a rename.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let temporary = path.with_extension("new");
    remove(&temporary)?;
    make_parent(path)?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| failure("write", path, &error))
}

/// Copies a file with its permissions, making the folders above it.
///
/// What was there is replaced by a rename: a program that runs from it, or has it mapped, keeps the old one.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let temporary = to.with_extension("new");
    remove(&temporary)?;
    make_parent(to)?;
    let copy = || fs::copy(from, &temporary).and_then(|_| fs::rename(&temporary, to));
    copy().map_err(|error| failure("copy", from, &error))
}

/// Returns the names in a folder, sorted; none when there is no folder.
pub(crate) fn list(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| failure("list", folder, &error))?,
    };
    let name = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let names = entries.map(name).collect::<Result<Vec<_>, _>>();
    let mut names = names.map_err(|error| failure("list", folder, &error))?;
    names.sort();
    Ok(names)
}

/// Removes one file that a task made; its absence is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failure("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Takes a lock that other tasks respect, and waits for it; it ends with the value.
pub(crate) fn lock(path: &Path) -> Result<fs::File, Failure> {
    make_parent(path)?;
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    file.and_then(|file| file.lock().map(|()| file)).map_err(|error| failure("lock", path, &error))
}

/// Makes a symbolic link, in place of what has that name.
pub(crate) fn link(target: &Path, path: &Path) -> Result<(), Failure> {
    make_parent(path)?;
    remove(path)?;
    std::os::unix::fs::symlink(target, path).map_err(|error| failure("link", path, &error))
}

/// Gives a file or a folder another name.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(|error| failure("rename", from, &error))
}

/// Gives what has a name another one beside it that nothing has, and says which; `None` where there is nothing.
pub(crate) fn put_aside(path: &Path) -> Result<Option<PathBuf>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let mut names = (1_u32..).map(|number| path.with_added_extension(format!("old-{number}")));
    let aside = names.find(|name| !name.exists()).unwrap_or_else(|| path.with_added_extension("old"));
    rename(path, &aside).map(|()| Some(aside))
}

/// Makes the folders above a path.
pub(crate) fn make_parent(path: &Path) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| failure("make", parent, &error))
}

fn failure(verb: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("could not {verb} {}: {error}", path.display()))
}
