//! The messages between `ao` and the process that hosts a library: little-endian numbers, texts and bytes behind their
//! lengths, each message behind its own length.
//!
//! Both ends are the same program, so there is no version in it. Still, nothing that is read is believed: a library
//! shares its process with one of the ends.

use std::io::{self, Read};

use thiserror::Error;

/// The largest message without its length, in bytes: the largest payload of a call, and what goes with it.
pub(super) const MAX_MESSAGE: usize = 65 * 1024 * 1024;
/// The longest text in a message, in bytes: names, targets and log lines.
pub(super) const MAX_TEXT: usize = 64 * 1024;

/// Which call of a method it is, and how much of its log the host wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invoke {
    /// The instance.
    pub(super) instance: u64,
    /// The host's number for the call, which its log lines carry.
    pub(super) call: u64,
    /// The time that is left, in milliseconds; 0 is without limit.
    pub(super) deadline_ms: u64,
    /// The least important level of log lines that the host wants: 0 none, 1 error, 5 trace.
    pub(super) level: u8,
    /// The method's name.
    pub(super) method: String,
    /// The request.
    pub(super) payload: Vec<u8>,
}

/// What an instance is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Make {
    /// The number that it gets.
    pub(super) instance: u64,
    /// As in [`Invoke::level`].
    pub(super) level: u8,
    /// The slot.
    pub(super) slot: String,
    /// The plugin's name.
    pub(super) name: String,
    /// Its configuration, as JSON.
    pub(super) config: Vec<u8>,
}

/// What the host says. A `request` is answered by a [`ToHost::Reply`] with its number, unless it is cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToChild {
    /// Make an instance.
    Create { request: u64, make: Make },
    /// Call a method.
    Call { request: u64, invoke: Invoke },
    /// Open a stream, which has the number of this request from then on.
    Open { request: u64, invoke: Invoke },
    /// The next frame of a stream.
    Next { request: u64, stream: u64 },
    /// A frame for a stream.
    Send { request: u64, stream: u64, kind: u32, bytes: Vec<u8> },
    /// Stop working on a request, or close the stream of this number. Not answered.
    Cancel { request: u64 },
    /// Drop an instance. Not answered.
    Drop { instance: u64 },
    /// The answer to a [`ToHost::HostCall`].
    HostReply { request: u64, answer: Answer },
    /// What does the library say of itself?
    Manifest { request: u64 },
}

/// What the process that hosts the library says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToHost {
    /// The answer to a request.
    Reply { request: u64, answer: Answer },
    /// An instance calls its host.
    HostCall { request: u64, instance: u64, method: String, payload: Vec<u8> },
    /// The instance does not wait for its host any longer. Not answered.
    HostCancel { request: u64 },
    /// A log line of an instance.
    Log { instance: u64, call: u64, level: u8, target: String, message: String },
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It succeeded. What a call answered; empty for others.
    Done(Vec<u8>),
    /// It failed: an `ao_core::Error` as JSON.
    Failed(Vec<u8>),
    /// A frame of a stream.
    Frame { kind: u32, bytes: Vec<u8> },
    /// The stream has ended.
    End,
}

/// Why bytes are no message, or a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum WireError {
    /// It is too large.
    #[error("a message is larger than {MAX_MESSAGE} bytes")]
    TooLarge,
    /// A text in it is too long.
    #[error("a text in a message is longer than {MAX_TEXT} bytes")]
    LongText,
    /// It ends too early.
    #[error("a message is cut short")]
    Short,
    /// It goes on behind its end.
    #[error("a message is longer than what is in it")]
    Long,
    /// It is of a kind that nobody sends.
    #[error("a message is of an unknown kind")]
    Kind,
    /// A text is not UTF-8.
    #[error("a text in a message is not UTF-8")]
    Text,
}

/// A message of one of the two directions.
pub(super) trait Message: Sized {
    /// Appends it.
    fn put(&self, writer: &mut Writer);

