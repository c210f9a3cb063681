//! What `ao` itself needs: git, a state directory, a view of processes, a configuration, libraries that can be loaded.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_host::setup::{Loaded, Setup};
use ao_host::store::verify;
use ao_host::world::World;
use ao_host::world::mounts::network_file_system;
use camino::Utf8Path;

use super::{Check, Level};
use crate::edge::Edge;
use crate::failure::Failure;
use crate::manager;
use crate::process::Program;

/// Who looks.
pub(super) const BY: &str = "ao";

/// Everything but the configuration and the plugins.
pub(super) fn checks(edge: &Edge) -> Vec<Check> {
    let mut checks = vec![processes(), state(edge.places.state())];
    checks.extend(database(edge));
    checks.extend(missing_git(edge));
    if cfg!(all(target_env = "musl", target_feature = "crt-static")) {
        let message = "this `ao` is linked statically, so it has the built-in plugins and cannot load libraries";
        checks.push(check(Level::Warn, "libraries", message).remedy("use the build for your system's libc"));
    }
    checks
}

fn check(level: Level, subject: &str, message: impl Into<String>) -> Check {
    Check::new(BY, level, subject, message)
}

/// Git where it cannot be used: `ao init` needs it too. Its version is for the workspace plugin to judge.
fn missing_git(edge: &Edge) -> Option<Check> {
    let path = edge.environment.variable("PATH").map(|path| ("PATH".to_owned(), path.to_owned()));
    let program = Program {
        path: "git".into(),
        arguments: vec!["--version".to_owned()],
        environment: BTreeMap::from_iter(path),
        limit: Duration::from_secs(10),
    };
    match program.run(Utf8Path::new("/")) {
        Ok(ended) if ended.status.success() => None,
        Ok(ended) => Some(check(Level::Fail, "git", format!("`git --version` fails: {}", ended.stderr.trim()))),
        Err(error) => Some(check(Level::Fail, "git", error.to_string()).remedy("install git")),
    }
}

/// Sessions are told alive from dead by their processes' start times.
fn processes() -> Check {
    match World::system().proc.own() {
        Ok(_) => check(Level::Pass, "processes", "processes and their start times can be seen"),
        Err(error) => check(Level::Fail, "processes", format!("processes cannot be seen: {error}"))
            .remedy("mount /proc so that this user sees its own processes"),
    }
}

fn state(state: &Utf8Path) -> Check {
    let existing = state.ancestors().find(|path| path.exists()).unwrap_or(Utf8Path::new("/"));
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if !existing.is_dir() {
        let message = format!("{state} cannot be used: `{existing}` is not a directory");
        return check(Level::Fail, "state", message).remedy("move it away, or set `AO_HOME` to a directory of yours");
    }
    if let Err(error) = rustix::fs::access(existing.as_std_path(), access) {
        let message = format!("{state} cannot be used: `{existing}` is not writable: {error}");
        return check(Level::Fail, "state", message).remedy("set `AO_HOME` to a directory of yours");
    }
    let kind = fs_err::read_to_string("/proc/self/mountinfo").ok();
    match kind.as_deref().and_then(|table| network_file_system(table, existing)) {
        Some(kind) => check(Level::Warn, "state", format!("{state} is on a network file system ({kind})"))
            .remedy("set `AO_HOME` to a local directory: locks and the database are not safe over the network"),
        None => check(Level::Pass, "state", format!("{state} is writable")),
    }
}

/// The database, where there is one or was.
fn database(edge: &Edge) -> Option<Check> {
    const SUBJECT: &str = "database";
    let path = edge.places.state_db();
    let lost = match verify(&path).map_err(ao_core::Error::from).map_err(Failure::from) {
        Ok(()) => manager::lost(edge),
        Err(error) => return Some(Check::of_failure(BY, SUBJECT, &error)),
    };
    match lost {
        Ok(lost) if !lost.is_empty() => {
            let message = format!("{} sessions are not in the database, and something of them is left", lost.len());
            Some(check(Level::Fail, SUBJECT, message).remedy(format!("`{}` brings them back", manager::REBUILD)))
        }
        Ok(_) if path.exists() => Some(check(Level::Pass, SUBJECT, format!("{path} is sound"))),
        Ok(_) => None,
        Err(failure) => Some(Check::of_failure(BY, SUBJECT, &failure)),
    }
}

/// The configuration that applies here, if there is one that can be read; and what there is to say about it.
pub(super) fn configuration(edge: &Edge) -> (Option<Setup>, Vec<Check>) {
    let files = edge.config_files_if_any();
    if files.paths().next().is_none() {
        let message = "there is no agent-orchestrator.yaml here or above";
        let none = check(Level::Warn, "configuration", message).remedy("in a repository: `ao init`");
        return (edge.setup_of(files).ok(), vec![none]);
    }
    match edge.setup_of(files) {
        Ok(setup) => {
            let checks = trust(&setup.loaded).into_iter().chain(libraries(&setup)).collect();
            (Some(setup), checks)
        }
        Err(Failure::Config(problems)) => {
            let message = format!("{} problems, the first: {}", problems.len(), problems[0]);
            (None, vec![check(Level::Fail, "configuration", message).remedy("`ao config check` shows them all")])
        }
        Err(failure) => (None, vec![Check::of_failure(BY, "configuration", &failure)]),
    }
}

fn trust(loaded: &Loaded) -> Vec<Check> {
    let names: Vec<_> = loaded.files.paths().map(ToString::to_string).collect();
    if loaded.untrusted.is_empty() {
        return vec![check(Level::Pass, "configuration", format!("{} can be read and is trusted", names.join(", ")))];
    }
    let untrusted = loaded.untrusted.iter().map(|path| {
        check(Level::Warn, "configuration", format!("{path} is not trusted: nothing in it runs"))
            .remedy(format!("read it, then `ao trust {path}`"))
    });
    untrusted.collect()
}

/// A library that the configuration asks for and that cannot be used is at fault; one that lies around is not.
fn libraries(setup: &Setup) -> Vec<Check> {
    let listed = |path: &Utf8Path| setup.loaded.config.plugins().iter().any(|library| library.path == path);
    let problems = setup.registry.problems().into_iter().map(|problem| {
        let level = if listed(&problem.path) { Level::Fail } else { Level::Warn };
        check(level, "library", problem.to_string())
    });
    problems.collect()
}
