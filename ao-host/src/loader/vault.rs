//! Our own copies of plugin libraries, named by what is in them. Only these are ever mapped.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use ao_core::plugin::Manifest;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::OFlags;

use super::{Inspected, Library, LoadError, inspect};
use crate::hash::sha256;
use crate::world::files;

/// A library larger than this is refused: no plugin is, and it would be read into memory.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// What a library said of itself, beside our copy of it.
const MANIFEST_FILE: &str = "manifest.json";

/// The directory of copies: `<root>/<sha256>/<file name>`.
#[derive(Clone, Debug)]
pub struct Vault {
    root: Utf8PathBuf,
}

/// A library of which there is a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The copy.
    pub path: Utf8PathBuf,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// What its bytes say.
    pub inspected: Inspected,
}

impl Vault {
    /// The vault in this directory, which is made when it is first needed.
    #[must_use]
    pub fn new(root: Utf8PathBuf) -> Self {
        Self { root }
    }

    /// The hash of a library's bytes, without storing anything.
    pub fn hash(path: &Utf8Path) -> Result<String, LoadError> {
        Ok(sha256(&read(path)?))
    }

    /// Checks a library and stores a copy of it.
    pub fn store(&self, path: &Utf8Path) -> Result<Stored, LoadError> {
        let bytes = read_unexposed(path)?;
        let inspected = inspect(path, &bytes)?;
        let hash = sha256(&bytes);
        let name = path.file_name().unwrap_or("library");
        let copy = self.root.join(&hash).join(name);
        if !copy.exists() {
            write_copy(&self.root, &copy, &bytes).map_err(|source| LoadError::Store { path: copy.clone(), source })?;
        }
        self.verify(&copy, &hash)?;
        Ok(Stored { path: copy, sha256: hash, inspected })
    }

    /// The copy of a file that had this hash, checked again; stored now if there is none.
    pub fn open(&self, hash: &str, path: &Utf8Path) -> Result<Stored, LoadError> {
        let copy = self.root.join(hash).join(path.file_name().unwrap_or("library"));
        if !copy.exists() {
            let stored = self.store(path)?;
            return if stored.sha256 == hash { Ok(stored) } else { Err(LoadError::Changed { path: path.to_owned() }) };
        }
        let bytes = self.verify(&copy, hash)?;
        let inspected = inspect(&copy, &bytes)?;
        Ok(Stored { path: copy, sha256: hash.to_owned(), inspected })
    }

    /// The copy at this path, checked again by the hash that it is named by. Refuses whatever is no copy of ours.
    pub fn reopen(&self, copy: &Utf8Path) -> Result<Stored, LoadError> {
        let hash = copy.parent().and_then(Utf8Path::file_name).unwrap_or_default();
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash || copy != self.root.join(hash).join(copy.file_name().unwrap_or_default()) {
            return Err(LoadError::NotACopy { path: copy.to_owned() });
        }
        let inspected = inspect(copy, &self.verify(copy, hash)?)?;
        Ok(Stored { path: copy.to_owned(), sha256: hash.to_owned(), inspected })
    }

    /// The bytes of a copy, checked again.
    pub fn read(&self, stored: &Stored) -> Result<Vec<u8>, LoadError> {
        self.verify(&stored.path, &stored.sha256)
    }

    /// The manifest of the library with this hash, if it was read before.
    #[must_use]
    pub fn manifest(&self, hash: &str) -> Option<Manifest> {
        serde_json::from_slice(&std::fs::read(self.root.join(hash).join(MANIFEST_FILE)).ok()?).ok()
    }

    /// Whether nobody but the user and root can change a library, or put another in its place.
    pub fn check_exposure(path: &Utf8Path) -> Result<(), LoadError> {
        check_exposure(path)
    }

    /// Every copy, with the hash that it stands under, whatever is in it by now.
    #[must_use]
    pub fn copies(&self) -> Vec<(String, Utf8PathBuf)> {
        let mut copies: Vec<_> = entries(&self.root)
            .flat_map(|directory| {
                let hash = directory.file_name().unwrap_or_default().to_owned();
                let files = entries(&directory).filter(|file| file.file_name() != Some(MANIFEST_FILE));
                files.map(move |file| (hash.clone(), file)).collect::<Vec<_>>()
            })
            .collect();
        copies.sort();
        copies
    }

    /// Whether there is a sound copy of a library with this hash.
    #[must_use]
    pub fn holds(&self, hash: &str) -> bool {
        let of_hash = entries(&self.root.join(hash)).filter(|file| file.file_name() != Some(MANIFEST_FILE));
        of_hash.into_iter().any(|file| self.verify(&file, hash).is_ok())
    }

