//! What the plugin asks a running helper: a line of JSON to its socket, and one back.

#![expect(clippy::disallowed_methods, reason = "the one deadline of a question, on the clock that goes on evenly")]

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ao_plugin_sdk::prelude::*;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt};

use crate::journal::{DIRECTORY, Stopped};

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
    /// End the turn, and hold what waits until the next prompt. The same key does so once.
    Cancel { key: String },
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
    /// The agent was told to end its turn. One that does not is ended.
    Cancelled,
    /// No turn ran: what waits is held.
    NoTurn,
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

impl From<Stopped> for Reply {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Turn => Self::Cancelled,
            Stopped::Nothing => Self::NoTurn,
        }
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
    let end = Instant::now() + limit;
    let place = Place::of(directory).map_err(|error| gone(&error))?;
    let mut stream = connected(&place, limit).map_err(|error| gone(&error))?;
    let mut line = serde_json::to_vec(request).unwrap_or_default();
    line.push(b'\n');
    let mut asked = || -> io::Result<Vec<u8>> {
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            stream.set_write_timeout(Some(left(end)?))?;
            let written = stream.write(rest)?;
            rest = rest.get(written..).unwrap_or_default();
        }
        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        while answer.last() != Some(&b'\n') && answer.len() < MOST_REQUEST {
            stream.set_read_timeout(Some(left(end)?))?;
            match stream.read(&mut piece)? {
                0 => break,
                length => answer.extend_from_slice(piece.get(..length).unwrap_or_default()),
            }
        }
        Ok(answer)
    };
    let lost =
        |error: &dyn std::error::Error| Error::wrap(Code::LOST, "the agent's helper went without an answer", error);
    let answer = asked().map_err(|error| lost(&error))?;
    serde_json::from_slice(&answer).map_err(|error| lost(&error))
}

/// Connects. A helper that is stopped takes nobody, and its socket's queue may be full: that is waited for, too.
fn connected(place: &Place, limit: Duration) -> io::Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(limit))?;
    connect(&socket, &SocketAddrUnix::new(place.path().as_str())?)?;
    Ok(UnixStream::from(socket))
}

/// How much time is left, or that there is none.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use rustix::net::{bind, listen};

    use super::*;

    /// A socket at which nobody takes whom it lets wait.
    fn deaf(directory: &Utf8Path) -> rustix::fd::OwnedFd {
        std::fs::create_dir(directory.join(DIRECTORY)).unwrap();
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let place = Place::of(directory).unwrap();
        bind(&socket, &SocketAddrUnix::new(place.path().as_str()).unwrap()).unwrap();
        listen(&socket, 0).unwrap();
        socket
    }

    #[test]
    fn a_helper_that_is_stopped_is_not_waited_for_for_ever() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(scratch.path()).unwrap();
        let _socket = deaf(directory);
        let limit = Duration::from_millis(50);
        let ask = || ask(directory, &Request::Cancel { key: "k".to_owned() }, limit).unwrap_err().code;
        assert_eq!(ask(), Code::LOST, "it was asked, and does not answer");
        let place = Place::of(directory).unwrap();
        let waiting: Vec<_> = std::iter::from_fn(|| connected(&place, limit).ok()).take(100).collect();
        assert!(waiting.len() < 100, "the queue is full by now");
        assert_eq!(ask(), Code::UNAVAILABLE, "it was not even asked");
    }
}
