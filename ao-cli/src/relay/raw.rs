//! The human's terminal: as a program wants it, and afterwards as it was.

use std::io::{self, IsTerminal, Write};

use ao_core::slots::runtime::Size;
use ao_core::{Code, Error, Result};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// What a program may have switched on, switched off: colours, a scroll region, the alternate screen, mouse reports, focus
/// reports, pasting in brackets, application keys, synchronized output, keys of the kitty protocol and of
/// `modifyOtherKeys`, a cursor of another form or none, a title.
const RESET: &str = "\x18\x1b[m\x1b[r\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?1l\
                     \x1b>\x1b[?2026l\x1b[<99u\x1b[>4m\x1b[ q\x1b[?1049l\x1b[?25h\x1b[23;0t";

/// The size of the terminal that stdin and stdout are; none if they are not.
pub(super) fn size() -> Option<Size> {
    const FALLBACK: (u16, u16) = (80, 24);
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return None;
    }
    let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    let (columns, rows) = size.map_or(FALLBACK, |size| (size.ws_col, size.ws_row));
    Some(Size::new(columns, rows))
}

/// The terminal in raw mode, until this is dropped; a panic drops it, too.
pub(super) struct RawTerminal {
    before: Termios,
}

impl RawTerminal {
    /// Takes every key as it is typed. What the terminal shows scrolls up, so that it is still there afterwards.
    pub(super) fn enter(title: &str) -> Result<Self> {
        let refuse = |error: io::Error| Error::wrap(Code::UNAVAILABLE, "cannot set up the terminal", &error);
        let before = tcgetattr(io::stdin()).map_err(|errno| refuse(errno.into()))?;
        let rows = usize::from(size().map_or(0, |size| size.rows));
        // The title is kept on the terminal's own stack meanwhile.
        let room = format!("\x1b[22;0t\x1b]2;{title}\x07{}", "\n".repeat(rows));
        io::stdout().write_all(room.as_bytes()).and_then(|()| io::stdout().flush()).map_err(refuse)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).map_err(|errno| refuse(errno.into()))?;
        Ok(Self { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(RESET.as_bytes());
        // Below everything that was shown.
        let _ = stdout.write_all(b"\x1b[9999;1H\r\n").and_then(|()| stdout.flush());
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
