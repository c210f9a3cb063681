//! What a move does to a disk, step by step. A trait, so that a test can let any step fail and cut the power after any.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use camino::Utf8Path;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::world::files;

/// Changes to a disk. What is said to be durable outlives a power cut once the call has returned; all else may or may not.
pub(super) trait Disk {
    /// Makes a directory for this user alone, with those above it, all of them durable.
    fn make_place(&self, path: &Utf8Path) -> io::Result<()>;
    /// Makes a directory.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// Makes a symbolic link.
    fn link(&self, leads: &Path, path: &Path) -> io::Result<()>;
    /// Writes a new file. Its content is durable, its name is not.
    fn write_new(&self, path: &Path, content: &mut dyn Read, mode: u32, modified: SystemTime) -> io::Result<()>;
    /// Gives a directory its mode, and makes that and the names in it durable.
    fn settle(&self, path: &Path, mode: u32) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_names(&self, path: &Utf8Path) -> io::Result<()>;
    /// Gives something another name that nobody has.
    fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()>;
    /// Removes something with all that is in it.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The disks of this machine.
pub(super) struct Real;

impl Disk for Real {
    fn make_place(&self, path: &Utf8Path) -> io::Result<()> {
        files::private_directory(path)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().mode(files::PRIVATE_DIRECTORY).create(path)
    }

    fn link(&self, leads: &Path, path: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(leads, path)
    }

    fn write_new(&self, path: &Path, content: &mut dyn Read, mode: u32, modified: SystemTime) -> io::Result<()> {
        let mut file = File::create_new(path)?;
        io::copy(content, &mut file)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.set_modified(modified)?;
        file.sync_all()
    }

    fn settle(&self, path: &Path, mode: u32) -> io::Result<()> {
        let directory = File::open(path)?;
        directory.set_permissions(Permissions::from_mode(mode))?;
        directory.sync_all()
    }

    fn sync_names(&self, path: &Utf8Path) -> io::Result<()> {
        files::sync_directory(path)
    }

    fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        match renameat_with(CWD, from.as_std_path(), CWD, to.as_std_path(), RenameFlags::NOREPLACE) {
            // A file system that cannot promise it: what stands there is looked for first.
            Err(Errno::INVAL | Errno::NOSYS) if fs_err::symlink_metadata(to).is_err() => fs_err::rename(from, to),
            moved => Ok(moved?),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where something ends for good, below the trash only")]
    fn remove(&self, path: &Path) -> io::Result<()> {
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
}

/// Makes every directory below one writable for its owner.
fn open_up(path: &Path) -> io::Result<()> {
    let mut ahead = vec![path.to_owned()];
    while let Some(directory) = ahead.pop() {
        std::fs::set_permissions(&directory, Permissions::from_mode(0o700))?;
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                ahead.push(entry.path());
            }
        }
    }
    Ok(())
}
