//! The holder's end of the terminal's line: what the program prints comes out, what is typed goes in.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use ao_core::slots::runtime::Size;
use camino::{Utf8Path, Utf8PathBuf};
use pty_process::blocking::{Pts, Pty};
use rustix::event::PollFlags;
use rustix::fs::OFlags;
use rustix::process::Signal;
use rustix::termios::{InputModes, OptionalActions, tcgetattr, tcsetattr};

/// How much typed input may wait for the program, in bytes, before viewers are not read for a while.
const CLOGGED: usize = 64 * 1024;

/// How much may wait in all, in bytes, before a text is refused.
const MOST_WAITING: usize = 1024 * 1024;

/// The line to the program.
pub(super) struct Line {
    pty: Pty,
    device: Utf8PathBuf,
    /// What the terminal did not take yet.
    typed: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nobody has the other end any more.
    Closed,
}

impl Line {
    /// A new terminal of this size, and the program's end of it.
    pub(super) fn open(size: Size) -> io::Result<(Self, Pts)> {
        let (pty, pts) = pty_process::blocking::open().map_err(plain)?;
        pty.resize(pty_process::Size::new(size.rows, size.columns)).map_err(plain)?;
        // An erased character is one character, not one byte.
        let mut modes = tcgetattr(&pts)?;
        modes.input_modes |= InputModes::IUTF8;
        tcsetattr(&pts, OptionalActions::Now, &modes)?;
        let flags = rustix::fs::fcntl_getfl(&pty)?;
        rustix::fs::fcntl_setfl(&pty, flags | OFlags::NONBLOCK)?;
        let name = rustix::termios::ttyname(&pts, Vec::new())?;
        let device = std::str::from_utf8(name.as_bytes()).map_err(io::Error::other)?.into();
        Ok((Self { pty, device, typed: Vec::new(), state: State::Open }, pts))
    }

    /// The device that the program reads.
    pub(super) fn device(&self) -> &Utf8Path {
        &self.device
    }

    /// What is worth to wake up for; nothing when the line is over.
    pub(super) fn interest(&self) -> Option<PollFlags> {
        let typing = if self.typed.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        (self.state == State::Open).then_some(PollFlags::IN | typing)
    }

    /// Takes what was printed, at most about so many bytes; none if there is nothing now.
    pub(super) fn read(&mut self, most: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        // The kernel hands over a page at a time.
        let mut page = [0; 8192];
        while self.state == State::Open && bytes.len() < most {
            match self.pty.read(&mut page) {
                Ok(0) => self.hang_up(),
                Ok(length) => bytes.extend_from_slice(&page[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // EIO: every process at the other end has gone.
                Err(_) => self.hang_up(),
            }
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Queues what was typed. The queue is bounded by whom is read: see [`Line::is_clogged`] and [`Line::refuses`].
    pub(super) fn type_in(&mut self, bytes: &[u8]) {
        if self.state == State::Open && self.typed.len() <= MOST_WAITING {
            self.typed.extend_from_slice(bytes);
            self.write_pending();
        }
    }

    /// Writes what the terminal takes.
    pub(super) fn write_pending(&mut self) {
        while self.state == State::Open && !self.typed.is_empty() {
            match self.pty.write(&self.typed) {
                Ok(length) => drop(self.typed.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Full, or over, which reading finds out.
                Err(_) => return,
            }
        }
    }

    /// Whether the program is behind with reading.
    pub(super) fn is_clogged(&self) -> bool {
        self.typed.len() > CLOGGED
    }

    /// How much waits already, where so many more bytes would be too many.
    pub(super) fn refuses(&self, more: usize) -> Option<usize> {
        let waiting = self.typed.len();
        (waiting > 0 && waiting + more > MOST_WAITING).then_some(waiting)
    }

    /// Tells the terminal its size, and the program too, even where it is the old one: it is to draw itself anew.
    pub(super) fn resize(&self, size: Size) {
        let before = rustix::termios::tcgetwinsize(&self.pty).ok();
        let _ = self.pty.resize(pty_process::Size::new(size.rows, size.columns));
        if before.is_some_and(|before| (before.ws_col, before.ws_row) == (size.columns, size.rows))
            && let Ok(group) = rustix::termios::tcgetpgrp(&self.pty)
        {
            // Its default is to be ignored.
            let _ = rustix::process::kill_process_group(group, Signal::WINCH);
        }
    }

    /// Whether something can still be typed.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Neither reads nor writes any more.
    pub(super) fn hang_up(&mut self) {
        self.state = State::Closed;
        self.typed = Vec::new();
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pty.as_fd()
    }
}

/// The error of the kernel in an error of the library.
pub(in crate::holder) fn plain(error: pty_process::Error) -> io::Error {
    match error {
        pty_process::Error::Io(error) => error,
        pty_process::Error::Rustix(errno) => errno.into(),
    }
}
