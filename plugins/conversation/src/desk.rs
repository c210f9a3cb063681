//! What a helper holds while it runs: the journal, and the lock that says that nobody else speaks for its launch.

use std::fs::File;
use std::io;

use ao_plugin_sdk::prelude::*;

use crate::former;
use crate::journal::{DIRECTORY, Entry, Event, Queue, View, Writer, read_whole};
use crate::launch::{is_launch, prompt_key};

/// What is known of a conversation: what the host is told of it, and what the helper has to know besides.
pub type Known = (View, Queue);

/// A helper's desk.
pub struct Desk<'a> {
    /// The directory of its files.
    pub files: Utf8PathBuf,
    /// Where it writes what happens.
    pub journal: Writer,
    /// The wall clock.
    pub now: &'a dyn Fn() -> Timestamp,
    /// Nobody else speaks for this launch.
    _lock: File,
}

impl<'a> Desk<'a> {
    /// Takes the desk of a launch's directory, which somebody else may hold. `resume` is the conversation that goes on, and
    /// `prompt` what comes with the launch.
    pub fn take(
        directory: &Utf8Path,
        resume: Option<&str>,
        prompt: Option<&str>,
        now: &'a dyn Fn() -> Timestamp,
    ) -> io::Result<(Self, Known)> {
        let files = directory.join(DIRECTORY);
        private_directory(&files)?;
        let lock = lock(&files)?;
        let (known, is_own) = known(directory, resume, prompt, now())?;
        let journal = Writer::open(directory)?;
        let mut desk = Self { files, journal, now, _lock: lock };
        if !is_own && known != (View::new(known.0.since), Queue::default()) {
            // What a former launch left stands in this one's journal from here on.
            desk.note(Event::Snapshot { view: Box::new(known.0.clone()), queue: Box::new(known.1.clone()) })?;
        }
        Ok((desk, known))
    }

    /// Writes an event down. It is on the disk when this returns.
    pub fn note(&mut self, event: Event) -> io::Result<()> {
        self.journal.append(&Entry { at: (self.now)(), event })
    }
}

/// What a journal of this launch says, and that it is its own; or what that of the conversation's former launch says. Of a
/// conversation that was never opened, or that nobody knows, only what was said to the agent and it never got goes on; else
/// nothing.
fn known(
    directory: &Utf8Path,
    resume: Option<&str>,
    prompt: Option<&str>,
    now: Timestamp,
) -> io::Result<(Known, bool)> {
    if let Some(known) = read_whole(directory)? {
        return Ok((known, true));
    }
    let mut known = (View::new(now), Queue::default());
    if let Some((view, queue)) = former::find(directory, resume) {
        // What was taken and never handed over is still to be done.
        known.1 = queue;
        if resume.is_some() {
            known.0.inherit(&view);
        } else {
            // A new conversation is told anew what it is to do first.
            known.1.forget(is_launch);
            if let Some(prompt) = prompt {
                known.1.put_first(prompt_key(directory), prompt.to_owned());
                known.0.prompted = true;
            }
        }
    }
    Ok((known, false))
}

/// Makes a directory for its owner alone.
pub fn private_directory(path: &Utf8Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn lock(directory: &Utf8Path) -> io::Result<File> {
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
