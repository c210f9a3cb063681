//! Whether the agent's program is there, and which version it is.

#![expect(clippy::disallowed_methods, reason = "sessions find programs on the host's PATH, read here and nowhere else")]

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use crate::config::Settings;

/// How long the program may take to say its version.
const VERSION_WITHIN: Duration = Duration::from_secs(6);

/// The codes with which `env` and shells end that cannot start what they are to.
const NOT_RUN: [i32; 2] = [126, 127];

/// Looks for the program, and asks it for its version. One that says none may be usable all the same.
pub(crate) async fn detect(settings: &Settings, cwd: Option<Utf8PathBuf>) -> Result<AgentAvailability> {
    let program = settings.program().to_owned();
    let path = settings.env.get("PATH").map(OsString::from).or_else(|| std::env::var_os("PATH")).unwrap_or_default();
    let (wanted, place) = (program.clone(), cwd.clone());
    let found = blocking(move || Ok(find(&wanted, &path, place.as_deref()))).await?;
    let at = match found {
        Ok(at) => at,
        Err(message) => return Ok(AgentAvailability::new(AvailabilityState::Missing, message)),
    };
    let mut asked = command(at.as_str()).arg("--version").timeout(VERSION_WITHIN);
    for (name, value) in &settings.env {
        asked = asked.env(name, value);
    }
    let unknown = |what: String| {
        let message = format!("`{at}` is there, and {what}; try `{program} --version` by hand");
        Ok(AgentAvailability::new(AvailabilityState::Unknown, message))
    };
    let version = match asked.output().await {
        Ok(output) if output.status.success() => version_in(&output.text()),
        // Nobody has to know that argument.
        Ok(output) if output.status.code().is_some_and(|code| !NOT_RUN.contains(&code)) => None,
        Ok(output) => return unknown(format!("fails ({})", output.status)),
        Err(error) => return unknown(format!("does not say its version ({error})")),
    };
    let shown = version.clone().unwrap_or_else(|| "it does not say its version".to_owned());
    let message = format!("`{at}` ({shown}); whether it is logged in is seen at its first prompt");
    let mut availability = AgentAvailability::new(AvailabilityState::Usable, message);
    availability.version = version;
    Ok(availability)
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
fn find(program: &str, path: &OsString, cwd: Option<&Utf8Path>) -> Result<Utf8PathBuf, String> {
    if program.contains('/') {
        let at = cwd.map_or_else(|| program.into(), |cwd| cwd.join(program));
        let missing = || format!("there is no program at `{at}`; correct the first element of `argv`");
        return if is_program(&at) { Ok(at) } else { Err(missing()) };
    }
    let directories = std::env::split_paths(path).filter_map(|directory| Utf8PathBuf::from_path_buf(directory).ok());
    directories.map(|directory| directory.join(program)).find(|at| is_program(at)).ok_or_else(|| {
        format!("`{program}` is not on the PATH; install it, or write its whole path as the first element of `argv`")
    })
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
