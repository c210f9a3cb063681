//! Which program is started: the one that is named, or, of an installation by npm, the native one behind its wrapper.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use ao_plugin_sdk::agent::program::{find, is_executable};
use ao_plugin_sdk::prelude::*;

/// A program to start, with what its wrapper would have set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: String,
    pub(crate) env: BTreeMap<String, String>,
}

/// The native program behind npm's wrapper, else the program as it is named.
///
/// The wrapper is a script of node's. Newer versions of node let it replace itself by the native program; under an older
/// one it stays above it, and where it alone is killed, the native one works on and keeps its conversation locked.
pub(crate) fn resolve(binary: &str, path: &OsStr, cwd: Option<&Utf8Path>) -> Program {
    let named = || Program { path: binary.to_owned(), env: BTreeMap::new() };
    find(binary, path, cwd).ok().and_then(|at| behind(&at)).unwrap_or_else(named)
}

fn behind(wrapper: &Utf8Path) -> Option<Program> {
    let script = wrapper.canonicalize_utf8().ok()?;
    let package = script.parent()?.parent()?;
    if script.file_name() != Some("codex.js") || package.file_name() != Some("codex") {
        return None;
    }
    let (platform, triple) = platform()?;
    let beside = package.parent()?.join(platform);
    let within = package.join("node_modules/@openai").join(platform);
    let native = [beside, within].map(|place| place.join("vendor").join(triple).join("bin/codex"));
    let native = native.into_iter().find(|at| is_executable(at.as_std_path()))?;
    let set = [("CODEX_MANAGED_BY_NPM", "1"), ("CODEX_MANAGED_PACKAGE_ROOT", package.as_str())];
    let env = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Some(Program { path: native.into_string(), env })
}

/// The package of npm's with this platform's program, and the platform's name in it.
fn platform() -> Option<(&'static str, &'static str)> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some(("codex-linux-x64", "x86_64-unknown-linux-musl")),
        ("linux", "aarch64") => Some(("codex-linux-arm64", "aarch64-unknown-linux-musl")),
        ("macos", "x86_64") => Some(("codex-darwin-x64", "x86_64-apple-darwin")),
        ("macos", "aarch64") => Some(("codex-darwin-arm64", "aarch64-apple-darwin")),
        _ => None,
    }
}
