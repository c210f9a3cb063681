//! Files put into git's store byte for byte, without the conversions that `git add` makes.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ao_plugin_sdk::prelude::*;

use super::copy::Copy;
use super::index::Entry;

/// A larger file stays in the directory alone, in bytes.
pub(crate) const BIG: u64 = 32 * 1024 * 1024;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// Nothing.
    Gone,
    /// A file, whether it may be executed.
    File(Execution),
    /// A symbolic link to this.
    Link(Vec<u8>),
    /// What cannot go into the store, for this reason.
    Other(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Execution {
    Executable,
    Plain,
}

/// What became of paths that were to be saved.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    /// In the store.
    pub(crate) entries: Vec<(Vec<u8>, Entry)>,
    /// Not there.
    pub(crate) gone: Vec<Vec<u8>>,
    /// Not saved, with the reason.
    pub(crate) only_there: Vec<String>,
}

/// Saves files below a directory. Links are saved as links.
pub(crate) async fn save(copy: &Copy<'_>, root: &Utf8Path, paths: Vec<Vec<u8>>, key: &str) -> Result<Saved> {
    let found = blocking({
        let root = root.to_owned();
        move || Ok(paths.into_iter().map(|path| (look(&root, &path), path)).collect::<Vec<_>>())
    })
    .await?;
    let mut saved = Saved::default();
    let (mut files, mut links) = (Vec::new(), Vec::new());
    for (what, path) in found {
        match what {
            Found::Gone => saved.gone.push(path),
            Found::File(Execution::Executable) => files.push(("100755", path)),
            Found::File(Execution::Plain) => files.push(("100644", path)),
            Found::Link(target) => links.push((path, target)),
            Found::Other(why) => saved.only_there.push(format!("{}: {why}", String::from_utf8_lossy(&path))),
        }
    }
    let names: Vec<_> = files.iter().map(|(_, path)| path.as_slice()).collect();
    let objects = hash(copy, &names).await?;
    saved.entries.extend(
        files.into_iter().zip(objects).map(|((mode, path), object)| (path, Entry { mode: mode.to_owned(), object })),
    );
    saved.entries.extend(save_links(copy, links, key).await?);
    Ok(saved)
}

fn look(root: &Utf8Path, path: &[u8]) -> Found {
    let path = root.as_std_path().join(OsStr::from_bytes(path));
    let Ok(found) = std::fs::symlink_metadata(&path) else { return Found::Gone };
    // Behind a link that took a directory's place is somebody else's file.
    if !is_below(root.as_std_path(), &path) {
        return Found::Gone;
    }
    if found.is_symlink() {
        return std::fs::read_link(&path)
            .map_or(Found::Other("it cannot be read"), |target| Found::Link(target.into_os_string().into_vec()));
    }
    if found.is_dir() {
        return Found::Other("it is a repository of its own");
    }
    if !found.is_file() {
        return Found::Other("it is no ordinary file");
    }
    if found.len() > BIG {
        return Found::Other("it is larger than 32 MiB");
    }
    if std::fs::File::open(&path).is_err() {
        return Found::Other("it cannot be read");
    }
    Found::File(if found.mode() & 0o100 == 0 { Execution::Plain } else { Execution::Executable })
}

/// Whether no directory between the two is a link.
fn is_below(root: &Path, path: &Path) -> bool {
    let between = path.ancestors().skip(1).take_while(|ancestor| *ancestor != root);
    let mut between = between.map(PathBuf::from);
    between.all(|directory| std::fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir()))
}

/// Links have no file that git could read their text from: they get one for as long as it takes.
async fn save_links(copy: &Copy<'_>, links: Vec<(Vec<u8>, Vec<u8>)>, key: &str) -> Result<Vec<(Vec<u8>, Entry)>> {
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let folder = copy.private.join(format!("ao-links-{key}"));
    let (paths, targets): (Vec<_>, Vec<_>) = links.into_iter().unzip();
    let names: Vec<_> = (0..targets.len()).map(|number| folder.join(number.to_string())).collect();
    blocking({
        let (folder, names) = (folder.clone(), names.clone());
        move || {
            let written = fs_err::create_dir_all(&folder).and_then(|()| {
                names.iter().zip(&targets).try_for_each(|(name, target)| write(name.as_std_path(), "100644", target))
            });
            written.map_err(|error| Error::wrap(Code::OTHER, "cannot keep the worktree's links", &error))
        }
    })
    .await?;
    let objects = hash(copy, &names.iter().map(|name| name.as_str().as_bytes()).collect::<Vec<_>>()).await;
    blocking(move || {
        let removed = names.iter().try_for_each(fs_err::remove_file).and_then(|()| fs_err::remove_dir(&folder));
        removed.map_err(|error| Error::wrap(Code::OTHER, "cannot remove what was written aside", &error))
    })
    .await?;
    let entry = |object| Entry { mode: "120000".to_owned(), object };
    Ok(paths.into_iter().zip(objects?.into_iter().map(entry)).collect())
}

