//! A library that is hosted by a process: one process for all of its instances, started with the first call, and again
//! after it has ended.

#![expect(clippy::disallowed_methods, reason = "the wait before a start is measured on the monotonic clock")]

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ao_core::plugin::{BoxStream, CallContext, ComponentManifest, Host, Manifest, PING, Transport, decode};
use ao_core::slots::Slot;
use ao_core::{Code, Error, Result};
use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};

use super::backoff::Backoff;
use super::convert::kept_level;
use super::process::{Process, Request};
use super::stream::IsolatedStream;
use super::wire::{Answer, Invoke, Make, ToChild};
use crate::loader::{CreateRequest, Stored, bounded, error_in, meta};
use crate::registry::{MAKING, late};

/// How long a library may take to say what is in it.
const MANIFEST_LIMIT: Duration = Duration::from_secs(10);

/// Why a process ended that was told to.
const ENDED_BY_US: &str = "`ao` ended it";

/// A library and the process that hosts it, if there is one now.
pub struct IsolatedLibrary {
    program: Utf8PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    process: Option<Arc<Process>>,
    backoff: Backoff,
    /// How the last process ended.
    last_end: String,
}

impl State {
    /// Lets go of a process that was just killed: its end is certain, but nobody has seen it yet.
    fn forget(&mut self, killed: Option<&Arc<Process>>) {
        let is_it = |there: &&mut Arc<Process>| killed.is_none_or(|killed| Arc::ptr_eq(there, killed));
        let Some(process) = self.process.as_mut().filter(is_it) else { return };
        let (began, at, seen) = match process.ended() {
            Some(ended) => (ended.began, ended.at, Some(ended.to_string())),
            None => (process.began(), Instant::now(), None),
        };
        self.backoff.ended(began, at);
        self.last_end = seen.unwrap_or_else(|| format!("signal 9, because {}", process.cause()));
        self.process = None;
    }
}

impl IsolatedLibrary {
    /// A library that `program` will host, as `program __library <copy>`. Nothing is started yet.
    #[must_use]
    pub fn new(program: &Utf8Path) -> Self {
        Self { program: program.to_owned(), state: Mutex::default() }
    }

    /// An instance, as the transport to it. It is made with its first call, and again in each new process; that it
    /// cannot be made is the error of that call.
    pub fn connect(
        self: &Arc<Self>,
        stored: &Stored,
        component: &ComponentManifest,
        request: &CreateRequest<'_>,
    ) -> Result<Arc<dyn Transport>> {
        let config = serde_json::to_vec(request.config)
            .map_err(|error| Error::wrap(Code::INVALID_INPUT, "cannot write the configuration", &error))?;
        bounded("configuration", config.len())?;
        Ok(Arc::new(IsolatedTransport {
            library: Arc::clone(self),
            copy: stored.path.clone(),
            slot: request.slot,
            name: request.name.to_owned(),
            config,
            host: Arc::clone(&request.host),
            methods: component.methods.iter().cloned().collect(),
            instance: tokio::sync::Mutex::default(),
        }))
    }

    /// What the library says of itself, read by the process. Blocks, for at most ten seconds.
    pub fn manifest(&self, stored: &Stored) -> Result<Manifest> {
        let process = self.process(&stored.path)?;
        let ask = async {
            let answer = process.ask(|request| ToChild::Manifest { request }).await?.answer().await?;
            decode("manifest", &done(answer)?)
        };
        let library = stored.path.file_name().unwrap_or_default();
        let wait = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(|error| Error::wrap(Code::UNAVAILABLE, "cannot wait for the plugin's process", &error))?;
            let answer = runtime.block_on(async { tokio::time::timeout(MANIFEST_LIMIT, ask).await });
            answer.unwrap_or_else(|_| {
                let message = format!("the library `{library}` did not say in time what is in it");
                Err(Error::new(Code::TIMEOUT, message))
            })
        };
        // On a thread of its own: the caller's may be busy with a runtime already.
        let panicked = |_| Err(Error::other("the thread that waited for the plugin's process panicked"));
        std::thread::scope(|scope| scope.spawn(wait).join().unwrap_or_else(panicked))
    }

    /// Ends the process, if there is one: for a library that does not answer any more. The calls in flight are lost, the
    /// next one starts a new process.
    pub fn kill(&self) {
        let mut state = self.state();
        if let Some(process) = &state.process {
            process.kill(Some(ENDED_BY_US));
        }
        state.forget(None);
    }

    /// The same, if this is its process still.
    fn kill_this(&self, process: &Arc<Process>) {
        process.kill(Some("a constructor in it did not end"));
        self.state().forget(Some(process));
    }

    /// The program that hosts it.
    pub(crate) fn program(&self) -> &Utf8Path {
        &self.program
    }

    /// Whether there is no process, and it is not time to start one.
    pub(crate) fn rests(&self) -> bool {
        let state = self.state();
        state.process.as_ref().is_none_or(|process| process.ended().is_some())
            && state.backoff.remaining(Instant::now()).is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process, started if there is none and it is time.
    fn process(&self, copy: &Utf8Path) -> Result<Arc<Process>> {
        let mut state = self.state();
        if let Some(process) = &state.process {
            let Some(ended) = process.ended() else { return Ok(Arc::clone(process)) };
            state.backoff.ended(ended.began, ended.at);
            state.last_end = ended.to_string();
            state.process = None;
        }
        if let Some(left) = state.backoff.remaining(Instant::now()) {
            let (library, times) = (copy.file_name().unwrap_or_default(), state.backoff.in_a_row());
            let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
            let mut error = Error::unavailable(format!(
                "the process of the plugin library `{library}` has ended {times} times in a row, the last time by {}; \
                 it is started again in {left} ms",
                state.last_end
            ));
            error.retry_after_ms = Some(left);
            return Err(error);
        }
        Ok(Arc::clone(state.process.insert(Process::start(&self.program, copy)?)))
    }
}

