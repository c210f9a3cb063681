//! A terminal on which one page is drawn again and again, on a screen of its own. However the command ends, the terminal is
//! then as it was before.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use crate::failure::Failure;
use crate::output::{self, Page};

/// The alternate screen, without a cursor and without lines that run on.
const OPEN: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// All of that undone, in the opposite order.
const CLOSE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// The screen, until it is dropped.
pub(crate) struct Screen {
    /// What is on it: the same is not drawn twice.
    shown: String,
}

impl Screen {
    /// On the terminal that stdout is, if it is one.
    pub(crate) fn open() -> Result<Option<Self>, Failure> {
        if !io::stdout().is_terminal() {
            return Ok(None);
        }
        // First what closes it: from the first byte on there is something to undo.
        let screen = Self { shown: String::new() };
        output::bytes(OPEN.as_bytes())?;
        Ok(Some(screen))
    }

    /// Draws a page in place of the last one; what does not fit is left out at its end.
    pub(crate) fn draw(&mut self, page: &Page) -> Result<(), Failure> {
        let rows = rustix::termios::tcgetwinsize(io::stdout()).map_or(24, |size| usize::from(size.ws_row.max(2)));
        let frame = frame(page.as_str(), rows);
        if frame == self.shown {
            return Ok(());
        }
        output::bytes(frame.as_bytes())?;
        self.shown = frame;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = output::bytes(CLOSE.as_bytes());
    }
}

/// The page from the upper left corner on, in this many rows; what was there before is wiped.
fn frame(page: &str, rows: usize) -> String {
    let lines: Vec<_> = page.lines().collect();
    let fits = lines.len() <= rows;
    let mut frame = String::from("\x1b[H");
    let shown = if fits { lines.len() } else { rows - 1 };
    for (number, line) in lines.iter().take(shown).enumerate() {
        let end = if number + 1 < lines.len() { "\r\n" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(frame, "{line}\x1b[K{end}");
    }
    if !fits {
        let _ = write!(frame, "… {} more lines\x1b[K", lines.len() - shown);
    }
    frame.push_str("\x1b[J");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_never_scrolls() {
        assert_eq!(frame("a\nb\n", 2), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
        assert_eq!(frame("a\nb\nc\n", 2), "\x1b[Ha\x1b[K\r\n… 2 more lines\x1b[K\x1b[J");
        assert_eq!(frame("", 2), "\x1b[H\x1b[J");
    }
}
