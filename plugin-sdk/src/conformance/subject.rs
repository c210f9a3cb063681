//! What is checked: a plugin's type linked into the test, or whatever a host connects to.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ao_core::plugin::{
    BoxStream, CallContext, ComponentManifest, Dispatch, Host, Transport, capture, enter_host, panicked, scope,
};
use ao_core::slots::{Instance, IntoInstance, Slot};
use ao_core::{Error, Result};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Plugin;

/// By which way a check reached the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Door {
    /// By the slot's trait, as a host that links the plugin in does.
    Native,
    /// By the plugin's dispatcher, with every request and reply written and read as JSON.
    Json,
    /// By a transport that the host gave, such as a loaded library.
    Host,
}

impl Door {
    /// The door's name, as in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Json => "json",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

type Connect = dyn Fn(Door, &Value, Arc<dyn Host>) -> Result<Link> + Send + Sync;

/// A plugin under test: its slot, its schema, and how instances of it are made.
#[derive(Clone)]
pub struct Subject {
    slot: Slot,
    name: String,
    schema: Value,
    methods: Vec<String>,
    doors: &'static [Door],
    connect: Arc<Connect>,
}

/// An instance as it was connected: by its slot's trait, and by method name.
pub(super) struct Link {
    pub(super) instance: Instance,
    pub(super) transport: Arc<dyn Transport>,
    /// Where it is linked in: the host that its calls find.
    pub(super) host: Option<Arc<dyn Host>>,
}

impl Subject {
    /// A plugin's type. It is checked by its trait and by its dispatcher.
    #[must_use]
    pub fn plugin<P: Plugin + IntoInstance<Marker>, Marker>(slot: Slot) -> Self {
        let name = std::any::type_name::<P>();
        let schema = crate::plugin::config_schema::<P>();
        Self::instances(slot, name, schema, |config, _host| {
            crate::plugin::create::<P, Marker>(config).map(|created| created.instance)
        })
    }

    /// Instances that a function makes from a configuration and a host, such as ones with an environment of their own.
    /// They are checked by their trait and by their dispatcher.
    #[must_use]
    pub fn instances(
        slot: Slot,
        name: impl Into<String>,
        schema: Value,
        make: impl Fn(Value, Arc<dyn Host>) -> Result<Instance> + Send + Sync + 'static,
    ) -> Self {
        let connect = move |door: Door, config: &Value, host: Arc<dyn Host>| {
            let host: Arc<dyn Host> = Arc::new(Shielded(host));
            let make = || enter_host(Some(Arc::clone(&host)), || make(config.clone(), Arc::clone(&host)));
            let instance =
                catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| Err(panicked("constructor", &*panic)))?;
            let transport = Arc::new(Loopback(instance.clone().dispatcher()));
            let instance = match door {
                Door::Json => Instance::remote(slot, Arc::clone(&transport) as Arc<dyn Transport>),
                Door::Native | Door::Host => instance,
            };
            Ok(Link { instance, transport, host: Some(host) })
        };
        let methods = slot.methods().iter().map(|method| method.name.to_owned()).collect();
        let doors = &[Door::Native, Door::Json];
        Self { slot, name: name.into(), schema, methods, doors, connect: Arc::new(connect) }
    }

    /// Whatever a host connects to by a transport, such as a loaded library.
    #[must_use]
    pub fn transports(
        component: &ComponentManifest,
        connect: impl Fn(&Value, Arc<dyn Host>) -> Result<Arc<dyn Transport>> + Send + Sync + 'static,
    ) -> Self {
        let slot = component.slot;
        let connect = move |_door: Door, config: &Value, host: Arc<dyn Host>| {
            let connect = AssertUnwindSafe(|| connect(config, host));
            let transport = catch_unwind(connect).unwrap_or_else(|panic| Err(panicked("constructor", &*panic)))?;
            Ok(Link { instance: Instance::remote(slot, Arc::clone(&transport)), transport, host: None })
        };
        Self {
            slot,
            name: component.name.to_string(),
            schema: component.config_schema.clone(),
            methods: component.methods.clone(),
            doors: &[Door::Host],
            connect: Arc::new(connect),
        }
    }

    /// Which slot it fills.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// What it is called in reports.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn schema(&self) -> &Value {
        &self.schema
    }

    pub(super) fn methods(&self) -> &[String] {
        &self.methods
    }

    pub(super) fn doors(&self) -> &'static [Door] {
        self.doors
    }

    pub(super) fn connect(&self, door: Door, config: &Value, host: Arc<dyn Host>) -> Result<Link> {
        let link = (self.connect)(door, config, host)?;
        if link.instance.slot() == self.slot {
            Ok(link)
        } else {
            Err(Error::other(format!("it is a {} plugin, not a {} plugin", link.instance.slot(), self.slot)))
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({}/{})", self.slot, self.name)
    }
}

/// The plugin's dispatcher behind a transport, as a library has it, without the library.
struct Loopback(Box<dyn Dispatch>);

#[async_trait]
impl Transport for Loopback {
    fn has(&self, method: &str) -> bool {
        self.0.method(method).is_some()
    }

    async fn call(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<Vec<u8>> {
        capture(method, scope(context, self.0.call(method, &payload))).await
    }

    async fn open(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<BoxStream> {
        capture(method, scope(context, self.0.open(method, &payload))).await
    }
}

/// A host whose panics are errors, as they are for every plugin.
struct Shielded(Arc<dyn Host>);

#[async_trait]
impl Host for Shielded {
    fn log_enabled(&self, level: u8, target: &str) -> bool {
        self.0.log_enabled(level, target)
    }

    fn log(&self, call: u64, level: u8, target: &str, message: &str) {
        self.0.log(call, level, target, message);
    }

    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
        capture(method, self.0.call(method, payload)).await
    }
}
