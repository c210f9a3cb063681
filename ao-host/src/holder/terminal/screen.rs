//! What the terminal shows, what has left it upwards, and what it answers to a program that asks.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ao_core::slots::runtime::Size;
use vt100::capture::{BasicFormattedCaptureState, RowContents, basic_formatted_to_plain};
use vt100::{Callbacks, Parser};

/// How many lines above the screen keep their colours, to come back when the terminal grows. The others are kept as text:
/// a line of cells takes fifty times as much memory.
const COLOURED_LINES: usize = 200;

/// The widest and highest that a terminal may be, in cells.
const LARGEST: (u16, u16) = (1000, 500);

/// The terminal as its program has made it.
pub(super) struct Screen {
    parser: Parser<Surroundings>,
}

impl Screen {
    /// An empty one that keeps so many lines that have left it.
    pub(super) fn new(size: Size, scrollback: u32) -> Self {
        let (columns, rows) = cells(size);
        let surroundings = Surroundings::new(usize::try_from(scrollback).unwrap_or(usize::MAX));
        let parser = Parser::new_with_callbacks(rows, columns, COLOURED_LINES.min(surroundings.limit), surroundings);
        Self { parser }
    }

    /// Takes what the program printed.
    ///
    /// Programs print anything, and an agent must not end by it: should the parser panic, an empty screen takes its place.
    pub(super) fn print(&mut self, bytes: &[u8]) {
        if catch_unwind(AssertUnwindSafe(|| self.parser.process(bytes))).is_err() {
            let limit = self.parser.callbacks().limit;
            *self = Self::new(self.size(), u32::try_from(limit).unwrap_or(u32::MAX));
        }
    }

    /// What the program is to be answered, if nobody else answers it.
    pub(super) fn take_answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.parser.callbacks_mut().answers)
    }

    /// The size.
    pub(super) fn size(&self) -> Size {
        let (rows, columns) = self.parser.screen().size();
        Size::new(columns.get(), rows.get())
    }

    /// Takes another size, within reason, and returns it.
    pub(super) fn resize(&mut self, size: Size) -> Size {
        let (columns, rows) = cells(size);
        if catch_unwind(AssertUnwindSafe(|| self.parser.set_size(rows, columns))).is_err() {
            let limit = self.parser.callbacks().limit;
            *self = Self::new(size, u32::try_from(limit).unwrap_or(u32::MAX));
        }
        self.size()
    }

    /// Whether the program wants pastes in brackets.
    pub(super) fn wants_brackets(&self) -> bool {
        self.parser.screen().bracketed_paste()
    }

    /// What makes a viewer's terminal, whatever it shows and in the middle of whatever sequence it is, show this one.
    pub(super) fn repaint(&self) -> Vec<u8> {
        let screen = self.parser.screen();
        // CAN ends a sequence that was cut; then the right one of the two screens, and no scroll region.
        let alternate = if screen.alternate_screen() { 'h' } else { 'l' };
        let focus = if self.parser.callbacks().wants_focus { 'h' } else { 'l' };
        let mut bytes = format!("\x18\x1b[?1049{alternate}\x1b[?6l\x1b[r\x1b[?1004{focus}").into_bytes();
        bytes.extend_from_slice(screen.state_formatted().as_bytes());
        bytes
    }

    /// At most so many lines of text, the newest, down to the last that is not blank.
    pub(super) fn lines(&mut self, wanted: usize) -> String {
        let (screen, surroundings) = self.parser.screen_and_callbacks_mut();
        let columns = screen.size().1.get();
        let mut lines: Vec<String> = screen.rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let missing = wanted.saturating_sub(lines.len());
        if missing > 0 && !screen.alternate_screen() {
            let coloured = above(screen, missing);
            let plain = missing - coloured.len();
            let from = surroundings.lines.len().saturating_sub(plain);
            lines = surroundings.lines.range(from..).cloned().chain(coloured).chain(lines).collect();
        }
        lines.split_off(lines.len().saturating_sub(wanted)).join("\n")
    }
}

/// At most so many of the lines above the screen that the parser still has, the newest.
fn above(screen: &mut vt100::Screen, wanted: usize) -> Vec<String> {
    let (rows, columns) = screen.size();
    let mut lines = Vec::new();
    let mut offset = screen.scrollback_len().min(wanted);
    while offset > 0 {
        screen.set_scrollback(offset);
        let page = offset.min(usize::from(rows.get()));
        lines.extend(screen.rows(0, columns.get()).take(page).map(|row| row.trim_end().to_owned()));
        offset -= page;
    }
    screen.set_scrollback(0);
    lines
}

fn cells(size: Size) -> (NonZeroU16, NonZeroU16) {
    let within = |cells: u16, most| NonZeroU16::new(cells.min(most)).unwrap_or(NonZeroU16::MIN);
    (within(size.columns, LARGEST.0), within(size.rows, LARGEST.1))
}

