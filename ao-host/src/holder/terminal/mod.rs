//! The terminal that a holder owns: its program on one side, whoever looks at it on the other.
//!
//! One thread and one `poll`; nothing here waits for a client. A viewer that reads too slowly misses something and gets a
//! repaint, one that types too fast is not read for a while, so that neither holds up the program or another viewer.

#![expect(clippy::disallowed_methods, reason = "notes are spaced on this process's own monotonic clock")]

mod client;
mod log;
mod pty;
mod requests;
mod screen;

pub(super) use pty::plain;

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use ao_core::model::process::{ExitStatus, HoldStdio};
use ao_core::model::terminal::{TERMINAL_VERSION, TerminalReply};
use ao_core::model::{Timestamp, output_log};
use ao_core::slots::runtime::Size;
use camino::Utf8PathBuf;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;

use client::Client;
use log::OutputLog;
use pty::Line;
use screen::Screen;

use super::records;
use super::signals::Arrivals;

/// How many may be connected at once.
const MOST_CLIENTS: usize = 256;

/// How much of the output is taken at once, in bytes.
const BATCH: usize = 64 * 1024;

/// How much of the output is still read when the program has ended, in bytes.
const LAST_WORDS: usize = 64 * 1024 * 1024;

/// How many lines of the last screen are kept on the disk.
const LAST_LINES: usize = 500;

/// How long clients have to take the end before the holder goes.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a terminal is made of.
pub(super) struct Plan {
    pub(super) socket: Utf8PathBuf,
    pub(super) output: Utf8PathBuf,
    pub(super) size: Size,
    pub(super) scrollback: u32,
    pub(super) log_bytes: u64,
}

impl Plan {
    /// What a spec says of a terminal, if it is to have one.
    pub(super) fn of(stdio: &HoldStdio) -> Option<Self> {
        let HoldStdio::Pty { socket, output, size, scrollback, log_bytes } = stdio.clone() else { return None };
        Some(Self { socket, output, size, scrollback, log_bytes })
    }
}

/// The terminal, with its clients.
pub(super) struct Terminal {
    plan: Plan,
    listener: UnixListener,
    line: Line,
    log: OutputLog,
    screen: Screen,
    clients: Vec<Client>,
    hello: TerminalReply,
    last_output_at: Option<Timestamp>,
    /// When somebody last typed.
    typed: Option<Instant>,
    program: Program,
}

/// Whether the program runs.
#[derive(Clone, Copy)]
enum Program {
    Running(Pid),
    Ended(ExitStatus),
}

/// What there is to do.
struct Ready {
    clients: Vec<PollFlags>,
    line: PollFlags,
    listener: PollFlags,
}

impl Terminal {
    /// Makes the terminal and starts the program in it; `start` gets the program's end of it.
    pub(super) fn open(
        plan: Plan,
        start: impl FnOnce(pty_process::blocking::Pts) -> io::Result<Pid>,
    ) -> io::Result<(Self, Pid)> {
        let screen = Screen::new(plan.size, plan.scrollback);
        let log = OutputLog::open(&plan.output, plan.log_bytes)?;
        let _ = std::fs::remove_file(output_log::last_screen(&plan.output));
        let listener = listen(&plan)?;
        let (line, pts) = Line::open(screen.size())?;
        let hello = TerminalReply::Hello { version: TERMINAL_VERSION, tty: line.device().to_owned() };
        let pid = start(pts).inspect_err(|_| drop(std::fs::remove_file(&plan.socket)))?;
        let (clients, program) = (Vec::new(), Program::Running(pid));
        Ok((
            Self { plan, listener, line, log, screen, clients, hello, last_output_at: None, typed: None, program },
            pid,
        ))
    }

    /// Waits for a signal, and serves everybody meanwhile.
    pub(super) fn serve(&mut self, arrivals: &Arrivals, now: &dyn Fn() -> Timestamp) -> io::Result<()> {
        let Some(ready) = self.wait(Some(arrivals), self.next_note())? else { return Ok(()) };
        self.act(&ready, now);
        Ok(())
    }

    /// Reads what the program that has ended printed last, and keeps its last screen.
    pub(super) fn take_last_words(&mut self, now: &dyn Fn() -> Timestamp) {
        let mut taken = 0;
        while taken < LAST_WORDS
            && let Some(bytes) = self.line.read(BATCH)
        {
            taken += bytes.len();
            self.printed(&bytes, now);
        }
        let screen = self.screen.lines(LAST_LINES);
        // Lost with it is what `observe` shows of an agent that has ended.
        let _ = records::write_text(&output_log::last_screen(&self.plan.output), &screen);
    }

