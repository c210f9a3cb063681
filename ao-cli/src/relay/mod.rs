//! `ao session attach` where the terminal is a stream: the human's terminal on one side, the agent's on the other.
//!
//! What the agent's terminal shows goes to stdout byte for byte, what is typed goes back, and the size follows. The
//! human's terminal is as before whichever way this ends, except by SIGKILL, which nobody survives to clean up.

mod keys;
mod raw;

use std::io::{self, Read, Write};

use ao_core::model::{ExitStatus, SessionId};
use ao_core::plugin::{BoxStream, Frame};
use ao_core::slots::Runtime;
use ao_core::slots::runtime::{OpenTerminal, RuntimeHandle, Size, TerminalControl};
use ao_core::{Code, Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};

pub(crate) use keys::DetachKey;
use keys::Typed;
use raw::RawTerminal;

use crate::output;

/// How much of what is typed is read at once, in bytes.
const TYPED: usize = 4096;

/// How a visit to a terminal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The human has left; the agent goes on.
    Detached,
    /// The agent has ended.
    Exited(Option<ExitStatus>),
}

/// Shows the terminal of a session until the human leaves or the agent ends.
pub(crate) async fn visit(runtime: &dyn Runtime, handle: RuntimeHandle, key: DetachKey) -> Result<End> {
    // Before anything is changed or opened: without a terminal there is nothing to show it in.
    let size = raw::size().ok_or_else(|| not_a_terminal(&handle.session))?;
    let mut signals = Signals::new()?;
    output::note(format_args!("attached to `{}`; {key} detaches and leaves the agent running", handle.session));
    // What is said above scrolls away; a title stays in sight.
    let title = format!("{}: {key} detaches", handle.session);
    let stream = runtime.terminal(OpenTerminal::new(handle, size)).await?;
    let terminal = RawTerminal::enter(&title)?;
    let relayed = relay(&stream, key, &mut signals).await;
    drop(terminal);
    relayed
}

fn not_a_terminal(session: &SessionId) -> Error {
    Error::unsupported(format!(
        "stdin and stdout must be a terminal to attach to `{session}`; `ao session logs {session}` prints what the agent \
         printed, and `ao send {session} …` writes to it"
    ))
}

/// What is done with the process from outside.
struct Signals {
    resized: Signal,
    ended: [Signal; 3],
}

impl Signals {
    fn new() -> Result<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Error::wrap(Code::UNAVAILABLE, "cannot listen to the terminal's signals", &error))
        };
        let ended = [SignalKind::hangup(), SignalKind::terminate(), SignalKind::interrupt()].map(listen);
        let [hangup, terminate, interrupt] = ended;
        Ok(Self { resized: listen(SignalKind::window_change())?, ended: [hangup?, terminate?, interrupt?] })
    }

    /// Waits until the process is to end.
    async fn end(ended: &mut [Signal; 3]) {
        let [hangup, terminate, interrupt] = ended;
        tokio::select! {
            _ = hangup.recv() => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

async fn relay(stream: &BoxStream, key: DetachKey, signals: &mut Signals) -> Result<End> {
    let mut typed = typed()?;
    let mut keys = keys::Keys::new(key);
    // The size may have changed since it was read.
    resize(stream).await?;
    let end = loop {
        tokio::select! {
            frame = stream.next() => match frame? {
                Some(Frame::Data(bytes)) => show(&bytes)?,
                Some(Frame::Control(control)) => {
                    if let Ok(TerminalControl::Exit { status }) = serde_json::from_value(control) {
                        break End::Exited(status);
                    }
                }
                Some(_) => {}
                None => break End::Detached,
            },
            bytes = typed.recv() => {
                // Nobody types any more: the terminal is gone.
                let Some(bytes) = bytes else { break End::Detached };
                let Typed { pass, detach } = keys.take(&bytes);
                if !pass.is_empty() {
                    stream.send(Frame::Data(pass)).await?;
                }
                if detach == keys::Detach::Now {
                    break End::Detached;
                }
            },
            _ = signals.resized.recv() => resize(stream).await?,
            () = Signals::end(&mut signals.ended) => break End::Detached,
        }
    };
    if end == End::Detached {
        // Dropping the stream says so, too.
        let _ = stream.send(Frame::Control(serde_json::json!(TerminalControl::Detach))).await;
    }
    Ok(end)
}

async fn resize(stream: &BoxStream) -> Result<()> {
    let Some(Size { columns, rows, .. }) = raw::size() else { return Ok(()) };
    stream.send(Frame::Control(serde_json::json!(TerminalControl::Resize { columns, rows }))).await
}

fn show(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(|error| Error::wrap(Code::OTHER, "cannot write to the terminal", &error))
}

/// What is typed, read by a thread: a terminal cannot be waited for without changing it for whoever shares it.
///
/// The thread waits for a key when the command ends, and ends with the process.
fn typed() -> Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = channel(16);
    let read = move || {
        let mut buffer = [0; TYPED];
        let mut stdin = io::stdin().lock();
        while let Ok(length @ 1..) = stdin.read(&mut buffer) {
            if sender.blocking_send(buffer.get(..length).unwrap_or_default().to_vec()).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(read)
        .map_err(|error| Error::wrap(Code::UNAVAILABLE, "cannot start a thread for the keyboard", &error))?;
    Ok(receiver)
}
