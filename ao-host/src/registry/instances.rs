//! The registry itself: what can be used, and the instances that are in use.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ao_core::config::Secrets;
use ao_core::model::PluginName;
use ao_core::plugin::{Created, Host, Life, Registration, RemoteLife, Transport, enter_host};
use ao_core::slots::{Agent, Instance, Notifier, Runtime, Scm, Slot, Terminal, Tracker, Workspace};
use ao_core::{Code, Error, Result};
use serde_json::Value;

use super::host::{InstanceHost, Masks};
use super::making::Making;
use super::policy::{InstancePolicy, Parts};
use super::release::Releasable;
use super::retire::{Live, Retired};
use super::services::{Services, Settings, StateScope};
use super::{Condition, Entry, LibraryProblem, Offers, Origin, Search, Source, linked_in, put_library};
use crate::hash::sha256;
use crate::loader::{CreateRequest, Library, Vault};
use crate::world::World;

/// How long the end of a registry waits for calls that are under way.
const CLOSING: Duration = Duration::from_secs(5);

/// The plugins that can be used, and their instances.
pub struct Registry {
    linked: Offers,
    vault: Vault,
    services: Services,
    calls: Arc<AtomicU64>,
    /// Locked to look and to change, never over somebody else's code.
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    offers: Offers,
    problems: Vec<LibraryProblem>,
    instances: BTreeMap<InstanceKey, Place>,
}

/// What there is of an instance.
enum Place {
    /// Somebody makes it.
    Making(Arc<Making>),
    /// It is in use.
    Ready(Live),
}

impl Place {
    fn entry(&self) -> &Entry {
        match self {
            Self::Making(making) => &making.entry,
            Self::Ready(live) => &live.entry,
        }
    }
}

/// Equal configurations of the same plugin share one instance: one client, one quota.
type InstanceKey = (Slot, PluginName, Origin, String);

/// What an instance is configured with.
pub struct Configured {
    /// Its settings, checked against the plugin's schema and expanded.
    pub config: Value,
    /// What the references in them stood for, to be kept out of its errors and lines.
    pub secrets: Secrets,
    /// The settings as they were written, references unexpanded: what its state is kept by.
    pub written: Value,
    /// Reads a setting anew; without it, an instance that asks gets what it was made with.
    pub settings: Option<Arc<dyn Settings>>,
}

impl Configured {
    /// Settings without references.
    #[must_use]
    pub fn plain(config: Value) -> Self {
        Self { written: config.clone(), config, secrets: Secrets::default(), settings: None }
    }
}

/// Settings that stay as they were.
struct AsMade(Value);

impl Settings for AsMade {
    fn read(&self, field: &str) -> Result<(String, Secrets)> {
        let found = field.split('.').try_fold(&self.0, |value, key| value.get(key));
        text_setting(field, found.cloned()).map(|text| (text, Secrets::default()))
    }
}

/// The text of a setting.
pub(crate) fn text_setting(field: &str, found: Option<Value>) -> Result<String> {
    match found {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Error::invalid_input(format!("the setting `{field}` is no text")).at_field("field")),
        None => Err(Error::not_found(format!("the plugin's configuration has no setting `{field}`"))),
    }
}

/// What a search finds, over what is linked in. A library that is as it was `before` keeps its process, and what is
/// known of it.
fn look(linked: &Offers, search: &Search<'_>, before: &Offers) -> (Offers, Vec<LibraryProblem>) {
    let mut offers = linked.clone();
    let mut problems = Vec::new();
    for candidate in search.candidates.in_order() {
        let placed = search.resolve(&candidate).and_then(|found| put_library(&mut offers, &found, before));
        problems.extend(placed.err());
    }
    (offers, problems)
}

