//! A worktree's directory and its private git directory, as they stand in the file system. Everything here blocks its
//! thread.

use std::io::ErrorKind;

use ao_plugin_sdk::prelude::*;

use crate::links::Link;
use crate::porcelain::HALF_MADE;

/// What stands at a worktree's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing.
    Missing,
    /// A directory with nothing but directories in it, or nothing but git's own file as well.
    Empty,
    /// A worktree of the repository.
    Worktree(Private),
    /// Something else, for this reason.
    Foreign(String),
}

/// A worktree's private git directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Private {
    /// Where it is.
    pub(crate) directory: Utf8PathBuf,
    /// How far git came with it.
    pub(crate) stage: Stage,
}

/// How far git came with a worktree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It was interrupted while it wrote the files.
    HalfMade,
    /// All is there.
    Whole,
}

/// What a worktree's private directory holds when nothing was done in the worktree yet.
const FRESH: &[&str] = &[
    "HEAD",
    "ORIG_HEAD",
    crate::identify::FILE,
    "commondir",
    "config.worktree",
    "gitdir",
    "index",
    "info",
    "logs",
    "refs",
    "reftable",
];

/// What it holds besides when git was stopped while it made the worktree, or `discard` while it took it back.
const CUT_SHORT: &[&str] = &[
    "HEAD.lock",
    "ORIG_HEAD.lock",
    INDEX,
    "ao-index.lock",
    "config.worktree.lock",
    "index.lock",
    "locked",
    // The check-out ends by removing what a merge or the like would have left, each under its lock.
    "AUTO_MERGE.lock",
    "CHERRY_PICK_HEAD.lock",
    "MERGE_HEAD.lock",
    "REVERT_HEAD.lock",
];

/// An index of our own for a half-made worktree, in its private directory.
pub(crate) const INDEX: &str = "ao-index";

/// Looks at a path that should be a worktree of the repository with this common directory.
pub(crate) fn look(common: &Utf8Path, path: &Utf8Path) -> Result<Place> {
    let unreadable = |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot look at `{path}`"), error);
    match fs_err::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Place::Missing),
        Err(error) => return Err(unreadable(&error)),
        Ok(found) if !found.is_dir() => return Ok(Place::Foreign("it is not a directory".into())),
        Ok(_) => {}
    }
    let empty = contents(path, &[]).map_err(|error| unreadable(&error))?.is_empty();
    let pointer = match fs_err::read_to_string(path.join(".git")) {
        Ok(pointer) if pointer.is_empty() && empty => return Ok(Place::Empty),
        Ok(pointer) => pointer,
        Err(_) if empty => return Ok(Place::Empty),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Place::Foreign("it holds files but is no git worktree".into()));
        }
        Err(_) => return Ok(Place::Foreign("it is a repository of its own".into())),
    };
    let Some(directory) = pointer.trim_end().strip_prefix("gitdir: ") else {
        return Ok(Place::Foreign("its `.git` is not git's".into()));
    };
    let directory = path.join(directory);
    let Ok(directory) = directory.canonicalize_utf8() else {
        let foreign = Place::Foreign(format!("git's own directory for it, `{directory}`, is gone"));
        return Ok(if empty { Place::Empty } else { foreign });
    };
    let all = common.canonicalize_utf8().map_err(|error| unreadable(&error))?.join("worktrees");
    if directory.parent() != Some(&all) {
        return Ok(Place::Foreign(format!("it belongs to another repository, `{directory}`")));
    }
    inspect(&directory, empty).map_err(|error| unreadable(&error))
}

