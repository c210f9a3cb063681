//! Writing a directory whole: beside its place, then renamed. Nothing that is there is ever replaced.

use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use ao_core::{Code, Error};
use camino::Utf8Path;

use super::template::NewFile;

/// Of directories and programs, before the umask of whoever runs this.
const MODE: u32 = 0o777;
/// Of other files.
const MODE_OF_DATA: u32 = 0o666;

/// Refuses a place where something is. An empty directory is nothing.
pub(super) fn refuse_what_is_there(directory: &Utf8Path) -> Result<(), Error> {
    if directory.symlink_metadata().is_err() {
        return Ok(());
    }
    let is_empty = fs_err::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty && !directory.is_symlink() { Ok(()) } else { Err(occupied(directory)) }
}

fn occupied(directory: &Utf8Path) -> Error {
    Error::conflict(format!("`{directory}` exists already and is left as it is; choose another name, or `--dir`"))
}

/// Writes the files into a directory that is not there yet, or is empty.
pub(super) fn directory(directory: &Utf8Path, files: &[NewFile]) -> Result<(), Error> {
    refuse_what_is_there(directory)?;
    let failed = |error: io::Error| Error::wrap(Code::OTHER, format!("cannot write `{directory}`"), &error);
    let parent = directory.parent().filter(|parent| parent.is_dir()).ok_or_else(|| {
        Error::not_found(format!("cannot write `{directory}`: the directory around it is not there; make it first"))
    })?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ao-plugin-new-").permissions(PermissionsExt::from_mode(MODE));
    // Goes away by itself unless it gets its name.
    let beside = builder.tempdir_in(parent).map_err(failed)?;
    for file in files {
        let path = beside.path().join(file.path);
        if let Some(around) = path.parent() {
            std::fs::create_dir_all(around).map_err(failed)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(if file.text.starts_with("#!") { MODE } else { MODE_OF_DATA });
        let mut new = options.open(&path).map_err(failed)?;
        new.write_all(file.text.as_bytes()).and_then(|()| new.sync_all()).map_err(failed)?;
    }
    // The system renames a directory onto nothing but an empty directory.
    std::fs::rename(beside.path(), directory).map_err(|error| match error.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            occupied(directory)
        }
        _ => failed(error),
    })?;
    // It is no temporary directory any more.
    let _ = beside.keep();
    Ok(())
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(scratch.path().to_owned()).unwrap();
        (scratch, path)
    }

    fn names(directory: &Utf8Path) -> Vec<String> {
        let entries = fs_err::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn files(path: &'static str) -> [NewFile; 1] {
        [NewFile { path, text: "text".to_owned() }]
    }

    #[test]
    fn a_directory_appears_whole() {
        let (_scratch, root) = scratch();
        directory(&root.join("new"), &files("src/lib.rs")).unwrap();
        assert_eq!(names(&root), ["new"]);
        assert_eq!(fs_err::read_to_string(root.join("new/src/lib.rs")).unwrap(), "text");
        let mode = |path: &Utf8Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&root.join("new")), mode(&root.join("new/src")));
        assert_eq!(mode(&root.join("new/src/lib.rs")) & 0o111, 0);
        directory(&root.join("runs"), &[NewFile { path: "run.sh", text: "#!/bin/sh\n".to_owned() }]).unwrap();
        assert_ne!(mode(&root.join("runs/run.sh")) & 0o100, 0);
        // An empty directory is as good as none.
        fs_err::create_dir(root.join("empty")).unwrap();
        directory(&root.join("empty"), &files("a")).unwrap();
        assert_eq!(names(&root.join("empty")), ["a"]);
    }

    #[test]
    fn what_is_there_stays_and_nothing_else_is_left() {
        let (_scratch, root) = scratch();
        fs_err::create_dir_all(root.join("full/of")).unwrap();
        fs_err::create_dir(root.join("empty")).unwrap();
        std::os::unix::fs::symlink("empty", root.join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("dangling")).unwrap();
        for name in ["full", "link", "dangling"] {
            let error = directory(&root.join(name), &files("a")).unwrap_err();
            assert_eq!(error.code, Code::CONFLICT, "{error}");
        }
        assert_eq!(directory(&root.join("no/where"), &files("a")).unwrap_err().code, Code::NOT_FOUND);
        let mut there = names(&root);
        there.sort();
        assert_eq!(there, ["dangling", "empty", "full", "link"]);
        assert_eq!((names(&root.join("empty")).len(), names(&root.join("full"))), (0, vec!["of".to_owned()]));
    }

    #[test]
    fn what_cannot_be_finished_is_not_begun() {
        let (_scratch, root) = scratch();
        let twice = [files("a"), files("a")].concat();
        assert!(directory(&root.join("new"), &twice).is_err());
        assert_eq!(names(&root), [""; 0]);
    }
}
