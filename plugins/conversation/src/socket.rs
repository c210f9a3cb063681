//! The helper's socket: each connection asks once.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::control::{MOST_REQUEST, Place, Reply, Request};

/// How long somebody may take to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many may ask at once.
const MOST_ASKING: usize = 32;

/// A request, and where its answer goes.
pub type Asked = (Request, oneshot::Sender<Reply>);

/// A socket that is listened at.
pub struct Socket {
    listener: UnixListener,
    place: Place,
}

impl Socket {
    /// Of a launch's directory, for its owner alone. One that a former helper has left is replaced.
    pub fn bind(directory: &Utf8Path) -> io::Result<Self> {
        let place = Place::of(directory)?;
        let path = place.path();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, place })
    }

    /// Listens until the set is dropped, and hands on what is asked.
    #[must_use]
    pub fn listen(self) -> (JoinSet<()>, mpsc::Receiver<Asked>) {
        let (asked_in, asked) = mpsc::channel(MOST_ASKING);
        let mut listening = JoinSet::new();
        listening.spawn(self.hand_on(asked_in));
        (listening, asked)
    }

    async fn hand_on(self, asked: mpsc::Sender<Asked>) {
        let _place = &self.place;
        let mut asking = JoinSet::new();
        loop {
            if asking.len() >= MOST_ASKING {
                asking.join_next().await;
            }
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    asking.spawn(tokio::time::timeout(PATIENCE, answer(stream, asked.clone())));
                }
                // Such as too many open files: it passes.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
            while asking.try_join_next().is_some() {}
        }
    }
}

async fn answer(stream: UnixStream, asked: mpsc::Sender<Asked>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    BufReader::new(read).take(MOST_REQUEST as u64).read_until(b'\n', &mut line).await?;
    let reply = match serde_json::from_slice(&line) {
        Ok(request) => {
            let (sender, reply) = oneshot::channel();
            asked.send((request, sender)).await.map_err(io::Error::other)?;
            reply.await.map_err(io::Error::other)?
        }
        Err(error) => {
            Reply::Refused { code: Code::INVALID_INPUT, message: format!("cannot read the request: {error}") }
        }
    };
    let mut line = serde_json::to_vec(&reply)?;
    line.push(b'\n');
    write.write_all(&line).await
}