/// Looks into the private directory: nothing may stand there that only work leaves behind.
fn inspect(directory: &Utf8Path, empty: bool) -> std::io::Result<Place> {
    let foreign = |why: String| Ok(Place::Foreign(why));
    let mut names = Vec::new();
    for entry in directory.read_dir_utf8()? {
        names.push(entry?.file_name().to_owned());
    }
    let has = |name: &str| names.iter().any(|other| other == name);
    let mut stage = if has("index") { Stage::Whole } else { Stage::HalfMade };
    if has("locked") {
        let reason = fs_err::read_to_string(directory.join("locked"))?;
        match reason.trim() {
            HALF_MADE => stage = Stage::HalfMade,
            "" => return foreign("it is locked".into()),
            reason => return foreign(format!("it is locked: {reason}")),
        }
    }
    if empty && !has("index") {
        return Ok(Place::Empty);
    }
    let left = |name: &str| stage == Stage::HalfMade && CUT_SHORT.contains(&name);
    if let Some(name) = names.iter().find(|name| !FRESH.contains(&name.as_str()) && !left(name)) {
        return foreign(format!("something was done in it: git keeps `{name}` for it"));
    }
    for name in directory.join("refs").read_dir_utf8().into_iter().flatten() {
        let name = name?;
        // A table of refs leaves one empty name here for older versions of git.
        if !(has("reftable") && name.file_name() == "heads") {
            return foreign(format!("something was done in it: it has refs of its own, `refs/{}`", name.file_name()));
        }
    }
    Ok(Place::Worktree(Private { directory: directory.to_owned(), stage }))
}

/// What git keeps of a worktree whose directory is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Nothing.
    None,
    /// Its private directory.
    Kept(Private),
    /// Its private directory, which somebody locked for this reason.
    Locked(String),
}

/// Finds git's record of a worktree without asking git, which gives up on all worktrees when one was cut short.
pub(crate) fn record(common: &Utf8Path, path: &Utf8Path) -> Result<Record> {
    let all = common.join("worktrees");
    let failed = |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot look at `{all}`"), error);
    let Ok(entries) = all.read_dir_utf8() else { return Ok(Record::None) };
    for entry in entries {
        let directory = entry.map_err(|error| failed(&error))?.into_path();
        if !is_of(&directory, path) {
            continue;
        }
        let lock = fs_err::read_to_string(directory.join("locked"));
        let stage = match lock.as_deref().map(str::trim) {
            _ if worktree_of(&directory).is_none() => Stage::HalfMade,
            Ok(HALF_MADE) => Stage::HalfMade,
            Ok(reason) => return Ok(Record::Locked(reason.to_owned())),
            Err(_) => Stage::Whole,
        };
        return Ok(Record::Kept(Private { directory, stage }));
    }
    Ok(Record::None)
}

/// git's own directory for the worktree at this path, whether or not the worktree is there.
pub(crate) fn private_directory(common: &Utf8Path, path: &Utf8Path) -> Result<Option<Utf8PathBuf>> {
    let all = common.join("worktrees");
    let failed = |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot look at `{all}`"), error);
    let Ok(entries) = all.read_dir_utf8() else { return Ok(None) };
    for entry in entries {
        let directory = entry.map_err(|error| failed(&error))?.into_path();
        if is_of(&directory, path) {
            return Ok(Some(directory));
        }
    }
    Ok(None)
}

/// Why a worktree in the trash is locked.
const IN_TRASH: &str = "ao: in the trash";

/// Keeps `git worktree prune` away from a worktree in the trash, or lets it be again. A lock of somebody else stays.
pub(crate) fn lock(private: &Utf8Path, purpose: Purpose) -> Result<()> {
    let file = private.join("locked");
    let reason = fs_err::read_to_string(&file).ok();
    let is_free = reason.as_deref().is_none_or(|reason| reason.trim() == HALF_MADE);
    let done = match purpose {
        Purpose::Trash if is_free => ao_plugin_sdk::files::write_atomically(&file, IN_TRASH.as_bytes()),
        Purpose::Work if reason.as_deref() == Some(IN_TRASH) => fs_err::remove_file(&file),
        _ => Ok(()),
    };
    done.map_err(|error| Error::wrap(Code::OTHER, "cannot change git's lock of the worktree", &error))
}

/// Whether the worktree at this path is in the trash.
pub(crate) fn is_in_trash(common: &Utf8Path, path: &Utf8Path) -> Result<bool> {
    let private = private_directory(common, path)?;
    let reason = private.and_then(|private| fs_err::read_to_string(private.join("locked")).ok());
    Ok(reason.is_some_and(|reason| reason.trim() == IN_TRASH))
}

