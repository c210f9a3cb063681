//! The process that hosts a library: takes requests from its socket, runs each as a task of its own, answers.
//!
//! The thread that reads never runs the library's code and never waits for anything but the socket. So it notices the
//! end of the host whatever the library does, and then this process ends with it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ao_core::plugin::{BoxStream, CallContext, HEALTH, Host, PING, SHUTDOWN, Transport, capture, encode};
use ao_core::slots::Slot;
use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use super::convert::{failed, frame_in, frame_out};
use super::outbox::{Outbox, SendError};
use super::upward::{Upward, UpwardHost};
use super::wire::{self, Answer, Invoke, Make, ToChild, ToHost};
use crate::loader::{CreateRequest, Library, Vault};

/// Methods that every slot has beside its own.
const RESERVED: [&str; 3] = [HEALTH, PING, SHUTDOWN];

/// Hosts the library of which `copy` is our copy, for the process at the other end of the standard input. Ends only by
/// an error, or with this process.
pub fn serve(vault: &Vault, copy: &Utf8Path) -> Result<Infallible> {
    let unusable = |error: std::io::Error| {
        Error::wrap(Code::INVALID_INPUT, "this command is for `ao` itself, which talks to it over a socket", &error)
    };
    let socket = take_socket().map_err(unusable)?;
    die_with_the_host();
    let outbox = Outbox::new(socket.try_clone().map_err(unusable)?, "host").map_err(unusable)?;
    let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("plugin calls").enable_time().build();
    let runtime = runtime.map_err(unusable)?;
    let upward = Arc::new(Upward::new(outbox.clone()));
    let (vault, copy) = (vault.clone(), copy.to_owned());
    let library = OnceLock::new();
    let server = Arc::new(Server { vault, copy, library, outbox, upward, runtime, tables: Mutex::default() });
    let mut reader = BufReader::with_capacity(64 * 1024, socket);
    loop {
        match wire::read(&mut reader) {
            Ok(Some(message)) => server.take(message),
            Ok(None) => end(),
            Err(error) => {
                // Whoever reads this is not the one who wrote it.
                let _ = writeln!(std::io::stderr(), "cannot read what the host says: {error}");
                end()
            }
        }
    }
}

/// Moves the socket away from the standard input, to where nobody looks for it and no child inherits it. Whatever the
/// library prints goes to the standard error.
fn take_socket() -> std::io::Result<UnixStream> {
    let socket: OwnedFd = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 64)?;
    rustix::net::sockopt::socket_type(&socket)?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(std::io::stderr())?;
    Ok(UnixStream::from(socket))
}

