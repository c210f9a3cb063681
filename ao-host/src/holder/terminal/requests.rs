//! What clients ask, and what they are answered.

use ao_core::Code;
use ao_core::model::terminal::{Packet, TerminalReply, TerminalRequest};
use ao_core::slots::runtime::Size;
use rustix::process::Signal;

use super::client::{Client, Role};
use super::{Program, Terminal};

/// A text in brackets, so that a program can tell it from keys (xterm, "bracketed paste mode").
const BRACKETS: (&str, &str) = ("\x1b[200~", "\x1b[201~");

/// The key that submits.
const ENTER: &[u8] = b"\r";

/// Why something was not done.
type Refusal = (Code, String);

impl Terminal {
    /// Takes everything that a client has sent.
    pub(super) fn hear(&mut self, index: usize) {
        while let Some(packet) = self.clients[index].receive() {
            match packet {
                Packet::Data(bytes) if self.clients[index].role != Role::Asker => {
                    self.line.type_in(&bytes);
                    self.note_typing();
                    if self.line.is_clogged() {
                        return;
                    }
                }
                Packet::Data(_) => self.refuse(index, (Code::INVALID_INPUT, "attach before you type".to_owned())),
                Packet::Control(text) => match serde_json::from_slice(&text) {
                    Ok(request) => self.answer(index, request),
                    Err(error) => self.refuse(index, (Code::INVALID_INPUT, format!("not a request: {error}"))),
                },
            }
        }
    }

    fn answer(&mut self, index: usize, request: TerminalRequest) {
        let done = match request {
            TerminalRequest::Attach { size } => {
                self.attach(index, size);
                Ok(None)
            }
            TerminalRequest::Resize { size } => {
                self.resize(size);
                Ok(None)
            }
            TerminalRequest::Detach => {
                self.client(index).say(&TerminalReply::Done);
                self.client(index).close();
                Ok(None)
            }
            TerminalRequest::Screen { lines } => Ok(Some(self.shown(lines))),
            TerminalRequest::Output { cursor, max_bytes } => self.output(index, cursor, max_bytes).map(|()| None),
            TerminalRequest::Send { text } => self.paste(&text).map(Some),
            TerminalRequest::Submit => self.type_all(ENTER).map(Some),
            TerminalRequest::Keys { text } => self.type_all(text.as_bytes()).map(Some),
            TerminalRequest::Signal { signal } => self.signal(signal).map(Some),
            TerminalRequest::Wait => {
                self.client(index).waits = true;
                self.tell_if_ended(index);
                Ok(None)
            }
            TerminalRequest::Watch => {
                self.client(index).role = Role::Watcher { told: None, due: false };
                self.client(index).say(&TerminalReply::Done);
                self.tell_if_ended(index);
                Ok(None)
            }
            TerminalRequest::Ping => Ok(Some(TerminalReply::Done)),
            _ => Err((Code::UNSUPPORTED, "this holder is older than the request".to_owned())),
        };
        match done {
            Ok(Some(reply)) => self.client(index).say(&reply),
            Ok(None) => {}
            Err(refusal) => self.refuse(index, refusal),
        }
    }

    fn client(&mut self, index: usize) -> &mut Client {
        &mut self.clients[index]
    }

    fn refuse(&mut self, index: usize, (code, message): Refusal) {
        self.client(index).say(&TerminalReply::Failed { code: code.as_str().to_owned(), message });
    }

    fn attach(&mut self, index: usize, size: Size) {
        self.resize(size);
        let repaint = self.screen.repaint();
        let client = self.client(index);
        client.role = Role::Viewer;
        client.say(&TerminalReply::Done);
        client.hand(&repaint);
        self.tell_if_ended(index);
    }

    fn resize(&mut self, size: Size) {
        let size = self.screen.resize(size);
        if self.line.is_open() {
            self.line.resize(size);
        }
    }

    fn tell_if_ended(&mut self, index: usize) {
        if let Program::Ended(status) = self.program {
            self.client(index).say(&TerminalReply::Exit { status });
            self.client(index).waits = false;
        }
    }

    fn shown(&mut self, lines: u32) -> TerminalReply {
        let text = self.screen.lines(usize::try_from(lines).unwrap_or(usize::MAX));
        let (size, last_output_at) = (self.screen.size(), self.last_output_at);
        TerminalReply::Screen { text, size, last_output_at, typed_ms_ago: self.typed_ms_ago() }
    }

    fn output(&mut self, index: usize, cursor: Option<u64>, max_bytes: u32) -> Result<(), Refusal> {
        let most = u64::from(max_bytes).min(Packet::MAX as u64);
        let (plan, bytes) = self
            .log
            .read(cursor, most)
            .map_err(|error| (Code::UNAVAILABLE, format!("cannot read the output: {error}")))?;
        let client = self.client(index);
        client.say(&TerminalReply::Output { from: plan.from, truncated: plan.truncated });
        client.hand(&bytes);
        Ok(())
    }

    fn paste(&mut self, text: &str) -> Result<TerminalReply, Refusal> {
        let text =
            if self.screen.wants_brackets() { format!("{}{text}{}", BRACKETS.0, BRACKETS.1) } else { text.to_owned() };
        self.type_all(text.as_bytes())
    }

    fn type_all(&mut self, bytes: &[u8]) -> Result<TerminalReply, Refusal> {
        if let Program::Ended(status) = self.program {
            return Err((Code::NOT_FOUND, format!("the agent has ended ({status}); nothing was sent")));
        }
        if !self.line.is_open() {
            return Err((Code::NOT_FOUND, "the agent has closed its terminal; nothing was sent".to_owned()));
        }
        if let Some(waiting) = self.line.refuses(bytes.len()) {
            let message =
                format!("the agent is not reading its input: {waiting} bytes wait for it already; nothing was sent");
            return Err((Code::UNAVAILABLE, message));
        }
        self.line.type_in(bytes);
        Ok(TerminalReply::Done)
    }

    fn signal(&self, signal: i32) -> Result<TerminalReply, Refusal> {
        let signal = Signal::from_named_raw(signal)
            .ok_or_else(|| (Code::INVALID_INPUT, format!("{signal} is not the number of a signal")))?;
        let Program::Running(program) = self.program else {
            return Err((Code::NOT_FOUND, "the agent has ended".to_owned()));
        };
        // It is a child that was not waited for, so the pid is its own.
        rustix::process::kill_process(program, signal)
            .map_err(|error| (Code::OTHER, format!("cannot signal the agent: {error}")))?;
        Ok(TerminalReply::Done)
    }
}
