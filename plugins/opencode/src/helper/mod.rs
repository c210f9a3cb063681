//! `ao __opencode`: the process that speaks with OpenCode, in the terminal of the session's runtime. It outlives the host, so
//! the conversation does; what it is told comes by its socket, what happens stands in its journal.

mod calls;
mod connection;
mod provider;
mod serve;

use std::io;
use std::process::ExitCode;

use ao_agent_conversation::desk::Desk;
use ao_agent_conversation::launch;
use ao_plugin_sdk::core::model::process::MARKER_VARIABLE;
use ao_plugin_sdk::prelude::*;

use crate::launch::{LAUNCH_VERSION, Launch};

pub use crate::server::supervisor::run as supervise;

/// Holds the conversation that a launch file names until its server ends, or this process is ended, and returns its exit code.
///
/// A program that cannot be started, or does not answer, is no error of this function: the journal and the terminal say so.
/// `now` is the wall clock of the journal.
pub fn run(launch_file: &Utf8Path, now: &dyn Fn() -> Timestamp) -> io::Result<ExitCode> {
    let mut launch: Launch = launch::read(launch_file, LAUNCH_VERSION)?;
    if let Some(place) = &mut launch.shared {
        place.marker = beside_own(&place.marker);
    }
    let prompt = launch.prompt_file.as_deref().map(launch::read_prompt).transpose()?;
    let (desk, known) = Desk::take(&launch.directory, launch.resume.as_deref(), prompt.as_deref(), now)?;
    let instructions = launch.instructions_file.as_deref().map(launch::read_prompt).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve::serve(launch, desk, (instructions, prompt), known))
}

/// A mark of processes that belong to this installation, and to none of its sessions.
#[expect(clippy::disallowed_methods, reason = "a session's processes know their mark by their environment alone")]
fn beside_own(name: &str) -> String {
    let own = std::env::var(MARKER_VARIABLE).unwrap_or_default();
    own.rsplit_once('/').map_or_else(|| name.to_owned(), |(installation, _)| format!("{installation}/{name}"))
}
