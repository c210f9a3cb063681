//! Bytes into lines, in bounded memory.

/// A line, or what is left of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// All of it, without its end.
    Whole(Vec<u8>),
    /// It was longer than is kept, by so many bytes in all.
    TooLong(usize),
}

/// Cuts bytes into lines.
#[derive(Debug)]
pub(crate) struct Lines {
    most: usize,
    held: Vec<u8>,
    /// How much of the present line was dropped, in bytes; none of one that is kept.
    dropped: Option<usize>,
}

impl Lines {
    /// Keeps lines of at most so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, held: Vec::new(), dropped: None }
    }

    /// Takes bytes as they come and hands on each line that ends in them. Empty ones are none.
    pub(crate) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(Line)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            self.hold(text);
            if ends {
                self.end().into_iter().for_each(&mut take);
            }
        }
    }

    /// The last line, where nothing follows it.
    pub(crate) fn end(&mut self) -> Option<Line> {
        let held = std::mem::take(&mut self.held);
        match self.dropped.take() {
            Some(dropped) => Some(Line::TooLong(dropped)),
            None if held.iter().all(u8::is_ascii_whitespace) => None,
            None => Some(Line::Whole(held)),
        }
    }

    fn hold(&mut self, text: &[u8]) {
        match &mut self.dropped {
            Some(dropped) => *dropped += text.len(),
            None if self.held.len() + text.len() > self.most => {
                self.dropped = Some(self.held.len() + text.len());
                self.held = Vec::new();
            }
            None => self.held.extend_from_slice(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(most: usize, pieces: &[&[u8]]) -> Vec<Line> {
        let (mut lines, mut found) = (Lines::new(most), Vec::new());
        for piece in pieces {
            lines.push(piece, |line| found.push(line));
        }
        found.extend(lines.end());
        found
    }

    #[test]
    fn long_lines_are_dropped_and_the_next_are_kept() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(cut(4, &[b"abcd\nabcde\n\n \nef"]), [whole("abcd"), Line::TooLong(5), whole("ef")]);
        assert_eq!(cut(4, &[b"abc", b"def", b"ghi\nx\n"]), [Line::TooLong(9), whole("x")]);
        assert_eq!(cut(4, &[b"abcdefgh"]), [Line::TooLong(8)]);
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200), at in 0..200_usize) {
            let at = at.min(bytes.len());
            prop_assert_eq!(cut(16, &[&bytes[..at], &bytes[at..]]), cut(16, &[&bytes]));
        }
    }
}