    /// Tells everybody how the program ended.
    pub(super) fn tell_end(&mut self, status: ExitStatus) {
        self.program = Program::Ended(status);
        self.line.hang_up();
        for client in &mut self.clients {
            if client.waits || client.role != client::Role::Asker {
                client.say(&TerminalReply::Exit { status });
                client.waits = false;
            }
        }
        self.flush();
    }

    /// Ends: what is queued is written, the socket goes.
    pub(super) fn close(mut self, now: &dyn Fn() -> Timestamp) {
        let until = Instant::now() + FAREWELL;
        let _ = std::fs::remove_file(&self.plan.socket);
        while self.clients.iter().any(|client| client.waiting() > 0) && Instant::now() < until {
            match self.wait(None, Some(until)) {
                Ok(Some(ready)) => self.act(&ready, now),
                _ => return,
            }
        }
    }

    /// Waits until something can be done; `None` when it is a signal that arrived.
    fn wait(&self, arrivals: Option<&Arrivals>, until: Option<Instant>) -> io::Result<Option<Ready>> {
        let paused = self.line.is_clogged();
        let accepting = if self.clients.len() < MOST_CLIENTS { PollFlags::IN } else { PollFlags::empty() };
        let mut polled = vec![PollFd::new(&self.listener, accepting)];
        polled.extend(self.clients.iter().map(|client| PollFd::new(client, client.interest(paused))));
        let line = self.line.interest().map(|interest| {
            polled.push(PollFd::from_borrowed_fd(self.line.as_fd(), interest));
            polled.len() - 1
        });
        let signals = arrivals.map(|arrivals| {
            polled.push(PollFd::from_borrowed_fd(arrivals.as_fd(), PollFlags::IN));
            polled.len() - 1
        });
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) => {}
            // Its signal is found by the next look.
            Err(rustix::io::Errno::INTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
        let found = |index: Option<usize>| index.map_or(PollFlags::empty(), |index| polled[index].revents());
        if !found(signals).is_empty() {
            return Ok(None);
        }
        let clients = polled[1..=self.clients.len()].iter().map(PollFd::revents).collect();
        Ok(Some(Ready { clients, line: found(line), listener: polled[0].revents() }))
    }

    fn act(&mut self, ready: &Ready, now: &dyn Fn() -> Timestamp) {
        if ready.line.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)
            && let Some(bytes) = self.line.read(BATCH)
        {
            self.printed(&bytes, now);
        }
        for (index, events) in ready.clients.iter().enumerate() {
            if events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                self.hear(index);
            }
        }
        self.line.write_pending();
        if ready.listener.contains(PollFlags::IN) {
            self.accept();
        }
        let now = Instant::now();
        for client in &mut self.clients {
            client.note_due(now);
        }
        self.flush();
    }

    /// Takes what the program printed to everybody who is to know.
    fn printed(&mut self, bytes: &[u8], now: &dyn Fn() -> Timestamp) {
        self.log.append(bytes);
        self.screen.print(bytes);
        self.last_output_at = Some(now());
        let answers = self.screen.take_answers();
        // A viewer's own terminal answers, and knows better.
        if !self.has_viewers() {
            self.line.type_in(&answers);
        }
        let now = Instant::now();
        for client in &mut self.clients {
            client.show(bytes);
            client.note(now);
        }
    }

    fn has_viewers(&self) -> bool {
        self.clients.iter().any(|client| matches!(client.role, client::Role::Viewer | client::Role::LateViewer))
    }

    fn note_typing(&mut self) {
        self.typed = Some(Instant::now());
    }

    /// How long ago one of the viewers typed. Who has gone does not type any more.
    fn typed_ms_ago(&self) -> Option<u64> {
        let typed = self.typed.filter(|_| self.has_viewers())?;
        Some(u64::try_from(typed.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn accept(&mut self) {
        let Ok((stream, _)) = self.listener.accept() else { return };
        // The directory keeps others out already; a descriptor that was handed on does not pass here.
        let own = rustix::process::getuid();
        if rustix::net::sockopt::socket_peercred(&stream).is_ok_and(|peer| peer.uid == own)
            && let Ok(client) = Client::new(stream, &self.hello)
        {
            self.clients.push(client);
        }
    }

    fn flush(&mut self) {
        let screen = &self.screen;
        for client in &mut self.clients {
            client.flush(|| screen.repaint());
        }
        self.clients.retain(|client| !client.is_gone());
    }

    fn next_note(&self) -> Option<Instant> {
        self.clients.iter().filter_map(Client::next_note).min()
    }
}

/// Listens where nobody else does: the session's directory is claimed, so a socket that is there is a former holder's.
fn listen(plan: &Plan) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;

    match std::fs::remove_file(&plan.socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&plan.socket)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at `{}`: {error}", plan.socket)))?;
    std::fs::set_permissions(&plan.socket, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
