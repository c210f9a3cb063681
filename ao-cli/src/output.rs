//! The one place that prints: data on stdout, everything else on stderr. Colours go away where there is no terminal and
//! under `NO_COLOR`; control characters that somebody else wrote never reach a terminal.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};

pub(crate) use ao_core::text::is_hostile;
use ao_core::{Code, Error};
use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::failure::Failure;

/// Prints data as it is.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| unwritable(&error))
}

/// Prints data for a program that wants every byte of it, control characters too.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| unwritable(&error))
}

/// Prints data as JSON that a person can read too.
pub(crate) fn json(data: &impl Serialize) -> Result<(), Failure> {
    let shown = serde_json::to_string_pretty(data)
        .map_err(|error| Error::wrap(Code::OTHER, "cannot write the result as JSON", &error))?;
    text(&format!("{shown}\n"))
}

/// Says something that is no data. Nothing can be done about a stderr that is gone.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Says that something is not as it should be, although the command goes on.
pub(crate) fn warning(text: impl Display) {
    let style = AnsiColor::Yellow.on_default().bold();
    note(format_args!("{style}warning{style:#}: {}", printable(&text.to_string())));
}

/// Somebody who closed our output has read enough: `ao … | head`.
fn unwritable(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Error::wrap(Code::OTHER, "cannot write to stdout", error).into(),
    }
}

/// The columns of the terminal that stderr is, if it is one.
pub(crate) fn stderr_columns() -> Option<u16> {
    columns(&io::stderr())
}

fn columns(stream: &(impl IsTerminal + rustix::fd::AsFd)) -> Option<u16> {
    const FALLBACK: u16 = 80;
    let size = || rustix::termios::tcgetwinsize(stream).ok().map(|size| size.ws_col).filter(|columns| *columns > 0);
    stream.is_terminal().then(|| size().unwrap_or(FALLBACK))
}

/// The text without anything that a terminal would act on: control characters are escaped, but for line ends and tabs.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hostile(character) { shown.extend(character.escape_unicode()) } else { shown.push(character) }
    }
    Cow::Owned(shown)
}

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Doubtful,
    /// Not as it should be.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        let colour = match self {
            Self::Good => AnsiColor::Green,
            Self::Doubtful => AnsiColor::Yellow,
            Self::Bad => AnsiColor::Red,
        };
        colour.on_default().bold()
    }
}

/// Text for stdout, put together before it is printed.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    /// The columns of the terminal; none when stdout is a file or a pipe.
    columns: Option<u16>,
}

impl Page {
    /// For what stdout is now.
    pub(crate) fn for_stdout() -> Self {
        Self { text: String::new(), columns: columns(&io::stdout()) }
    }

    /// Prints it.
    pub(crate) fn print(&self) -> Result<(), Failure> {
        text(&self.text)
    }

    /// What is on it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Adds a line, or several.
    pub(crate) fn line(&mut self, line: impl Display) {
        let line = line.to_string();
        self.text.push_str(printable(&line).trim_end());
        self.text.push('\n');
    }

    /// Adds an empty line, unless nothing stands above.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Adds a line that begins with a coloured word.
    pub(crate) fn marked(&mut self, tone: Tone, word: &str, line: impl Display) {
        let (style, line) = (tone.style(), line.to_string());
        let _ = writeln!(self.text, "{style}{word}{style:#}  {}", printable(&line).trim_end());
    }

    /// Adds names with their values, the values below each other.
    pub(crate) fn fields<'a>(&mut self, fields: impl IntoIterator<Item = (&'a str, String)>) {
        let fields: Vec<_> = fields.into_iter().collect();
        let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 2;
        for (name, value) in fields {
            self.line(format_args!("{:width$}{value}", format!("{name}:")));
        }
    }

    /// Adds rows under headings: fitted into a terminal, else in aligned columns that never wrap.
    pub(crate) fn table<const N: usize>(&mut self, headings: [&str; N], rows: &[[String; N]]) {
        self.columns(&headings, rows);
    }

    /// The same, where it depends on what there is how many columns it has: as many as headings.
    pub(crate) fn columns(&mut self, headings: &[&str], rows: &[impl AsRef<[String]>]) {
        let row = |row: &[String]| row.iter().map(|cell| printable(cell).into_owned()).collect();
        let rows: Vec<Vec<String>> = rows.iter().map(|cells| row(cells.as_ref())).collect();
        match self.columns {
            Some(columns) => self.fitted(headings, &rows, columns),
            None => self.aligned(headings, &rows),
        }
    }

    fn fitted(&mut self, headings: &[&str], rows: &[Vec<String>], columns: u16) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
        table.set_header(headings);
        table.add_rows(rows);
        for line in table.lines() {
            self.line(line.strip_prefix(' ').unwrap_or(&line));
        }
    }

    fn aligned(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        let length = |text: &str| text.chars().count();
        let width = |(column, heading): (usize, &&str)| {
            rows.iter().map(|row| length(&row[column])).chain([length(heading)]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = headings.iter().enumerate().map(width).collect();
        let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
        for row in std::iter::once(&headings).chain(rows) {
            let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            self.line(cells.join("  "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> [[String; 2]; 2] {
        [["tracker".into(), "a long summary that does not fit into twenty columns".into()], ["scm".into(), "é".into()]]
    }

    #[test]
    fn a_pipe_gets_aligned_columns() {
        let mut page = Page::default();
        page.table(["SLOT", "SUMMARY"], &rows());
        insta::assert_snapshot!(page.text, @r"
        SLOT     SUMMARY
        tracker  a long summary that does not fit into twenty columns
        scm      é
        ");
    }

    #[test]
    fn a_terminal_gets_what_fits() {
        let mut page = Page { columns: Some(30), ..Page::default() };
        page.table(["SLOT", "SUMMARY"], &rows());
        assert!(page.text.lines().all(|line| line.chars().count() <= 30), "{}", page.text);
        assert!(page.text.starts_with("SLOT"), "{}", page.text);
    }

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(printable("a\tb\nc"), "a\tb\nc");
        assert_eq!(printable("\u{1b}[31mred\u{202e}"), "\\u{1b}[31mred\\u{202e}");
        let mut page = Page::default();
        page.line("\u{1b}]0;title\u{7}");
        assert_eq!(page.text, "\\u{1b}]0;title\\u{7}\n");
    }
}
