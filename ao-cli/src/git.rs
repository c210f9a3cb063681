//! git, as commands ask it about repositories: no program that a repository names is run for a look.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_core::Error;
use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::process::Program;

/// What git needs of the environment: its own settings, and the user's keys, are found by these.
const SHOWN: [&str; 7] =
    ["HOME", "PATH", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "SSH_AUTH_SOCK", "TMPDIR"];

/// Options before every command.
const QUIET: [&str; 4] = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];

/// git, in a directory.
pub(crate) struct Git {
    /// Where it runs.
    pub(crate) directory: Utf8PathBuf,
    environment: BTreeMap<String, String>,
}

impl Git {
    /// git in a directory that exists.
    pub(crate) fn at(directory: impl Into<Utf8PathBuf>, edge: &Edge) -> Self {
        let variable = |name: &str| Some((name.to_owned(), edge.environment.variable(name)?.to_owned()));
        let mut environment: BTreeMap<_, _> = SHOWN.into_iter().filter_map(variable).collect();
        let fixed = [("LC_ALL", "C"), ("GIT_OPTIONAL_LOCKS", "0"), ("GIT_TERMINAL_PROMPT", "0")];
        environment.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Self { directory: directory.into(), environment }
    }

    /// A command, ready to run.
    pub(crate) fn program(&self, arguments: &[&str]) -> Program {
        Program {
            path: "git".into(),
            arguments: QUIET.iter().chain(arguments).map(|argument| (*argument).to_owned()).collect(),
            environment: self.environment.clone(),
            limit: Duration::from_mins(1),
        }
    }

    /// What git says; nothing where it refuses.
    pub(crate) fn text(&self, arguments: &[&str]) -> Result<Option<String>, Error> {
        Ok(self.program(arguments).run(&self.directory)?.success().map(str::to_owned))
    }

    /// What git says, or why it refuses.
    pub(crate) fn must(&self, arguments: &[&str]) -> Result<String, Error> {
        let ended = self.program(arguments).run(&self.directory)?;
        let words: Vec<_> = arguments.iter().copied().take_while(|word| !word.starts_with('-')).take(2).collect();
        let refused = || {
            let said = ended.stderr.trim();
            Error::other(format!("`git {}` failed in `{}`: {said}", words.join(" "), self.directory))
        };
        ended.success().map(str::to_owned).ok_or_else(refused)
    }

    /// Whether it succeeds.
    pub(crate) fn holds(&self, arguments: &[&str]) -> Result<bool, Error> {
        Ok(self.text(arguments)?.is_some())
    }
}
