//! OpenCode's server as a process: started, waited for, ended with all that it started.

mod membership;
pub(crate) mod supervisor;

pub(crate) use membership::Membership;

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ao_agent_conversation::log::Log;
use ao_plugin_sdk::prelude::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Method;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::http::Client;
use crate::wire;

/// How long a server may take to listen, and to answer: the first start on a busy machine takes long.
pub(crate) const UP_WITHIN: Duration = Duration::from_mins(2);
/// How long a single question whether it is up may take. One that is asked while it starts may stay unanswered for good.
const HEALTH_WITHIN: Duration = Duration::from_secs(1);
/// Between two such questions.
const HEALTH_EVERY: Duration = Duration::from_millis(100);
/// How long a server may take to end once it is told to.
const END_WITHIN: Duration = Duration::from_secs(3);
/// The longest line in which it says where it listens, in bytes.
const MOST_LINE: u64 = 64 * 1024;

/// Where a server is, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) port: u16,
    pub(crate) password: String,
}

impl Address {
    /// A client for what happens in a directory.
    pub(crate) fn client(&self, directory: &Utf8Path) -> Client {
        Client::new(self.port, &self.password, directory)
    }
}

/// A password that nobody guesses.
pub(crate) fn new_password() -> io::Result<String> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A server that was started.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) pid: u32,
    /// Whether it leads a process group of its own.
    group: Option<Pid>,
    _reading: JoinSet<()>,
}

/// What is started: a server alone, or OpenCode's interface in the terminal with a server of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape<'a> {
    /// On a port that it chooses.
    Alone { log: &'a Arc<Mutex<Log>> },
    /// On this port, going on with this conversation, if any.
    Interface { port: u16, conversation: Option<&'a str> },
}

impl Running {
    /// Starts it; where it listens is said once it does.
    #[expect(clippy::disallowed_methods, reason = "the server lives as long as this process, or is ended by it")]
    pub(crate) fn start(
        binary: &str,
        arguments: &[String],
        directory: &Utf8Path,
        password: &str,
        shape: Shape<'_>,
    ) -> io::Result<(Self, oneshot::Receiver<u16>)> {
        let mut command = Command::new(binary);
        command.current_dir(directory).env("OPENCODE_SERVER_PASSWORD", password).kill_on_drop(true);
        command.env_remove("OPENCODE_SERVER_USERNAME");
        let (told, port) = oneshot::channel();
        match shape {
            Shape::Alone { .. } => {
                command.args(["serve", "--port", "0", "--hostname", "127.0.0.1"]).args(arguments).process_group(0);
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            }
            Shape::Interface { port, conversation } => {
                // Its own group has to stay that of the terminal.
                command.args(["--port", &port.to_string(), "--hostname", "127.0.0.1"]);
                command.args(conversation.map(|id| format!("--session={id}"))).args(arguments);
            }
        }
        let mut child = command.spawn()?;
        let pid = child.id().unwrap_or_default();
        let mut reading = JoinSet::new();
        let group = match shape {
            Shape::Alone { log } => {
                if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
                    reading.spawn(listen(stdout, told, Arc::clone(log)));
                    reading.spawn(keep(stderr, Arc::clone(log)));
                }
                pid_of(pid)
            }
            Shape::Interface { port, .. } => {
                let _ = told.send(port);
                None
            }
        };
        Ok((Self { child, pid, group, _reading: reading }, port))
    }

    /// Ends it, gently at first, with all that it has started in its group.
    pub(crate) async fn end(&mut self) -> Option<ExitStatus> {
        if self.group.is_some() {
            self.signal(Signal::TERM);
        } else if let Some(pid) = self.child.id().and_then(pid_of) {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let ended = tokio::time::timeout(END_WITHIN, self.child.wait()).await;
        self.signal(Signal::KILL);
        if let Ok(status) = ended {
            return status.ok();
        }
        self.child.kill().await.ok()?;
        self.child.wait().await.ok()
    }

    /// Ends what its group still holds.
    pub(crate) fn sweep(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // It may have ended meanwhile.
        let _ = self.group.map(|group| kill_process_group(group, signal));
    }
}

fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Waits until a server answers, and returns its version.
pub(crate) async fn answers(client: &Client) -> Option<String> {
    loop {
        if let Ok(answer) = client.ask(Method::GET, "/global/health", None, HEALTH_WITHIN).await {
            return wire::text(&answer.body, "/version");
        }
        tokio::time::sleep(HEALTH_EVERY).await;
    }
}

/// A port that nobody listens at now.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

async fn listen(stdout: impl AsyncRead + Unpin, told: oneshot::Sender<u16>, log: Arc<Mutex<Log>>) {
    let mut reader = BufReader::new(stdout);
    let mut told = Some(told);
    let mut line = Vec::new();
    while told.is_some() {
        line.clear();
        match (&mut reader).take(MOST_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        add(&log, &line);
        if let Some(port) = port_in(&String::from_utf8_lossy(&line))
            && let Some(told) = told.take()
        {
            let _ = told.send(port);
        }
    }
    keep(reader, log).await;
}

async fn keep(mut output: impl AsyncRead + Unpin, log: Arc<Mutex<Log>>) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length) = output.read(&mut piece).await {
        if length == 0 {
            return;
        }
        add(&log, piece.get(..length).unwrap_or_default());
    }
}

fn add(log: &Mutex<Log>, bytes: &[u8]) {
    log.lock().unwrap_or_else(PoisonError::into_inner).add(bytes);
}

/// The port in `opencode server listening on http://127.0.0.1:4096`.
fn port_in(line: &str) -> Option<u16> {
    let (_, behind) = line.split_once("listening on http://127.0.0.1:")?;
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_in_what_it_says() {
        for (line, port) in [
            ("opencode server listening on http://127.0.0.1:4096\n", Some(4096)),
            ("\u{1b}[32mlistening on http://127.0.0.1:65535/ now", Some(65535)),
            ("listening on http://127.0.0.1:0", None),
            ("listening on http://127.0.0.1:99999", None),
            ("Warning: OPENCODE_SERVER_PASSWORD is not set", None),
        ] {
            assert_eq!(port_in(line), port, "{line}");
        }
        assert_ne!(new_password().unwrap(), new_password().unwrap());
    }
}
