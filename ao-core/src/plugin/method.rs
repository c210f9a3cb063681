//! What the contract says of a slot's method besides its types.

use std::time::Duration;

/// One method of a slot, as `slots!` declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name on the wire.
    pub name: &'static str,
    /// How it is invoked.
    pub kind: Kind,
    /// How long the host waits by default, of a [`Kind::Open`] for the stream to be open; `None` is without limit.
    pub deadline: Option<Duration>,
    /// What a repeat of it means.
    pub class: Class,
}

/// How a method is invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One request, one reply.
    Call,
    /// One request, then a stream.
    Open,
}

/// What a repeat of a call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// May be repeated freely.
    Idempotent,
    /// Has an effect, which must happen once: the request carries a `key`, and after an unknown outcome the world is
    /// looked at before a repeat.
    Once,
    /// No effect and no I/O: answered without a change of thread.
    Pure,
}

impl Method {
    /// From the words of a `slots!` declaration; a word that is not in its grammar fails the build.
    #[must_use]
    pub const fn declare(name: &'static str, kind: &str, deadline: &str, class: &str) -> Self {
        let kind = match kind.as_bytes() {
            b"call" => Kind::Call,
            b"open" => Kind::Open,
            _ => panic!("a method is `call` or `open`"),
        };
        let class = match class.as_bytes() {
            b"idem" => Class::Idempotent,
            b"once" => Class::Once,
            b"pure" => Class::Pure,
            _ => panic!("a method is `idem`, `once` or `pure`"),
        };
        Self { name, kind, deadline: parse_deadline(deadline.as_bytes()), class }
    }
}

/// `0`, or a whole number of `s`econds or `m`inutes.
const fn parse_deadline(text: &[u8]) -> Option<Duration> {
    let mut number = 0;
    let mut index = 0;
    while index < text.len() && text[index].is_ascii_digit() {
        number = number * 10 + (text[index] - b'0') as u64;
        index += 1;
    }
    match (number, text.split_at(index).1) {
        (0, b"") => None,
        (_, b"s") => Some(Duration::from_secs(number)),
        (_, b"m") => Some(Duration::from_secs(number * 60)),
        _ => panic!("a deadline is 0, seconds such as 30s, or minutes such as 10m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_read_as_written() {
        const METHOD: Method = Method::declare("create", "call", "10m", "once");
        assert_eq!(METHOD.deadline, Some(Duration::from_mins(10)));
        assert_eq!((METHOD.kind, METHOD.class), (Kind::Call, Class::Once));
        assert_eq!(Method::declare("watch", "open", "0", "idem").deadline, None);
    }
}
