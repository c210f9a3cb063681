//! A process that is the host: it takes the lock, hands it to the engine, and stands between that and the outside:
//! signals, the service manager, the terminal or the log.

use std::cell::Cell;
use std::io::IsTerminal;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ao_core::model::event::Event;
use ao_core::plugin::registrations;
use ao_core::{Code, Error, Result};
use ao_host::host::{
    self, CheckMode, Claimant, Control, HostContext, HostLock, Notifier, OnceReport, Patience, Progress, Pulse, Told,
};
use ao_host::setup::ConfigFiles;
use ao_host::world::World;
use camino::Utf8PathBuf;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::{manager, output};

/// How long what runs beside the engine may take to end when it has.
const LINGER: Duration = Duration::from_secs(2);
/// Without a watchdog nobody asks for progress.
const NEVER: Duration = Duration::from_hours(24);

/// What is to be done about a host that runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predecessor {
    /// It stays, and this process is refused.
    Respected,
    /// It is ended.
    Replaced,
}

/// Where a host says what happens.
pub(crate) struct Voice<'a> {
    /// Called once, when the host serves.
    ready: Cell<Option<Box<dyn Fn() + 'a>>>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Terminal,
    Log,
}

impl<'a> Voice<'a> {
    /// A line each on stderr.
    pub(crate) fn terminal() -> Self {
        Self { ready: Cell::new(Some(Box::new(|| {}))), form: Form::Terminal }
    }

    /// Into the log; `ready` is called once the host serves.
    pub(crate) fn log(ready: Box<dyn Fn() + 'a>) -> Self {
        Self { ready: Cell::new(Some(ready)), form: Form::Log }
    }

    fn line(&self, line: &str) {
        match self.form {
            Form::Terminal => output::note(output::printable(line)),
            Form::Log => tracing::info!("{line}"),
        }
    }

    fn serves(&self, pid: u32) {
        match self.ready.take() {
            Some(ready) => {
                self.line(&format!("serving as pid {pid}; `ao stop` ends it"));
                ready();
            }
            None => self.line("the configurations were read again"),
        }
    }
}

/// How a process is the host.
pub(crate) struct Hosting<'a> {
    /// The configuration that it starts with.
    pub(crate) files: ConfigFiles,
    /// What is to be done about another host.
    pub(crate) predecessor: Predecessor,
    /// Where it says what happens.
    pub(crate) voice: Voice<'a>,
    /// Where it logs, if that is a file.
    pub(crate) log: Option<Utf8PathBuf>,
}

/// Why hosting ended.
enum Ending {
    /// The engine came to its end.
    Served,
    /// It was told to end twice.
    Forced(SignalKind),
}

impl Hosting<'_> {
    /// Serves until it is told to end.
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let (context, notifier, lock) = self.prepare(edge)?;
        let runtime = runtime()?;
        let ending = runtime.block_on(drive(context, lock, &notifier, &self.voice));
        match &ending {
            Ok(Ending::Served) => self.voice.line("the host has ended; agents go on"),
            Ok(Ending::Forced(_)) => self.voice.line("ended at once; the next start takes up what was under way"),
            Err(error) => tracing::error!("the host failed: {error}"),
        }
        let forced = matches!(ending, Ok(Ending::Forced(_)));
        runtime.shutdown_timeout(if forced { Duration::ZERO } else { LINGER });
        match ending? {
            Ending::Served => Ok(ExitCode::SUCCESS),
            // As a shell has it for whoever is ended by a signal.
            Ending::Forced(kind) => Ok(ExitCode::from(u8::try_from(128 + kind.as_raw_value()).unwrap_or(1))),
        }
    }

    /// Looks at every session once.
    pub(crate) fn run_once(self, edge: &Edge, checks: CheckMode) -> Result<OnceReport, Failure> {
        let (context, _, lock) = self.prepare(edge)?;
        let runtime = runtime()?;
        let report = runtime.block_on(host::once(context, lock, checks));
        runtime.shutdown_timeout(LINGER);
        Ok(report?)
    }

    /// Takes the lock and opens what the engine works with.
    fn prepare(&self, edge: &Edge) -> Result<(HostContext, Notifier, HostLock), Failure> {
        edge.places.ensure().map_err(Error::from)?;
        let mut environment = edge.environment.clone();
        let notifier = Notifier::take(&mut environment, std::process::id());
        let world = World::system();
        let failpoints = manager::failpoints(edge)?;
        let claimant = Claimant {
            places: &edge.places,
            world: &world,
            program: &environment.program,
            log: self.log.as_deref(),
            failpoints: &failpoints,
        };
        let lock = match self.predecessor {
            Predecessor::Respected => HostLock::try_take(&claimant).map_err(Error::from)?,
            Predecessor::Replaced => {
                let (lock, replaced) = HostLock::take_over(&claimant, Patience::default())?;
                if let Some(replaced) = replaced {
                    self.voice.line(&format!("took the place of the host {}", replaced.process));
                }
                lock
            }
        };
        let sessions = Arc::new(manager::open(edge)?);
        let context = HostContext {
            sessions,
            environment,
            places: edge.places.clone(),
            files: self.files.clone(),
            linked: || Box::new(registrations()),
        };
        Ok((context, notifier, lock))
    }
}

