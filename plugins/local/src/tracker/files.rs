//! The shelf in a directory of the main worktree, such as `.ao/issues/`: files that people edit, review and commit with
//! everything else.

use std::fs::{DirEntry, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;

use ao_plugin_sdk::prelude::*;

use super::problem::Flaw;
use super::shelf::{Leaf, Listing, MAX_BYTES, Shelf, Writing, Written, too_long, unreadable_name};
use crate::lock::Lock;

/// Where files are, unless the configuration says otherwise.
pub(super) const DIRECTORY: &str = ".ao/issues";

/// What a file is called before it has its name. The lock lets only one be there.
const TEMPORARY: &str = ".ao-issue.tmp";

/// A directory with issues.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The project's directory in the main worktree.
    pub(super) root: Utf8PathBuf,
    /// The directory below it.
    pub(super) below: Utf8PathBuf,
}

#[async_trait]
impl Shelf for Files {
    async fn listing(&self) -> Result<Listing> {
        let own = self.clone();
        blocking(move || own.look()).await
    }

    async fn contents(&self, leaves: &[Leaf]) -> Result<Vec<std::result::Result<Vec<u8>, Flaw>>> {
        let (own, leaves) = (self.clone(), leaves.to_vec());
        blocking(move || Ok(leaves.iter().map(|leaf| own.read(&leaf.name)).collect())).await
    }

    async fn write(&self, _: &Listing, writing: Writing, lock: Lock) -> Result<Written> {
        let own = self.clone();
        blocking(move || {
            let _held = lock;
            own.replace(&writing)
        })
        .await
    }

    fn shown(&self, name: &str) -> String {
        self.below.join(name).into_string()
    }
}

impl Files {
    fn directory(&self) -> Utf8PathBuf {
        self.root.join(&self.below)
    }

    /// Refuses a directory that is, or is below, a symbolic link: what is written there could land anywhere.
    fn check(&self) -> Result<()> {
        let mut path = self.root.clone();
        for part in self.below.components() {
            path.push(part);
            match path.symlink_metadata() {
                Ok(about) if about.is_symlink() => {
                    return Err(Error::other(format!(
                        "`{path}` is a symbolic link, and issues are written only below the project; put a directory in its \
                         place, or name another with `directory`"
                    )));
                }
                Ok(about) if !about.is_dir() => {
                    return Err(Error::other(format!(
                        "`{path}` is no directory; move it, or name another with `directory`"
                    )));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(failed(&path, "look at", &error)),
            }
        }
        Ok(())
    }

    fn look(&self) -> Result<Listing> {
        self.check()?;
        let (directory, mut listing) = (self.directory(), Listing::default());
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(listing),
            Err(error) => return Err(failed(&directory, "list", &error)),
        };
        let mut leaves = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(&directory, "list", &error))?;
            leaves.extend(self.leaf(&entry));
        }
        leaves.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        for (leaf, flaw) in leaves {
            listing.add(self, leaf, flaw);
        }
        Ok(listing)
    }

    fn leaf(&self, entry: &DirEntry) -> Option<(Leaf, Option<Flaw>)> {
        let file_name = entry.file_name();
        let name = file_name.to_string_lossy().into_owned();
        let leaf = |size| Leaf { name: name.clone(), size, object: None };
        if file_name.to_str().is_none() {
            return Some((leaf(0), Some(unreadable_name())));
        }
        // One that has gone meanwhile is not there.
        let about = self.directory().join(&name).symlink_metadata().ok()?;
        let flaw = if about.is_symlink() {
            Some(Flaw::new("it is a symbolic link", "put a file in its place"))
        } else if about.is_dir() {
            return None;
        } else if !about.is_file() {
            Some(Flaw::new("it is no file", "put a file in its place"))
        } else {
            None
        };
        Some((leaf(about.len()), flaw))
    }

    fn read(&self, name: &str) -> std::result::Result<Vec<u8>, Flaw> {
        let unreadable = |error: io::Error| Flaw::new(format!("it cannot be read: {error}"), "look at its permissions");
        // What was a file a moment ago may be a link or a pipe now.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        let opened = options.read(true).custom_flags(flags.bits().cast_signed()).open(self.directory().join(name));
        let mut bytes = Vec::new();
        opened.and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        let size = bytes.len() as u64;
        if size > MAX_BYTES { Err(too_long(size)) } else { Ok(bytes) }
    }

    /// A reader sees the old file or the new one, also after a crash.
    fn replace(&self, writing: &Writing) -> Result<Written> {
        self.check()?;
        let (directory, path) = (self.directory(), self.directory().join(&writing.name));
        std::fs::create_dir_all(&directory).map_err(|error| failed(&directory, "make", &error))?;
        if let Some(before) = &writing.before {
            // An editor asks for no lock.
            match self.read(&writing.name) {
                Ok(now) if now == before.as_bytes() => {}
                _ => return Ok(Written::Moved),
            }
        }
        let temporary = directory.join(TEMPORARY);
        let put = Self::put(&temporary, &path, writing);
        if put.is_err() || writing.before.is_none() {
            // It is this process's own; a new issue has its name beside it by now.
            let _ = std::fs::remove_file(&temporary);
        }
        match put {
            Ok(()) => {
                sync(&directory)?;
                Ok(Written::Done)
            }
            Err(error) if writing.before.is_none() && error.kind() == ErrorKind::AlreadyExists => Ok(Written::Moved),
            Err(error) => Err(failed(&path, "write", &error)),
        }
    }

    fn put(temporary: &Utf8Path, path: &Utf8Path, writing: &Writing) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).open(temporary).or_else(|error| {
            if error.kind() != ErrorKind::AlreadyExists {
                return Err(error);
            }
            // Left by a process that was killed: whoever holds the lock is alone.
            std::fs::remove_file(temporary)?;
            options.open(temporary)
        })?;
        file.write_all(writing.text.as_bytes())?;
        file.sync_all()?;
        match &writing.before {
            Some(_) => {
                file.set_permissions(std::fs::metadata(path)?.permissions())?;
                std::fs::rename(temporary, path)
            }
            // A rename would replace what somebody has put there just now; a link never does.
            None => std::fs::hard_link(temporary, path),
        }
    }
}

fn sync(directory: &Utf8Path) -> Result<()> {
    File::open(directory).and_then(|open| open.sync_all()).map_err(|error| failed(directory, "sync", &error))
}

fn failed(path: &Utf8Path, doing: &str, error: &io::Error) -> Error {
    Error::wrap(Code::OTHER, format!("cannot {doing} `{path}`"), error)
}