/// Besides the end of the socket: a stopped process, for one, would not read it.
fn die_with_the_host() {
    #[cfg(target_os = "linux")]
    {
        // The host's thread that started this process waits for it, and so lives as long as the host does.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
}

/// Ends this process at once. Destructors of a wedged library would never come to their end.
fn end() -> ! {
    loop {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

struct Server {
    vault: Vault,
    copy: Utf8PathBuf,
    library: OnceLock<Result<Library>>,
    outbox: Outbox,
    upward: Arc<Upward>,
    runtime: Runtime,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    running: BTreeMap<u64, Running>,
    instances: BTreeMap<u64, Instance>,
    streams: BTreeMap<u64, Arc<BoxStream>>,
}

struct Running {
    task: AbortHandle,
    /// The stream that it works on.
    stream: Option<u64>,
}

#[derive(Clone)]
struct Instance {
    slot: Slot,
    transport: Arc<dyn Transport>,
    host: Arc<UpwardHost>,
}

/// How a request ended well.
enum Outcome {
    Answered(Answer),
    Made(u64, Instance),
    Opened(BoxStream),
}

impl Server {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, message: ToChild) {
        match message {
            ToChild::Create { request, make } => {
                let server = Arc::clone(self);
                self.run_blocking(request, move || server.create(&make));
            }
            ToChild::Manifest { request } => {
                let server = Arc::clone(self);
                self.run_blocking(request, move || {
                    let manifest = server.library()?.manifest();
                    // Here is where the library's own words are known; the host gets what this version understands.
                    server.vault.keep_manifest(&server.vault.reopen(&server.copy)?, manifest)?;
                    Ok(Outcome::Answered(Answer::Done(encode("manifest", manifest)?)))
                });
            }
            ToChild::Call { request, invoke } => {
                let instance = self.instance(&invoke);
                self.run(request, None, async move {
                    let (instance, method, context) = instance?;
                    let reply = instance.transport.call(context, method, invoke.payload).await?;
                    Ok(Outcome::Answered(Answer::Done(reply)))
                });
            }
            ToChild::Open { request, invoke } => {
                let instance = self.instance(&invoke);
                self.run(request, Some(request), async move {
                    let (instance, method, context) = instance?;
                    Ok(Outcome::Opened(instance.transport.open(context, method, invoke.payload).await?))
                });
            }
            ToChild::Next { request, stream: number } => {
                let stream = self.stream(number);
                self.run(request, Some(number), async move {
                    let Some(frame) = stream?.next().await? else { return Ok(Outcome::Answered(Answer::End)) };
                    let (kind, bytes) = frame_out(frame)?;
                    Ok(Outcome::Answered(Answer::Frame { kind, bytes }))
                });
            }
            ToChild::Send { request, stream: number, kind, bytes } => {
                let stream = self.stream(number);
                self.run(request, Some(number), async move {
                    stream?.send(frame_in(kind, bytes)?).await?;
                    Ok(Outcome::Answered(Answer::Done(Vec::new())))
                });
            }
            ToChild::Cancel { request } => self.cancel(request),
            ToChild::Drop { instance } => {
                let dropped = self.tables().instances.remove(&instance);
                self.let_go(dropped);
            }
            ToChild::HostReply { request, answer } => self.upward.answered(request, answer),
        }
    }

    /// Runs a request that maps the library or calls its constructor, which may block.
    fn run_blocking(self: &Arc<Self>, request: u64, work: impl FnOnce() -> Result<Outcome> + Send + 'static) {
        let done = self.runtime.spawn_blocking(work);
        self.run(request, None, async move {
            done.await.unwrap_or_else(|error| Err(Error::new(Code::PANIC, error.to_string())))
        });
    }

    /// Runs a request as a task, and answers it unless it is cancelled before.
    fn run(
        self: &Arc<Self>,
        request: u64,
        stream: Option<u64>,
        work: impl Future<Output = Result<Outcome>> + Send + 'static,
    ) {
        let server = Arc::clone(self);
        // Held while the task starts, so that the task finds itself in the table when it ends.
        let mut tables = self.tables();
        let task = self.runtime.spawn(async move {
            let outcome = capture("call", work).await;
            if let Some(answer) = server.finish(request, outcome) {
                server.reply(request, answer).await;
            }
        });
        tables.running.insert(request, Running { task: task.abort_handle(), stream });
    }

    /// Keeps what a request made. None for one that was cancelled: what it made is dropped.
    fn finish(&self, request: u64, outcome: Result<Outcome>) -> Option<Answer> {
        let mut tables = self.tables();
        tables.running.remove(&request)?;
        Some(match outcome {
            Ok(Outcome::Answered(answer)) => answer,
            Ok(Outcome::Made(number, instance)) => {
                tables.instances.insert(number, instance);
                Answer::Done(Vec::new())
            }
            Ok(Outcome::Opened(stream)) => {
                tables.streams.insert(request, Arc::new(stream));
                Answer::Done(Vec::new())
            }
            Err(error) => failed(&error),
        })
    }

    async fn reply(&self, request: u64, answer: Answer) {
        if let Err(SendError::Wire(error)) = self.outbox.send(&ToHost::Reply { request, answer }).await {
            let error = Error::wrap(Code::PROTOCOL, "the plugin's answer does not fit", &error);
            // The other end is gone if this fails, too.
            let _ = self.outbox.send(&ToHost::Reply { request, answer: failed(&error) }).await;
        }
    }

    fn cancel(&self, number: u64) {
        let mut tables = self.tables();
        tables.running.retain(|request, running| {
            let ends = *request == number || running.stream == Some(number);
            if ends {
                running.task.abort();
            }
            !ends
        });
        let stream = tables.streams.remove(&number);
        drop(tables);
        self.let_go(stream);
    }

    /// Drops something of the library's, whose destructor may take its time.
    fn let_go<T: Send + 'static>(&self, dropped: Option<T>) {
        if let Some(dropped) = dropped {
            self.runtime.spawn_blocking(move || drop(dropped));
        }
    }

    /// The library, mapped when it is first needed.
    fn library(&self) -> Result<&Library> {
        let load = || Ok(Library::load(&self.vault.reopen(&self.copy)?)?);
        self.library.get_or_init(load).as_ref().map_err(Clone::clone)
    }

    fn create(&self, make: &Make) -> Result<Outcome> {
        let library = self.library()?;
        let slot: Slot = make.slot.parse()?;
        let config = serde_json::from_slice(&make.config)
            .map_err(|error| Error::wrap(Code::PROTOCOL, "the configuration is not JSON", &error))?;
        let host = Arc::new(UpwardHost::new(Arc::clone(&self.upward), make.instance, make.level));
        let request =
            CreateRequest { slot, name: &make.name, config: &config, host: Arc::clone(&host) as Arc<dyn Host> };
        let transport = library.connect(&request)?;
        Ok(Outcome::Made(make.instance, Instance { slot, transport, host }))
    }

    /// The instance that is asked, the method, and the context on this process's own clock.
    fn instance(&self, invoke: &Invoke) -> Result<(Instance, &'static str, CallContext)> {
        let instance = self.tables().instances.get(&invoke.instance).cloned();
        let instance = instance.ok_or_else(|| Error::new(Code::PROTOCOL, "no such instance"))?;
        instance.host.level.store(invoke.level, Ordering::Relaxed);
        let method = method(instance.slot, &invoke.method)?;
        Ok((instance, method, CallContext { id: invoke.call, deadline: deadline(invoke.deadline_ms) }))
    }

    fn stream(&self, number: u64) -> Result<Arc<BoxStream>> {
        let stream = self.tables().streams.get(&number).cloned();
        stream.ok_or_else(|| Error::new(Code::PROTOCOL, "no such stream"))
    }
}

/// The slot's method of this name, or a reserved one.
fn method(slot: Slot, name: &str) -> Result<&'static str> {
    let mut methods = slot.methods().iter().map(|method| method.name).chain(RESERVED);
    let unknown = || Error::new(Code::UNKNOWN_METHOD, format!("the {slot} slot has no method `{name}`"));
    methods.find(|method| *method == name).ok_or_else(unknown)
}

#[expect(clippy::disallowed_methods, reason = "the deadline becomes a point on this process's own monotonic clock")]
fn deadline(milliseconds: u64) -> Option<Instant> {
    (milliseconds > 0).then(|| Instant::now().checked_add(Duration::from_millis(milliseconds))).flatten()
}
