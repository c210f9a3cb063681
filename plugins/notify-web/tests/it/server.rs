//! A small HTTP service of the tests' own: what was asked is kept, and a rule answers.

#![expect(clippy::disallowed_methods, reason = "a service that limits rates goes by the time")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ao_plugin_sdk::prelude::*;

/// What somebody asked.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| error.to_string())
    }
}

/// What the service does.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Reads, and says nothing until whoever asked is gone.
    Silence,
    /// Reads, and closes the connection.
    Close,
    /// Answers 200 and a body without an end.
    Endless,
    /// Answers what is no HTTP.
    Garbage,
}

pub(crate) fn answer(status: u16, body: impl Into<String>) -> Reply {
    Reply::Answer(status, Vec::new(), body.into())
}

type Rule = dyn Fn(&Seen) -> Reply + Send + Sync;

/// A service on this machine. It ends with the value.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(rule: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, ends) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::new(AtomicBool::new(false)));
        let rule: Arc<Rule> = Arc::new(rule);
        let (kept, over) = (Arc::clone(&seen), Arc::clone(&ends));
        let accept = move || {
            let mut threads = Vec::new();
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let (rule, kept, stream) = (Arc::clone(&rule), Arc::clone(&kept), stream.unwrap());
                threads.push(thread("answer", move || serve(stream, &*rule, &kept)));
            }
            for thread in threads {
                thread.join().unwrap();
            }
        };
        Self { address, seen, ends, thread: Some(thread("accept", accept)) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).unwrap()
}

fn serve(mut stream: TcpStream, rule: &Rule, kept: &Mutex<Vec<Seen>>) {
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let Some(seen) = read(&stream) else { return };
    kept.lock().unwrap().push(seen.clone());
    // Whoever asked may be gone at each write.
    match rule(&seen) {
        Reply::Answer(status, headers, body) => {
            let headers: Vec<_> = headers.iter().map(|(name, value)| format!("\r\n{name}: {value}")).collect();
            let (headers, length) = (headers.concat(), body.len());
            let head = format!("HTTP/1.1 {status} x{headers}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
        Reply::Silence => {
            let _ = stream.read(&mut [0]);
        }
        Reply::Close => {}
        Reply::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n");
            while stream.write_all(b"400\r\n").and_then(|()| stream.write_all(&[b'x'; 0x400])).is_ok() {
                if stream.write_all(b"\r\n").is_err() {
                    break;
                }
            }
        }
        Reply::Garbage => {
            let _ = stream.write_all(b"220 mail.example.org ESMTP\r\n\r\n");
        }
    }
}

/// One request; none where whoever came said nothing that could be read.
fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(':') {
        let former = headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        assert_eq!(former, None, "the header {name} comes twice");
    }
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { method, target, headers, body })
}

/// At most so many in such a time.
pub(crate) struct Rate {
    most: usize,
    window: Duration,
    taken: Mutex<VecDeque<Instant>>,
}

impl Rate {
    pub(crate) fn new(most: usize, window: Duration) -> Self {
        Self { most, window, taken: Mutex::default() }
    }

    /// How long to wait, where there are too many.
    pub(crate) fn take(&self) -> Result<(), Duration> {
        let (now, mut taken) = (Instant::now(), self.taken.lock().unwrap());
        while taken.front().is_some_and(|first| now.duration_since(*first) >= self.window) {
            taken.pop_front();
        }
        if taken.len() >= self.most {
            return Err(self.window.saturating_sub(now.duration_since(taken[0])));
        }
        taken.push_back(now);
        Ok(())
    }
}
