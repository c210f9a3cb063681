//! A running process that hosts a library: started, listened to, killed, waited for.

#![expect(clippy::disallowed_methods, reason = "starts the hosting process, and notes when it began and ended")]

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ao_core::plugin::Host;
use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::host_calls::HostCalls;
use super::outbox::{Outbox, SendError};
use super::wire::{self, Answer, ToChild, ToHost};
use super::{LIBRARY_COMMAND, convert, lines};
use crate::host::MANAGER_VARIABLES;

/// Requests in flight at once; more wait.
const MAX_REQUESTS: usize = 1024;

/// The process, as long as anybody has to do with it.
pub(super) struct Process {
    /// Our copy of the library.
    copy: Utf8PathBuf,
    outbox: Outbox,
    pending: Mutex<Pending>,
    hosts: Mutex<BTreeMap<u64, Arc<dyn Host>>>,
    /// The newest instance's, kept beyond its end: last words are often read when nobody is left to have said them.
    printing: Mutex<Option<Arc<dyn Host>>>,
    next: AtomicU64,
    room: Arc<Semaphore>,
    began: Instant,
    life: Mutex<Life>,
}

#[derive(Default)]
struct Pending {
    waiting: BTreeMap<u64, oneshot::Sender<Result<Answer>>>,
    ended: Option<Ended>,
}

/// What there is to kill.
#[derive(Default)]
struct Life {
    /// The process, from its start until it is waited for.
    pid: Option<Pid>,
    /// Why it is to end, where that is known.
    cause: Option<String>,
    killed: bool,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    how: String,
    /// It ran, so that a request may have had its effect.
    ran: bool,
    /// When it began.
    pub(super) began: Instant,
    /// When it ended.
    pub(super) at: Instant,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)
    }
}

impl Process {
    /// Starts it. What cannot be started ends at once, and says why to whoever asks it something.
    pub(super) fn start(program: &Utf8Path, copy: &Utf8Path) -> Result<Arc<Self>> {
        let failed =
            |error: std::io::Error| Error::wrap(Code::UNAVAILABLE, "cannot start a process for the plugin", &error);
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let outbox = Outbox::new(ours.try_clone().map_err(failed)?, "plugin").map_err(failed)?;
        let process = Arc::new(Self {
            copy: copy.to_owned(),
            outbox,
            pending: Mutex::default(),
            hosts: Mutex::default(),
            printing: Mutex::default(),
            next: AtomicU64::new(1),
            room: Arc::new(Semaphore::new(MAX_REQUESTS)),
            began: Instant::now(),
            life: Mutex::default(),
        });
        let (supervised, program) = (Arc::clone(&process), program.to_owned());
        let supervise = move || {
            let ended = supervised.supervise(&program, ours, theirs);
            supervised.end(ended);
        };
        // It ends with the process, which whoever holds this kills.
        let supervisor = std::thread::Builder::new().name("plugin process".to_owned()).spawn(supervise);
        if let Err(error) = supervisor {
            process.outbox.close();
            return Err(failed(error));
        }
        Ok(process)
    }

