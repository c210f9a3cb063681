//! `ao __acp`: the process that speaks with the agent, in the terminal of the session's runtime. It outlives the host, so the
//! conversation does; what it is told comes by its socket, what happens stands in its journal.

mod agent;
mod files;
mod serve;

use std::io;
use std::process::ExitCode;

use ao_agent_conversation::desk::Desk;
use ao_agent_conversation::launch;
use ao_plugin_sdk::prelude::*;

use crate::launch::{LAUNCH_VERSION, Launch};

/// Runs the agent that a launch file names until it ends, or this process is ended, and returns its exit code.
///
/// A program that cannot be started, or does not speak the protocol, is no error of this function: the journal and the
/// terminal say so. `now` is the wall clock of the journal.
pub fn run(launch_file: &Utf8Path, now: &dyn Fn() -> Timestamp) -> io::Result<ExitCode> {
    let launch: Launch = launch::read(launch_file, LAUNCH_VERSION)?;
    if launch.argv.is_empty() {
        let message = format!("`{launch_file}` names no program");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let prompt = launch.prompt_file.as_deref().map(launch::read_prompt).transpose()?;
    let (desk, known) = Desk::take(&launch.directory, launch.resume.as_deref(), prompt.as_deref(), now)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(serve::serve(launch, desk, prompt, known));
    // Nobody waits for a disk that answers no more.
    runtime.shutdown_background();
    ended
}