    /// Keeps the manifest of a copy beside it, so that it is known without running the library's code. Kept is what the
    /// library itself said, where it is mapped in this process or a process of ours has kept it before: slots and fields
    /// that this version does not know are there for one that does.
    pub fn keep_manifest(&self, stored: &Stored, manifest: &Manifest) -> Result<Manifest, LoadError> {
        let path = stored.path.with_file_name(MANIFEST_FILE);
        let reads_so = |json: &Vec<u8>| serde_json::from_slice(json).is_ok_and(|read: Manifest| read == *manifest);
        let json = match Library::said(&stored.sha256).filter(reads_so) {
            Some(said) => said,
            None if std::fs::read(&path).is_ok_and(|kept| reads_so(&kept)) => return Ok(manifest.clone()),
            None => serde_json::to_vec(manifest)
                .map_err(|error| LoadError::Manifest { path: stored.path.clone(), why: error.to_string() })?,
        };
        files::write_atomic(&path, &json, 0o600).map_err(|source| LoadError::Store { path, source })?;
        Ok(manifest.clone())
    }

    fn verify(&self, path: &Utf8Path, expected: &str) -> Result<Vec<u8>, LoadError> {
        debug_assert!(path.starts_with(&self.root), "only copies of ours are verified");
        let bytes = read_unexposed(path)?;
        if sha256(&bytes) != expected {
            return Err(LoadError::Changed { path: path.to_owned() });
        }
        Ok(bytes)
    }
}

