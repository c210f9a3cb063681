//! The managed trash: directories that are moved there, brought back, measured, and at last removed. The one module that
//! removes directories, and it removes nothing that does not stand in the trash.

mod across;
mod disk;
mod measure;
#[cfg(test)]
mod power_cut;

use std::io::{self, ErrorKind};

use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use disk::{Disk, Real};

pub use measure::{Weight, weigh};

/// What stands aside of a directory that is copied, until the copy is whole.
const PARTIAL: &str = "partial";

/// Moves a directory to a place where nothing stands, whole or not at all. Between file systems it is copied, compared,
/// and only then removed where it was; after a crash in the middle, doing it again ends it.
pub fn relocate(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    relocate_on(&Real, from, to)
}

fn relocate_on(disk: &dyn Disk, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let parent = to.parent().unwrap_or(to);
    disk.make_place(parent).map_err(|error| cannot(from, to, &error))?;
    match disk.rename(from, to) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::CrossesDevices => across::relocate(disk, from, to)?,
        Err(error) => return Err(cannot(from, to, &error)),
    }
    let places = [Some(parent), from.parent()];
    for directory in places.into_iter().flatten() {
        disk.sync_names(directory).map_err(|error| cannot(from, to, &error))?;
    }
    Ok(())
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
    remove(&Real, place)
}

/// Removes the parts of a directory of the trash that are named, relative to it, and keeps the rest.
pub fn destroy_parts(trash: &Utf8Path, place: &Utf8Path, parts: &[std::path::PathBuf]) -> Result<()> {
    check_inside(trash, place)?;
    for part in parts {
        let plain = part.components().all(|component| matches!(component, std::path::Component::Normal(_)));
        let Some(part) = Some(place.as_std_path().join(part)).filter(|_| plain) else { continue };
        Real.remove(&part).map_err(|error| Error::wrap(Code::OTHER, format!("cannot empty `{place}`"), &error))?;
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

fn remove(disk: &dyn Disk, place: &Utf8Path) -> Result<()> {
    disk.remove(place.as_std_path())
        .map_err(|error| Error::wrap(Code::OTHER, format!("cannot remove `{place}` for good"), &error))
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