impl Registry {
    /// From what is linked in and what a search finds. A library that cannot be used is a problem to be told, not an
    /// error: everything else works. Nothing outlives it; see [`serving`](Self::serving).
    pub fn assemble(linked: impl Iterator<Item = &'static Registration>, search: &Search<'_>) -> Result<Self> {
        let linked = linked_in(linked)?;
        let (offers, problems) = look(&linked, search, &Offers::new());
        let inner = Inner { offers, problems, instances: BTreeMap::new() };
        let services = Services::passing(World::system());
        let (vault, calls, inner) = (search.vault.clone(), Arc::default(), Arc::new(Mutex::new(inner)));
        Ok(Self { linked, vault, services, calls, inner })
    }

    /// The same, serving its instances with this.
    pub fn serving(self, services: Services) -> Self {
        Self { services, ..self }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Everything that can be used now, by slot and name.
    pub fn entries(&self) -> impl Iterator<Item = Arc<Entry>> + use<> {
        let entries: Vec<_> = self.inner().offers.values().cloned().collect();
        entries.into_iter()
    }

    /// Libraries that cannot be used, and why.
    #[must_use]
    pub fn problems(&self) -> Vec<LibraryProblem> {
        self.inner().problems.clone()
    }

    /// One plugin.
    pub fn entry(&self, slot: Slot, name: &PluginName) -> Result<Arc<Entry>> {
        self.inner().entry(slot, name)
    }

    /// How every instance is doing.
    #[must_use]
    pub fn states(&self) -> Vec<Condition> {
        self.inner().ready().map(|live| live.policy.condition()).collect()
    }

    /// The instance of a plugin with this configuration, which was checked against the plugin's schema and expanded.
    /// The secrets that its references stood for are kept out of its errors and lines.
    pub fn instance(&self, slot: Slot, name: &PluginName, config: &Value, secrets: &Secrets) -> Result<Instance> {
        self.configured(slot, name, Configured { secrets: secrets.clone(), ..Configured::plain(config.clone()) })
    }

    /// The instance of a plugin with this configuration, which can read its secrets anew. Blocks while it is made, for
    /// at most ten seconds: [`Code::TIMEOUT`] then, and [`Code::UNAVAILABLE`] as long as that constructor hangs.
    pub fn configured(&self, slot: Slot, name: &PluginName, configured: Configured) -> Result<Instance> {
        let mut inner = self.inner();
        let entry = inner.entry(slot, name)?;
        // A JSON map of `serde_json` is sorted, so equal configurations have one text.
        let key = (slot, name.clone(), entry.origin.clone(), configured.config.to_string());
        let making = match inner.instances.get(&key) {
            Some(Place::Ready(live)) => return Ok(live.guarded.clone()),
            Some(Place::Making(making)) => {
                let making = Arc::clone(making);
                drop(inner);
                making
            }
            None => {
                let making = Arc::new(Making::new(Arc::clone(&entry)));
                inner.instances.insert(key.clone(), Place::Making(Arc::clone(&making)));
                // What is made is somebody else's code: nothing is locked meanwhile.
                drop(inner);
                self.make(&making, key, configured);
                making
            }
        };
        making.wait().map_err(|error| error.context(format!("cannot make the {slot} plugin `{name}`")))
    }

    /// Makes an instance, on a thread of its own.
    fn make(&self, making: &Arc<Making>, key: InstanceKey, configured: Configured) {
        let (services, vault, calls) = (self.services.clone(), self.vault.clone(), Arc::clone(&self.calls));
        // A constructor that never ends keeps no registry.
        let inner = Arc::downgrade(&self.inner);
        making.start(move |making| {
            let made = live(&making.entry, &vault, services, calls, configured);
            let Some(inner) = inner.upgrade() else { return Err(gone(&making.entry)) };
            settle(&inner, key, making, made)
        });
    }

    /// Looks for plugins again. Instances of what is gone, was changed, or is hosted or limited in another way now, take no further calls and are handed back, to
    /// be brought to their end; whoever asks next gets an instance of what is there now. A changed library is loaded
    /// beside the old one, which is never unloaded.
    pub fn reload(&self, search: &Search<'_>) -> Retired {
        let before = self.inner().offers.clone();
        let (offers, problems) = look(&self.linked, search, &before);
        let mut inner = self.inner();
        (inner.offers, inner.problems) = (offers, problems);
        let Inner { offers, instances, .. } = &mut *inner;
        let stays = |(slot, name, ..): &InstanceKey, place: &Place| {
            offers.get(&(*slot, name.clone())).is_some_and(|entry| entry.makes_the_same(place.entry()))
        };
        let (kept, retired) = std::mem::take(instances).into_iter().partition(|(key, place)| stays(key, place));
        *instances = kept;
        drop(inner);
        retire(retired)
    }

    /// Ends all instances: no further calls, at most five seconds for those that are under way, then their shutdown.
    pub async fn close(&self) {
        let instances = std::mem::take(&mut self.inner().instances);
        retire(instances).finish_within(CLOSING).await;
    }

    /// Whether there is an instance that [`close`](Self::close) would tell of its end in vain if the process ended now:
    /// any that is not linked in. Linked-in ones of this workspace have nothing to do then.
    #[must_use]
    pub fn has_foreign_instances(&self) -> bool {
        self.inner().ready().any(|live| live.transport.is_some())
    }
}

/// Retires what is ready. What is still being made finds that its place is gone, and ends itself.
fn retire(instances: BTreeMap<InstanceKey, Place>) -> Retired {
    let ready = |place| if let Place::Ready(live) = place { Some(live) } else { None };
    let instances: Vec<_> = instances.into_values().filter_map(ready).collect();
    for live in &instances {
        live.policy.retire();
    }
    Retired(instances)
}

impl Inner {
    /// The instances that are made.
    fn ready(&self) -> impl Iterator<Item = &Live> {
        self.instances.values().filter_map(|place| if let Place::Ready(live) = place { Some(live) } else { None })
    }

