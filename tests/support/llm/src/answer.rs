//! An answer on its way: its names, and its text in pieces.

use crate::decide::Answer;

/// Longer texts come in larger pieces.
const LONG: usize = 8 * 1024;
const PIECE: usize = 4 * 1024;

/// An answer with what every API wants to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// No other answer has it, of whichever server: part of every name in it.
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) answer: Answer,
}

/// One event of a stream, as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) text: String,
    pub(crate) part: Part,
}

/// Which part of an answer an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Start,
    /// A piece of the text: what a pace is about.
    Piece,
    /// All that follows the text.
    End,
}

impl Event {
    /// An event as Anthropic and OpenAI's Responses write it: its type stands before the data, and in it.
    pub(crate) fn typed(part: Part, kind: &str, mut data: serde_json::Value) -> Self {
        data["type"] = kind.into();
        Self { text: format!("event: {kind}\ndata: {data}\n\n"), part }
    }

    /// An event that is data alone.
    pub(crate) fn plain(part: Part, data: &impl std::fmt::Display) -> Self {
        Self { text: format!("data: {data}\n\n"), part }
    }
}

/// A text in pieces: words with what follows them, or 4 KiB of a long one.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    if text.len() <= LONG {
        return text.split_inclusive(char::is_whitespace).collect();
    }
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut at = PIECE.min(rest.len());
        while !rest.is_char_boundary(at) {
            at += 1;
        }
        let (piece, behind) = rest.split_at(at);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text() {
        let long = "ä".repeat(LONG);
        for text in ["", "one", "one two\nthree ", &long] {
            assert_eq!(pieces(text).concat(), text);
        }
        assert_eq!(pieces("one two\nthree"), ["one ", "two\n", "three"]);
        assert_eq!(pieces(&long).len(), 4);
    }
}
