//! Where the real agent programs are that the tests drive: `cargo xtask agents install` puts them there.
//!
//! Versions are pinned by `tests/agents`, each in a folder of its own, and a program's path holds its version: what is
//! there is whole, and is never changed. It lies outside of the repository, in `$AO_AGENTS_DIR`, else
//! `$XDG_CACHE_HOME/ao/agents`, else `~/.cache/ao/agents`.

#![expect(clippy::disallowed_methods, reason = "tests ask here, in place of the environment, where programs are")]

mod home;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A program that tests drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agent {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// OpenCode.
    OpenCode,
    /// An adapter that lets Claude Code speak the Agent Client Protocol.
    ClaudeAcp,
}

/// Who needs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The tests of every day.
    Usual,
    /// `cargo xtask deep`.
    Deep,
}

/// What npm is told to install: one package at one version, with all that it needs.
#[derive(Clone, Copy, Debug)]
pub struct Manifest {
    /// `package.json`.
    pub package: &'static str,
    /// `package-lock.json`.
    pub lock: &'static str,
}

macro_rules! manifest {
    ($folder:literal) => {
        Manifest {
            package: include_str!(concat!("../../../agents/", $folder, "/package.json")),
            lock: include_str!(concat!("../../../agents/", $folder, "/package-lock.json")),
        }
    };
}

impl Agent {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Claude, Self::Codex, Self::OpenCode, Self::ClaudeAcp];

    /// Its program's name, by which skipped tests name it, too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::OpenCode => "opencode",
            Self::ClaudeAcp => "claude-code-acp",
        }
    }

    /// Who needs it.
    pub fn need(self) -> Need {
        match self {
            Self::Claude | Self::Codex | Self::OpenCode => Need::Usual,
            Self::ClaudeAcp => Need::Deep,
        }
    }

    /// What npm is told.
    pub fn manifest(self) -> Manifest {
        match self {
            Self::Claude => manifest!("claude"),
            Self::Codex => manifest!("codex"),
            Self::OpenCode => manifest!("opencode"),
            Self::ClaudeAcp => manifest!("claude-code-acp"),
        }
    }

    /// The version that the tests want.
    pub fn version(self) -> String {
        let manifest: Value = serde_json::from_str(self.manifest().package).expect("a file of this repository");
        let mut versions = manifest["dependencies"].as_object().into_iter().flat_map(serde_json::Map::values);
        versions.next().and_then(Value::as_str).expect("it names one package").to_owned()
    }

    /// Its folder below the [`directory`].
    pub fn folder(self, directory: &Path) -> PathBuf {
        directory.join(format!("{}-{}", self.name(), self.version()))
    }

    /// Its program below the [`directory`]: alone in its folder, which so can stand in a `PATH`.
    pub fn program_in(self, directory: &Path) -> PathBuf {
        self.folder(directory).join("bin").join(self.name())
    }

    /// Its program, where it is installed.
    pub fn program(self) -> Option<PathBuf> {
        directory().map(|directory| self.program_in(&directory)).filter(|program| program.exists())
    }

    /// Its program. Without it, that is noted for the summary of the tests and printed, and the test has nothing to do.
    pub fn or_skip(self, test: &str) -> Option<PathBuf> {
        let program = self.program();
        if program.is_none() {
            let why = format!("{} {} is not installed: run `cargo xtask agents install`", self.name(), self.version());
            skip(self.name(), test, &why);
        }
        program
    }
}

/// Where all of them are installed; none without a home.
pub fn directory() -> Option<PathBuf> {
    let place = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || place("XDG_CACHE_HOME").or_else(|| Some(place("HOME")?.join(".cache")));
    place("AO_AGENTS_DIR").or_else(|| Some(cache()?.join("ao/agents")))
}

#[expect(clippy::print_stderr, reason = "a test says that it was skipped")]
fn skip(engine: &str, test: &str, why: &str) {
    eprintln!("SKIPPED (engine missing): {engine}: {test}: {why}");
    if let Some(file) = std::env::var_os("AO_TEST_SKIPS") {
        let noted = OpenOptions::new().append(true).create(true).open(file);
        let line = format!("{engine}\t{test}\t{why}\n");
        noted.and_then(|mut file| file.write_all(line.as_bytes())).expect("the note of a skipped test can be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_pinned_by_its_lock() {
        for agent in Agent::ALL {
            let version = agent.version();
            assert!(version.split('.').count() == 3 && !version.contains(['^', '~', '*']), "{agent:?} {version}");
            let lock: Value = serde_json::from_str(agent.manifest().lock).unwrap();
            let packages = lock["packages"].as_object().unwrap();
            assert_eq!(
                packages[""]["dependencies"],
                serde_json::from_str::<Value>(agent.manifest().package).unwrap()["dependencies"]
            );
            for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
                assert!(package["integrity"].is_string() && package.get("resolved").is_none(), "{agent:?}: {name}");
            }
        }
    }

    #[test]
    fn paths_hold_names_and_versions() {
        let program = Agent::Codex.program_in(Path::new("/cache"));
        assert_eq!(program, Path::new(&format!("/cache/codex-{}/bin/codex", Agent::Codex.version())));
    }
}
