//! `ao __acp`: the process that speaks with the agent, in the terminal of the session's runtime. It outlives the host, so the
//! conversation does; what it is told comes by its socket, what happens stands in its journal.

mod agent;
mod files;
mod former;
mod log;
mod printer;
mod room;
mod serve;
mod socket;
mod wake;

use std::io;
use std::process::ExitCode;

use ao_plugin_sdk::prelude::*;

use crate::journal::{DIRECTORY, Entry, Event, Queue, View, Writer, read_whole};
use crate::launch::{LAUNCH_VERSION, Launch};

/// The longest prompt that comes with a launch, in bytes.
const MOST_PROMPT: u64 = 4 * 1024 * 1024;

/// What a helper holds while it runs.
struct Desk<'a> {
    launch: Launch,
    journal: Writer,
    now: &'a dyn Fn() -> Timestamp,
    /// Nobody else speaks for this directory.
    _lock: std::fs::File,
}

/// Runs the agent that a launch file names until it ends, or this process is ended, and returns its exit code.
///
/// A program that cannot be started, or does not speak the protocol, is no error of this function: the journal and the
/// terminal say so. `now` is the wall clock of the journal.
pub fn run(launch_file: &Utf8Path, now: &dyn Fn() -> Timestamp) -> io::Result<ExitCode> {
    let launch = read_launch(launch_file)?;
    let directory = launch.directory.join(DIRECTORY);
    private_directory(&directory)?;
    let lock = lock(&directory)?;
    let prompt = launch.prompt_file.as_deref().map(read_prompt).transpose()?;
    let known = known(&launch, prompt.as_deref(), now())?;
    let journal = Writer::open(&launch.directory)?;
    let desk = Desk { launch, journal, now, _lock: lock };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(serve::serve(desk, prompt, known));
    // Nobody waits for a disk that answers no more.
    runtime.shutdown_background();
    ended
}

impl Desk<'_> {
    fn note(&mut self, event: Event) -> io::Result<()> {
        self.journal.append(&Entry { at: (self.now)(), event })
    }
}

fn read_launch(path: &Utf8Path) -> io::Result<Launch> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("`{path}` {what}"));
    let launch: Launch =
        serde_json::from_slice(&fs_err::read(path)?).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if launch.version > LAUNCH_VERSION {
        return Err(wrong(format!("is of version {}; use the `ao` that wrote it", launch.version)));
    }
    if launch.argv.is_empty() {
        return Err(wrong("names no program".to_owned()));
    }
    Ok(launch)
}

fn read_prompt(path: &Utf8Path) -> io::Result<String> {
    let length = fs_err::metadata(path)?.len();
    if length > MOST_PROMPT {
        return Err(io::Error::other(format!(
            "the prompt in `{path}` has {length} bytes, and {MOST_PROMPT} is the most"
        )));
    }
    Ok(String::from_utf8_lossy(&fs_err::read(path)?).into_owned())
}

/// What a journal of this launch says, or that of the conversation's former launch. Of a conversation that was never opened,
/// or that nobody knows, only what was said to the agent and it never got goes on; else nothing.
fn known(launch: &Launch, prompt: Option<&str>, now: Timestamp) -> io::Result<(View, Queue)> {
    if let Some(known) = read_whole(&launch.directory)? {
        return Ok(known);
    }
    let mut known = (View::new(now), Queue::default());
    if let Some((view, queue)) = former::find(&launch.directory, launch.resume.as_deref()) {
        // What was taken and never handed over is still to be done.
        known.1 = queue;
        if launch.resume.is_some() {
            known.0.inherit(&view);
        } else {
            // A new conversation is told anew what it is to do first.
            known.1.forget(Launch::is_prompt_key);
            if let Some(prompt) = prompt {
                known.1.put_first(launch.prompt_key(), prompt.to_owned());
            }
        }
    }
    Ok(known)
}

fn private_directory(path: &Utf8Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn lock(directory: &Utf8Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = directory.join("lock");
    let file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(io::Error::other(format!("another process speaks for `{directory}`")))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}