    /// Takes it.
    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// The bytes of a message, with its length before them.
pub(super) fn encode(message: &impl Message) -> Result<Vec<u8>, WireError> {
    let mut writer = Writer { bytes: vec![0; 4], long_text: false };
    message.put(&mut writer);
    let Writer { mut bytes, long_text } = writer;
    let length = bytes.len() - 4;
    if long_text {
        return Err(WireError::LongText);
    }
    let prefix = u32::try_from(length).ok().filter(|_| length <= MAX_MESSAGE).ok_or(WireError::TooLarge)?;
    bytes[..4].copy_from_slice(&prefix.to_le_bytes());
    Ok(bytes)
}

/// The message in these bytes, which are without its length.
pub(super) fn decode<M: Message>(bytes: &[u8]) -> Result<M, WireError> {
    let mut reader = Reader { rest: bytes };
    let message = M::take(&mut reader)?;
    if reader.rest.is_empty() { Ok(message) } else { Err(WireError::Long) }
}

/// Reads the next message; `None` when the other end has closed. One that ends within a message is an
/// [`io::ErrorKind::UnexpectedEof`].
pub(super) fn read<M: Message>(from: &mut impl Read) -> io::Result<Option<M>> {
    let mut prefix = [0; 4];
    if !fill(from, &mut prefix)? {
        return Ok(None);
    }
    let length = u32::from_le_bytes(prefix) as usize;
    if length > MAX_MESSAGE {
        return Err(io::Error::other(WireError::TooLarge));
    }
    // Memory is taken as the bytes arrive: a length alone costs nothing.
    let mut bytes = Vec::with_capacity(length.min(128 * 1024));
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, WireError::Short));
    }
    decode(&bytes).map(Some).map_err(io::Error::other)
}

/// Fills the buffer, or finds the end before its first byte.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, WireError::Short)),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Where a message is written to.
pub(super) struct Writer {
    bytes: Vec<u8>,
    long_text: bool,
}

impl Writer {
    fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    fn short(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn number(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.long_text |= text.len() > MAX_TEXT;
        self.number(text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }

    /// Bytes that are the last thing in their message, so that they need no length.
    fn tail(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }
}

/// What of a message is not read yet.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn part(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (part, rest) = self.rest.split_at_checked(length).ok_or(WireError::Short)?;
        self.rest = rest;
        Ok(part)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], WireError> {
        let (part, rest) = self.rest.split_first_chunk().ok_or(WireError::Short)?;
        self.rest = rest;
        Ok(*part)
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        self.array().map(|[byte]| byte)
    }

    fn short(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    fn number(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, WireError> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if length > MAX_TEXT {
            return Err(WireError::LongText);
        }
        String::from_utf8(self.part(length)?.to_vec()).map_err(|_| WireError::Text)
    }

    fn tail(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.rest).to_vec()
    }
}

impl Invoke {
    fn put(&self, writer: &mut Writer) {
        writer.number(self.instance);
        writer.number(self.call);
        writer.number(self.deadline_ms);
        writer.byte(self.level);
        writer.text(&self.method);
        writer.tail(&self.payload);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            instance: reader.number()?,
            call: reader.number()?,
            deadline_ms: reader.number()?,
            level: reader.byte()?,
            method: reader.text()?,
            payload: reader.tail(),
        })
    }
}

impl Make {
    fn put(&self, writer: &mut Writer) {
        writer.number(self.instance);
        writer.byte(self.level);
        writer.text(&self.slot);
        writer.text(&self.name);
        writer.tail(&self.config);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            instance: reader.number()?,
            level: reader.byte()?,
            slot: reader.text()?,
            name: reader.text()?,
            config: reader.tail(),
        })
    }
}

