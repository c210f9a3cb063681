//! Where everything stands: state, data, configuration and sockets, from the environment and the home directory.

use std::ffi::OsString;
use std::io;

use ao_core::model::{ProjectName, SessionId};
use ao_core::slots::common::Owner;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::files;

/// The longest path of a socket, in bytes. The kernels' limits are 104 and 108 with the closing zero (unix(7)).
pub const SOCKET_PATH_MAX: usize = 100;
/// The longest name that a socket in [`Places::run`] may have, in bytes.
pub const SOCKET_NAME_MAX: usize = 32;

/// Why it could not be told where things stand.
#[derive(Debug, Error)]
pub enum PlacesError {
    /// An environment variable that cannot be used.
    #[error("the environment variable `{name}` {problem}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with it, and what to write.
        problem: &'static str,
    },
    /// A directory that could not be resolved.
    #[error("cannot tell where the state is: {0}")]
    Resolve(#[source] io::Error),
    /// A directory that could not be made, or may not be used.
    #[error("cannot use the directory: {0}")]
    Directory(#[source] io::Error),
}

impl From<PlacesError> for ao_core::Error {
    fn from(error: PlacesError) -> Self {
        match &error {
            PlacesError::Variable { name, .. } => Self::invalid_input(error.to_string()).at_field(*name),
            PlacesError::Resolve(_) | PlacesError::Directory(_) => Self::unavailable(error.to_string()),
        }
    }
}

/// Where everything of one installation stands.
///
/// `AO_HOME` moves all of it (`$AO_HOME/{state,data,config,run}`); else the XDG directories say where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    state: Utf8PathBuf,
    data: Utf8PathBuf,
    config: Utf8PathBuf,
    run: Utf8PathBuf,
    owner: String,
}

/// The base directories, before symbolic links are resolved and the run directory is shortened.
#[derive(Debug, PartialEq, Eq)]
struct Bases {
    state: Utf8PathBuf,
    data: Utf8PathBuf,
    config: Utf8PathBuf,
    /// None when the system offers no directory for sockets.
    run: Option<Utf8PathBuf>,
    temporary: Utf8PathBuf,
}

impl Bases {
    fn new(env: &dyn Fn(&str) -> Option<OsString>, home: &Utf8Path) -> Result<Self, PlacesError> {
        let temporary = base(env, "TMPDIR")?.unwrap_or_else(|| "/tmp".into());
        if let Some(all) = variable(env, "AO_HOME")? {
            if !all.is_absolute() {
                let problem = "is not an absolute path; write one, such as `AO_HOME=$PWD/ao-home`";
                return Err(PlacesError::Variable { name: "AO_HOME", problem });
            }
            let at = |name| all.join(name);
            return Ok(Self {
                state: at("state"),
                data: at("data"),
                config: at("config"),
                run: Some(at("run")),
                temporary,
            });
        }
        let xdg = |name, default| Ok(base(env, name)?.unwrap_or_else(|| home.join(default)));
        Ok(Self {
            state: xdg("XDG_STATE_HOME", ".local/state")?.join("ao"),
            data: xdg("XDG_DATA_HOME", ".local/share")?.join("ao"),
            config: xdg("XDG_CONFIG_HOME", ".config")?.join("agent-orchestrator"),
            run: base(env, "XDG_RUNTIME_DIR")?.map(|directory| directory.join("ao")),
            temporary,
        })
    }
}

