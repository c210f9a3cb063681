//! The agent's process: started in a process group of its own, fed and read by tasks, ended with its whole group.

#![expect(
    clippy::disallowed_methods,
    reason = "the agent lives as long as this process, and talks over its pipes all the while"
)]

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::launch::Launch;
use crate::log::Log;
use crate::room::Room;
use crate::wire::{Line, Lines, MOST};

/// How many lines may wait to be handled, and to be sent.
const WAITING_LINES: usize = 4;
const WAITING_FRAMES: usize = 4096;
/// How many bytes of frames may wait.
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;
/// How long an agent may take to end once it is told to.
const END_WITHIN: Duration = Duration::from_secs(3);

/// An agent that runs.
pub(super) struct Agent {
    pub(super) child: Child,
    pub(super) pid: u32,
    /// What it writes.
    pub(super) lines: mpsc::Receiver<Line>,
    frames: mpsc::Sender<String>,
    room: Room,
    /// Keeps what it complains, until it says no more.
    pub(super) complaints: JoinSet<()>,
    /// What was never written to it, once nothing more will be.
    feeding: JoinSet<Vec<String>>,
    /// End with this.
    _tasks: JoinSet<()>,
}

/// How an agent cannot be told anything any more: it reads nothing.
#[derive(Debug)]
pub(super) struct Deaf;

impl Agent {
    /// Starts it in the worktree, with this process's environment.
    pub(super) fn start(launch: &Launch, log: &Arc<Mutex<Log>>) -> io::Result<Self> {
        let (program, arguments) = launch.argv.split_first().ok_or_else(|| io::Error::other("no program"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(&launch.workspace)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let (lines_in, lines) = mpsc::channel(WAITING_LINES);
        let (frames, frames_out) = mpsc::channel(WAITING_FRAMES);
        let room = Room::of(WAITING_BYTES);
        let (mut tasks, mut complaints, mut feeding) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        if let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        {
            feeding.spawn(feed(stdin, frames_out, room.clone()));
            tasks.spawn(read(stdout, lines_in));
            complaints.spawn(keep(stderr, Arc::clone(log)));
        }
        Ok(Self { child, pid, lines, frames, room, complaints, feeding, _tasks: tasks })
    }

    /// Sends it a frame.
    pub(super) fn send(&self, frame: &Value) -> Result<(), Deaf> {
        let line = format!("{frame}\n");
        if !self.room.take(line.len()) {
            return Err(Deaf);
        }
        match self.frames.try_send(line) {
            // Nothing is sent any more: it has ended.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Deaf),
        }
    }

    /// Ends it, gently at first, with all that it has started in its group.
    pub(super) async fn end(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        let ended = tokio::time::timeout(END_WITHIN, self.child.wait()).await;
        self.signal(Signal::KILL);
        match ended {
            Ok(status) => status.ok(),
            Err(_) => self.child.wait().await.ok(),
        }
    }

    /// What was sent to an agent that has ended, and never written: the frames that provably did not reach it.
    pub(super) async fn unsent(&mut self) -> Vec<Value> {
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.frames, closed));
        // What it left running may hold its input, and read nothing.
        let unsent = tokio::time::timeout(END_WITHIN, self.feeding.join_next()).await;
        let lines = unsent.ok().flatten().and_then(Result::ok).unwrap_or_default();
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Ends what its group still holds.
    pub(super) fn sweep(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        // It may have ended meanwhile.
        let _ = group.map(|group| kill_process_group(group, signal));
    }
}

/// Writes frames until there will be no more, and returns those that nobody read: a part of a line is none.
async fn feed(mut stdin: ChildStdin, mut frames: mpsc::Receiver<String>, room: Room) -> Vec<String> {
    let mut unsent = Vec::new();
    while let Some(frame) = frames.recv().await {
        if unsent.is_empty() && stdin.write_all(frame.as_bytes()).await.is_ok() {
            room.give(frame.len());
        } else {
            unsent.push(frame);
        }
    }
    unsent
}

async fn read(mut stdout: ChildStdout, lines: mpsc::Sender<Line>) {
    let (mut cut, mut piece, mut found) = (Lines::new(MOST), vec![0; PIECE], Vec::new());
    loop {
        match stdout.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(length) => cut.push(piece.get(..length).unwrap_or_default(), |line| found.push(line)),
        }
        for line in found.drain(..) {
            if lines.send(line).await.is_err() {
                return;
            }
        }
    }
    if let Some(line) = cut.end() {
        let _ = lines.send(line).await;
    }
}

async fn keep(mut stderr: ChildStderr, log: Arc<Mutex<Log>>) {
    let mut piece = vec![0; PIECE];
    while let Ok(length) = stderr.read(&mut piece).await {
        if length == 0 {
            return;
        }
        log.lock().unwrap_or_else(PoisonError::into_inner).add(piece.get(..length).unwrap_or_default());
    }
}
