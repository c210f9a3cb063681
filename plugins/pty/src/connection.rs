//! Asking a holder: one connection to its socket.

use std::io;
use std::time::Duration;

use ao_plugin_sdk::core::model::terminal::{Packet, PacketReader, TERMINAL_VERSION, TerminalReply, TerminalRequest};
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::serde_json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// What a holder says, frame by frame.
pub(crate) struct Incoming {
    stream: OwnedReadHalf,
    reader: PacketReader,
    piece: Vec<u8>,
}

/// A connection to a holder.
pub(crate) struct Connection {
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: OwnedWriteHalf,
    /// The device that the agent reads.
    pub(crate) tty: Utf8PathBuf,
}

/// Why a holder could not be asked.
#[derive(Debug)]
pub(crate) enum Unreachable {
    /// Nobody listens: it has gone.
    Gone,
    /// It does not answer, or not as it should.
    Silent(Error),
}

impl From<Unreachable> for Error {
    fn from(unreachable: Unreachable) -> Self {
        match unreachable {
            Unreachable::Gone => Self::not_found("the agent has no terminal any more: its holder has gone"),
            Unreachable::Silent(error) => error,
        }
    }
}

impl Connection {
    /// Connects to the holder of a socket and hears its greeting, within `limit`.
    pub(crate) async fn open(socket: &Utf8Path, limit: Duration) -> Result<Self, Unreachable> {
        tokio::time::timeout(limit, Self::greeted(socket))
            .await
            .unwrap_or_else(|_| Err(Unreachable::Silent(silent(limit))))
    }

    async fn greeted(socket: &Utf8Path) -> Result<Self, Unreachable> {
        let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Unreachable::Gone,
            _ => Unreachable::Silent(Error::wrap(Code::UNAVAILABLE, format!("cannot connect to `{socket}`"), &error)),
        })?;
        let (read, outgoing) = stream.into_split();
        let mut incoming = Incoming { stream: read, reader: PacketReader::default(), piece: vec![0; PIECE] };
        match incoming.reply().await {
            Ok(Some(TerminalReply::Hello { version, .. })) if version > TERMINAL_VERSION => {
                let message = format!("the agent's holder speaks version {version}: use the `ao` that started it");
                Err(Unreachable::Silent(Error::new(Code::INCOMPATIBLE, message)))
            }
            Ok(Some(TerminalReply::Hello { tty, .. })) => Ok(Self { incoming, outgoing, tty }),
            Ok(None) => Err(Unreachable::Gone),
            Ok(Some(_)) => Err(Unreachable::Silent(strange())),
            Err(error) => Err(Unreachable::Silent(error)),
        }
    }

    /// Asks, and returns the answer, within `limit`. A refusal is an error with the holder's code.
    pub(crate) async fn ask(&mut self, request: &TerminalRequest, limit: Duration) -> Result<TerminalReply> {
        let asked = async {
            self.outgoing.write_all(&Packet::control(request).encoded()).await.map_err(|error| lost(&error))?;
            match self.incoming.reply().await? {
                Some(TerminalReply::Failed { code, message }) => Err(Error::new(named(&code), message)),
                Some(reply) => Ok(reply),
                None => Err(Error::new(Code::LOST, "the agent's holder went without an answer")),
            }
        };
        tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| Err(silent(limit)))
    }
}

impl Incoming {
    /// The next frame; `None` at the end. Dropping this before it ends loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Packet>> {
        loop {
            if let Some(packet) = self.reader.take().map_err(|error| Error::new(Code::PROTOCOL, error.to_string()))? {
                return Ok(Some(packet));
            }
            match self.stream.read(&mut self.piece).await {
                Ok(0) => return Ok(None),
                Ok(length) => self.reader.push(self.piece.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(lost(&error)),
            }
        }
    }

    /// The next reply, past whatever else there is.
    pub(crate) async fn reply(&mut self) -> Result<Option<TerminalReply>> {
        while let Some(packet) = self.next().await? {
            if let Packet::Control(text) = packet {
                return read_reply(&text).map(Some);
            }
        }
        Ok(None)
    }
}

/// Reads a control frame.
pub(crate) fn read_reply(text: &[u8]) -> Result<TerminalReply> {
    serde_json::from_slice(text)
        .map_err(|error| Error::wrap(Code::PROTOCOL, "the agent's holder says what cannot be read", &error))
}

fn named(code: &str) -> Code {
    serde_json::from_value(json!(code)).unwrap_or(Code::OTHER)
}

/// A holder that answers something else than what it was asked.
pub(crate) fn strange() -> Error {
    Error::new(Code::PROTOCOL, "the agent's holder answers something else than what it was asked")
}

fn lost(error: &io::Error) -> Error {
    Error::wrap(Code::LOST, "the connection to the agent's holder is lost", error)
}

fn silent(limit: Duration) -> Error {
    Error::new(Code::TIMEOUT, format!("the agent's holder does not answer within {} ms", limit.as_millis()))
}
