//! Showing the conversation in the terminal, on a thread of its own: a terminal that nobody reads stops no conversation.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::room::Room;

/// How many texts may wait, and how many bytes; more are dropped.
const WAITING: usize = 1024;
const WAITING_BYTES: usize = 4 * 1024 * 1024;
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The terminal.
pub struct Printer {
    texts: SyncSender<String>,
    room: Room,
    done: Receiver<()>,
}

impl Printer {
    /// Begins to show.
    pub fn start() -> io::Result<Self> {
        let (texts, next) = sync_channel::<String>(WAITING);
        let room = Room::of(WAITING_BYTES);
        let given = room.clone();
        let (end, done) = sync_channel(1);
        std::thread::Builder::new().name("printer".to_owned()).spawn(move || {
            let mut terminal = io::stdout();
            while let Ok(text) = next.recv() {
                // A terminal that is gone is the runtime's matter.
                let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
                given.give(text.len());
            }
            let _ = end.send(());
        })?;
        Ok(Self { texts, room, done })
    }

    /// Shows a text, if the terminal keeps up.
    pub fn show(&self, text: String) {
        let length = text.len();
        if self.room.take(length) && self.texts.try_send(text).is_err() {
            self.room.give(length);
        }
    }

    /// Waits a moment until all is shown.
    pub fn finish(self) {
        drop(self.texts);
        let _ = self.done.recv_timeout(LAST_WORDS);
    }
}
