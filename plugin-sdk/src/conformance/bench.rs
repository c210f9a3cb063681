//! What a check works with: instances of the plugin, samples, a scratch directory, and what was noticed on the way.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ao_core::plugin::{
    Admission, CallContext, CallPolicy, Class, Host, Kind, Method, Outcome, StreamEvent, Transport, current, encode,
    guard,
};
use ao_core::slots::common::Owner;
use ao_core::slots::{Agent, Instance, Notifier, Runtime, Scm, Slot, Terminal, Tracker, Workspace};
use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use super::check::{Verdict, describe, failed, skipped};
use super::sample::Samples;
use super::{Door, FakeHost, Fault, Subject, clock};

/// What a check works with. Each run of a check has its own.
#[derive(Clone)]
pub(super) struct Bench {
    pub(super) subject: Subject,
    pub(super) door: Door,
    pub(super) config: Value,
    pub(super) samples: Samples,
    pub(super) limit: Duration,
    pub(super) validator: super::kit::Validator,
    pub(super) scratch: Arc<tempfile::TempDir>,
    pub(super) noticed: Noticed,
}

/// What no call may do, whatever a check looks for: panic, or use a code that is not in the table.
#[derive(Clone, Debug, Default)]
pub(super) struct Noticed(Arc<Mutex<Vec<String>>>);

impl Noticed {
    fn note(&self, what: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&what) {
            all.push(what);
        }
    }

    /// Everything so far, as one text; none where there is nothing.
    pub(super) fn take(&self) -> Option<String> {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!all.is_empty()).then(|| all.join("\n"))
    }
}

/// One instance of the plugin, guarded as a host guards it.
#[derive(Clone)]
pub(super) struct Opened {
    instance: Instance,
    transport: Arc<dyn Transport>,
    policy: Arc<Policy>,
    pub(super) host: Arc<FakeHost>,
}

impl Bench {
    pub(super) fn slot(&self) -> Slot {
        self.subject.slot()
    }

    /// An instance with the sample configuration and a host that behaves.
    pub(super) fn open(&self) -> Verdict<Opened> {
        let opened = self.try_open(&self.config, Arc::new(FakeHost::new()));
        opened.or_else(|error| failed("an instance from the configuration that was given", describe(&error)))
    }

    /// The same, with a host that misbehaves from the first call.
    pub(super) fn open_with_fault(&self, fault: Fault) -> Verdict<Opened> {
        let opened = self.open()?;
        opened.host.misbehave(Some(fault));
        Ok(opened)
    }

    /// An instance, or why there is none.
    pub(super) fn try_open(&self, config: &Value, host: Arc<FakeHost>) -> Result<Opened> {
        let link = self.subject.connect(self.door, config, Arc::clone(&host) as _)?;
        let noticed = self.noticed.clone();
        let next = AtomicU64::new(1);
        let policy = Arc::new(Policy { slot: self.slot(), limit: self.limit, next, noticed, host: link.host });
        let instance = link.instance.guarded(Arc::clone(&policy) as _);
        Ok(Opened { instance, transport: link.transport, policy, host })
    }

    /// A sample of text, or why the check is skipped.
    pub(super) fn text(&self, name: &str) -> Verdict<String> {
        self.samples.text(name).map_or_else(|| self.without(name), |text| Ok(text.to_owned()))
    }

    /// A sample of texts, or why the check is skipped.
    pub(super) fn list(&self, name: &str) -> Verdict<Vec<String>> {
        self.samples.list(name).map_or_else(|| self.without(name), Ok)
    }

    /// Goes on only where effects are allowed.
    pub(super) fn effects(&self) -> Verdict {
        if self.samples.has("effects") { Ok(()) } else { self.without("effects") }
    }

    fn without<T>(&self, name: &str) -> Verdict<T> {
        let key = super::samples(self.slot()).iter().find(|key| key.name == name);
        let help = key.map_or("", |key| key.help);
        let given = match key.map(|key| key.kind) {
            Some(super::SampleKind::Consent) => format!(".{name}()` (`--sample {name}=yes"),
            Some(super::SampleKind::List) => format!(".{name}([…])` (`--sample {name}='[…]'"),
            _ => format!(".{name}(…)` (`--sample {name}=…"),
        };
        skipped(format!("needs the sample `{given}`): {help}"))
    }

    /// A directory of this check's own, empty at first.
    pub(super) fn directory(&self, name: &str) -> Verdict<Utf8PathBuf> {
        let scratch = Utf8Path::from_path(self.scratch.path());
        let made = scratch.ok_or_else(|| "its path is not UTF-8".to_owned()).and_then(|scratch| {
            // Plugins tell paths as the system does, without symbolic links.
            let path = scratch.canonicalize_utf8().map_err(|error| error.to_string())?.join(name);
            std::fs::create_dir_all(&path).map_err(|error| error.to_string())?;
            Ok(path)
        });
        made.or_else(|why: String| skipped(format!("the kit cannot make a scratch directory: {why}")))
    }

