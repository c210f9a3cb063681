//! An agent like those that people use: a full screen with a composer, dialogs, phases in which it reads nothing, and a
//! transcript of what it was told. In its directory are
//!
//! - `transcript.jsonl`: a line for each message that was submitted;
//! - `journal`: a line for each Enter that should not have come, and each paste that met a dialog;
//! - `control`: what the test wants on the screen (`dialog`, `foreign`, or nothing), and `applied`, what is there.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8PathBuf;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";
/// Somebody else's words.
const FOREIGN: &str = "half a sentence";
/// How often the test's wishes are looked at.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
/// How long it reads nothing after every fourth message.
const BUSY: Duration = Duration::from_millis(150);
/// How much of a draft is shown: its last lines, and no more than so many characters.
const SHOWN_LINES: usize = 20;
const SHOWN_CHARACTERS: usize = 1500;

/// What is in the middle of the screen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Composer,
    Dialog,
}

struct Composer {
    directory: Utf8PathBuf,
    view: View,
    draft: Vec<u8>,
    /// Bytes that were read and are not understood yet.
    pending: Vec<u8>,
    is_pasting: bool,
    applied: String,
    told: usize,
}

/// Plays it until its input ends.
pub(super) fn play(directory: &str) -> io::Result<ExitCode> {
    super::raw()?;
    let mut composer = Composer {
        directory: directory.into(),
        view: View::Composer,
        draft: Vec::new(),
        pending: Vec::new(),
        is_pasting: false,
        applied: String::new(),
        told: 0,
    };
    io::stdout().write_all(b"\x1b[?2004h")?;
    composer.draw("ready")?;
    let stdin = io::stdin();
    let mut buffer = [0; 4096];
    loop {
        let readable = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&TICK))? > 0;
        if readable {
            let length = rustix::io::read(&stdin, &mut buffer)?;
            if length == 0 {
                return Ok(ExitCode::from(9));
            }
            composer.pending.extend_from_slice(&buffer[..length]);
            composer.understand()?;
            composer.draw("ready")?;
        } else {
            composer.obey()?;
        }
    }
}

impl Composer {
    /// Takes in keys and pastes, as far as they are all there.
    fn understand(&mut self) -> io::Result<()> {
        loop {
            if self.is_pasting {
                let end = self.pending.windows(PASTE_ENDS.len()).position(|window| window == PASTE_ENDS);
                // What may be the beginning of the end stays.
                let whole = end.unwrap_or(self.pending.len().saturating_sub(PASTE_ENDS.len() - 1));
                let text: Vec<u8> = self.pending.drain(..whole).collect();
                match self.view {
                    View::Composer => self.draft.extend_from_slice(&text),
                    View::Dialog if text.is_empty() => {}
                    View::Dialog => self.note("a paste met a dialog")?,
                }
                if end.is_none() {
                    return Ok(());
                }
                self.pending.drain(..PASTE_ENDS.len());
                self.is_pasting = false;
            } else if self.pending.starts_with(PASTE_BEGINS) {
                self.pending.drain(..PASTE_BEGINS.len());
                self.is_pasting = true;
            } else if self.pending.is_empty() || PASTE_BEGINS.starts_with(&self.pending) {
                return Ok(());
            } else {
                let key = self.pending.remove(0);
                self.press(key)?;
            }
        }
    }

    fn press(&mut self, key: u8) -> io::Result<()> {
        match (key, self.view) {
            (b'\r', View::Dialog) => self.note("an Enter answered a dialog"),
            (b'\r', View::Composer) if self.draft.is_empty() => self.note("an Enter came alone"),
            (b'\r', View::Composer) => self.submit(),
            (_, View::Composer) => {
                self.draft.push(key);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn submit(&mut self) -> io::Result<()> {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.draft)).into_owned();
        self.told += 1;
        // Some write their record when they begin with a message, some when they are done.
        let is_early = self.told.is_multiple_of(8);
        if is_early {
            self.append("transcript.jsonl", &serde_json::json!({"text": text}).to_string())?;
        }
        if self.told.is_multiple_of(4) {
            self.draw("busy")?;
            std::thread::park_timeout(BUSY);
        }
        if is_early { Ok(()) } else { self.append("transcript.jsonl", &serde_json::json!({"text": text}).to_string()) }
    }

    fn note(&self, what: &str) -> io::Result<()> {
        self.append("journal", what)
    }

    fn append(&self, file: &str, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(self.directory.join(file))?;
        file.write_all(format!("{line}\n").as_bytes())
    }

    /// Shows what the test wants.
    fn obey(&mut self) -> io::Result<()> {
        let wanted = std::fs::read_to_string(self.directory.join("control")).unwrap_or_default();
        if wanted == self.applied {
            return Ok(());
        }
        self.view = if wanted == "dialog" { View::Dialog } else { View::Composer };
        if wanted == "foreign" {
            self.draft = FOREIGN.into();
        } else if self.applied == "foreign" {
            self.draft.clear();
        }
        self.applied = wanted;
        self.draw("ready")?;
        let applied = self.directory.join("applied");
        let temporary = self.directory.join("applied.tmp");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)?
            .write_all(self.applied.as_bytes())?;
        std::fs::rename(temporary, applied)
    }

    fn draw(&self, status: &str) -> io::Result<()> {
        let mut screen = format!("\x1b[H\x1b[2Jtest agent, told {}\r\nstatus: {status}\r\n", self.told);
        match self.view {
            View::Dialog => screen += "Proceed?\r\n> 1. Yes  2. No\r\nEnter to select",
            View::Composer => {
                screen += "-- compose --\r\n";
                screen += &self.end_of_draft().replace('\n', "\r\n");
            }
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(screen.as_bytes())?;
        stdout.flush()
    }

    fn end_of_draft(&self) -> String {
        let text = String::from_utf8_lossy(&self.draft);
        let lines: Vec<&str> = text.split('\n').collect();
        let end = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        let skipped = end.chars().count().saturating_sub(SHOWN_CHARACTERS);
        end.chars().skip(skipped).collect()
    }
}
