//! Showing the conversation in the terminal, on a thread of its own: a terminal that nobody reads stops no conversation.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// How many texts may wait; more are dropped.
const WAITING: usize = 1024;
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The terminal.
pub(super) struct Printer {
    texts: SyncSender<String>,
    done: Receiver<()>,
}

impl Printer {
    /// Begins to show.
    pub(super) fn start() -> io::Result<Self> {
        let (texts, waiting) = sync_channel::<String>(WAITING);
        let (end, done) = sync_channel(1);
        std::thread::Builder::new().name("printer".to_owned()).spawn(move || {
            let mut terminal = io::stdout();
            while let Ok(text) = waiting.recv() {
                // A terminal that is gone is the runtime's matter.
                let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
            }
            let _ = end.send(());
        })?;
        Ok(Self { texts, done })
    }

    /// Shows a text, if the terminal keeps up.
    pub(super) fn show(&self, text: String) {
        let _ = self.texts.try_send(text);
    }

    /// Waits a moment until all is shown.
    pub(super) fn finish(self) {
        drop(self.texts);
        let _ = self.done.recv_timeout(LAST_WORDS);
    }
}
