//! The outside of a helper: its journal, its terminal, its log, and those who ask and wait.

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ao_plugin_sdk::core::text::plain;

use crate::control::Reply;
use crate::desk::Desk;
use crate::journal::Event;
use crate::ledger::Ledger;
use crate::log::Log;
use crate::printer::Printer;
use crate::serving::Waiting;
use crate::wake::Wake;

/// How long an agent's last words are waited for, and the host's ear for the helper's.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a helper carries effects out with.
pub struct Outside<'a> {
    /// Where it writes what happens.
    pub desk: Desk<'a>,
    /// None where the terminal is the agent's.
    pub printer: Option<Printer>,
    /// What the agent says besides.
    pub log: Arc<Mutex<Log>>,
    /// Those who ask.
    pub waiting: Waiting,
    /// Why the journal cannot be written, if so.
    unwritten: Option<String>,
}

impl<'a> Outside<'a> {
    /// Of a desk.
    pub fn new(desk: Desk<'a>, printer: Option<Printer>, log: Arc<Mutex<Log>>) -> Self {
        Self { desk, printer, log, waiting: Waiting::default(), unwritten: None }
    }

    /// Whether what follows from the conversation may happen: what could not be written down has not happened, nothing
    /// follows from it, and this helper knows more than its journal.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.unwritten.is_none()
    }

    /// Writes an event down.
    pub fn note(&mut self, event: Event) {
        if let Err(error) = self.desk.note(event) {
            self.unwritten = Some(error.to_string());
        }
    }

    /// Answers somebody.
    pub fn reply(&mut self, to: u64, reply: Reply) {
        self.waiting.reply(to, reply, self.unwritten.as_deref());
    }

    /// Shows a text in the terminal.
    pub fn show(&self, text: String) {
        if let Some(printer) = &self.printer {
            printer.show(text);
        }
    }

    /// Keeps what is no message.
    pub fn keep(&self, text: &str) {
        let mut log = lock(&self.log);
        log.add(text.as_bytes());
        log.add(b"\n");
    }

    /// Begins another journal where this one is long enough, once all that follows from an input is done. The error says that
    /// the journal cannot be written any more.
    pub fn settle(&mut self, ledger: &Ledger) -> Result<(), String> {
        if let Some(error) = &self.unwritten {
            return Err(format!("cannot write the journal: {error}"));
        }
        // What every line so far came to is what the conversation knows now.
        if let Err(error) = self.desk.journal.renew((self.desk.now)(), &ledger.view, &ledger.queue) {
            self.show(format!("# cannot begin another journal: {error}\n"));
        }
        Ok(())
    }

    /// Says that the agent's program cannot be started, and ends as a shell would.
    pub fn not_started(mut self, program: &str, error: &io::Error, key: &str) -> io::Result<ExitCode> {
        let why = format!("cannot start `{program}` ({error}); correct the agent's `{key}`");
        self.show(format!("# {why}\n"));
        self.desk.note(Event::Ended { why })?;
        self.printer.into_iter().for_each(Printer::finish);
        Ok(ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }))
    }

    /// Says in the terminal, in the journal and to the host why it is over, and ends with this code.
    pub async fn finish(mut self, mut ledger: Ledger, wake: &mut Wake, why: String, code: u8) -> io::Result<ExitCode> {
        let tail = lock(&self.log).tail();
        if code != 0 && code < 128 && !tail.is_empty() {
            self.show(format!("{}\n", plain(&tail)));
        }
        self.show(format!("# {why}\n"));
        let ended = Event::Ended { why };
        ledger.apply((self.desk.now)(), &ended);
        let written = self.desk.note(ended);
        wake.look(&ledger.view);
        let _ = tokio::time::timeout(LAST_WORDS, wake.finish()).await;
        self.printer.into_iter().for_each(Printer::finish);
        written.map(|()| ExitCode::from(code))
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
