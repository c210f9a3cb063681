//! What is said on the socket of a holder that owns a terminal: frames, requests, replies.
//!
//! A connection is a stream of frames both ways. A frame is one byte that says what it holds ([`Packet::DATA`] or
//! [`Packet::CONTROL`]), the length of that in four bytes, most significant first, and then that many bytes: raw ones, or
//! one JSON object. The holder speaks first, with [`TerminalReply::Hello`]; then every request is answered by one reply, in
//! the order of the requests. Two requests change what follows:
//!
//! - After `attach` data frames are the terminal: what the program prints to the viewer, beginning with a repaint of the
//!   screen, and what is typed to the program. `resize` and `detach` are taken without an answer.
//! - After `watch` the holder says `changed` when the program printed something, though not at every byte of it.
//!
//! Both end with `exit` when the program has ended. A holder lives as long as its program and meets newer hosts: a request
//! that it does not know is answered by `failed` with the code `unsupported`, a field that it does not know is not read. So
//! [`TERMINAL_VERSION`] grows only when the frames themselves change.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::process::ExitStatus;
use super::time::Timestamp;
use crate::record::objects;
use crate::slots::runtime::Size;

/// The version of the frames.
pub const TERMINAL_VERSION: u32 = 1;

/// What a client asks of the holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TerminalRequest {
    /// To see the terminal and to type into it. The terminal takes the viewer's size.
    Attach {
        /// The viewer's size.
        size: Size,
    },
    /// A viewer's size has changed. Of several viewers the last to say so decides.
    Resize {
        /// The new size.
        size: Size,
    },
    /// To be a viewer no longer. Answered by `done`, after which the holder closes the connection.
    Detach,
    /// The screen as text.
    Screen {
        /// At most so many lines, the newest; those that have left the screen upwards too.
        lines: u32,
    },
    /// What the program printed, byte for byte: answered by `output` and then one data frame.
    Output {
        /// From this byte of all that was ever printed; without one, the newest.
        #[serde(default)]
        cursor: Option<u64>,
        /// At most so many bytes.
        max_bytes: u32,
    },
    /// Puts in a text as a paste: in brackets for a program that asked for them. All of it or nothing.
    Send {
        /// The text.
        text: String,
    },
    /// Presses the key that submits.
    Submit,
    /// Presses keys: what they send to a program, as it is and outside of any paste. All of it or nothing.
    Keys {
        /// What they send.
        text: String,
    },
    /// Sends the program a signal.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// Answered by `exit` when the program has ended.
    Wait,
    /// To be told when something was printed.
    Watch,
    /// Whether the holder answers.
    Ping,
    /// A request that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What the holder says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TerminalReply {
    /// The first frame of every connection.
    Hello {
        /// [`TERMINAL_VERSION`].
        version: u32,
        /// The device that the program reads, such as `/dev/pts/4`.
        tty: Utf8PathBuf,
    },
    /// It is done.
    Done,
    /// The screen.
    Screen {
        /// Its lines down to the last that is not blank, without control sequences.
        text: String,
        /// The terminal's size.
        size: Size,
        /// When the program last printed something.
        #[serde(default)]
        last_output_at: Option<Timestamp>,
        /// How long ago one of those who are attached last typed something, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typed_ms_ago: Option<u64>,
    },
    /// A data frame with output follows.
    Output {
        /// Where in all that was ever printed it begins, in bytes.
        from: u64,
        /// Whether something that was asked for is gone, or something before it was left out.
        truncated: bool,
    },
    /// Something was printed.
    Changed,
    /// The program has ended.
    Exit {
        /// How.
        status: ExitStatus,
    },
    /// It was not done.
    Failed {
        /// One of the error codes of plugins, such as `unsupported`.
        code: String,
        /// Why.
        message: String,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

objects!(TerminalRequest, TerminalReply);

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Bytes of the terminal.
    Data(Vec<u8>),
    /// The text of a JSON object.
    Control(Vec<u8>),
}

impl Packet {
    /// The first byte of a frame of bytes.
    pub const DATA: u8 = 0;
    /// The first byte of a frame of JSON.
    pub const CONTROL: u8 = 1;
    /// How long a frame's contents may be: 4 MiB.
    pub const MAX: usize = 4 * 1024 * 1024;
    /// How long what stands before the contents is.
    pub const HEADER: usize = 5;

    /// A control frame.
    pub fn control(message: &impl Serialize) -> Self {
        // Requests and replies have string keys only, the one thing that JSON cannot do without.
        Self::Control(serde_json::to_vec(message).unwrap_or_default())
    }

    /// Appends the frame to what is to be written.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let (kind, contents) = match self {
            Self::Data(bytes) => (Self::DATA, bytes),
            Self::Control(text) => (Self::CONTROL, text),
        };
        encode(kind, contents, into);
    }

    /// The frame as it is written.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }
}

/// Appends a frame of bytes without a copy in between.
pub fn encode_data(bytes: &[u8], into: &mut Vec<u8>) {
    encode(Packet::DATA, bytes, into);
}