impl Drop for IsolatedLibrary {
    fn drop(&mut self) {
        if let Some(process) = &self.state().process {
            process.kill(Some("nobody uses it any more"));
        }
    }
}

impl fmt::Debug for IsolatedLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IsolatedLibrary").field("program", &self.program).finish_non_exhaustive()
    }
}

/// An instance of an isolated library, as the proxy's transport.
struct IsolatedTransport {
    library: Arc<IsolatedLibrary>,
    copy: Utf8PathBuf,
    slot: Slot,
    name: String,
    config: Vec<u8>,
    host: Arc<dyn Host>,
    methods: BTreeSet<String>,
    instance: tokio::sync::Mutex<Option<Instance>>,
}

/// The instance in a process.
struct Instance {
    process: Arc<Process>,
    number: u64,
    /// When its constructor was asked for.
    began: Instant,
    /// The constructor's answer, until it has come. It stays asked for when whoever waits for it goes away.
    asked: Option<Request>,
}

impl Instance {
    fn new(process: &Arc<Process>) -> Self {
        Self { process: Arc::clone(process), number: process.number(), began: Instant::now(), asked: None }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.process.detach(self.number);
    }
}

impl IsolatedTransport {
    /// The process, and the instance's number in it. Whoever asks while the instance is made waits for the same
    /// constructor; one that takes too long ends the process.
    async fn instance(&self) -> Result<(Arc<Process>, u64)> {
        let mut place = self.instance.lock().await;
        let process = self.library.process(&self.copy)?;
        if place.as_ref().is_some_and(|there| !Arc::ptr_eq(&there.process, &process)) {
            *place = None;
        }
        let there = match &mut *place {
            Some(there) => there,
            none => {
                let there = Instance::new(&process);
                process.attach(there.number, Arc::clone(&self.host));
                let (slot, name, config) = (self.slot.to_string(), self.name.clone(), self.config.clone());
                let make = Make { instance: there.number, level: kept_level(&*self.host), slot, name, config };
                let asked = process.ask(|request| ToChild::Create { request, make }).await?;
                let there = none.insert(there);
                there.asked = Some(asked);
                there
            }
        };
        let number = there.number;
        let Some(asked) = &mut there.asked else { return Ok((process, number)) };
        let left = MAKING.saturating_sub(there.began.elapsed());
        let made = tokio::time::timeout(left, asked.answer()).await;
        there.asked = None;
        let made = made.unwrap_or_else(|_| {
            self.library.kill_this(&process);
            Err(late())
        });
        if let Err(error) = made.and_then(done) {
            *place = None;
            return Err(error.context(format!("cannot make the {} plugin `{}`", self.slot, self.name)));
        }
        Ok((process, number))
    }

    /// Whether the instance is being made, which says nothing against its process.
    fn is_being_made(&self) -> bool {
        self.instance.try_lock().map_or(true, |place| place.as_ref().is_some_and(|there| there.asked.is_some()))
    }

    fn invoke(&self, instance: u64, context: CallContext, method: &str, payload: Vec<u8>) -> Invoke {
        let (meta, level) = (meta(context), kept_level(&*self.host));
        let method = method.to_owned();
        Invoke { instance, call: meta.id, deadline_ms: meta.deadline_ms, level, method, payload }
    }
}

#[async_trait]
impl Transport for IsolatedTransport {
    fn has(&self, method: &str) -> bool {
        self.methods.contains(method)
    }

    async fn call(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<Vec<u8>> {
        bounded(method, payload.len())?;
        if method == PING && self.is_being_made() {
            return Ok(b"{}".to_vec());
        }
        let (process, instance) = self.instance().await?;
        let invoke = self.invoke(instance, context, method, payload);
        let mut request = process.ask(|request| ToChild::Call { request, invoke }).await?;
        done(request.answer().await?)
    }

    async fn open(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<BoxStream> {
        bounded(method, payload.len())?;
        let (process, instance) = self.instance().await?;
        let invoke = self.invoke(instance, context, method, payload);
        let mut request = process.ask(|request| ToChild::Open { request, invoke }).await?;
        done(request.answer().await?)?;
        Ok(Box::new(IsolatedStream::new(Arc::clone(&self.library), process, request.number)))
    }
}

/// The answer to what is no stream's `next`.
pub(super) fn done(answer: Answer) -> Result<Vec<u8>> {
    match answer {
        Answer::Done(reply) => Ok(reply),
        Answer::Failed(error) => Err(error_in(&error)),
        Answer::Frame { .. } | Answer::End => Err(Error::new(Code::PROTOCOL, "a call was answered with a frame")),
    }
}
