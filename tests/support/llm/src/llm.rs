//! A running server, as a value.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::asked::Purpose;
use crate::log::{Detail, Log, Request, TimedOut};
use crate::script::Script;
use crate::server::{self, State};
use crate::usage::Served;

/// A server on `127.0.0.1`, in a thread of its own. It ends with the value; what is under way is cut off then.
pub struct Llm {
    address: SocketAddr,
    state: Arc<State>,
    end: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// How a server runs.
#[derive(Default)]
pub struct Options {
    port: u16,
    lines: Option<Box<dyn Write + Send>>,
    detail: Detail,
}

impl Options {
    /// Any free port, nothing written.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes this port; 0 is any that is free.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Writes JSON lines: one when something is asked, one when it has come to its end.
    pub fn log(mut self, lines: impl Write + Send + 'static) -> Self {
        self.lines = Some(Box::new(lines));
        self
    }

    /// Writes headers, standing instructions and bodies, too.
    pub fn log_bodies(mut self) -> Self {
        self.detail = Detail::Bodies;
        self
    }
}

impl Llm {
    /// Starts a server on any free port.
    pub fn start(script: Script) -> io::Result<Self> {
        Self::start_with(Options::new(), script)
    }

    /// Starts a server.
    pub fn start_with(options: Options, script: Script) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let log = Arc::new(Log::new(options.lines, options.detail));
        let state = Arc::new(State { script, faults: Mutex::default(), log, gates: watch::Sender::default() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let serving = Arc::clone(&state);
        let serve = move || {
            runtime.block_on(async {
                let listener =
                    tokio::net::TcpListener::from_std(listener).expect("a socket that listens is one for tokio");
                server::serve(listener, serving, ended).await;
            });
        };
        let thread = std::thread::Builder::new().name("scripted-llm".to_owned()).spawn(serve)?;
        Ok(Self { address, state, end: Some(end), thread: Some(thread) })
    }

    /// Where it is: `http://127.0.0.1:PORT`. Clients of OpenAI's want `/v1` behind it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that was asked so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.state.log.requests().clone()
    }

    /// The turns of agents among all that was asked.
    pub fn turns(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.purpose == Some(Purpose::Turn));
        requests
    }

    /// Waits until a request is as wanted, be it one that came before, and returns it.
    pub fn wait_for(&self, most: Duration, wanted: impl Fn(&Request) -> bool) -> Result<Request, TimedOut> {
        self.state.log.wait_for(most, wanted)
    }

    /// The tokens that were said to agents for their turns, by model. An answer that was not taken to its end is not in it.
    pub fn served(&self) -> Served {
        self.state.log.served(Purpose::Turn)
    }

    /// The same for what they asked beside, such as titles.
    pub fn served_beside(&self) -> Served {
        self.state.log.served(Purpose::Side)
    }

    /// Opens a gate: what is [held](crate::Round::Held) at it goes on, and nothing is held at it any more.
    pub fn open(&self, gate: &str) {
        self.state.gates.send_modify(|open| {
            open.insert(gate.to_owned());
        });
    }
}

impl Drop for Llm {
    fn drop(&mut self) {
        drop(self.end.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(!matches!(ended, Some(Err(_))) || std::thread::panicking(), "the scripted model's server has panicked");
    }
}
