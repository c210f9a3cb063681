//! A viewer's terminal as a stream: what the holder shows, what the viewer types.

use std::collections::VecDeque;
use std::time::Duration;

use ao_plugin_sdk::core::model::terminal::{Packet, TerminalReply, TerminalRequest};
use ao_plugin_sdk::core::slots::runtime::TerminalControl;
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::serde_json;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use crate::connection::{Connection, Incoming, read_reply, strange};

/// How many frames may wait for the holder to take them.
const WAITING: usize = 16;

/// A viewer of a terminal. The agent does not notice when it goes.
pub(crate) struct Viewer {
    shown: Mutex<Shown>,
    typed: Sender<Vec<u8>>,
    /// Writes what is typed. Ends with this.
    _writer: JoinSet<()>,
}

/// What comes from the holder.
struct Shown {
    incoming: Incoming,
    /// Frames that are read and not yet taken.
    ready: VecDeque<Frame>,
    end: End,
}

/// How the stream stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It goes on; the end of the connection would be a loss.
    Open,
    /// The agent has ended, or the viewer has gone.
    Said,
}

impl Viewer {
    /// Attaches to a terminal, which takes the viewer's size.
    pub(crate) async fn attach(mut connection: Connection, size: Size, limit: Duration) -> Result<Self> {
        let TerminalReply::Done = connection.ask(&TerminalRequest::Attach { size }, limit).await? else {
            return Err(strange());
        };
        let (typed, receiver) = channel(WAITING);
        let mut writer = JoinSet::new();
        writer.spawn(write(connection.outgoing, receiver));
        let shown = Shown { incoming: connection.incoming, ready: VecDeque::new(), end: End::Open };
        Ok(Self { shown: Mutex::new(shown), typed, _writer: writer })
    }
}

/// Writes whole frames, whoever gives up on sending one. A holder that has gone is found out by reading.
async fn write(mut outgoing: OwnedWriteHalf, mut typed: Receiver<Vec<u8>>) {
    while let Some(frame) = typed.recv().await {
        if outgoing.write_all(&frame).await.is_err() {
            return;
        }
    }
}

#[async_trait]
impl Stream for Viewer {
    async fn next(&self) -> Result<Option<Frame>> {
        let mut shown = self.shown.lock().await;
        loop {
            if let Some(frame) = shown.ready.pop_front() {
                return Ok(Some(frame));
            }
            match shown.incoming.next().await? {
                Some(Packet::Data(bytes)) => {
                    shown.ready.extend(bytes.chunks(Frame::MAX_DATA).map(|bytes| Frame::Data(bytes.to_vec())));
                }
                Some(Packet::Control(text)) => match read_reply(&text)? {
                    TerminalReply::Exit { status } if shown.end == End::Open => {
                        shown.end = End::Said;
                        shown.ready.push_back(Frame::Control(json!(TerminalControl::Exit { status: Some(status) })));
                    }
                    // The answer to `detach`.
                    TerminalReply::Done => shown.end = End::Said,
                    _ => {}
                },
                None if shown.end == End::Said => return Ok(None),
                None => {
                    return Err(Error::new(
                        Code::LOST,
                        "the connection to the agent's holder is lost, and the agent's terminal with it",
                    ));
                }
            }
        }
    }

    async fn send(&self, frame: Frame) -> Result<()> {
        let packet = match frame {
            Frame::Data(bytes) => Packet::Data(bytes),
            Frame::Control(value) => match serde_json::from_value(value) {
                Ok(TerminalControl::Resize { columns, rows }) => {
                    Packet::control(&TerminalRequest::Resize { size: Size::new(columns, rows) })
                }
                Ok(TerminalControl::Detach) => Packet::control(&TerminalRequest::Detach),
                // Of a newer host.
                Ok(_) => return Ok(()),
                Err(error) => return Err(Error::wrap(Code::INVALID_INPUT, "not a control frame", &error)),
            },
            _ => return Ok(()),
        };
        let ended = |_| Error::conflict("the terminal has ended");
        self.typed.send(packet.encoded()).await.map_err(ended)
    }
}