    /// A number for a request or an instance.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// How it ended, if it did.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.pending().ended.clone()
    }

    /// When it began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Why it is to end, where that is known.
    pub(super) fn cause(&self) -> String {
        self.life().cause.clone().unwrap_or_else(|| "nobody knows why".to_owned())
    }

    /// Ends it, now. `cause` is told to those who wait for it.
    pub(super) fn kill(&self, cause: Option<&str>) {
        let mut life = self.life();
        life.killed = true;
        if life.cause.is_none() {
            life.cause = cause.map(str::to_owned);
        }
        if let Some(pid) = life.pid {
            // It is not waited for yet, so the pid is its own.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }

    /// Sends a request; the answer is the caller's to wait for.
    pub(super) async fn ask(self: &Arc<Self>, message: impl FnOnce(u64) -> ToChild) -> Result<Request> {
        let room = Arc::clone(&self.room).acquire_owned().await;
        let room = room.map_err(|_| Error::unavailable("the plugin's process is gone"))?;
        let number = self.number();
        let (sender, receiver) = oneshot::channel();
        {
            let mut pending = self.pending();
            if let Some(ended) = &pending.ended {
                let library = self.copy.file_name().unwrap_or_default();
                let message = format!("the process of the plugin library `{library}` has just ended: {ended}");
                return Err(Error::unavailable(message));
            }
            pending.waiting.insert(number, sender);
        }
        let request = Request { process: Arc::clone(self), number, receiver, answered: false, _room: room };
        match self.outbox.send(&message(number)).await {
            // How the process ended is told to all who wait.
            Ok(()) | Err(SendError::Closed) => Ok(request),
            Err(error) => Err(convert::unsent(&error)),
        }
    }

    /// Says something small that is not answered.
    pub(super) fn tell(&self, message: &ToChild) {
        self.outbox.send_small(message);
    }

    /// Makes an instance's host known, for what it asks and logs.
    pub(super) fn attach(&self, instance: u64, host: Arc<dyn Host>) {
        *self.printing() = Some(Arc::clone(&host));
        self.hosts().insert(instance, host);
    }

    /// Forgets an instance.
    pub(super) fn detach(&self, instance: u64) {
        self.hosts().remove(&instance);
        self.tell(&ToChild::Drop { instance });
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<dyn Host>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn printing(&self) -> MutexGuard<'_, Option<Arc<dyn Host>>> {
        self.printing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread that starts the process lives as long as it does: the process asks the kernel to end it with the
    /// thread that started it.
    fn supervise(self: &Arc<Self>, program: &Utf8Path, ours: UnixStream, theirs: UnixStream) -> Ended {
        let mut child = match self.launch(program, theirs) {
            Ok(child) => child,
            Err(error) => return self.ending(format!("`{program}` cannot be started: {error}"), false),
        };
        let listener = {
            let process = Arc::clone(self);
            std::thread::Builder::new().name("plugin in".to_owned()).spawn(move || process.listen(ours))
        };
        if let Some(printed) = child.stderr.take() {
            let process = Arc::clone(self);
            let print = move || lines::forward(printed, &Instant::now, &|line| process.printed(line));
            // It ends when nobody can print any more, which may be after this process: its children print, too.
            let _printer = std::thread::Builder::new().name("plugin prints".to_owned()).spawn(print);
        }
        if listener.is_err() {
            self.kill(Some("there is no thread to listen to it"));
        }
        let status = self.wait(&mut child);
        // What it said before its end is still heard.
        self.outbox.close();
        if let Ok(listener) = listener {
            // A panic of the listener has been printed.
            let _ = listener.join();
        }
        let cause = self.life().cause.take().map(|cause| format!(", because {cause}")).unwrap_or_default();
        self.ending(format!("{}{cause}", described(status)), true)
    }

    fn launch(&self, program: &Utf8Path, theirs: UnixStream) -> std::io::Result<Child> {
        let mut command = Command::new(program);
        command.arg(LIBRARY_COMMAND).arg(&self.copy);
        // The rest of the environment is ours: a plugin in a process of its own finds what it would find in this one,
        // but for what a service manager left for this one alone.
        for name in MANAGER_VARIABLES {
            command.env_remove(name);
        }
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::piped());
        // A key that interrupts this program in its terminal is this program's to handle.
        command.process_group(0);
        let child = command.spawn()?;
        tracing::debug!(pid = child.id(), "`{}` is hosted by a process of its own", self.copy);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        self.life().pid = pid;
        if self.life().killed {
            self.kill(None);
        }
        Ok(child)
    }

    /// Waits for the process; its pid is its own until nobody can kill it any more.
    fn wait(&self, child: &mut Child) -> std::io::Result<ExitStatus> {
        let pid = self.life().pid;
        if let Some(pid) = pid {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // Where it fails, the wait below says why.
            let _ = rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(pid), options));
        }
        let mut life = self.life();
        life.pid = None;
        child.wait()
    }

    fn ending(&self, how: String, ran: bool) -> Ended {
        Ended { how, ran, began: self.began, at: Instant::now() }
    }

    /// Tells everybody who waits.
    fn end(&self, ended: Ended) {
        self.outbox.close();
        let lost = self.lost(&ended);
        let waiting = {
            let mut pending = self.pending();
            pending.ended = Some(ended);
            std::mem::take(&mut pending.waiting)
        };
        for (_, sender) in waiting {
            // It may have gone away in this moment.
            let _ = sender.send(Err(lost.clone()));
        }
    }

    fn lost(&self, ended: &Ended) -> Error {
        let library = self.copy.file_name().unwrap_or_default();
        if ended.ran {
            Error::new(
                Code::LOST,
                format!("the process of the plugin library `{library}` ended during the call: {ended}"),
            )
        } else {
            Error::unavailable(format!("the plugin library `{library}` has no process to run in: {ended}"))
        }
    }

    fn listen(self: &Arc<Self>, socket: UnixStream) {
        let mut reader = BufReader::with_capacity(64 * 1024, socket);
        let mut host_calls = HostCalls::new(self.outbox.clone());
        loop {
            match wire::read(&mut reader) {
                Ok(Some(ToHost::Reply { request, answer })) => {
                    let waiting = self.pending().waiting.remove(&request);
                    // Nobody waits for what was cancelled.
                    let _ = waiting.map(|waiting| waiting.send(Ok(answer)));
                }
                Ok(Some(ToHost::HostCall { request, instance, method, payload })) => {
                    let host = self.hosts().get(&instance).cloned();
                    if !host_calls.begin(request, host, method, payload) {
                        return self.kill(Some("it broke the protocol: too many calls of the host at once"));
                    }
                }
                Ok(Some(ToHost::HostCancel { request })) => host_calls.cancel(request),
                Ok(Some(ToHost::Log { instance, call, level, target, message })) => {
                    let host = self.hosts().get(&instance).cloned();
                    if let Some(host) = host.filter(|host| host.log_enabled(level, &target)) {
                        host.log(call, level, &target, &message);
                    }
                }
                Ok(None) => return self.kill(None),
                // It ended in the middle of a message, or with one of ours unread.
                Err(error) if [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind()) => {
                    return self.kill(None);
                }
                Err(error) => return self.kill(Some(&format!("it broke the protocol: {error}"))),
            }
        }
    }

    /// A line that the library, or something that it started, has printed: of the newest instance, as nobody can tell.
    fn printed(&self, line: &str) {
        let newest = self.printing().clone();
        if let Some(host) = newest.filter(|host| host.log_enabled(3, "stderr")) {
            host.log(0, 3, "stderr", line);
        }
    }
}

fn described(status: std::io::Result<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal(), status)) {
        Ok((Some(code), _, _)) => format!("exit code {code}"),
        Ok((None, Some(signal), _)) => format!("signal {signal}"),
        Ok((None, None, status)) => status.to_string(),
        Err(error) => format!("nobody knows how ({error})"),
    }
}

/// A request that was sent. Dropping it before its answer cancels it.
pub(super) struct Request {
    process: Arc<Process>,
    /// Its number; that of the stream, too, that it opened.
    pub(super) number: u64,
    receiver: oneshot::Receiver<Result<Answer>>,
    answered: bool,
    _room: OwnedSemaphorePermit,
}

impl Request {
    /// Waits for the answer. May be dropped and called again.
    pub(super) async fn answer(&mut self) -> Result<Answer> {
        let answer = (&mut self.receiver).await;
        self.answered = true;
        answer.unwrap_or_else(|_| Err(Error::new(Code::LOST, "the plugin's process is gone")))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // Also where the answer has come and nobody looked at it: it may have opened a stream.
        if !self.answered {
            self.process.pending().waiting.remove(&self.number);
            self.process.tell(&ToChild::Cancel { request: self.number });
        }
    }
}
