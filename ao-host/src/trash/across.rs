//! Moving a directory to another file system: a copy, made durable and compared, before anything is removed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ao_core::Result;
use camino::Utf8Path;

use super::disk::Disk;

/// What a path is, as far as a copy can be compared with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory(u32),
    File { mode: u32, length: u64 },
    Link(PathBuf),
}

/// Copies, compares, puts in place, removes.
pub(super) fn relocate(disk: &dyn Disk, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let failed = |error: io::Error| super::cannot(from, to, &error);
    if fs_err::symlink_metadata(to).is_ok() {
        // An earlier try came as far as this: what is left is to remove the original, if it is still the same.
        return finish(disk, from, to);
    }
    let partial = super::partial(to);
    super::remove(disk, &partial)?;
    let copied = copy(disk, from.as_std_path(), partial.as_std_path()).and_then(|()| same(from, &partial));
    if let Err(error) = copied {
        // The original is whole; the copy is nobody's.
        let _ = super::remove(disk, &partial);
        return Err(failed(error));
    }
    disk.rename(&partial, to).map_err(failed)?;
    finish(disk, from, to)
}

/// Removes the original of a copy that is in its place, by now or since an earlier try.
fn finish(disk: &dyn Disk, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let durable = same(from, to).and_then(|()| disk.sync_names(to.parent().unwrap_or(to)));
    durable.map_err(|error| super::cannot(from, to, &error))?;
    super::remove(disk, from)
}

/// Everything below a directory, and the directory itself under the empty path.
pub(super) fn nodes(root: &Path) -> io::Result<BTreeMap<PathBuf, Node>> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![PathBuf::new()];
    while let Some(relative) = ahead.pop() {
        let path = root.join(&relative);
        let meta = std::fs::symlink_metadata(&path)?;
        let mode = meta.mode() & 0o7777;
        let node = if meta.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                ahead.push(relative.join(entry?.file_name()));
            }
            Node::Directory(mode)
        } else if meta.is_symlink() {
            Node::Link(std::fs::read_link(&path)?)
        } else if meta.is_file() {
            Node::File { mode, length: meta.len() }
        } else {
            let message =
                format!("`{}` is neither a file nor a directory: end what uses it, and remove it", path.display());
            return Err(io::Error::new(ErrorKind::Unsupported, message));
        };
        found.insert(relative, node);
    }
    Ok(found)
}

fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    let nodes = nodes(from)?;
    for (relative, node) in &nodes {
        let (source, target) = (from.join(relative), to.join(relative));
        match node {
            Node::Directory(_) => disk.create_directory(&target)?,
            Node::Link(leads) => disk.link(leads, &target)?,
            Node::File { mode, .. } => {
                let mut reader = File::open(&source)?;
                let modified = reader.metadata()?.modified()?;
                disk.write_new(&target, &mut reader, *mode, modified)?;
            }
        }
    }
    // Last, and from below: a closed directory takes no files.
    for (relative, node) in nodes.iter().rev() {
        if let Node::Directory(mode) = node {
            disk.settle(&to.join(relative), *mode)?;
        }
    }
    Ok(())
}

/// Fails where the two are not the same, byte for byte.
fn same(one: &Utf8Path, other: &Utf8Path) -> io::Result<()> {
    let (one, other) = (one.as_std_path(), other.as_std_path());
    let nodes_of_one = nodes(one)?;
    if nodes_of_one != nodes(other)? {
        return Err(io::Error::other("the copy differs: something writes there"));
    }
    for (relative, node) in nodes_of_one {
        if matches!(node, Node::File { .. }) && !same_content(&one.join(&relative), &other.join(&relative))? {
            return Err(io::Error::other(format!(
                "the copy of `{}` differs: something writes there",
                relative.display()
            )));
        }
    }
    Ok(())
}

fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    let (mut left, mut right) = ([0; 8192], [0; 8192]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(other.read(&mut right)? == 0);
        }
        match other.read_exact(&mut right[..read]) {
            Ok(()) if left[..read] == right[..read] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use ao_core::Code;
    use camino::Utf8PathBuf;

    use super::super::disk::Real;
    use super::*;
    use crate::world::files;

    #[test]
    fn a_copy_is_the_same_and_then_the_only_one() {
        let scratch = tempfile::tempdir().expect("scratch");
        let root = Utf8PathBuf::from_path_buf(scratch.path().to_owned()).expect("UTF-8");
        let (from, to) = (root.join("from"), root.join("to"));
        fs_err::create_dir_all(from.join("deep/er")).expect("directory");
        for (name, text) in [("a", "one"), ("deep/er/b", "two"), ("empty", "")] {
            files::write_atomic(&from.join(name), text.as_bytes(), 0o640).expect("file");
        }
        symlink("/nowhere", from.join("link")).expect("link");
        fs_err::set_permissions(from.join("deep"), Permissions::from_mode(0o500)).expect("mode");
        let before = nodes(from.as_std_path()).expect("nodes");
        // What an earlier try had left.
        fs_err::create_dir_all(root.join("to.partial/old")).expect("directory");
        relocate(&Real, &from, &to).expect("moved");
        assert_eq!(nodes(to.as_std_path()).expect("nodes"), before);
        assert!(!from.exists() && !root.join("to.partial").exists());
    }

    #[test]
    fn what_cannot_be_copied_stays() {
        let scratch = tempfile::tempdir().expect("scratch");
        let root = Utf8PathBuf::from_path_buf(scratch.path().to_owned()).expect("UTF-8");
        let (from, to) = (root.join("from"), root.join("to"));
        fs_err::create_dir(&from).expect("directory");
        let socket = std::os::unix::net::UnixListener::bind(from.join("socket")).expect("socket");
        let error = relocate(&Real, &from, &to).expect_err("a socket");
        assert!(error.chain.iter().any(|cause| cause.contains("neither a file nor")), "{error:?}");
        assert_eq!(error.code, Code::OTHER);
        assert!(from.join("socket").exists() && !to.exists() && !root.join("to.partial").exists());
        drop(socket);
    }

    #[test]
    fn a_copy_that_differs_removes_nothing() {
        let scratch = tempfile::tempdir().expect("scratch");
        let root = Utf8PathBuf::from_path_buf(scratch.path().to_owned()).expect("UTF-8");
        let (from, to) = (root.join("from"), root.join("to"));
        for (directory, text) in [(&from, "new"), (&to, "old")] {
            fs_err::create_dir(directory).expect("directory");
            files::write_atomic(&directory.join("a"), text.as_bytes(), 0o600).expect("file");
        }
        relocate(&Real, &from, &to).expect_err("somebody has written since");
        assert!(from.join("a").exists() && to.join("a").exists());
    }
}