/// Puts files into the store as they are; the objects in the same order.
async fn hash(copy: &Copy<'_>, paths: &[&[u8]]) -> Result<Vec<String>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let input: Vec<u8> = paths.iter().flat_map(|path| quoted(path)).collect();
    let output = copy.at(["hash-object", "-w", "--no-filters", "--stdin-paths"]).input(input).run().await?;
    let objects: Vec<_> = output.text().lines().map(str::to_owned).collect();
    if objects.len() != paths.len() {
        return Err(Error::other(format!("git saved {} of {} files", objects.len(), paths.len())));
    }
    Ok(objects)
}

/// Makes the files below a directory, which are those of one tree, those of another: byte for byte, as they were saved.
pub(crate) async fn write_changes(copy: &Copy<'_>, root: &Utf8Path, from: &str, to: &str) -> Result<()> {
    let call = copy.at(["diff-tree", "-r", "-z", "--no-renames", "--end-of-options"]).arg(from).arg(to);
    let listed = call.run().await?.stdout;
    let mut fields = listed.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let (mut removed, mut written) = (Vec::new(), Vec::new());
    // `:<mode> <mode> <object> <object> <letter>` and the path (git-diff-tree(1), "RAW OUTPUT FORMAT").
    while let (Some(change), Some(path)) = (fields.next(), fields.next()) {
        let words: Vec<_> = String::from_utf8_lossy(change).split(' ').map(str::to_owned).collect();
        let [_, mode, _, object, _] = words.as_slice() else { continue };
        match mode.as_str() {
            "000000" => removed.push(path.to_vec()),
            // A submodule's files are its own.
            "160000" => {}
            mode => written.push((path.to_vec(), mode.to_owned(), object.clone())),
        }
    }
    let names: String = written.iter().flat_map(|(_, _, object)| [object, "\n"]).collect();
    let contents = copy.at(["cat-file", "--batch=%(objectsize)"]).input(names).run().await?.stdout;
    let root = root.to_owned();
    blocking(move || {
        let failed = |error: std::io::Error| Error::wrap(Code::OTHER, format!("cannot write `{root}`"), &error);
        for path in removed {
            let path = root.as_std_path().join(OsStr::from_bytes(&path));
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
            // git knows no empty directories.
            let above = path.ancestors().skip(1).take_while(|above| *above != root.as_std_path());
            let _ = above.map(std::fs::remove_dir).take_while(Result::is_ok).count();
        }
        let mut rest = contents.as_slice();
        for (path, mode, _) in written {
            let content = next_content(&mut rest).ok_or_else(|| Error::other("git did not tell a file's content"))?;
            write(&root.as_std_path().join(OsStr::from_bytes(&path)), &mode, content).map_err(failed)?;
        }
        Ok(())
    })
    .await
}

/// Takes one object off `<size><newline><content><newline>`.
pub(crate) fn next_content<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let size: usize = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    let content = rest.get(end + 1..end + 1 + size)?;
    *rest = rest.get(end + 2 + size..)?;
    Some(content)
}

fn write(path: &Path, mode: &str, content: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    // A link is replaced, not followed.
    if std::fs::symlink_metadata(path).is_ok() {
        std::fs::remove_file(path)?;
    }
    if mode == "120000" {
        return std::os::unix::fs::symlink(OsStr::from_bytes(content), path);
    }
    let mode = if mode == "100755" { 0o777 } else { 0o666 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)
}

/// A path as one line, in the quotes that git understands wherever it reads a path a line (git-config(1),
/// `core.quotePath`): any byte may stand in it.
fn quoted(path: &[u8]) -> Vec<u8> {
    let mut line = vec![b'"'];
    for byte in path {
        match byte {
            b'"' | b'\\' => line.extend([b'\\', *byte]),
            0x20..=0x7e => line.push(*byte),
            byte => line.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    line.extend(b"\"\n");
    line
}