    /// An installation of this check's own.
    pub(super) fn owner(&self) -> Verdict<Owner> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let (run, state) = (self.directory("run")?, self.directory("state")?);
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        Ok(Owner::new(format!("{:08x}", hasher.finish() & 0xffff_ffff), run, state))
    }
}

macro_rules! typed {
    ($($slot:ident $Trait:ident;)*) => {
        impl Opened {
            $(
                #[doc = concat!("The instance as a ", stringify!($slot), ".")]
                pub(super) fn $slot(&self) -> Verdict<Arc<dyn $Trait>> {
                    let slot = self.instance.slot();
                    self.instance.$slot().map_or_else(
                        || failed(concat!("a ", stringify!($slot), " plugin"), format!("a {slot} plugin")),
                        Ok,
                    )
                }
            )*
        }
    };
}

typed! {
    runtime Runtime;
    agent Agent;
    workspace Workspace;
    tracker Tracker;
    scm Scm;
    notifier Notifier;
    terminal Terminal;
}

impl Opened {
    /// Calls a method by name with JSON.
    pub(super) async fn call(&self, method: &'static str, request: &Value) -> Result<Value> {
        let reply = self.call_bytes(method, encode(method, request)?, None).await?;
        let read = serde_json::from_slice(&reply);
        read.map_err(|error| {
            let error = Error::wrap(Code::PROTOCOL, format!("`{method}` answered something unreadable"), &error);
            self.policy.noticed.note(describe(&error));
            error
        })
    }

    /// Calls a method by name with any bytes, and with less time than usual.
    pub(super) async fn call_bytes(
        &self,
        method: &'static str,
        payload: Vec<u8>,
        limit: Option<Duration>,
    ) -> Result<Vec<u8>> {
        let declared = self.instance.slot().methods().iter().find(|declared| declared.name == method);
        // One that no slot has.
        let unknown = Method { name: method, kind: Kind::Call, deadline: None, class: Class::Idempotent };
        let declared = *declared.unwrap_or(&unknown);
        let policy = Policy {
            slot: self.instance.slot(),
            limit: limit.unwrap_or(self.policy.limit),
            next: AtomicU64::new(self.policy.next.fetch_add(1, Ordering::Relaxed)),
            noticed: self.policy.noticed.clone(),
            host: self.policy.host.clone(),
        };
        guard(&policy, &declared, async { self.transport.call(current(), method, payload).await }).await
    }
}

/// The kit's policy: every call has a number and a deadline, and what it must never do is noticed.
struct Policy {
    slot: Slot,
    limit: Duration,
    next: AtomicU64,
    noticed: Noticed,
    /// Of an instance that is linked in; one that lives elsewhere has its host there.
    host: Option<Arc<dyn Host>>,
}

impl Policy {
    fn notice(&self, name: &str, error: &Error) {
        let own = error.message.starts_with(&format!("`{name}` panicked"));
        if error.code == Code::PANIC && !own && error.message.contains(super::fake_host::PANIC) {
            // The host's panic, handed on as an error.
            return;
        }
        if error.code == Code::PANIC || error.code == Code::PROTOCOL {
            self.noticed.note(describe(error));
        } else if error.code == Code::UNKNOWN_METHOD && self.slot.methods().iter().any(|known| known.name == name) {
            self.noticed.note(format!("`{name}` failed with `unknown_method`, which only a dispatcher may say"));
        } else if !Code::ALL.contains(&error.code) {
            self.noticed.note(format!("`{name}` failed with the code `{}`, which is not in the table", error.code));
        } else if error.message.trim().is_empty() {
            self.noticed.note(format!("`{name}` failed with `{}` and no message", error.code));
        }
    }
}

impl CallPolicy for Policy {
    fn admit(&self, method: &Method) -> Result<Admission> {
        let limit = method.deadline.unwrap_or(self.limit).min(self.limit);
        let deadline = (method.kind == Kind::Call).then(|| clock::now() + limit);
        Ok(Admission::Go(CallContext { id: self.next.fetch_add(1, Ordering::Relaxed), deadline }))
    }

    fn timer(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }

    fn record(&self, method: &Method, _context: CallContext, outcome: Outcome<'_>) {
        if let Outcome::Failed(error) = outcome {
            self.notice(method.name, error);
        }
    }

    fn stream(&self, method: &Method, _context: CallContext, event: StreamEvent<'_>) {
        if let StreamEvent::Failed(error) = event {
            self.notice(method.name, error);
        }
    }

    fn host(&self) -> Option<Arc<dyn Host>> {
        self.host.clone()
    }
}