/// What is around the screen.
struct Surroundings {
    /// Lines that left it, oldest first.
    lines: VecDeque<String>,
    limit: usize,
    answers: Vec<u8>,
    wants_focus: bool,
}

impl Surroundings {
    fn new(limit: usize) -> Self {
        Self { lines: VecDeque::new(), limit, answers: Vec::new(), wants_focus: false }
    }

    fn answer(&mut self, text: &str) {
        // A program that asks and never reads is not to fill the memory.
        if self.answers.len() < 4096 {
            self.answers.extend_from_slice(text.as_bytes());
        }
    }
}

impl Callbacks for Surroundings {
    fn on_scroll(&mut self, contents: RowContents<'_>, alternate_screen: bool) {
        let kept = self.limit.saturating_sub(COLOURED_LINES);
        if alternate_screen || kept == 0 {
            return;
        }
        let mut formatted = String::new();
        // A `String` takes everything.
        let _ = contents.write_formatted_basic(&mut formatted, &mut BasicFormattedCaptureState::default());
        let mut line: String = basic_formatted_to_plain(&formatted).collect();
        line.truncate(line.trim_end().len());
        line.shrink_to_fit();
        if self.lines.len() >= kept {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// The questions that programs put to find out what terminal they are in, and where its cursor is.
    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        first: Option<u8>,
        _second: Option<u8>,
        parameters: &[&[u16]],
        last: char,
    ) {
        let parameter = parameters.first().and_then(|values| values.first()).copied().unwrap_or(0);
        match (first, last, parameter) {
            // A VT220 with colours.
            (None, 'c', 0) => self.answer("\x1b[?62;22c"),
            (Some(b'>'), 'c', 0) => self.answer("\x1b[>1;0;0c"),
            (None, 'n', 5) => self.answer("\x1b[0n"),
            (None, 'n', 6) => {
                let (row, column) = screen.cursor_position();
                self.answer(&format!("\x1b[{};{}R", row + 1, column + 1));
            }
            (None, 't', 18) => {
                let (rows, columns) = screen.size();
                self.answer(&format!("\x1b[8;{rows};{columns}t"));
            }
            (Some(b'?'), 'h', 1004) => self.wants_focus = true,
            (Some(b'?'), 'l', 1004) => self.wants_focus = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(columns: u16, rows: u16, scrollback: u32) -> Screen {
        Screen::new(Size::new(columns, rows), scrollback)
    }

    #[test]
    fn lines_that_left_the_screen_are_found_in_order_up_to_the_limit() {
        let mut screen = screen(20, 5, 1000);
        for number in 0..2000 {
            screen.print(format!("\x1b[3{}mline {number}\x1b[m\r\n", number % 8).as_bytes());
        }
        let expected = |from: u32| (from..2000).map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n");
        for wanted in [1, 4, 5, 100, 204, 205, 900] {
            assert_eq!(screen.lines(wanted), expected(2000 - u32::try_from(wanted).unwrap()), "{wanted}");
        }
        assert_eq!(screen.lines(5000), expected(2000 - 1004), "four lines on the screen, a thousand above");
    }

    #[test]
    fn a_repaint_makes_another_terminal_show_the_same() {
        let mut original = screen(40, 10, 100);
        original.print(
            "main screen\r\n\x1b[?1049h\x1b[2;3H\x1b[1;31mfüll → 🦀\x1b[m\x1b[?2004h\x1b[?25l\x1b[?1h".as_bytes(),
        );
        let mut copy = screen(40, 10, 0);
        copy.print(b"something else\x1b[5;8r\x1b]0;an unfinished ti");
        copy.print(&original.repaint());
        let state = |screen: &Screen| {
            let shown = screen.parser.screen();
            (shown.state_formatted(), shown.alternate_screen(), shown.cursor_position())
        };
        assert_eq!(state(&copy), state(&original));
    }

    #[test]
    fn a_program_that_asks_is_answered() {
        let mut screen = screen(80, 24, 0);
        screen.print(b"\x1b[3;7H\x1b[6n\x1b[c\x1b[5n\x1b[18t");
        assert_eq!(screen.take_answers(), b"\x1b[3;7R\x1b[?62;22c\x1b[0n\x1b[8;24;80t");
        assert_eq!(screen.take_answers(), b"");
    }

    #[test]
    fn sizes_without_reason_are_cut() {
        let mut screen = screen(0, 0, 10);
        assert_eq!(screen.size(), Size::new(1_u16, 1_u16));
        assert_eq!(screen.resize(Size::new(u16::MAX, u16::MAX)), Size::new(1000_u16, 500_u16));
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_printed_ends_it(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000), columns in 1_u16..40, rows in 1_u16..20) {
            let mut screen = screen(10, 4, 300);
            screen.print(&bytes);
            screen.resize(Size::new(columns, rows));
            screen.print(&bytes);
            let _ = (screen.lines(50), screen.repaint());
        }
    }
}
