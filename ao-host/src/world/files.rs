//! Writing files so that a reader never sees half of one and nobody else sees any. The one module that writes.

use std::fs::DirBuilder;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};
use rustix::fs::OFlags;

/// Permission bits of a file that only its owner reads and writes.
pub const PRIVATE_FILE: u32 = 0o600;
/// Permission bits of a directory that only its owner enters.
pub const PRIVATE_DIRECTORY: u32 = 0o700;

/// Puts a file in place with these permission bits: afterwards, and after a crash at any point, it is the old one or
/// the whole new one. Its directory must exist.
pub fn write_atomic(path: &Utf8Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let (temporary, mut file) = create_beside(path)?;
    let written = (|| {
        file.write_all(contents)?;
        // The umask took its share when the file was created.
        file.set_permissions(PermissionsExt::from_mode(mode))?;
        file.sync_all()?;
        fs_err::rename(&temporary, path)
    })();
    if let Err(error) = written {
        // Nothing more can be done about a temporary file that does not go away either.
        drop(fs_err::remove_file(&temporary));
        return Err(error);
    }
    sync_directory(parent(path)?)
}

/// The same without waiting for the disk: a reader sees the old file or the whole new one, but after a power failure there
/// may be an empty one.
pub fn write_whole(path: &Utf8Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let (temporary, mut file) = create_beside(path)?;
    let written = (|| {
        file.write_all(contents)?;
        file.set_permissions(PermissionsExt::from_mode(mode))?;
        fs_err::rename(&temporary, path)
    })();
    if written.is_err() {
        drop(fs_err::remove_file(&temporary));
    }
    written
}

