//! What a hosted library prints, as log lines: each of a bounded length, and a bounded number in each second.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

/// The longest part of a line that is kept, in bytes.
const MAX_LINE: usize = 4096;
/// Lines that are kept in each second.
const LINES_A_SECOND: u32 = 1000;

/// Hands on every line until the end. What is too much is counted, and told with the next line that is kept.
pub(super) fn forward(printed: impl Read, now: &dyn Fn() -> Instant, emit: &dyn Fn(&str)) {
    let mut printed = BufReader::new(printed);
    let mut rate = Rate { since: now(), kept: 0, dropped: 0 };
    while let Some(line) = next_line(&mut printed) {
        let Some(dropped) = rate.admit(now()) else { continue };
        if dropped > 0 {
            emit(&format!("{dropped} lines were dropped: a library may print {LINES_A_SECOND} a second"));
        }
        emit(line.trim_end());
    }
}

/// The beginning of the next line; the rest of a long one is read and left out.
fn next_line(printed: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    let mut read_any = false;
    loop {
        let buffer = match printed.fill_buf() {
            Ok([]) => break,
            Ok(buffer) => buffer,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        read_any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        line.extend(&part[..part.len().min(MAX_LINE - line.len())]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        printed.consume(used);
        if end.is_some() {
            break;
        }
    }
    read_any.then(|| String::from_utf8_lossy(&line).into_owned())
}

/// How many lines there were in this second.
struct Rate {
    since: Instant,
    kept: u32,
    dropped: u64,
}

impl Rate {
    /// Whether a line is kept, and then how many were not before it.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.kept) = (now, 0);
        }
        if self.kept >= LINES_A_SECOND {
            self.dropped += 1;
            return None;
        }
        self.kept += 1;
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a point to count from")]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[test]
    fn lines_are_cut_and_no_byte_of_the_rest_is_taken_for_a_line() {
        let kept = RefCell::new(Vec::new());
        let text = ["one\n".to_owned(), "x".repeat(100_000), "\nthree \u{fffd}\nfour".to_owned()].concat();
        forward(text.as_bytes(), &Instant::now, &|line| kept.borrow_mut().push(line.to_owned()));
        let kept = kept.into_inner();
        assert_eq!((kept.len(), kept[1].len()), (4, MAX_LINE));
        assert_eq!((&*kept[0], &*kept[2], &*kept[3]), ("one", "three \u{fffd}", "four"));
    }

    #[test]
    fn a_flood_is_counted() {
        let begin = Instant::now();
        let looks = Cell::new(0);
        // Two seconds: the second begins with the line 1500.
        let now = || {
            looks.set(looks.get() + 1);
            begin + Duration::from_secs(u64::from(looks.get() > 1500))
        };
        let kept = RefCell::new(Vec::new());
        forward("x\n".repeat(2000).as_bytes(), &now, &|line| kept.borrow_mut().push(line.to_owned()));
        let kept = kept.into_inner();
        let told: Vec<_> = kept.iter().filter(|line| line.contains("dropped")).collect();
        assert_eq!(told, ["499 lines were dropped: a library may print 1000 a second"]);
        assert_eq!(kept.len(), 1000 + 1 + 501);
    }
}
