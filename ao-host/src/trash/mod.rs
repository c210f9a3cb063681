//! The managed trash: directories that are moved there, brought back, measured, and at last removed. The one module that
//! removes directories, and it removes nothing that does not stand in the trash.

mod across;
mod measure;

use std::io::{self, ErrorKind};

use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::world::files;

pub use measure::{Weight, weigh};

/// What stands aside of a directory that is copied, until the copy is whole.
const PARTIAL: &str = "partial";

/// Moves a directory to a place where nothing stands, whole or not at all. Between file systems it is copied, compared,
/// and only then removed where it was; after a crash in the middle, doing it again ends it.
pub fn relocate(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let parent = to.parent().unwrap_or(to);
    files::private_directory(parent).map_err(|error| cannot(from, to, &error))?;
    match move_to(from, to) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::CrossesDevices => across::relocate(from, to)?,
        Err(error) => return Err(cannot(from, to, &error)),
    }
    let places = [Some(parent), from.parent()];
    for directory in places.into_iter().flatten() {
        files::sync_directory(directory).map_err(|error| cannot(from, to, &error))?;
    }
    Ok(())
}

/// `rename(2)` that replaces nothing.
fn move_to(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    match renameat_with(CWD, from.as_std_path(), CWD, to.as_std_path(), RenameFlags::NOREPLACE) {
        // A file system that cannot promise it: what stands there is looked for first.
        Err(Errno::INVAL | Errno::NOSYS) if fs_err::symlink_metadata(to).is_err() => fs_err::rename(from, to),
        moved => Ok(moved?),
    }
}

fn cannot(from: &Utf8Path, to: &Utf8Path, error: &io::Error) -> Error {
    let (code, advice) = match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => (Code::CONFLICT, "; move away what stands there"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Code::UNAVAILABLE, "; nothing was changed: make room first")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (Code::UNAVAILABLE, "; nothing was changed: the directory above it must be writable")
        }
        ErrorKind::ResourceBusy => (Code::UNAVAILABLE, "; something is mounted there or holds it"),
        _ => (Code::OTHER, "; nothing was changed"),
    };
    Error::wrap(code, format!("cannot move `{from}` to `{to}`{advice}"), error)
}

/// Removes a directory of the trash for good. What is not below `trash` is refused; what is gone is no error.
pub fn destroy(trash: &Utf8Path, place: &Utf8Path) -> Result<()> {
    check_inside(trash, place)?;
    remove(place)
}

/// Removes the parts of a directory of the trash that are named, relative to it, and keeps the rest.
pub fn destroy_parts(trash: &Utf8Path, place: &Utf8Path, parts: &[std::path::PathBuf]) -> Result<()> {
    check_inside(trash, place)?;
    for part in parts {
        let plain = part.components().all(|component| matches!(component, std::path::Component::Normal(_)));
        let Some(part) = Some(place.as_std_path().join(part)).filter(|_| plain) else { continue };
        remove_any(&part).map_err(|error| Error::wrap(Code::OTHER, format!("cannot empty `{place}`"), &error))?;
    }
    Ok(())
}

fn check_inside(trash: &Utf8Path, place: &Utf8Path) -> Result<()> {
    // By name: the last part may be gone, and nothing of ours has a `..` in it.
    let is_inside = place.strip_prefix(trash).is_ok_and(|rest| {
        let plain = rest.components().all(|part| matches!(part, camino::Utf8Component::Normal(_)));
        plain && !rest.as_str().is_empty()
    });
    if is_inside { Ok(()) } else { Err(Error::other(format!("`{place}` is not in the trash, so it is not removed"))) }
}

fn remove(place: &Utf8Path) -> Result<()> {
    remove_any(place.as_std_path())
        .map_err(|error| Error::wrap(Code::OTHER, format!("cannot remove `{place}` for good"), &error))
}

#[expect(clippy::disallowed_methods, reason = "the one place where something ends for good, below the trash only")]
fn remove_any(path: &std::path::Path) -> io::Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.is_dir() {
        return std::fs::remove_file(path);
    }
    match std::fs::remove_dir_all(path) {
        // Directories that somebody closed to themselves, as module caches are.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            open_up(path)?;
            std::fs::remove_dir_all(path)
        }
        other => other,
    }
}

/// Makes every directory below one writable for its owner.
fn open_up(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut ahead = vec![path.to_owned()];
    while let Some(directory) = ahead.pop() {
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700))?;
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                ahead.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Where a copy stands until it is whole.
fn partial(to: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{to}.{PARTIAL}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
        let scratch = tempfile::tempdir().expect("scratch");
        let path = Utf8Path::from_path(scratch.path()).expect("UTF-8").to_owned();
        (scratch, path)
    }

    #[test]
    fn nothing_is_replaced() {
        let (_scratch, root) = scratch();
        for name in ["from", "to"] {
            fs_err::create_dir(root.join(name)).expect("directory");
        }
        let error = relocate(&root.join("from"), &root.join("to")).expect_err("it is there");
        assert_eq!(error.code, Code::CONFLICT, "{error}");
        assert!(root.join("from").is_dir());
    }

    #[test]
    fn only_what_is_in_the_trash_goes() {
        let (_scratch, root) = scratch();
        let trash = root.join("trash");
        fs_err::create_dir_all(trash.join("app/x/deep")).expect("directory");
        for place in [trash.clone(), root.join("worktrees"), trash.join("../worktrees"), "/".into()] {
            destroy(&trash, &place).expect_err("it is not in the trash");
        }
        let closed = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o500);
        fs_err::set_permissions(trash.join("app/x/deep"), closed).expect("mode");
        destroy(&trash, &trash.join("app/x")).expect("removed");
        destroy(&trash, &trash.join("app/x")).expect("again");
        assert!(trash.join("app").is_dir() && !trash.join("app/x").exists());
    }
}
