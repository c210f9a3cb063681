//! Asking a host that runs to look at everything now, and waiting until it has.

#![expect(clippy::disallowed_methods, reason = "waits for another process, with a deadline")]

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use ao_core::{Error, Result};
use camino::Utf8Path;
use fs_err::os::unix::fs::OpenOptionsExt;

use super::record::{self, HostState};
use crate::store::{Reader, SqliteReader, StoreWatch};
use crate::world::{Places, World, files};

/// A file of the state directory that means, whenever it is written: look at everything now.
pub(super) const LOOK_FILE: &str = "look";

/// How soon it is looked without a hint whether the host has looked.
const EVERY: Duration = Duration::from_millis(200);

/// What a time is exact to.
const TICK: Duration = Duration::from_millis(1);

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The host has looked at everything since it was asked.
    Looked,
    /// It has not, and was waited for long enough.
    TooLate,
    /// No host runs any more, or none ran.
    NoHost,
}

/// Asks the host to look at everything, and waits until it has, for so long at most.
pub fn ask_for_look(places: &Places, world: &World, patience: Duration) -> Result<Answer> {
    let asked = world.now();
    // Times are written in milliseconds: a look of the same one may have begun before.
    std::thread::sleep(TICK);
    let give_up = Instant::now() + patience;
    let (wake, written) = channel();
    // Where writes cannot be watched, it is looked now and then.
    let watch = StoreWatch::new(&places.state_db(), move || {
        // Nobody listens any more.
        let _ = wake.send(());
    });
    let mut question = Some(places.state().join(LOOK_FILE));
    loop {
        if !matches!(record::look(places), HostState::Running(_)) {
            return Ok(Answer::NoHost);
        }
        if let Some(question) = question.take() {
            write(&question).map_err(|error| {
                Error::unavailable(format!("cannot ask the host to look, by writing `{question}`: {error}"))
            })?;
        }
        let host = SqliteReader::open(&places.state_db())?.host()?;
        if host.and_then(|host| host.looked_at).is_some_and(|looked| looked > asked) {
            return Ok(Answer::Looked);
        }
        let left = give_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Answer::TooLate);
        }
        if written.recv_timeout(left.min(EVERY)) == Err(RecvTimeoutError::Disconnected) && watch.is_none() {
            std::thread::sleep(left.min(EVERY));
        }
        // Many hints are one.
        while written.try_recv().is_ok() {}
    }
}

/// That it is written is all that counts: what is in it means nothing, and nothing is lost with it.
fn write(question: &Utf8Path) -> std::io::Result<()> {
    let mut options = fs_err::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(files::PRIVATE_FILE).open(question)?;
    file.write_all(b"now\n")
}