fn encode(kind: u8, contents: &[u8], into: &mut Vec<u8>) {
    debug_assert!(contents.len() <= Packet::MAX, "a frame is never so long");
    into.reserve(Packet::HEADER + contents.len());
    into.push(kind);
    into.extend_from_slice(&u32::try_from(contents.len()).unwrap_or(u32::MAX).to_be_bytes());
    into.extend_from_slice(contents);
}

/// Why bytes are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// A frame that says to be longer than any may be.
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
}

/// Puts frames together from bytes as they arrive. A frame of an unknown kind is passed over.
#[derive(Debug, Default)]
pub struct PacketReader {
    bytes: Vec<u8>,
    /// How many of them are read.
    read: usize,
}

impl PacketReader {
    /// Adds what has arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame, if it is all there.
    pub fn take(&mut self) -> Result<Option<Packet>, PacketError> {
        loop {
            let rest = self.bytes.get(self.read..).unwrap_or_default();
            let Some((header, contents)) = rest.split_first_chunk::<{ Packet::HEADER }>() else { return Ok(None) };
            let [kind, length @ ..] = *header;
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if length > Packet::MAX {
                return Err(PacketError::TooLong(length));
            }
            let Some(contents) = contents.get(..length) else { return Ok(None) };
            let contents = contents.to_vec();
            self.read += Packet::HEADER + length;
            match kind {
                Packet::DATA => return Ok(Some(Packet::Data(contents))),
                Packet::CONTROL => return Ok(Some(Packet::Control(contents))),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SessionId;
    use crate::slots::runtime::{TerminalControl, WakeNote};
    use proptest::prelude::*;

    #[test]
    fn messages_of_a_newer_version_are_known_as_such() {
        let request = |text| serde_json::from_str::<TerminalRequest>(text).expect("readable");
        assert_eq!(request(r#"{"kind": "teleport", "where": [1]}"#), TerminalRequest::Unknown);
        assert_eq!(request(r#"{"kind": "ping", "why": "new"}"#), TerminalRequest::Ping);
        let reply = serde_json::from_str::<TerminalReply>(r#"{"kind": "applause"}"#).expect("readable");
        assert_eq!(reply, TerminalReply::Unknown);
    }

    #[test]
    fn what_stands_on_the_wire_stays() {
        let size = Size::new(80_u16, 24_u16);
        for (request, text) in [
            (TerminalRequest::Attach { size }, r#"{"kind":"attach","size":{"columns":80,"rows":24}}"#),
            (TerminalRequest::Resize { size }, r#"{"kind":"resize","size":{"columns":80,"rows":24}}"#),
            (TerminalRequest::Screen { lines: 3 }, r#"{"kind":"screen","lines":3}"#),
            (TerminalRequest::Send { text: "a".into() }, r#"{"kind":"send","text":"a"}"#),
            (TerminalRequest::Keys { text: "1".into() }, r#"{"kind":"keys","text":"1"}"#),
            (TerminalRequest::Signal { signal: 2 }, r#"{"kind":"signal","signal":2}"#),
        ] {
            assert_eq!(serde_json::to_string(&request).expect("JSON"), text);
        }
        let control = |control| serde_json::to_string(&control).expect("JSON");
        let resize = TerminalControl::Resize { columns: 80, rows: 24 };
        assert_eq!(control(resize), r#"{"kind":"resize","columns":80,"rows":24}"#);
        assert_eq!(control(TerminalControl::Exit { status: None }), r#"{"kind":"exit","status":null}"#);
        let note = WakeNote::new("app-1".parse::<SessionId>().expect("id"));
        assert_eq!(serde_json::to_string(&note).expect("JSON"), r#"{"session":"app-1"}"#);
        assert_eq!(Packet::Data(vec![7, 8]).encoded(), [0, 0, 0, 0, 2, 7, 8]);
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_before_it_is_there() {
        let mut reader = PacketReader::default();
        reader.push(&[0, 255, 0, 0, 0]);
        assert_eq!(reader.take(), Err(PacketError::TooLong(0xff00_0000)));
    }

    proptest! {
        #[test]
        fn frames_arrive_in_whatever_pieces(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8), piece in 1_usize..20) {
            let sent: Vec<Packet> = contents.into_iter().enumerate().map(|(index, bytes)| if index % 2 == 0 { Packet::Data(bytes) } else { Packet::Control(bytes) }).collect();
            let mut wire = Vec::new();
            for (index, packet) in sent.iter().enumerate() {
                packet.encode(&mut wire);
                if index == 1 {
                    wire.extend_from_slice(&[9, 0, 0, 0, 1, 42]); // of a newer version
                }
            }
            let (mut reader, mut arrived) = (PacketReader::default(), Vec::new());
            for bytes in wire.chunks(piece) {
                reader.push(bytes);
                while let Some(packet) = reader.take().expect("frames") {
                    arrived.push(packet);
                }
            }
            prop_assert_eq!(arrived, sent);
        }
    }
}
