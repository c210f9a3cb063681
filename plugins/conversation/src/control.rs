//! What the plugin asks a running helper: a line of JSON to its socket, and one back.

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;

use crate::journal::DIRECTORY;

/// The socket's name in the helper's directory.
const SOCKET_FILE: &str = "socket";
/// The longest request, in bytes.
pub const MOST_REQUEST: usize = 8 * 1024 * 1024;

/// What a helper can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[expect(missing_docs, reason = "a variant's line says what its fields are")]
pub enum Request {
    /// Take a prompt. The same key is taken once.
    Prompt { key: String, text: String },
    /// Answer a question, by what the answer does. The same key answers once.
    Answer { key: String, ask: String, answer: String },
    /// End the turn.
    Cancel,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "a variant's line says what its fields are")]
pub enum Reply {
    /// The prompt stands in the journal.
    Taken,
    /// The question is answered so.
    Answered { label: String },
    /// The agent was told to end its turn, if it had one.
    Cancelled,
    /// It was not done.
    Refused { code: Code, message: String },
}

impl Reply {
    /// It was not done, for this reason.
    #[must_use]
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }
}

/// A name for a socket's place that is short, however long the directory's path is: a socket's path is at most 107 bytes
/// (unix(7)). The directory is named by its open descriptor, which has to live as long as the name is used.
pub struct Place {
    directory: std::fs::File,
}

impl Place {
    /// Of a launch's directory.
    pub fn of(directory: &Utf8Path) -> io::Result<Self> {
        std::fs::File::open(directory.join(DIRECTORY)).map(|directory| Self { directory })
    }

    /// The socket's path for this process.
    pub fn path(&self) -> Utf8PathBuf {
        Utf8PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_FILE}", self.directory.as_raw_fd()))
    }
}

/// Asks the helper of a launch's directory. Blocks its thread, at most as long as `limit`.
pub fn ask(directory: &Utf8Path, request: &Request, limit: Duration) -> Result<Reply> {
    let gone = |error: &io::Error| {
        Error::wrap(Code::UNAVAILABLE, format!("nobody speaks with the agent of `{directory}` now"), error)
    };
    let place = Place::of(directory).map_err(|error| gone(&error))?;
    let stream = UnixStream::connect(place.path()).map_err(|error| gone(&error))?;
    let mut line = serde_json::to_vec(request).unwrap_or_default();
    line.push(b'\n');
    let asked = || -> io::Result<Vec<u8>> {
        stream.set_write_timeout(Some(limit))?;
        stream.set_read_timeout(Some(limit))?;
        (&stream).write_all(&line)?;
        let mut answer = Vec::new();
        BufReader::new(&stream).read_until(b'\n', &mut answer)?;
        Ok(answer)
    };
    let lost =
        |error: &dyn std::error::Error| Error::wrap(Code::LOST, "the agent's helper went without an answer", error);
    let answer = asked().map_err(|error| lost(&error))?;
    serde_json::from_slice(&answer).map_err(|error| lost(&error))
}
