//! How many log lines an instance may write, and how long one may be. Pure but for the time that it is handed.

use ao_core::model::Timestamp;

/// Lines a second, on average; as many may come at once.
const PER_SECOND: u64 = 1000;
/// The longest line, in bytes.
const LONGEST: usize = 8 * 1024;
/// What is looked at of a line, in bytes: it is searched for what is to be masked.
const READ: usize = 64 * 1024;
/// What is left out at the end of a line that was not read to its end: there may be half of what would be masked.
const EDGE: usize = 4 * 1024;

/// An instance's budget of lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    lines: u64,
    /// When `lines` was true.
    at: Timestamp,
    untold: u64,
    dropped: u64,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is written, after one that tells how many were dropped, if any were.
    Keep { untold: u64 },
    /// It is not.
    Drop,
}

impl Budget {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { lines: PER_SECOND, at: now, untold: 0, dropped: 0 }
    }

    /// How many were dropped ever.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn take(&mut self, now: Timestamp) -> Fate {
        // A millisecond is a line. A clock that was set back starts anew.
        let earned = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX) * PER_SECOND / 1000;
        self.lines = self.lines.saturating_add(earned).min(PER_SECOND);
        self.at = now;
        if self.lines == 0 {
            self.untold += 1;
            self.dropped += 1;
            return Fate::Drop;
        }
        self.lines -= 1;
        Fate::Keep { untold: std::mem::take(&mut self.untold) }
    }
}

/// A line as it is written: masked, on one line, and cut last, as half a secret would not be masked.
pub(super) fn written(line: &str, mask: impl FnOnce(&str) -> String) -> String {
    let read = &line[..line.floor_char_boundary(READ)];
    let mut masked = mask(read);
    if read.len() < line.len() {
        masked.truncate(masked.floor_char_boundary(masked.len().saturating_sub(EDGE)));
        masked.push('…');
    }
    cut(masked.escape_debug().to_string())
}

/// A line cut to [`LONGEST`], saying so.
fn cut(mut line: String) -> String {
    if line.len() > LONGEST {
        let whole = line.len();
        let note = format!("… ({whole} bytes)");
        line.truncate(line.floor_char_boundary(LONGEST - note.len()));
        line.push_str(&note);
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thousand_lines_a_second_and_the_rest_is_counted() {
        let mut now = Timestamp::from_millis(0);
        let mut budget = Budget::new(now);
        let kept = (0..5000).filter(|_| budget.take(now) != Fate::Drop).count();
        assert_eq!((kept, budget.dropped()), (1000, 4000));
        now = now.after(Duration::from_millis(10));
        assert_eq!(budget.take(now), Fate::Keep { untold: 4000 });
        assert_eq!(budget.take(now), Fate::Keep { untold: 0 });
        let kept = (0..100).filter(|_| budget.take(now) != Fate::Drop).count();
        assert_eq!(kept, 8, "a line a millisecond");
        assert_eq!(budget.take(Timestamp::from_millis(-5)), Fate::Drop);
    }

    #[test]
    fn of_a_very_long_line_the_beginning_is_read_and_no_half_of_a_secret_is_written() {
        let secret = "hunter2-and-more";
        let mask = |text: &str| {
            assert!(text.len() <= READ);
            text.replace(secret, "***")
        };
        assert_eq!(written(&format!("a\n{secret}"), mask), "a\\n***");
        // Masked, it is so short that what was cut off would be seen.
        let line = format!("x{}", secret.repeat(1_000_000));
        let written = written(&line, mask);
        assert!(!written.contains("hunter"), "{written}");
        assert!(written.len() <= LONGEST && written.starts_with("x***"));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(cut("short".to_owned()), "short");
        let cut = cut("ä".repeat(100_000));
        assert!(cut.len() <= LONGEST && cut.ends_with("… (200000 bytes)"), "{} bytes", cut.len());
    }
}
