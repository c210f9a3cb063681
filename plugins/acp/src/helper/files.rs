//! Files that the agent reads and writes through its client: those of its worktree, and no others.
//!
//! An agent that runs as the same user can open any file itself; this keeps its client from doing so in its place.

use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

use ao_plugin_sdk::prelude::*;

use crate::policy::is_gits;
use crate::talk::FileCall;

/// The longest file that is read, in bytes.
const MOST: u64 = 8 * 1024 * 1024;
/// The mode of a new file, before the process's mask.
const NEW_FILE: u32 = 0o666;

/// Reads or writes a file of the worktree. What is written is made in `scratch`, where that can be. The error is for the agent.
pub(super) fn perform(workspace: &Utf8Path, scratch: &Utf8Path, call: &FileCall) -> Result<Value, String> {
    match call {
        FileCall::Read { path, line, limit } => {
            let at = existing(workspace, path)?;
            let text = read(&at).map_err(|error| format!("cannot read `{path}`: {error}"))?;
            Ok(json!({"content": lines(&text, *line, *limit)}))
        }
        FileCall::Write { path, content } => {
            let at = target(workspace, path)?;
            write(&at, scratch, content).map_err(|error| format!("cannot write `{path}`: {error}"))?;
            Ok(json!({}))
        }
    }
}

/// Where a file really is or would be, from the worktree on; none of one that is elsewhere, or cannot be told.
pub(super) fn locate(workspace: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let plain = plain(workspace, path).ok()?;
    let real = match fs::symlink_metadata(&plain) {
        Ok(_) => existing(workspace, path).ok()?,
        Err(_) => missing(workspace, path).ok()?,
    };
    Some(real.strip_prefix(workspace.canonicalize_utf8().ok()?).ok()?.to_owned())
}