/// The first bytes of a file, at most so many.
pub fn read_at_most(path: &Utf8Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same of a regular file that somebody else may have put there: a link is not followed, and nothing is waited for.
pub fn read_regular(path: &Utf8Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(u64::try_from(limit).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens such a file to read. What is no regular file is [`io::ErrorKind::InvalidInput`].
pub fn open_regular(path: &Utf8Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{path}` is no regular file")))
}

/// Makes the names in a directory durable: files that were created in it, renamed into it or removed from it.
pub fn sync_directory(path: &Utf8Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a directory, with those above it, that only its owner enters. A new one outlives a crash of the machine. One that
/// exists must be a directory of this user's that nobody else can write to; it is closed to readers.
pub fn private_directory(path: &Utf8Path) -> io::Result<()> {
    let refuse = |problem: &str| Err(io::Error::other(format!("`{path}` {problem}")));
    let found = match fs_err::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let there = path.ancestors().skip(1).find(|above| fs_err::symlink_metadata(above).is_ok());
            let created = DirBuilder::new().recursive(true).mode(PRIVATE_DIRECTORY).create(path);
            created.map_err(|error| io::Error::new(error.kind(), format!("cannot create `{path}`: {error}")))?;
            let new = path.ancestors().skip(1).take_while(|above| Some(*above) != there);
            for above in new.chain(there.filter(|there| !there.as_str().is_empty())) {
                match sync_directory(above) {
                    // Who may write in a directory need not be allowed to read it.
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                    synced => synced?,
                }
            }
            // Somebody else may have been faster, so what is there now is looked at like any other.
            fs_err::symlink_metadata(path)?
        }
        Err(error) => return Err(error),
    };
    if !found.is_dir() {
        return refuse("is in the way: it is not a directory; move it away");
    }
    if found.uid() != rustix::process::getuid().as_raw() {
        return refuse("belongs to another user; move it away or set `AO_HOME`");
    }
    if found.mode() & 0o022 != 0 {
        return refuse("can be written to by other users; look at what is in it, then `chmod 700` it");
    }
    if found.mode() & 0o777 != PRIVATE_DIRECTORY {
        fs_err::set_permissions(path, PermissionsExt::from_mode(PRIVATE_DIRECTORY))?;
    }
    Ok(())
}

/// The path without symbolic links, as far as it exists; the rest is appended as it stands.
pub fn canonical(path: &Utf8Path) -> io::Result<Utf8PathBuf> {
    let mut rest = Vec::new();
    let mut existing = path;
    loop {
        match existing.canonicalize_utf8() {
            Ok(found) => return Ok(rest.iter().rev().fold(found, |path, name| path.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (Some(name), Some(parent)) = (existing.file_name(), existing.parent()) else { return Err(error) };
                rest.push(name);
                existing = parent;
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("cannot resolve `{existing}`: {error}"))),
        }
    }
}

/// A new file next to `path`, under a name that nobody has.
fn create_beside(path: &Utf8Path) -> io::Result<(Utf8PathBuf, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (directory, name) = (parent(path)?, path.file_name().unwrap_or_default());
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = directory.join(format!(".{name}.{}-{count}.tmp", process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(PRIVATE_FILE);
        match options.open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            // Left by a process that had our pid and crashed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

fn parent(path: &Utf8Path) -> io::Result<&Utf8Path> {
    let named = path.file_name().and(path.parent()).filter(|directory| !directory.as_str().is_empty());
    named.ok_or_else(|| io::Error::other(format!("`{path}` does not say in which directory which file is")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        (directory, path)
    }

    fn mode(path: &Utf8Path) -> u32 {
        fs_err::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_else() {
        let (_guard, directory) = scratch();
        let path = directory.join("a.json");
        write_atomic(&path, b"a longer first text", PRIVATE_FILE).unwrap();
        write_atomic(&path, b"second", 0o500).unwrap();
        assert_eq!((fs_err::read(&path).unwrap(), mode(&path)), (b"second".to_vec(), 0o500));
        let names: Vec<_> = fs_err::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["a.json"]);
    }

    #[test]
    fn a_failed_write_keeps_the_old_and_removes_the_new() {
        let (_guard, directory) = scratch();
        let path = directory.join("occupied");
        fs_err::create_dir_all(path.join("child")).unwrap();
        assert!(write_atomic(&path, b"text", PRIVATE_FILE).is_err());
        assert!(path.join("child").is_dir());
        assert_eq!(fs_err::read_dir(&directory).unwrap().count(), 1);
        for path in ["/", "", "name"] {
            assert!(write_atomic(Utf8Path::new(path), b"", PRIVATE_FILE).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_leftover_of_a_crash_is_not_in_the_way() {
        let (_guard, directory) = scratch();
        let path = directory.join("x");
        let (leftover, _file) = create_beside(&path).unwrap();
        write_atomic(&path, b"text", PRIVATE_FILE).unwrap();
        assert!(leftover.exists());
        assert_eq!(fs_err::read(&path).unwrap(), b"text");
    }

    #[test]
    fn private_directories_are_made_closed_or_refused() {
        let (_guard, directory) = scratch();
        let deep = directory.join("a/b/c");
        private_directory(&deep).unwrap();
        private_directory(&deep).unwrap();
        assert_eq!((mode(&deep), mode(&directory.join("a"))), (0o700, 0o700));

        fs_err::set_permissions(&deep, PermissionsExt::from_mode(0o755)).unwrap();
        private_directory(&deep).unwrap();
        assert_eq!(mode(&deep), 0o700);

        fs_err::set_permissions(&deep, PermissionsExt::from_mode(0o777)).unwrap();
        assert!(private_directory(&deep).unwrap_err().to_string().contains("other users"));

        let link = directory.join("link");
        fs_err::os::unix::fs::symlink(&directory, &link).unwrap();
        assert!(private_directory(&link).unwrap_err().to_string().contains("not a directory"));
    }

    #[test]
    fn canonical_resolves_what_exists() {
        let (_guard, directory) = scratch();
        fs_err::create_dir(directory.join("real")).unwrap();
        fs_err::os::unix::fs::symlink(directory.join("real"), directory.join("link")).unwrap();
        assert_eq!(canonical(&directory.join("link/x/y")).unwrap(), directory.join("real/x/y"));
        assert_eq!(canonical(&directory.join("link")).unwrap(), directory.join("real"));
    }
}