/// The engine has threads of its own, so that a plugin that blocks one does not stop signals and the watchdog.
fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Error::wrap(Code::UNAVAILABLE, "cannot start the runtime", &error))
}

async fn drive(context: HostContext, lock: HostLock, notifier: &Notifier, voice: &Voice<'_>) -> Result<Ending> {
    let mut signals = Signals::new()?;
    let (control, heard) = mpsc::channel(8);
    let progress = Arc::new(Progress::default());
    let own = lock.record().process.pid;
    let mut tell = |told: Told| match told {
        Told::Ready => {
            notifier.ready("serving");
            voice.serves(own);
        }
        Told::Event(event) => voice.line(&line(&event)),
        Told::Note(note) => voice.line(&note),
    };
    let mut serving = pin!(host::serve(context, lock, heard, Arc::clone(&progress), &mut tell));
    let mut watchdog = tokio::time::interval(notifier.interval().unwrap_or(NEVER));
    watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut pulse, mut stopping) = (Pulse::default(), false);
    loop {
        tokio::select! {
            ended = &mut serving => return ended.map(|()| Ending::Served),
            kind = signals.next() => match (kind, stopping) {
                (SignalMeans::Reload, false) => {
                    notifier.reloading();
                    // One that waits is enough, and the last place in the queue is for the request to end.
                    if control.capacity() > 1 {
                        let _ = control.try_send(Control::Reload);
                    }
                }
                (SignalMeans::Stop(_), false) => {
                    stopping = true;
                    notifier.stopping();
                    voice.line("ending; once more to end at once");
                    // An engine that does not listen any more is ending already.
                    let _ = control.try_send(Control::Stop);
                }
                (SignalMeans::Stop(kind), true) => return Ok(Ending::Forced(kind)),
                (SignalMeans::Reload, true) => {}
            },
            _ = watchdog.tick() => if pulse.beats(progress.steps()) {
                notifier.alive();
            },
        }
    }
}

/// One event in one line.
fn line(event: &Event) -> String {
    let kind = serde_json::to_value(event.kind).ok();
    let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or("unknown");
    let session = event.session.as_ref().map(|session| format!(" {session}")).unwrap_or_default();
    format!("{} {kind}{session} {}", event.timestamp, event.data)
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SignalMeans {
    Stop(SignalKind),
    Reload,
}

/// The signals that a host hears.
struct Signals {
    ending: [(SignalKind, Signal); 2],
    hangup: Signal,
    /// A terminal that goes away asks for the end of what runs in it; a host without one is asked to reload.
    on_hangup: SignalMeans,
}

impl Signals {
    fn new() -> Result<Self> {
        let listen =
            |kind| signal(kind).map_err(|error| Error::wrap(Code::UNAVAILABLE, "cannot listen for signals", &error));
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        let in_terminal = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
        let hangup = SignalKind::hangup();
        Ok(Self {
            ending: [(interrupt, listen(interrupt)?), (terminate, listen(terminate)?)],
            hangup: listen(hangup)?,
            on_hangup: if in_terminal { SignalMeans::Stop(hangup) } else { SignalMeans::Reload },
        })
    }

    async fn next(&mut self) -> SignalMeans {
        std::future::poll_fn(|context| {
            for (kind, signal) in &mut self.ending {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(SignalMeans::Stop(*kind));
                }
            }
            if self.hangup.poll_recv(context).is_ready() {
                return Poll::Ready(self.on_hangup);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use ao_core::model::event::{EVENT_VERSION, EventKind};

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let at: ao_core::model::Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let data = serde_json::json!({"reason": "two\nlines"});
        let mut event = Event::new(EVENT_VERSION, "01".to_owned(), EventKind::SessionKilled, at, data);
        event.session = Some("app-3".parse().unwrap());
        assert_eq!(line(&event), r#"2026-01-02T03:04:05.678Z session.killed app-3 {"reason":"two\nlines"}"#);
    }
}
