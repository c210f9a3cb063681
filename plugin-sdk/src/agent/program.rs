//! Where a program is, as execvp(3) would find it for a session.

#![expect(clippy::disallowed_methods, reason = "sessions find programs on the host's PATH, read here and nowhere else")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};

/// Why there is no program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Absent {
    /// No directory of the PATH has it.
    NotOnPath(String),
    /// There is nothing there that can be read.
    NoFile(Utf8PathBuf),
    /// A directory or something else.
    NotAFile(Utf8PathBuf),
    /// Nobody may execute it.
    NotExecutable(Utf8PathBuf),
}

impl Absent {
    /// The same with what to do: `install` is how it is installed, such as "install it with `npm …`", and `place` is where
    /// the user names it, such as "`binary`".
    #[must_use]
    pub fn advice(&self, install: &str, place: &str) -> String {
        match self {
            Self::NotOnPath(_) => format!("{self}; {install}, or write its whole path as {place}"),
            Self::NoFile(_) => format!("{self}; {install}, or correct {place}"),
            Self::NotAFile(_) => format!("{self}; correct {place}"),
            Self::NotExecutable(at) => format!("{self}; make it so with `chmod +x {at}`"),
        }
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOnPath(program) => write!(f, "`{program}` is not on the PATH"),
            Self::NoFile(at) => write!(f, "there is no program at `{at}`"),
            Self::NotAFile(at) => write!(f, "`{at}` is not a file"),
            Self::NotExecutable(at) => write!(f, "`{at}` is not executable"),
        }
    }
}

/// A variable of this process, where it is UTF-8 and not empty: what sessions inherit of it, a configuration may have to know.
#[must_use]
pub fn host_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The PATH that a session's programs are looked for on: that of the agent's `env`, else this process's.
#[must_use]
pub fn search_path(env: &BTreeMap<String, String>) -> OsString {
    env.get("PATH").map(OsString::from).or_else(|| std::env::var_os("PATH")).unwrap_or_default()
}

/// Looks for a program. One with a `/` in it is relative to `cwd`. Reads directories: call it in [`crate::blocking`].
pub fn find(program: &str, path: &OsStr, cwd: Option<&Utf8Path>) -> Result<Utf8PathBuf, Absent> {
    if program.contains('/') {
        let at = cwd.map_or_else(|| program.into(), |cwd| cwd.join(program));
        return match std::fs::metadata(&at) {
            Err(_) => Err(Absent::NoFile(at)),
            Ok(found) if !found.is_file() => Err(Absent::NotAFile(at)),
            Ok(_) if !is_executable(at.as_std_path()) => Err(Absent::NotExecutable(at)),
            Ok(_) => Ok(at),
        };
    }
    let directories = std::env::split_paths(path).filter_map(|directory| Utf8PathBuf::from_path_buf(directory).ok());
    let mut all = directories.map(|directory| directory.join(program));
    all.find(|at| is_executable(at.as_std_path())).ok_or_else(|| Absent::NotOnPath(program.to_owned()))
}

/// Whether a file is there that somebody may execute.
#[must_use]
pub fn is_executable(at: &Path) -> bool {
    const ANYBODY: u32 = 0o111;
    std::fs::metadata(at).is_ok_and(|found| found.is_file() && found.permissions().mode() & ANYBODY != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_the_system_finds_it() {
        let scratch = tempfile::tempdir().expect("scratch");
        let root = Utf8Path::from_path(scratch.path()).expect("UTF-8");
        for (name, mode) in [("first/plain", 0o644), ("second/plain", 0o755)] {
            let at = root.join(name);
            std::fs::create_dir(at.parent().expect("a parent")).expect("a directory");
            crate::files::write_atomically(&at, b"").expect("written");
            std::fs::set_permissions(&at, std::fs::Permissions::from_mode(mode)).expect("mode");
        }
        let path = std::env::join_paths([root.join("none"), root.join("first"), root.join("second")]).expect("a path");
        let look = |program: &str| find(program, &path, Some(root));
        assert_eq!(look("plain"), Ok(root.join("second/plain")));
        assert_eq!(look("second/plain"), Ok(root.join("second/plain")));
        assert_eq!(look("other"), Err(Absent::NotOnPath("other".to_owned())));
        assert_eq!(look("./other"), Err(Absent::NoFile(root.join("./other"))));
        assert_eq!(look("./second"), Err(Absent::NotAFile(root.join("./second"))));
        assert_eq!(look("first/plain"), Err(Absent::NotExecutable(root.join("first/plain"))));
        let advice = look("other").expect_err("absent").advice("install it with care", "`binary`");
        assert_eq!(advice, "`other` is not on the PATH; install it with care, or write its whole path as `binary`");
    }

    #[test]
    fn an_agents_own_path_wins() {
        let env = BTreeMap::from([("PATH".to_owned(), "/opt/bin".to_owned())]);
        assert_eq!(search_path(&env), "/opt/bin");
        assert_eq!(Some(search_path(&BTreeMap::new())), std::env::var_os("PATH"));
    }
}