/// Drops git's record of a worktree that is gone, or was given up in the trash. A lock of somebody else keeps it.
pub(crate) fn drop_record(common: &Utf8Path, path: &Utf8Path) -> Result<()> {
    let Some(directory) = private_directory(common, path)? else { return Ok(()) };
    let reason = fs_err::read_to_string(directory.join("locked")).ok();
    let ours = |reason: &str| [HALF_MADE, IN_TRASH].contains(&reason.trim());
    if let Some(reason) = reason.filter(|reason| !ours(reason)) {
        return Err(Error::conflict(format!("git's record of `{path}` is locked: {}", reason.trim())));
    }
    forget(&Private { directory, stage: Stage::Whole })
}

/// Whether a private directory belongs to the worktree at this path.
fn is_of(directory: &Utf8Path, path: &Utf8Path) -> bool {
    if let Some(worktree) = worktree_of(directory) {
        return real(&worktree) == real(path);
    }
    // git was stopped before it wrote where the worktree is. It names its directory after the worktree's.
    let early = |name: &str| ["locked", "gitdir"].contains(&name);
    let entries = directory.read_dir_utf8().into_iter().flatten();
    directory.file_name() == path.file_name() && entries.flatten().all(|entry| early(entry.file_name()))
}

/// The worktree that a private directory points at; none where git was stopped before it wrote that.
fn worktree_of(directory: &Utf8Path) -> Option<Utf8PathBuf> {
    let pointer = fs_err::read_to_string(directory.join("gitdir")).ok()?;
    let worktree = Utf8Path::new(pointer.trim_end()).parent()?;
    Some(directory.join(worktree))
}

/// A path that need not exist, with every link above it followed, as git writes it down.
fn real(path: &Utf8Path) -> Utf8PathBuf {
    match (path.parent().map(Utf8Path::canonicalize_utf8), path.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

/// Drops git's record of a worktree that is gone.
#[expect(clippy::disallowed_methods, reason = "git's bookkeeping of a worktree that is gone; it holds no work")]
pub(crate) fn forget(private: &Private) -> Result<()> {
    fs_err::remove_dir_all(&private.directory)
        .map_err(|error| Error::wrap(Code::OTHER, "cannot drop git's record of the worktree", &error))
}

/// Whether a regular file holds nothing but the beginning of this.
pub(crate) fn is_beginning(file: &Utf8Path, whole: &[u8]) -> bool {
    let short = fs_err::symlink_metadata(file)
        .is_ok_and(|found| found.is_file() && usize::try_from(found.len()).is_ok_and(|length| length <= whole.len()));
    short && fs_err::read(file).is_ok_and(|begun| whole.starts_with(&begun))
}

/// What a directory holds besides directories, git's own file and these links. Relative paths.
pub(crate) fn contents(directory: &Utf8Path, links: &[Link]) -> std::io::Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    let mut ahead = vec![Utf8PathBuf::new()];
    while let Some(relative) = ahead.pop() {
        for entry in fs_err::read_dir(directory.join(&relative))? {
            let entry = entry?;
            let path = relative.join(entry.file_name().to_string_lossy().as_ref());
            let made = |link: &Link| link.place() == path && link.is_made(directory);
            if entry.file_type()?.is_dir() {
                ahead.push(path);
            } else if path != ".git" && !links.iter().any(made) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Removes a directory that holds nothing but directories, git's own file and these links. Fails, and leaves the rest,
/// where it holds anything else: directories go only when they are empty.
pub(crate) fn remove(directory: &Utf8Path, links: &[Link]) -> std::io::Result<()> {
    for link in links.iter().filter(|link| link.is_made(directory)) {
        fs_err::remove_file(directory.join(link.place()))?;
    }
    let mut directories = vec![directory.to_owned()];
    let mut next = 0;
    while next < directories.len() {
        let below = fs_err::read_dir(&directories[next])?;
        let at = directories[next].clone();
        for entry in below {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(at.join(entry.file_name().to_string_lossy().as_ref()));
            }
        }
        next += 1;
    }
    for below in directories.iter().skip(1).rev() {
        fs_err::remove_dir(below)?;
    }
    match fs_err::remove_file(directory.join(".git")) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs_err::remove_dir(directory)
}