/// Where a file really is, which must be within the worktree.
fn existing(workspace: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf, String> {
    let plain = plain(workspace, path)?;
    let real = plain.canonicalize_utf8().map_err(|error| format!("cannot find `{path}`: {error}"))?;
    within(workspace, &real, path)?;
    Ok(real)
}

/// Where a file is to be: what is there already counts, links and all.
fn target(workspace: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf, String> {
    let plain = plain(workspace, path)?;
    let at = match fs::symlink_metadata(&plain) {
        Ok(_) => existing(workspace, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => missing(workspace, path),
        Err(error) => Err(format!("cannot look at `{path}`: {error}")),
    }?;
    let root = workspace.canonicalize_utf8().map_err(|error| format!("cannot find `{workspace}`: {error}"))?;
    if at.strip_prefix(&root).is_ok_and(is_gits) {
        return Err(format!("`{path}` is git's own, and decides what git runs"));
    }
    let parent = at.parent().ok_or_else(|| outside(path))?;
    fs::create_dir_all(parent).map_err(|error| format!("cannot make `{parent}`: {error}"))?;
    Ok(at)
}

/// Where a file would be that is not there: the nearest directory that is decides where the missing ones would be made.
fn missing(workspace: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf, String> {
    let plain = plain(workspace, path)?;
    let is_there = |at: &&Utf8Path| fs::symlink_metadata(at).is_ok();
    let there = plain.ancestors().skip(1).find(is_there).ok_or_else(|| outside(path))?;
    let real = there.canonicalize_utf8().map_err(|error| format!("cannot find `{there}`: {error}"))?;
    within(workspace, &real, path)?;
    Ok(real.join(plain.strip_prefix(there).map_err(|_| outside(path))?))
}

/// The path as it is written, without `..`, from the worktree on.
fn plain(workspace: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf, String> {
    use ao_plugin_sdk::camino::Utf8Component::{CurDir, Normal};
    let relative = match path.strip_prefix(workspace) {
        Ok(relative) => relative,
        Err(_) if path.is_relative() => path,
        Err(_) => return Err(outside(path)),
    };
    let is_plain = relative.components().all(|part| matches!(part, Normal(_) | CurDir));
    if is_plain && !relative.as_str().is_empty() { Ok(workspace.join(relative)) } else { Err(outside(path)) }
}

fn within(workspace: &Utf8Path, real: &Utf8Path, path: &Utf8Path) -> Result<(), String> {
    let root = workspace.canonicalize_utf8().map_err(|error| format!("cannot find `{workspace}`: {error}"))?;
    if real.starts_with(root) { Ok(()) } else { Err(outside(path)) }
}

fn outside(path: &Utf8Path) -> String {
    format!("`{path}` is outside of the worktree")
}

fn read(path: &Utf8Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    // A pipe would be waited for.
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if found.len() > MOST {
        return Err(io::Error::other(format!("it has {} bytes, and {MOST} is the most", found.len())));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

/// So many lines from one on, from 1.
fn lines(text: &str, line: Option<u64>, limit: Option<u64>) -> String {
    let count = |number: Option<u64>, other| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(other);
    text.split_inclusive('\n').skip(count(line, 1).saturating_sub(1)).take(count(limit, usize::MAX)).collect()
}

/// Replaces a file as a whole, with the mode that it had. The new one is made elsewhere on the same file system: one that a
/// killed process left in the worktree would be committed with the rest.
fn write(path: &Utf8Path, scratch: &Utf8Path, content: &str) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is no regular file")),
        Ok(found) => Some(found.permissions().mode()),
        Err(_) => None,
    };
    let is_near = path.parent().is_some_and(|parent| {
        let device = |at: &Utf8Path| fs::metadata(at).map(|found| found.dev()).ok();
        device(parent).is_some() && device(parent) == device(scratch)
    });
    let name = format!(".ao-{:016x}.tmp", RandomState::new().hash_one(path));
    let temporary = if is_near { scratch.join(name) } else { path.with_file_name(name) };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(NEW_FILE).open(&temporary)?;
    let written = file.write_all(content.as_bytes()).and_then(|()| match mode {
        Some(mode) => fs::set_permissions(&temporary, fs::Permissions::from_mode(mode)),
        None => Ok(()),
    });
    let written = written.and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn read_of(root: &Utf8Path, path: impl Into<Utf8PathBuf>) -> Result<Value, String> {
        perform(root, root, &FileCall::Read { path: path.into(), line: None, limit: None })
    }

    fn write_to(root: &Utf8Path, path: impl Into<Utf8PathBuf>) -> Result<Value, String> {
        let scratch = root.parent().unwrap();
        perform(root, scratch, &FileCall::Write { path: path.into(), content: "new\n".to_owned() })
    }

    #[test]
    fn nothing_outside_of_the_worktree_is_touched() {
        let scratch = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(scratch.path()).unwrap();
        let root = top.join("tree");
        fs::create_dir_all(root.join("in")).unwrap();
        fs::create_dir(top.join("tree-2")).unwrap();
        for file in [top.join("secret"), top.join("tree-2/secret"), root.join("in/file")] {
            OpenOptions::new().create(true).append(true).open(file).unwrap().write_all(b"one\ntwo\nthree\n").unwrap();
        }
        symlink(top, root.join("out")).unwrap();
        symlink(top.join("secret"), root.join("link")).unwrap();
        symlink(top.join("not-there"), root.join("dangling")).unwrap();
        symlink("in/file", root.join("inner")).unwrap();
        for path in ["../secret", "in/../../secret", "out/secret", "link", "", ".", "/", "/etc/passwd", "dangling"] {
            assert!(read_of(&root, path).is_err(), "{path}");
        }
        for path in ["../new", "out/new", "out/deep/new", "link", "in/../../new", "", ".", "in", "/new", "dangling"] {
            assert!(write_to(&root, path).is_err(), "{path}");
        }
        for path in [top.join("tree-2/secret"), top.join("tree/../secret")] {
            assert!(read_of(&root, path.clone()).is_err() && write_to(&root, path.clone()).is_err(), "{path}");
        }
        assert_eq!(fs::read_to_string(top.join("secret")).unwrap(), "one\ntwo\nthree\n");
        assert!(!top.join("new").exists() && !top.join("not-there").exists() && !top.join("deep").exists());
        assert_eq!(read_of(&root, root.join("inner")), Ok(json!({"content": "one\ntwo\nthree\n"})));
        let second = FileCall::Read { path: "in/file".into(), line: Some(2), limit: Some(1) };
        assert_eq!(perform(&root, top, &second), Ok(json!({"content": "two\n"})));
    }

    #[test]
    fn nothing_is_written_where_git_looks_for_what_it_runs() {
        let scratch = tempfile::tempdir().unwrap();
        let root = &Utf8Path::from_path(scratch.path()).unwrap().join("tree");
        fs::create_dir_all(root.join(".git/hooks")).unwrap();
        symlink(".git/hooks", root.join("hooks")).unwrap();
        for path in [".git/hooks/pre-commit", "hooks/pre-commit", ".git/new/deep", "vendor/.git", ".GIT/config"] {
            assert!(write_to(root, path).unwrap_err().contains("git's own"), "{path}");
        }
        assert_eq!(fs::read_dir(root.join(".git/hooks")).unwrap().count(), 0);
        assert!(!root.join(".git/new").exists() && !root.join("vendor").exists());
        write_to(root, ".github/workflow").unwrap();
    }

    #[test]
    fn where_a_file_is_is_said_links_and_all() {
        let scratch = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(scratch.path()).unwrap();
        let root = &top.join("tree");
        fs::create_dir_all(root.join("in")).unwrap();
        symlink(top, root.join("out")).unwrap();
        symlink("in", root.join("inner")).unwrap();
        symlink(top.join("not-there"), root.join("dangling")).unwrap();
        for (path, at) in [
            ("in", Some("in")),
            ("inner/new/file", Some("in/new/file")),
            ("out/authorized_keys", None),
            ("out/new/file", None),
            ("dangling", None),
            ("dangling/file", None),
            ("in/../../x", None),
            ("/etc/passwd", None),
        ] {
            assert_eq!(locate(root, Utf8Path::new(path)).as_deref(), at.map(Utf8Path::new), "{path}");
        }
        assert_eq!(locate(root, &root.join("inner/a")).as_deref(), Some(Utf8Path::new("in/a")));
    }

    #[test]
    fn a_file_keeps_its_mode_and_new_ones_get_their_directories() {
        let scratch = tempfile::tempdir().unwrap();
        let root = &Utf8Path::from_path(scratch.path()).unwrap().join("tree");
        fs::create_dir(root).unwrap();
        write_to(root, "a/b/script").unwrap();
        fs::set_permissions(root.join("a/b/script"), fs::Permissions::from_mode(0o755)).unwrap();
        write_to(root, root.join("a/b/script")).unwrap();
        let mode = fs::metadata(root.join("a/b/script")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(fs::read_dir(root.join("a/b")).unwrap().count(), 1, "nothing is left behind");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "nor elsewhere");
        write_to(root, "n".repeat(250)).unwrap();
    }
}
