//! Whether the program is there.

#![expect(clippy::disallowed_methods, reason = "sessions find programs on the host's PATH, read here and nowhere else")]

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ao_plugin_sdk::prelude::*;

/// The PATH of this process.
pub(crate) fn host_path() -> Option<OsString> {
    std::env::var_os("PATH")
}

/// Looks for a program as execvp(3) does. Blocks its thread.
pub(crate) fn find(program: &str, path: Option<OsString>, cwd: Option<&Utf8Path>) -> AgentAvailability {
    let usable = |at: &Path| AgentAvailability::new(AvailabilityState::Usable, format!("`{}`", at.display()));
    let missing = |message: String| AgentAvailability::new(AvailabilityState::Missing, message);
    if program.contains('/') {
        let at = cwd.map_or_else(|| program.into(), |cwd| cwd.join(program));
        return match fs_err::metadata(&at) {
            Ok(found) if found.is_file() && is_executable(&found) => usable(at.as_std_path()),
            Ok(found) if found.is_file() => {
                missing(format!("`{at}` is not executable; make it so with `chmod +x {at}`"))
            }
            Ok(_) => missing(format!("`{at}` is not a file; correct the first element of `argv`")),
            Err(error) => {
                missing(format!("there is no program at `{at}` ({error}); correct the first element of `argv`"))
            }
        };
    }
    let path = path.unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|at| fs_err::metadata(at).is_ok_and(|found| found.is_file() && is_executable(&found)));
    match found {
        Some(at) => usable(&at),
        None => missing(format!(
            "`{program}` is not on the PATH; install it, or write its whole path as the first element of `argv`"
        )),
    }
}

fn is_executable(found: &std::fs::Metadata) -> bool {
    const ANYBODY: u32 = 0o111;
    found.permissions().mode() & ANYBODY != 0
}
