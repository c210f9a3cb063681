//! Whether an agent's program is installed and new enough, as `detect` and `doctor` say it.

use std::time::Duration;

use ao_core::slots::agent::{AgentAvailability, AvailabilityState};
use ao_core::slots::common::{Finding, FindingLevel};
use ao_core::text::one_line;
use camino::{Utf8Path, Utf8PathBuf};

use super::program;
use super::settings::Settings;
use crate::{CommandOutput, blocking, command};

/// A program that a plugin knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// What people call it.
    pub name: &'static str,
    /// The version in what `--version` prints; `None` of a program that is another one. See [`version_in`].
    pub says: fn(&str) -> Option<&str>,
    /// The oldest version that will do, by its first numbers.
    pub oldest: &'static [u64],
    /// How it is installed, such as "install it with `npm install …`".
    pub install: &'static str,
    /// How it is made newer, such as "update it with `…`".
    pub update: &'static str,
    /// How long it may take to say its version. `detect` has ten seconds in all.
    pub within: Duration,
}

/// A program that is there, and new enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Where.
    pub at: Utf8PathBuf,
    /// Its version.
    pub version: String,
}

impl Present {
    /// The answer about it: whether somebody is logged in, and the like.
    #[must_use]
    pub fn is(&self, state: AvailabilityState, message: impl Into<String>) -> AgentAvailability {
        let mut found = AgentAvailability::new(state, message);
        found.version = Some(self.version.clone());
        found
    }
}

impl Known {
    /// Looks for the program of these settings and asks it for its version; else says what is wrong with it.
    pub async fn look(
        &self,
        settings: &Settings,
        cwd: Option<&Utf8Path>,
    ) -> std::result::Result<Present, AgentAvailability> {
        let at = locate(&settings.binary, settings, cwd).await.map_err(|absent| {
            let message = absent.advice(self.install, "`binary`");
            AgentAvailability::new(AvailabilityState::Missing, message)
        })?;
        let unknown = |message: String| AgentAvailability::new(AvailabilityState::Unknown, message);
        let said = ask_version(&at, settings, self.within).await;
        let said = said.map_err(|error| unknown(format!("`{at} --version` could not be asked: {error}")))?;
        let text = said.text();
        let Some(version) = (self.says)(&text) else {
            let Self { name, install, .. } = self;
            return Err(unknown(if said.status.success() {
                format!("`{at}` does not say that it is {name}: `{}`", one_line(&text, 80))
            } else {
                format!("{}; {install}", said.failure())
            }));
        };
        let present = Present { at, version: one_line(version, 60) };
        if numbers(version).as_slice() < self.oldest {
            let oldest: Vec<_> = self.oldest.iter().map(ToString::to_string).collect();
            let Self { name, update, .. } = self;
            let message = format!("{name} {} is older than {}; {update}", present.version, oldest.join("."));
            return Err(present.is(AvailabilityState::TooOld, message));
        }
        Ok(present)
    }
}

/// Where a program is that these settings' sessions would start.
pub async fn locate(
    binary: &str,
    settings: &Settings,
    cwd: Option<&Utf8Path>,
) -> std::result::Result<Utf8PathBuf, program::Absent> {
    let (path, cwd) = (program::search_path(&settings.env), cwd.map(Utf8Path::to_owned));
    let wanted = binary.to_owned();
    let looked = blocking(move || Ok(program::find(&wanted, &path, cwd.as_deref()))).await;
    looked.unwrap_or_else(|_| Err(program::Absent::NotOnPath(binary.to_owned())))
}

/// What a program says to `--version`, with the variables of these settings.
pub async fn ask_version(at: &Utf8Path, settings: &Settings, within: Duration) -> ao_core::Result<CommandOutput> {
    let asked = command(at.as_str()).arg("--version").timeout(within);
    settings.env.iter().fold(asked, |asked, (name, value)| asked.env(name, value)).output().await
}

/// The first word of the first line with something in it that is a version: it begins with a digit, or `v` and one, and has
/// a dot.
#[must_use]
pub fn version_in(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let mut words = line.split(|character: char| character.is_whitespace() || "(),/".contains(character));
    words.find_map(|word| {
        let word = word.strip_prefix('v').unwrap_or(word);
        (word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.')).then_some(word)
    })
}

/// The numbers at the beginning of a version.
fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

/// An availability as a finding about `subject`. With what is missing, too old or logged out, no session can work.
#[must_use]
pub fn finding(subject: &str, found: &AgentAvailability) -> Finding {
    let level = match found.state {
        AvailabilityState::Usable => FindingLevel::Ok,
        AvailabilityState::Missing | AvailabilityState::TooOld | AvailabilityState::LoggedOut => FindingLevel::Fail,
        _ => FindingLevel::Warn,
    };
    Finding::new(level, subject, found.message.as_str())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const PARROT: Known = Known {
        name: "Parrot",
        says: |text| text.strip_prefix("parrot "),
        oldest: &[2, 10],
        install: "install it with `npm install parrot`",
        update: "update it with `parrot update`",
        within: Duration::from_secs(20),
    };

    async fn look(script: Option<&str>) -> std::result::Result<Present, AgentAvailability> {
        let scratch = tempfile::tempdir().expect("scratch");
        let at = Utf8Path::from_path(scratch.path()).expect("UTF-8").join("parrot");
        if let Some(script) = script {
            crate::files::write_atomically(&at, format!("#!/bin/sh\n{script}\n").as_bytes()).expect("written");
            std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).expect("mode");
        }
        let settings = Settings { binary: at.into_string(), ..Settings::default() };
        PARROT.look(&settings, None).await
    }

    #[tokio::test]
    async fn what_is_there_is_said() {
        use AvailabilityState::{Missing, TooOld, Unknown};
        for (script, version) in [("echo parrot 2.10.0", "2.10.0"), ("echo parrot 11", "11")] {
            assert_eq!(look(Some(script)).await.expect("present").version, version);
        }
        for (script, state, part) in [
            (None, Missing, "npm install parrot"),
            (Some("echo parrot 2.9.9"), TooOld, "Parrot 2.9.9 is older than 2.10; update it with `parrot update`"),
            (Some("echo a cat"), Unknown, "does not say that it is Parrot: `a cat`"),
            (Some("echo no node >&2; exit 3"), Unknown, "no node"),
        ] {
            let found = look(script).await.expect_err("not fit");
            assert_eq!(found.state, state, "{}", found.message);
            assert!(found.message.contains(part), "{}", found.message);
            assert_eq!(finding("parrot", &found).level == FindingLevel::Warn, state == Unknown);
        }
    }

    #[test]
    fn a_version_is_found_in_what_programs_say() {
        for (said, version) in [
            ("1.18.33\n", Some("1.18.33")),
            ("\n2.1.197 (Claude Code)", Some("2.1.197")),
            ("codex-cli 0.169.0", Some("0.169.0")),
            ("tool v3.2.1-rc.1", Some("3.2.1-rc.1")),
            ("usage: tool [-h]", None),
            ("", None),
        ] {
            assert_eq!(version_in(said), version, "{said}");
        }
        assert_eq!(numbers("3.2.1-rc.1"), [3, 2, 1]);
    }
}
