//! Server-sent events: bytes into the payloads of `data:` lines, in bounded memory.

use ao_plugin_sdk::prelude::*;

/// Cuts bytes into events. Only what OpenCode uses of the format is read: `data:` lines, and empty lines that end an event.
#[derive(Debug)]
pub(crate) struct Frames {
    most: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    /// The present event is longer than is kept.
    is_lost: bool,
}

impl Frames {
    /// Keeps events of at most so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, line: Vec::new(), data: Vec::new(), is_lost: false }
    }

    /// Takes bytes as they come, and hands on each event that ends in them and is JSON.
    pub(crate) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(Value)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + self.data.len() + piece.len() > self.most {
                self.is_lost = true;
                self.data.clear();
                self.line.clear();
            }
            // Of a line that is too long, its end alone matters.
            self.line.extend_from_slice(if self.is_lost {
                piece.get(piece.len() - 1..).unwrap_or_default()
            } else {
                piece
            });
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.end_line(&line, piece, &mut take);
            } else if self.is_lost {
                self.line = b"x".to_vec();
            }
        }
    }

    fn end_line(&mut self, line: &[u8], piece: &[u8], take: &mut impl FnMut(Value)) {
        let text = line.trim_ascii_end();
        let is_empty = text.is_empty() && piece.trim_ascii().is_empty();
        if !is_empty {
            if let Some(data) = text.strip_prefix(b"data:").filter(|_| !self.is_lost) {
                self.data.extend_from_slice(data.trim_ascii_start());
                self.data.push(b'\n');
            }
            return;
        }
        let data = std::mem::take(&mut self.data);
        if !std::mem::take(&mut self.is_lost)
            && !data.is_empty()
            && let Ok(value) = serde_json::from_str(&String::from_utf8_lossy(&data))
        {
            take(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CAPTURE: &[u8] = include_bytes!("../../tests/fixtures/turn.sse");

    fn read(most: usize, pieces: &[&[u8]]) -> Vec<Value> {
        let (mut frames, mut found) = (Frames::new(most), Vec::new());
        for piece in pieces {
            frames.push(piece, |value| found.push(value));
        }
        found
    }

    #[test]
    fn a_capture_reads_the_same_cut_anywhere() {
        let whole = read(super::super::MOST_FRAME, &[CAPTURE]);
        assert!(whole.len() > 20, "{}", whole.len());
        for at in 0..CAPTURE.len() {
            let (left, right) = CAPTURE.split_at(at);
            assert_eq!(read(super::super::MOST_FRAME, &[left, right]).len(), whole.len(), "cut at {at}");
        }
    }

    #[test]
    fn what_is_too_long_or_no_json_is_passed_over() {
        let text = b": a comment\n\ndata: {\"a\":1}\n\ndata: nonsense\n\nevent: x\r\ndata: [2]\r\n\r\n";
        assert_eq!(read(100, &[text]), [json!({"a": 1}), json!([2])]);
        let long = [b"data: \"", &[b'x'; 300][..], b"\"\n\ndata: 3\n\n"].concat();
        assert_eq!(read(100, &[&long]), [json!(3)]);
        for size in [1, 7, 64] {
            let pieces: Vec<&[u8]> = long.chunks(size).collect();
            assert_eq!(read(100, &pieces), [json!(3)], "in pieces of {size}");
        }
        assert_eq!(read(100, &[b"data: {\"a\":\ndata: 1}\n\n"]), [json!({"a": 1})]);
        assert_eq!(read(100, &[b"data: \"\xff\"\n\n"]).len(), 1, "broken text costs the text");
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'1'), any::<u8>()], 0..120), at in 0..120_usize) {
            let bytes = [&b"data: 1\n\ndata: "[..], &bytes, b"\n\ndata: 2\n\n"].concat();
            let at = at.min(bytes.len());
            prop_assert_eq!(read(64, &[&bytes[..at], &bytes[at..]]).len(), read(64, &[&bytes]).len());
        }
    }
}
