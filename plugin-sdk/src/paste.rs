//! Whether a text arrives byte for byte when it is pasted into a terminal; what would not is refused before anything is
//! sent. For runtimes whose agents have one.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;

use ao_core::{Error, Result};
use camino::Utf8Path;
use rustix::fs::OFlags;
use rustix::termios::{LocalModes, tcgetattr};

/// What a terminal in canonical mode takes of one line (`N_TTY_BUF_SIZE` less the line end); the rest it drops.
const CANONICAL_LINE: usize = 4095;

/// What to do with a text that cannot be pasted.
const INSTEAD: &str = "send it as a file with `ao send --file`";

/// How the program in a terminal reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// By lines, which the kernel assembles.
    Canonical,
    /// By bytes; or it could not be told.
    Raw,
}

/// How the program at this terminal device reads now. Opens the device.
#[must_use]
pub fn reader(tty: &Utf8Path) -> Reader {
    let flags = i32::try_from((OFlags::NOCTTY | OFlags::NONBLOCK).bits()).expect("two small flags");
    let attributes = File::options().read(true).custom_flags(flags).open(tty).ok().and_then(|tty| tcgetattr(tty).ok());
    match attributes {
        Some(attributes) if attributes.local_modes.contains(LocalModes::ICANON) => Reader::Canonical,
        _ => Reader::Raw,
    }
}

/// Refuses what would not arrive as it is.
///
/// A control character is a key press to whoever reads it, and ESC could end a bracketed paste from within; line feeds
/// and tabs are text. `reader` is asked only for a text with a long line.
pub fn check(text: &str, reader: impl FnOnce() -> Reader) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid_input("the text is empty").at_field("input.text"));
    }
    if let Some((offset, control)) = text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(Error::invalid_input(format!(
            "the text holds the control character U+{:04X} at byte {offset}, which a terminal takes for a key; {INSTEAD}",
            u32::from(control)
        ))
        .at_field("input.text"));
    }
    let longest = text.split('\n').map(str::len).max().unwrap_or(0);
    if longest > CANONICAL_LINE && reader() == Reader::Canonical {
        return Err(Error::invalid_input(format!(
            "the agent reads by lines, of which its terminal takes {CANONICAL_LINE} bytes, and the text has one of \
             {longest}; {INSTEAD}"
        ))
        .at_field("input.text"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, reader: Reader) -> Option<String> {
        check(text, || reader).err().map(|error| error.message)
    }

    #[test]
    fn text_is_let_through() {
        for text in ["-n hi", "fix; rm;", "Enter", "$(id)", "a\tb\n\nc\n", "ünï→🦀", &"x".repeat(4095)] {
            assert_eq!(refused(text, Reader::Canonical), None, "{text:?}");
        }
        assert_eq!(refused(&"x".repeat(100_000), Reader::Raw), None);
    }

    #[test]
    fn keys_are_refused_by_name() {
        for (text, name) in [
            ("a\x1b[201~b", "U+001B at byte 1"),
            ("\r\n", "U+000D at byte 0"),
            ("x\x03", "U+0003 at byte 1"),
            ("\x7f", "U+007F"),
            ("\u{9b}", "U+009B"),
            ("\0", "U+0000"),
        ] {
            let message = refused(text, Reader::Raw).expect(text);
            assert!(message.contains(name) && message.contains("--file"), "{message}");
        }
    }

    #[test]
    fn a_line_that_would_be_cut_is_refused() {
        let text = format!("short\n{}\nshort", "x".repeat(4096));
        let message = refused(&text, Reader::Canonical).expect("refused");
        assert!(message.contains("4096") && message.contains("--file"), "{message}");
        let short_lines = format!("{}\n", "x".repeat(4000)).repeat(4);
        assert_eq!(refused(&short_lines, Reader::Canonical), None);
    }
}