/// A variable's value; an empty one counts as unset.
fn variable(env: &dyn Fn(&str) -> Option<OsString>, name: &'static str) -> Result<Option<Utf8PathBuf>, PlacesError> {
    let Some(value) = env(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let problem = "is not UTF-8; set `AO_HOME` to a directory whose path is";
    let value = value.into_string().map_err(|_| PlacesError::Variable { name, problem })?;
    Ok(Some(value.into()))
}

/// A base directory; the XDG specification has relative ones ignored.
fn base(env: &dyn Fn(&str) -> Option<OsString>, name: &'static str) -> Result<Option<Utf8PathBuf>, PlacesError> {
    Ok(variable(env, name)?.filter(|path| path.is_absolute()))
}

/// Eight hexadecimal digits of a state directory without symbolic links.
fn owner_id(state: &Utf8Path) -> String {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(state.as_str()));
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// A directory where every socket's path is short enough: the wanted one, else one in the temporary directory that no
/// other user and no other installation has.
fn run_directory(wanted: Option<Utf8PathBuf>, temporary: &Utf8Path, user: u32, owner: &str) -> Utf8PathBuf {
    let fits = |path: &Utf8PathBuf| path.as_str().len() + 1 + SOCKET_NAME_MAX <= SOCKET_PATH_MAX;
    let name = format!("ao-{user}-{owner}");
    let candidates = wanted.into_iter().chain([temporary.join(&name)]);
    candidates.into_iter().find(fits).unwrap_or_else(|| Utf8Path::new("/tmp").join(&name))
}

impl Places {
    /// Finds them. Creates nothing; the file system is asked only for the symbolic links above the directories.
    pub fn resolve(env: &dyn Fn(&str) -> Option<OsString>, home: &Utf8Path) -> Result<Self, PlacesError> {
        let bases = Bases::new(env, home)?;
        let canonical = |path: &Utf8Path| files::canonical(path).map_err(PlacesError::Resolve);
        let state = canonical(&bases.state)?;
        let owner = owner_id(&state);
        // Left as it stands: without its symbolic links a path may be longer.
        let run = run_directory(bases.run, &bases.temporary, rustix::process::getuid().as_raw(), &owner);
        Ok(Self { data: canonical(&bases.data)?, config: canonical(&bases.config)?, state, run, owner })
    }

    /// Creates the directories of state and sockets, each closed to other users.
    pub fn ensure(&self) -> Result<(), PlacesError> {
        let state = ["", "logs", "worktrees", "sessions", "trash", "checks"].map(|name| self.state.join(name));
        for directory in state.iter().chain([&self.run]) {
            files::private_directory(directory).map_err(PlacesError::Directory)?;
        }
        Ok(())
    }

    /// Whose requests these places make.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner::new(self.owner.as_str(), self.run.as_path(), self.state.as_path())
    }

    /// What is to survive, but belongs to this machine: `$XDG_STATE_HOME/ao`.
    #[must_use]
    pub fn state(&self) -> &Utf8Path {
        &self.state
    }

    /// Plugins and trust: `$XDG_DATA_HOME/ao`.
    #[must_use]
    pub fn data(&self) -> &Utf8Path {
        &self.data
    }

    /// Sockets, with names of at most [`SOCKET_NAME_MAX`] bytes.
    #[must_use]
    pub fn run(&self) -> &Utf8Path {
        &self.run
    }

    /// The database.
    #[must_use]
    pub fn state_db(&self) -> Utf8PathBuf {
        self.state.join("state.db")
    }

    /// The directories of all sessions, see [`session_dir`](Self::session_dir).
    #[must_use]
    pub fn sessions(&self) -> Utf8PathBuf {
        self.state.join("sessions")
    }

    /// The worktrees of all sessions, see [`worktree`](Self::worktree).
    #[must_use]
    pub fn worktrees(&self) -> Utf8PathBuf {
        self.state.join("worktrees")
    }

    /// The runs of checks, with what they printed and what is kept between them.
    #[must_use]
    pub fn checks(&self) -> Utf8PathBuf {
        self.state.join("checks")
    }

    /// Where events are kept that have left the database.
    #[must_use]
    pub fn events(&self) -> Utf8PathBuf {
        self.state.join("events")
    }

    /// The logs of `ao` itself.
    #[must_use]
    pub fn logs(&self) -> Utf8PathBuf {
        self.state.join("logs")
    }

    /// A session's worktree.
    #[must_use]
    pub fn worktree(&self, project: &ProjectName, session: &SessionId) -> Utf8PathBuf {
        self.worktrees().join(project.as_str()).join(session.as_str())
    }

    /// A session's own directory: prompt, launch files, holder records, logs. To be made with
    /// [`files::private_directory`].
    #[must_use]
    pub fn session_dir(&self, session: &SessionId) -> Utf8PathBuf {
        self.state.join("sessions").join(session.as_str())
    }

    /// Where removed workspaces are kept for a while.
    #[must_use]
    pub fn trash(&self) -> Utf8PathBuf {
        self.state.join("trash")
    }

    /// Where one removed workspace is kept. As deep as a worktree, so that what leads out of it by a relative path, as
    /// a submodule's git directory does, still does.
    #[must_use]
    pub fn trashed(&self, project: &ProjectName, session: &SessionId, item: &str) -> Utf8PathBuf {
        self.trash().join(project.as_str()).join(format!("{session}.{item}"))
    }

    /// Whether a directory is one of those that are made for sessions, and so may be moved away.
    #[must_use]
    pub fn is_managed(&self, path: &Utf8Path) -> bool {
        let below = path.strip_prefix(self.state.join("worktrees"));
        below.is_ok_and(|rest| {
            let plain = rest.components().all(|part| matches!(part, camino::Utf8Component::Normal(_)));
            plain && rest.components().count() > 1
        })
    }

    /// Where plugin libraries are searched.
    #[must_use]
    pub fn plugins_installed(&self) -> Utf8PathBuf {
        self.data.join("plugins/installed")
    }

    /// Where the copies stand that plugin libraries are loaded from.
    #[must_use]
    pub fn plugins_by_hash(&self) -> Utf8PathBuf {
        self.data.join("plugins/by-hash")
    }

    /// Which configurations and libraries the user trusts.
    #[must_use]
    pub fn trust_file(&self) -> Utf8PathBuf {
        self.data.join("trust.toml")
    }

    /// The configuration that holds in every project.
    #[must_use]
    pub fn global_config(&self) -> Utf8PathBuf {
        self.config.join("config.yaml")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn bases(variables: &[(&str, &str)]) -> Result<Bases, PlacesError> {
        let env =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(*value));
        Bases::new(&env, Utf8Path::new("/home/u"))
    }

    #[test]
    fn defaults_are_those_of_xdg() {
        let expected = Bases {
            state: "/home/u/.local/state/ao".into(),
            data: "/home/u/.local/share/ao".into(),
            config: "/home/u/.config/agent-orchestrator".into(),
            run: None,
            temporary: "/tmp".into(),
        };
        assert_eq!(bases(&[]).unwrap(), expected);
        assert_eq!(bases(&[("XDG_STATE_HOME", "relative"), ("AO_HOME", "")]).unwrap(), expected);
    }

    #[test]
    fn xdg_moves_each_and_ao_home_all() {
        let xdg = [
            ("XDG_STATE_HOME", "/s"),
            ("XDG_DATA_HOME", "/d"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_RUNTIME_DIR", "/r"),
            ("TMPDIR", "/t"),
        ];
        let moved = bases(&xdg).unwrap();
        assert_eq!((moved.state.as_str(), moved.data.as_str()), ("/s/ao", "/d/ao"));
        assert_eq!((moved.config.as_str(), moved.temporary.as_str()), ("/c/agent-orchestrator", "/t"));
        assert_eq!(moved.run.unwrap(), "/r/ao");

        let all = bases(&[&xdg[..], &[("AO_HOME", "/a")]].concat()).unwrap();
        assert_eq!((all.state.as_str(), all.data.as_str(), all.config.as_str()), ("/a/state", "/a/data", "/a/config"));
        assert_eq!(all.run.unwrap(), "/a/run");
    }

    #[test]
    fn an_unusable_ao_home_is_refused_by_name() {
        let error = ao_core::Error::from(bases(&[("AO_HOME", "here")]).unwrap_err());
        assert_eq!((error.code.exit_code(), error.field.as_deref()), (2, Some("AO_HOME")));
        let env = |_: &str| Some(OsString::from_vec(vec![b'/', 0xff]));
        assert!(Bases::new(&env, Utf8Path::new("/")).unwrap_err().to_string().contains("is not UTF-8"));
    }

    #[test]
    fn sockets_fit_wherever_the_run_directory_stands() {
        let run = |wanted: Option<&str>, temporary: &str| {
            run_directory(wanted.map(Utf8PathBuf::from), Utf8Path::new(temporary), 42, "0123abcd")
        };
        let long = format!("/{}", "x".repeat(67));
        assert_eq!(run(Some("/run/user/42/ao"), "/t"), "/run/user/42/ao");
        assert_eq!(run(Some(&long[..67]), "/t"), long[..67]);
        assert_eq!(run(Some(&long), "/t"), "/t/ao-42-0123abcd");
        assert_eq!(run(None, "/t"), "/t/ao-42-0123abcd");
        assert_eq!(run(None, &long), "/tmp/ao-42-0123abcd");
    }

    #[test]
    fn one_directory_has_one_owner_whatever_it_is_called() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        fs_err::os::unix::fs::symlink(&root, root.join("link")).unwrap();
        let at = |home: Utf8PathBuf| {
            let env = |name: &str| (name == "AO_HOME").then(|| home.as_str().into());
            Places::resolve(&env, Utf8Path::new("/nowhere")).unwrap()
        };
        let (direct, linked) = (at(root.join("h")), at(root.join("link/h")));
        assert_eq!(direct.owner().id, linked.owner().id);
        assert_eq!(direct.state_db(), linked.state_db());
        assert_ne!(direct.owner().id, at(root.join("other")).owner().id);
        assert!(direct.owner().id.len() == 8 && direct.owner().id.bytes().all(|byte| byte.is_ascii_hexdigit()));

        assert!(!direct.state().exists(), "resolving created something");
        direct.ensure().unwrap();
        linked.ensure().unwrap();
        for path in [direct.state(), direct.run(), &direct.logs(), &direct.trash()] {
            assert_eq!(fs_err::metadata(path).unwrap().mode() & 0o777, 0o700, "{path}");
        }
    }

    #[test]
    fn places_of_one_home() {
        let env = |name: &str| (name == "AO_HOME").then(|| "/nonexistent".into());
        let places = Places::resolve(&env, Utf8Path::new("/home/u")).unwrap();
        let (project, session) = ("app".parse().unwrap(), "app-1".parse().unwrap());
        assert_eq!(places.worktree(&project, &session), "/nonexistent/state/worktrees/app/app-1");
        assert_eq!(places.session_dir(&session), "/nonexistent/state/sessions/app-1");
        assert_eq!(places.state_db(), "/nonexistent/state/state.db");
        assert_eq!(places.events(), "/nonexistent/state/events");
        assert_eq!(places.plugins_installed(), "/nonexistent/data/plugins/installed");
        assert_eq!(places.plugins_by_hash(), "/nonexistent/data/plugins/by-hash");
        assert_eq!(places.trust_file(), "/nonexistent/data/trust.toml");
        assert_eq!(places.global_config(), "/nonexistent/config/config.yaml");
    }
}