impl Answer {
    fn put(&self, writer: &mut Writer) {
        match self {
            Self::Done(bytes) => {
                writer.byte(0);
                writer.tail(bytes);
            }
            Self::Failed(bytes) => {
                writer.byte(1);
                writer.tail(bytes);
            }
            Self::Frame { kind, bytes } => {
                writer.byte(2);
                writer.short(*kind);
                writer.tail(bytes);
            }
            Self::End => writer.byte(3),
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.byte()? {
            0 => Ok(Self::Done(reader.tail())),
            1 => Ok(Self::Failed(reader.tail())),
            2 => Ok(Self::Frame { kind: reader.short()?, bytes: reader.tail() }),
            3 => Ok(Self::End),
            _ => Err(WireError::Kind),
        }
    }
}

impl Message for ToChild {
    fn put(&self, writer: &mut Writer) {
        let (kind, number) = match self {
            Self::Create { request, .. } => (0, request),
            Self::Call { request, .. } => (1, request),
            Self::Open { request, .. } => (2, request),
            Self::Next { request, .. } => (3, request),
            Self::Send { request, .. } => (4, request),
            Self::Cancel { request } => (5, request),
            Self::Drop { instance } => (6, instance),
            Self::HostReply { request, .. } => (7, request),
            Self::Manifest { request } => (8, request),
        };
        writer.byte(kind);
        writer.number(*number);
        match self {
            Self::Create { make, .. } => make.put(writer),
            Self::Call { invoke, .. } | Self::Open { invoke, .. } => invoke.put(writer),
            Self::Next { stream, .. } => writer.number(*stream),
            Self::Send { stream, kind, bytes, .. } => {
                writer.number(*stream);
                writer.short(*kind);
                writer.tail(bytes);
            }
            Self::HostReply { answer, .. } => answer.put(writer),
            Self::Cancel { .. } | Self::Drop { .. } | Self::Manifest { .. } => {}
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let (kind, request) = (reader.byte()?, reader.number()?);
        match kind {
            0 => Ok(Self::Create { request, make: Make::take(reader)? }),
            1 => Ok(Self::Call { request, invoke: Invoke::take(reader)? }),
            2 => Ok(Self::Open { request, invoke: Invoke::take(reader)? }),
            3 => Ok(Self::Next { request, stream: reader.number()? }),
            4 => {
                let (stream, kind) = (reader.number()?, reader.short()?);
                Ok(Self::Send { request, stream, kind, bytes: reader.tail() })
            }
            5 => Ok(Self::Cancel { request }),
            6 => Ok(Self::Drop { instance: request }),
            7 => Ok(Self::HostReply { request, answer: Answer::take(reader)? }),
            8 => Ok(Self::Manifest { request }),
            _ => Err(WireError::Kind),
        }
    }
}

impl Message for ToHost {
    fn put(&self, writer: &mut Writer) {
        match self {
            Self::Reply { request, answer } => {
                writer.byte(0);
                writer.number(*request);
                answer.put(writer);
            }
            Self::HostCall { request, instance, method, payload } => {
                writer.byte(1);
                writer.number(*request);
                writer.number(*instance);
                writer.text(method);
                writer.tail(payload);
            }
            Self::HostCancel { request } => {
                writer.byte(2);
                writer.number(*request);
            }
            Self::Log { instance, call, level, target, message } => {
                writer.byte(3);
                writer.number(*instance);
                writer.number(*call);
                writer.byte(*level);
                writer.text(target);
                writer.text(message);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let (kind, number) = (reader.byte()?, reader.number()?);
        match kind {
            0 => Ok(Self::Reply { request: number, answer: Answer::take(reader)? }),
            1 => {
                let (instance, method) = (reader.number()?, reader.text()?);
                Ok(Self::HostCall { request: number, instance, method, payload: reader.tail() })
            }
            2 => Ok(Self::HostCancel { request: number }),
            3 => {
                let (call, level) = (reader.number()?, reader.byte()?);
                let (target, message) = (reader.text()?, reader.text()?);
                Ok(Self::Log { instance: number, call, level, target, message })
            }
            _ => Err(WireError::Kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn invoke() -> impl Strategy<Value = Invoke> {
        let fields = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u8>(), ".{0,20}", vec(any::<u8>(), 0..200));
        fields.prop_map(|(instance, call, deadline_ms, level, method, payload)| Invoke {
            instance,
            call,
            deadline_ms,
            level,
            method,
            payload,
        })
    }

    fn answer() -> impl Strategy<Value = Answer> {
        let bytes = || vec(any::<u8>(), 0..200);
        prop_oneof![
            bytes().prop_map(Answer::Done),
            bytes().prop_map(Answer::Failed),
            (any::<u32>(), bytes()).prop_map(|(kind, bytes)| Answer::Frame { kind, bytes }),
            Just(Answer::End),
        ]
    }

    fn to_child() -> impl Strategy<Value = ToChild> {
        let make = (any::<u64>(), any::<u8>(), ".{0,9}", ".{0,9}", vec(any::<u8>(), 0..200))
            .prop_map(|(instance, level, slot, name, config)| Make { instance, level, slot, name, config });
        let send = (any::<u64>(), any::<u64>(), any::<u32>(), vec(any::<u8>(), 0..200));
        prop_oneof![
            (any::<u64>(), make).prop_map(|(request, make)| ToChild::Create { request, make }),
            (any::<u64>(), invoke()).prop_map(|(request, invoke)| ToChild::Call { request, invoke }),
            (any::<u64>(), invoke()).prop_map(|(request, invoke)| ToChild::Open { request, invoke }),
            (any::<u64>(), any::<u64>()).prop_map(|(request, stream)| ToChild::Next { request, stream }),
            send.prop_map(|(request, stream, kind, bytes)| ToChild::Send { request, stream, kind, bytes }),
            any::<u64>().prop_map(|request| ToChild::Cancel { request }),
            any::<u64>().prop_map(|instance| ToChild::Drop { instance }),
            (any::<u64>(), answer()).prop_map(|(request, answer)| ToChild::HostReply { request, answer }),
            any::<u64>().prop_map(|request| ToChild::Manifest { request }),
        ]
    }

    fn to_host() -> impl Strategy<Value = ToHost> {
        let call = (any::<u64>(), any::<u64>(), ".{0,20}", vec(any::<u8>(), 0..200));
        let log = (any::<u64>(), any::<u64>(), any::<u8>(), ".{0,20}", ".{0,80}");
        prop_oneof![
            (any::<u64>(), answer()).prop_map(|(request, answer)| ToHost::Reply { request, answer }),
            call.prop_map(|(request, instance, method, payload)| ToHost::HostCall {
                request,
                instance,
                method,
                payload
            }),
            any::<u64>().prop_map(|request| ToHost::HostCancel { request }),
            log.prop_map(|(instance, call, level, target, message)| ToHost::Log {
                instance,
                call,
                level,
                target,
                message
            }),
        ]
    }

    fn again<M: Message>(message: &M) -> M {
        let bytes = encode(message).expect("small");
        read(&mut bytes.as_slice()).expect("whole").expect("one")
    }

    proptest! {
        #[test]
        fn messages_survive_the_way(to_child in to_child(), to_host in to_host()) {
            prop_assert_eq!(again(&to_child), to_child);
            prop_assert_eq!(again(&to_host), to_host);
        }

        #[test]
        fn a_message_that_is_cut_is_refused(to_child in to_child(), cut in any::<prop::sample::Index>()) {
            let bytes = encode(&to_child).expect("small");
            let cut = cut.index(bytes.len());
            match read::<ToChild>(&mut &bytes[..cut]) {
                Ok(message) => prop_assert_eq!((cut, message), (0, None)),
                Err(_) => prop_assert!(cut > 0),
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(kind in 0_u8..10, mut bytes in vec(any::<u8>(), 0..300)) {
            let _ = read::<ToChild>(&mut bytes.as_slice());
            let _ = read::<ToHost>(&mut bytes.as_slice());
            bytes.insert(0, kind);
            let _ = decode::<ToChild>(&bytes);
            let _ = decode::<ToHost>(&bytes);
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let mut huge = &[0xff; 64][..];
        assert!(read::<ToHost>(&mut huge).expect_err("4 GiB").to_string().contains("larger than"));
        let log =
            |length| ToHost::Log { instance: 1, call: 1, level: 1, target: String::new(), message: "x".repeat(length) };
        assert!(encode(&log(MAX_TEXT)).is_ok());
        assert_eq!(encode(&log(MAX_TEXT + 1)), Err(WireError::LongText));
        let reply = |length| ToHost::Reply { request: 1, answer: Answer::Done(vec![0; length]) };
        assert_eq!(encode(&reply(MAX_MESSAGE)), Err(WireError::TooLarge));
    }
}
