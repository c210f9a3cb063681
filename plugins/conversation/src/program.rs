//! Whether the agent's program is there, and which version it is.

#![expect(clippy::disallowed_methods, reason = "sessions find programs on the host's PATH, read here and nowhere else")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

/// How long the program may take to say its version.
const VERSION_WITHIN: Duration = Duration::from_secs(6);

/// A program that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub at: Utf8PathBuf,
    /// Its version, where it says one.
    pub version: Option<String>,
}

/// Looks for a program as a session would, with these variables on top of the host's, and asks it for its version. Where
/// there is none, says why; `setting` is what names it in the configuration.
pub async fn look_for(
    program: &str,
    env: &BTreeMap<String, String>,
    cwd: Option<Utf8PathBuf>,
    setting: &'static str,
) -> Result<std::result::Result<Found, String>> {
    let path = env.get("PATH").map(OsString::from).or_else(|| std::env::var_os("PATH")).unwrap_or_default();
    let wanted = program.to_owned();
    let at = match blocking(move || Ok(find(&wanted, &path, cwd.as_deref(), setting))).await? {
        Ok(at) => at,
        Err(message) => return Ok(Err(message)),
    };
    let mut asked = command(at.as_str()).arg("--version").timeout(VERSION_WITHIN);
    for (name, value) in env {
        asked = asked.env(name, value);
    }
    let version = match asked.output().await {
        Ok(output) if output.status.success() => version_in(&output.text()),
        _ => None,
    };
    Ok(Ok(Found { at, version }))
}

/// How `ao doctor` shows what was found.
#[must_use]
pub fn finding(program: &str, found: AgentAvailability) -> Finding {
    let level = match found.state {
        AvailabilityState::Usable => FindingLevel::Ok,
        AvailabilityState::Missing => FindingLevel::Fail,
        _ => FindingLevel::Warn,
    };
    Finding::new(level, program, found.message)
}

/// The first word that begins with a digit and has a dot.
fn version_in(text: &str) -> Option<String> {
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let words = line.split(|character: char| character.is_whitespace() || matches!(character, '(' | ')' | ',' | '/'));
    let word = words.map(|word| word.trim_start_matches('v'));
    word.into_iter()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'))
        .map(|word| one_line(word, 60))
}

/// Looks for a program as execvp(3) does, and says what to do where there is none. Blocks its thread.
fn find(program: &str, path: &OsString, cwd: Option<&Utf8Path>, setting: &str) -> Result<Utf8PathBuf, String> {
    if program.contains('/') {
        let at = cwd.map_or_else(|| program.into(), |cwd| cwd.join(program));
        let missing = || format!("there is no program at `{at}`; correct {setting}");
        return if is_program(&at) { Ok(at) } else { Err(missing()) };
    }
    let directories = std::env::split_paths(path).filter_map(|directory| Utf8PathBuf::from_path_buf(directory).ok());
    directories
        .map(|directory| directory.join(program))
        .find(|at| is_program(at))
        .ok_or_else(|| format!("`{program}` is not on the PATH; install it, or write its whole path as {setting}"))
}

fn is_program(at: &Utf8Path) -> bool {
    const ANYBODY: u32 = 0o111;
    fs_err::metadata(at).is_ok_and(|found| found.is_file() && found.permissions().mode() & ANYBODY != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(version_in(said).as_deref(), version, "{said}");
        }
    }
}