    fn entry(&self, slot: Slot, name: &PluginName) -> Result<Arc<Entry>> {
        self.offers.get(&(slot, name.clone())).cloned().ok_or_else(|| {
            let names: Vec<_> =
                self.offers.keys().filter(|(at, _)| *at == slot).map(|(_, name)| name.as_str()).collect();
            let known =
                if names.is_empty() { "there is none".to_owned() } else { format!("there are {}", names.join(", ")) };
            let mut error = Error::not_found(format!("no {slot} plugin is named `{name}`; {known}"));
            // One of the libraries that cannot be used may be where it is.
            error.chain = self.problems.iter().map(ToString::to_string).collect();
            error
        })
    }
}

/// An instance that was just made.
struct Made {
    instance: Instance,
    life: Arc<dyn Life>,
    transport: Option<Arc<Releasable>>,
}

impl Made {
    /// One that lives behind a transport.
    fn behind(slot: Slot, transport: Arc<dyn Transport>) -> Self {
        let transport = Arc::new(Releasable::new(transport));
        let instance = Instance::remote(slot, Arc::clone(&transport) as Arc<dyn Transport>);
        let life = Arc::new(RemoteLife(Arc::clone(&transport) as Arc<dyn Transport>));
        Self { instance, life, transport: Some(transport) }
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone(entry: &Entry) -> Error {
    let (slot, name) = (entry.component.slot, &entry.component.name);
    let mut error = Error::unavailable(format!("the {slot} plugin `{name}` was replaced or closed while it was made"));
    error.retry_after_ms = Some(0);
    error
}

/// Makes an instance, and all that is around it.
fn live(
    entry: &Arc<Entry>,
    vault: &Vault,
    services: Services,
    calls: Arc<AtomicU64>,
    configured: Configured,
) -> Result<Live> {
    let Configured { config, secrets, written, settings } = configured;
    let (slot, name) = (entry.component.slot, entry.component.name.clone());
    let scope = StateScope { slot, name: name.to_string(), config: sha256(written.to_string().as_bytes()) };
    let masks = Masks::new(secrets);
    let settings = settings.unwrap_or_else(|| Arc::new(AsMade(config.clone())));
    let host = Arc::new(InstanceHost::new(scope, masks.clone(), settings, services));
    let made = make(entry, vault, &config, Arc::clone(&host) as Arc<dyn Host>);
    let Made { instance, life, transport } = made.map_err(|mut error| {
        masks.error(&mut error);
        error
    })?;
    let library = match &entry.source {
        Source::LinkedIn(_) => None,
        Source::Library { watch, .. } => Some(Arc::clone(watch)),
    };
    let policy = Arc::new(InstancePolicy::new(Parts {
        name,
        origin: entry.origin.clone(),
        deadlines: entry.deadlines.clone(),
        calls,
        host,
        life: Arc::clone(&life),
        library: library.clone(),
    }));
    if let Some(library) = library {
        library.add(&policy);
    }
    let guarded = instance.guarded(Arc::clone(&policy) as Arc<_>);
    Ok(Live { entry: Arc::clone(entry), guarded, policy, life, transport })
}

/// Puts what was made into its place, unless that is gone: then it ends here, untold, as nobody has called it.
fn settle(inner: &Mutex<Inner>, key: InstanceKey, making: &Arc<Making>, made: Result<Live>) -> Result<Instance> {
    let mut inner = lock(inner);
    let is_ours = matches!(inner.instances.get(&key), Some(Place::Making(there)) if Arc::ptr_eq(there, making));
    let live = match made {
        Ok(live) => live,
        Err(error) => {
            if is_ours {
                inner.instances.remove(&key);
            }
            return Err(error);
        }
    };
    if is_ours {
        let guarded = live.guarded.clone();
        inner.instances.insert(key, Place::Ready(live));
        return Ok(guarded);
    }
    drop(inner);
    live.policy.retire();
    Err(gone(&making.entry))
}

fn make(entry: &Entry, vault: &Vault, config: &Value, host: Arc<dyn Host>) -> Result<Made> {
    let slot = entry.component.slot;
    let made = match &entry.source {
        Source::LinkedIn(registration) => {
            let create = || enter_host(Some(host), || (registration.create)(config.clone()));
            let Created { instance, life } = std::panic::catch_unwind(std::panic::AssertUnwindSafe(create))
                .unwrap_or_else(|panic| Err(ao_core::plugin::panicked("constructor", &*panic)))?;
            Made { instance, life, transport: None }
        }
        Source::Library { path, sha256, process, watch: _ } => {
            let stored = vault.open(sha256, path)?;
            let request = CreateRequest { slot, name: entry.component.name.as_str(), config, host };
            let transport = match process {
                None => Library::load(&stored)?.connect(&request)?,
                Some(process) => process.connect(&stored, &entry.component, &request)?,
            };
            Made::behind(slot, transport)
        }
    };
    if made.instance.slot() == slot {
        Ok(made)
    } else {
        Err(Error::new(Code::OTHER, format!("it is a {} plugin", made.instance.slot())))
    }
}

macro_rules! typed {
    ($($method:ident -> $Slot:ident;)*) => {
        impl Registry {
            $(
                #[doc = concat!("The ", stringify!($method), " plugin of this name with this configuration.")]
                pub fn $method(&self, name: &PluginName, config: &Value) -> Result<Arc<dyn $Slot>> {
                    let instance = self.instance(Slot::$Slot, name, config, &Secrets::default())?;
                    instance.$method().ok_or_else(|| Error::other("an instance of another slot"))
                }
            )*
        }
    };
}

typed! {
    runtime -> Runtime;
    agent -> Agent;
    workspace -> Workspace;
    tracker -> Tracker;
    scm -> Scm;
    notifier -> Notifier;
    terminal -> Terminal;
}
