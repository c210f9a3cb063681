//! Starting an agent: the files, the holder, the wait for its record.

#![expect(clippy::disallowed_methods, reason = "the one place that starts a holder outside of any terminal")]

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::Duration;

use ao_core::model::process::{
    CARD_FILE, EXIT_FILE, HOLD_SPEC_FILE, HOLDER_FILE, HOLDER_VERSION, HoldSpec, HoldStdio, HolderRecord,
    MARKER_VARIABLE,
};
use ao_core::model::{InvalidName, PluginName};
use ao_core::slots::common::Owner;
use ao_core::slots::runtime::{CreateRuntime, Liveness};
use ao_core::{Code, Error, Result};
use camino::Utf8Path;

use super::card::{Card, marker, outside_marker};
use super::liveness::liveness;
use super::processes::boot_id;
use super::records::{read_exit, read_record, remove, replace};

/// How long to wait between two looks for the holder's record. A launch takes a few milliseconds.
const LOOK: Duration = Duration::from_micros(500);

/// What the holder of a detached launch complains, in the session's directory.
const COMPLAINTS_FILE: &str = "holder.log";

/// Writes what the holder needs into the session's directory, and returns the argument vector that starts the holder.
///
/// `plugin` is the runtime's name. A directory whose former agent still lives is a conflict; the records of one that
/// has ended are cleared.
pub fn prepare(request: &CreateRuntime, plugin: &str, stdio: HoldStdio) -> Result<Vec<String>> {
    let CreateRuntime { session, directory, cwd, .. } = request;
    if request.argv.first().is_none_or(String::is_empty) {
        return Err(Error::invalid_input("there is no program to run").at_field("argv"));
    }
    if !cwd.is_dir() {
        return Err(Error::invalid_input(format!("`{cwd}` is not a directory")).at_field("cwd"));
    }
    clear(request)?;
    let plugin: PluginName = plugin.parse().map_err(|error: InvalidName| Error::other(error.to_string()))?;
    let marker = marker(&request.owner, session);
    let boot = boot_id()?.to_owned();
    replace(
        &directory.join(CARD_FILE),
        &Card::new(plugin, session.clone(), request.key.clone(), marker.clone(), boot),
    )?;

    let mut env = request.env.clone();
    env.insert(MARKER_VARIABLE.into(), marker);
    let mut spec = HoldSpec::new(HOLDER_VERSION, request.argv.clone(), cwd.clone(), directory.clone(), env);
    spec.stdio = stdio;
    let file = directory.join(HOLD_SPEC_FILE);
    replace(&file, &spec)?;
    Ok(vec![request.holder.to_string(), "__hold".into(), file.into_string()])
}

/// Removes the records of an agent that has ended.
fn clear(request: &CreateRuntime) -> Result<()> {
    let CreateRuntime { session, directory, .. } = request;
    if read_record(directory)?.is_none() && read_exit(directory)?.is_none() {
        return Ok(());
    }
    match liveness(directory) {
        Liveness::Dead { .. } => {
            remove(&directory.join(HOLDER_FILE))?;
            remove(&directory.join(EXIT_FILE))
        }
        Liveness::Unknown { why } => Err(Error::conflict(format!(
            "`{session}` has been started before, and it cannot be told whether it runs: {why}"
        ))),
        _ => Err(Error::conflict(format!("`{session}` runs already; end it with `ao session kill {session}` first"))),
    }
}

/// Waits until the holder of a session's directory has written down its program, at most `limit`.
///
/// A program that could not be started is an error that names it.
pub async fn wait_started(directory: &Utf8Path, limit: Duration) -> Result<HolderRecord> {
    let started = async {
        loop {
            if let Some(outcome) = outcome(directory)? {
                return Ok(outcome);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(limit, started).await.unwrap_or_else(|_| {
        let seconds = limit.as_secs_f32();
        Err(Error::new(Code::TIMEOUT, format!("the holder wrote nothing into `{directory}` within {seconds:.1} s")))
    })
}

/// What the records say of a launch so far.
fn outcome(directory: &Utf8Path) -> Result<Option<HolderRecord>> {
    if let Some(error) = read_exit(directory)?.and_then(|exit| exit.error) {
        return Err(Error::invalid_input(error).at_field("argv"));
    }
    Ok(read_record(directory)?.filter(|record| record.child.is_some()))
}

/// Starts a prepared holder that belongs to no terminal, and waits for its record, at most `limit`.
///
/// The holder gets an environment of its own, so that neither secrets nor another session's marker reach it.
pub async fn start_detached(
    holder: &[String],
    owner: &Owner,
    directory: &Utf8Path,
    limit: Duration,
) -> Result<HolderRecord> {
    let Some((program, arguments)) = holder.split_first() else {
        return Err(Error::invalid_input("there is no holder to start").at_field("holder"));
    };
    let path = directory.join(COMPLAINTS_FILE);
    let complaints = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| Error::wrap(Code::OTHER, format!("cannot write `{path}`"), &error))?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env_clear().env(MARKER_VARIABLE, outside_marker(owner)).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(complaints);
    // Dropping the child leaves it running; tokio waits for it when it ends.
    let mut child = command
        .spawn()
        .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot start the holder `{program}`"), &error))?;
    tokio::select! {
        started = wait_started(directory, limit) => started,
        // The program may have been quicker than we are.
        ended = child.wait() => outcome(directory)?.ok_or_else(|| {
            let said = std::fs::read_to_string(&path).unwrap_or_default();
            let ended = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
            Error::other(format!("the holder ended with {ended}: {}", said.trim()))
        }),
    }
}
