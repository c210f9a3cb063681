//! The client: one server on this machine, one directory, a password.

use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::wire::{self, Frames};

/// The longest answer that is read, in bytes.
const MOST_ANSWER: usize = 64 * 1024 * 1024;
/// How long the events may be silent; the server's heart beats every ten seconds.
const SILENT_WITHIN: Duration = Duration::from_secs(40);

/// Why something could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Nobody answers, or not in time.
    Unreachable(String),
    /// The server refuses, with this status, and in these words.
    Refused { status: u16, words: String },
}

impl Problem {
    /// In words.
    pub(crate) fn words(&self) -> &str {
        let (Self::Unreachable(words) | Self::Refused { words, .. }) = self;
        words
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) body: Value,
    /// Where an earlier page of it begins.
    pub(crate) next: Option<String>,
}

/// A client of one server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    port: u16,
    authorization: String,
    directory: String,
}

impl Client {
    /// Of the server at this port of 127.0.0.1, for what happens in a directory.
    pub(crate) fn new(port: u16, password: &str, directory: &Utf8Path) -> Self {
        let authorization = format!("Basic {}", STANDARD.encode(format!("opencode:{password}")));
        Self { port, authorization, directory: escaped(directory.as_str()) }
    }

    /// Asks for something, within this time.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        within: Duration,
    ) -> Result<Answer, Problem> {
        let asked = async {
            let mut tasks = JoinSet::new();
            let response = self.send(method, path, body, &mut tasks).await?;
            let status = response.status().as_u16();
            let next = response.headers().get("x-next-cursor").and_then(|next| next.to_str().ok()).map(str::to_owned);
            let bytes = Limited::new(response.into_body(), MOST_ANSWER).collect().await;
            let bytes = bytes.map_err(|error| unreachable(&error.to_string()))?.to_bytes();
            let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            if (200..300).contains(&status) {
                Ok(Answer { body, next })
            } else {
                Err(Problem::Refused { status, words: wire::problem(status, &body) })
            }
        };
        let late = || unreachable(&format!("it does not answer within {} s", within.as_secs_f32()));
        tokio::time::timeout(within, asked).await.unwrap_or_else(|_| Err(late()))
    }

    /// Listens to what happens.
    pub(crate) async fn events(&self) -> Result<Events, Problem> {
        let mut tasks = JoinSet::new();
        let response = self.send(Method::GET, "/event", None, &mut tasks).await?;
        let status = response.status();
        if !status.is_success() {
            let words = format!("it tells no events ({status})");
            return Err(Problem::Refused { status: status.as_u16(), words });
        }
        Ok(Events { body: response.into_body(), frames: Frames::new(wire::MOST_FRAME), _tasks: tasks })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        tasks: &mut JoinSet<()>,
    ) -> Result<Response<Incoming>, Problem> {
        let broken = |error: hyper::Error| unreachable(&error.to_string());
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await;
        let stream = stream.map_err(|error| unreachable(&error.to_string()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tasks.spawn(async move {
            // What breaks it breaks the answer, which is seen there.
            let _ = connection.await;
        });
        let joint = if path.contains('?') { '&' } else { '?' };
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}{joint}directory={}", self.directory))
            .header(HOST, format!("127.0.0.1:{}", self.port))
            .header(AUTHORIZATION, &self.authorization)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(bytes))
            .map_err(|error| unreachable(&error.to_string()))?;
        sender.send_request(request).await.map_err(broken)
    }
}

/// What happens at a server, as it tells it.
pub(crate) struct Events {
    body: Incoming,
    frames: Frames,
    _tasks: JoinSet<()>,
}

impl Events {
    /// What it tells next; none where it tells nothing any more.
    pub(crate) async fn next(&mut self) -> Option<Vec<wire::Event>> {
        let frame = tokio::time::timeout(SILENT_WITHIN, self.body.frame()).await.ok()??.ok()?;
        let mut found = Vec::new();
        if let Ok(bytes) = frame.into_data() {
            self.frames.push(&bytes, |value| found.push(wire::Event::of(&value)));
        }
        Some(found)
    }
}

fn unreachable(why: &str) -> Problem {
    Problem::Unreachable(format!("OpenCode's server cannot be reached: {why}"))
}

/// As a part of an address.
pub(crate) fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_any_kind_become_part_of_an_address() {
        assert_eq!(escaped("/home/it's a tree?&#%"), "/home/it%27s%20a%20tree%3F%26%23%25");
        assert_eq!(escaped("/ü"), "/%C3%BC");
    }
}
