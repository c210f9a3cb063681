//! What these tasks read from their surroundings: the one module here that looks at environment variables.

#![expect(clippy::disallowed_methods, reason = "the module that reads the environment for all the others")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Returns the directory of the workspace: the parent of this crate's.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("this crate is a folder of the workspace").to_path_buf()
}

/// Returns the `cargo` that runs this task, so that every step uses one toolchain.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Returns what cargo told this process about its own package: variables that a nested cargo must not see.
///
/// A build script that watches one of them would otherwise run again, and rebuild its crate, whenever a task starts it.
pub(crate) fn package_variables() -> Vec<OsString> {
    let foreign = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_str().is_some_and(foreign)).collect()
}

/// Returns where programs are.
pub(crate) fn path() -> Option<OsString> {
    std::env::var_os("PATH")
}

/// Where a task runs: before a developer, or unattended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A developer's machine: a missing engine is said and skipped.
    Desk,
    /// Continuous integration (`CI` is set): a missing engine is a failure unless it was declared optional.
    Ci,
}

/// Returns where this task runs.
pub(crate) fn place() -> Place {
    match std::env::var("CI").as_deref() {
        Ok("" | "0" | "false") | Err(_) => Place::Desk,
        Ok(_) => Place::Ci,
    }
}

/// Returns the engines whose absence is accepted in CI: the comma-separated names in `AO_OPTIONAL_ENGINES`.
pub(crate) fn optional_engines() -> Vec<String> {
    let names = std::env::var("AO_OPTIONAL_ENGINES").unwrap_or_default();
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Names compilers to test the plugin boundary with, besides this workspace's own.
pub(crate) const SECOND_COMPILERS: &str = "AO_SECOND_RUSTC";

/// Returns the compilers that the user names: paths of `rustc`, separated by `:`.
pub(crate) fn second_compilers() -> Vec<PathBuf> {
    let paths = std::env::var_os(SECOND_COMPILERS).unwrap_or_default();
    std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect()
}