/// What stands in a directory; hidden files are on their way to another name.
fn entries(directory: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> + use<> {
    let entries = directory.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    entries.filter(|entry| !entry.file_name().starts_with('.')).map(|entry| entry.path().to_owned())
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, LoadError> {
    let (file, metadata) = open(path, OFlags::empty())?;
    contents(path, file, &metadata)
}

/// The bytes of a library that nobody but the user and root can change or replace. What is looked at is what is read: one
/// path without symbolic links, and the owner and mode of the file that was opened.
fn read_unexposed(path: &Utf8Path) -> Result<Vec<u8>, LoadError> {
    let canonical = canonical(path)?;
    let (file, metadata) = open(&canonical, OFlags::NOFOLLOW)?;
    check_place(&canonical, &metadata)?;
    check_directories(&canonical)?;
    contents(path, file, &metadata)
}

fn canonical(path: &Utf8Path) -> Result<Utf8PathBuf, LoadError> {
    path.canonicalize_utf8().map_err(|source| LoadError::Read { path: path.to_owned(), source })
}

fn open(path: &Utf8Path, flags: OFlags) -> Result<(File, Metadata), LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    // Non-blocking, so that a named pipe in the place of a library is refused rather than waited for.
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    Ok((file, metadata))
}

fn contents(path: &Utf8Path, file: File, metadata: &Metadata) -> Result<Vec<u8>, LoadError> {
    if !metadata.is_file() {
        return Err(LoadError::NotALibrary { path: path.to_owned(), why: "it is not a regular file".to_owned() });
    }
    if metadata.len() > MAX_BYTES {
        return Err(LoadError::NotALibrary { path: path.to_owned(), why: format!("it has {} bytes", metadata.len()) });
    }
    let mut bytes = Vec::new();
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Nobody but the user and root may be able to change the library, or to put another in its place.
fn check_exposure(path: &Utf8Path) -> Result<(), LoadError> {
    let canonical = canonical(path)?;
    check_place(&canonical, &metadata(&canonical)?)?;
    check_directories(&canonical)
}

/// Those above a path without symbolic links.
fn check_directories(canonical: &Utf8Path) -> Result<(), LoadError> {
    canonical.ancestors().skip(1).try_for_each(|place| check_place(place, &metadata(place)?))
}

/// Of what stands there, not of what a symbolic link leads to that has taken its place.
fn metadata(place: &Utf8Path) -> Result<Metadata, LoadError> {
    std::fs::symlink_metadata(place).map_err(|source| LoadError::Read { path: place.to_owned(), source })
}

fn check_place(place: &Utf8Path, metadata: &Metadata) -> Result<(), LoadError> {
    let kind = if metadata.is_dir() { Place::Directory } else { Place::File };
    let user = rustix::process::geteuid().as_raw();
    match exposure(kind, metadata.uid(), metadata.mode(), user) {
        Some(why) => Err(LoadError::Exposed { path: place.to_owned(), why }),
        None => Ok(()),
    }
}

/// What stands on the way to a library.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    Directory,
}

/// Who else than `user` and root may change a place of this owner and mode.
fn exposure(place: Place, owner: u32, mode: u32, user: u32) -> Option<String> {
    if owner != 0 && owner != user {
        return Some(format!("it belongs to user {owner}"));
    }
    // In a directory with the sticky bit, such as /tmp, others cannot replace what is ours.
    let sticky = place == Place::Directory && mode & 0o1000 != 0;
    (mode & 0o022 != 0 && !sticky).then(|| format!("its mode is {:o}", mode & 0o7777))
}

fn write_copy(root: &Utf8Path, copy: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let directory = copy.parent().unwrap_or(root);
    files::private_directory(root)?;
    files::private_directory(directory)?;
    files::write_atomic(copy, bytes, 0o500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_library_said_is_kept_although_this_version_does_not_know_all_of_it() {
        let home = tempfile::tempdir().unwrap();
        let vault = Vault::new(Utf8PathBuf::from_path_buf(home.path().join("vault")).unwrap());
        let hash = "0".repeat(64);
        let copy = vault.root.join(&hash).join("lib.so");
        let stored =
            Stored { path: copy.clone(), sha256: hash.clone(), inspected: Inspected { symbol: String::new() } };
        write_copy(&vault.root, &copy, b"").unwrap();
        let said = serde_json::json!({
            "wire": "1.7",
            "library": {"name": "acme", "version": "1.0.0", "sdk": "1.7.0", "signed": true},
            "components": [{"slot": "oracle", "name": "acme", "methods": [], "config_schema": {}}],
        });
        let kept = copy.with_file_name(MANIFEST_FILE);
        files::write_atomic(&kept, said.to_string().as_bytes(), 0o600).unwrap();
        let understood: Manifest = serde_json::from_value(said.clone()).unwrap();
        assert_eq!(vault.keep_manifest(&stored, &understood).unwrap(), understood);
        let json = |path| serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(json(&kept), said, "the slot and the field of the future are still there");
        let mut other = understood.clone();
        other.wire = "1.8".to_owned();
        vault.keep_manifest(&stored, &other).unwrap();
        assert_eq!(vault.manifest(&hash), Some(other), "what is kept is of this library");
    }

    #[test]
    fn what_is_checked_is_what_is_read() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let home = tempfile::tempdir().unwrap();
        let home = Utf8PathBuf::from_path_buf(home.path().canonicalize().unwrap()).unwrap();
        let (file, link) = (home.join("lib.so"), home.join("link.so"));
        files::write_atomic(&file, b"bytes", 0o600).unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(read_unexposed(&link).unwrap(), b"bytes", "through a link to the path that it stands for");
        let swapped = open(&link, OFlags::NOFOLLOW).map(drop).unwrap_err();
        assert!(matches!(swapped, LoadError::Read { .. }), "a link in the place of the file: {swapped}");
        // The file behind the descriptor, whatever has its name by now.
        let (opened, metadata) = open(&file, OFlags::NOFOLLOW).unwrap();
        files::write_atomic(&file, b"others", 0o600).unwrap();
        assert_eq!(contents(&file, opened, &metadata).unwrap(), b"bytes");
        for exposed in [&file, &home] {
            let before = std::fs::metadata(exposed).unwrap().permissions();
            std::fs::set_permissions(exposed, PermissionsExt::from_mode(0o722)).unwrap();
            for path in [&file, &link] {
                let refused = read_unexposed(path).unwrap_err();
                assert!(matches!(&refused, LoadError::Exposed { path, .. } if path == exposed), "{refused}");
            }
            std::fs::set_permissions(exposed, before).unwrap();
        }
    }

    #[test]
    fn only_the_user_and_root_may_be_able_to_change_a_library() {
        use Place::{Directory, File};
        let me = 1000;
        let exposed = |place, owner, mode| exposure(place, owner, mode, me);
        for owner in [0, me] {
            assert_eq!(exposed(File, owner, 0o100_755), None);
            assert_eq!(exposed(Directory, owner, 0o040_755), None);
            assert_eq!(exposed(Directory, owner, 0o041_777), None, "sticky, like /tmp");
            for mode in [0o775, 0o757, 0o777, 0o720, 0o702] {
                assert!(exposed(File, owner, 0o100_000 | mode).is_some(), "{mode:o}");
                assert!(exposed(Directory, owner, 0o040_000 | mode).is_some(), "{mode:o}");
            }
        }
        assert_eq!(exposed(File, me, 0o101_777).as_deref(), Some("its mode is 1777"), "sticky files mean nothing");
        for place in [File, Directory] {
            assert_eq!(exposed(place, 1001, 0o700).as_deref(), Some("it belongs to user 1001"));
        }
    }
}
