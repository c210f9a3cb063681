//! One connection to the holder: what it wants, what still is to be written to it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ao_core::model::terminal::{Packet, PacketReader, TerminalReply, encode_data};
use rustix::event::PollFlags;

/// How much of the terminal waits for a viewer, in bytes. What comes on top of it is left out and made up for by a repaint.
const VIEW_LIMIT: usize = 512 * 1024;

/// How much may wait for a client in all, in bytes; one that asks without reading is dropped.
const QUEUE_LIMIT: usize = 16 * 1024 * 1024;

/// How often a watcher is told of output.
const NOTE_INTERVAL: Duration = Duration::from_millis(100);

/// What a client is told without asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing.
    Asker,
    /// The terminal.
    Viewer,
    /// The terminal, after something of it was left out.
    LateViewer,
    /// That something was printed; `due` if it was not told yet.
    Watcher { told: Option<Instant>, due: bool },
}

/// A connection.
pub(super) struct Client {
    stream: UnixStream,
    reader: PacketReader,
    queue: Vec<u8>,
    /// How much of the queue is written.
    written: usize,
    pub(super) role: Role,
    /// Whether it is to be told of the program's end.
    pub(super) waits: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// To be closed when the queue is written.
    Closing,
    Gone,
}

impl Client {
    pub(super) fn new(stream: UnixStream, hello: &TerminalReply) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let reader = PacketReader::default();
        let mut client =
            Self { stream, reader, queue: Vec::new(), written: 0, role: Role::Asker, waits: false, state: State::Open };
        client.say(hello);
        Ok(client)
    }

    /// What is worth to wake up for. `paused` is for viewers: the program does not read what they type.
    pub(super) fn interest(&self, paused: bool) -> PollFlags {
        let is_viewer = matches!(self.role, Role::Viewer | Role::LateViewer);
        let mut interest = PollFlags::empty();
        if self.state == State::Open && !(paused && is_viewer) {
            interest |= PollFlags::IN;
        }
        if self.written < self.queue.len() {
            interest |= PollFlags::OUT;
        }
        interest
    }

    /// Reads what has arrived; `None` when there is no more for now.
    pub(super) fn receive(&mut self) -> Option<Packet> {
        let mut buffer = [0; 16 * 1024];
        while self.state == State::Open {
            match self.reader.take() {
                Ok(Some(packet)) => return Some(packet),
                Ok(None) => {}
                Err(_) => self.state = State::Gone,
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => self.state = State::Gone,
                Ok(length) => self.reader.push(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => self.state = State::Gone,
            }
        }
        None
    }

    /// Queues a reply.
    pub(super) fn say(&mut self, reply: &TerminalReply) {
        Packet::control(reply).encode(&mut self.queue);
        self.bound();
    }

    /// Queues bytes as one frame.
    pub(super) fn hand(&mut self, bytes: &[u8]) {
        encode_data(bytes, &mut self.queue);
        self.bound();
    }

    /// Shows a viewer what was printed.
    pub(super) fn show(&mut self, bytes: &[u8]) {
        match self.role {
            Role::Viewer if self.waiting() > VIEW_LIMIT => self.role = Role::LateViewer,
            Role::Viewer => self.hand(bytes),
            _ => {}
        }
    }

    /// Tells a watcher that something was printed, not too often.
    pub(super) fn note(&mut self, now: Instant) {
        if let Role::Watcher { due, .. } = &mut self.role {
            *due = true;
        }
        self.note_due(now);
    }

    /// Tells a watcher what is due by now.
    pub(super) fn note_due(&mut self, now: Instant) {
        if let Role::Watcher { told, due: true } = self.role
            && told.is_none_or(|told| now.duration_since(told) >= NOTE_INTERVAL)
        {
            self.role = Role::Watcher { told: Some(now), due: false };
            // One that does not read has its note already.
            if self.waiting() == 0 {
                self.say(&TerminalReply::Changed);
            }
        }
    }

    /// When a watcher is to be told next.
    pub(super) fn next_note(&self) -> Option<Instant> {
        match self.role {
            Role::Watcher { told: Some(told), due: true } => Some(told + NOTE_INTERVAL),
            _ => None,
        }
    }

    /// Writes what the client takes. `repaint` is for a viewer that has read everything and missed something.
    pub(super) fn flush(&mut self, repaint: impl Fn() -> Vec<u8>) {
        loop {
            while self.state != State::Gone && self.written < self.queue.len() {
                match self.stream.write(&self.queue[self.written..]) {
                    Ok(0) => self.state = State::Gone,
                    Ok(length) => self.written += length,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                    Err(_) => self.state = State::Gone,
                }
            }
            self.queue.clear();
            self.written = 0;
            if self.state == State::Closing {
                self.state = State::Gone;
            }
            if self.state == State::Gone || self.role != Role::LateViewer {
                return;
            }
            self.role = Role::Viewer;
            self.hand(&repaint());
        }
    }

    /// Closes the connection when everything is written.
    pub(super) fn close(&mut self) {
        self.role = Role::Asker;
        if self.state == State::Open {
            self.state = State::Closing;
        }
    }

    /// Whether the connection is over.
    pub(super) fn is_gone(&self) -> bool {
        self.state == State::Gone
    }

    /// How many bytes wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len() - self.written
    }

    fn bound(&mut self) {
        if self.waiting() > QUEUE_LIMIT {
            self.state = State::Gone;
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
