//! The registry itself: what can be used, and the instances that are in use.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use ao_core::config::Secrets;
use ao_core::model::PluginName;
use ao_core::plugin::Registration;
use ao_core::slots::{Agent, Instance, Notifier, Runtime, Scm, Slot, Terminal, Tracker, Workspace};
use ao_core::{Code, Error, Result};
use serde_json::Value;

use super::policy::{InstancePolicy, Lines, mask};
use super::{Entry, LibraryProblem, Offers, Origin, Search, Source, linked_in, put_library};
use crate::loader::{CreateRequest, Library, Vault};

/// The plugins that can be used, and their instances.
pub struct Registry {
    offers: Offers,
    problems: Vec<LibraryProblem>,
    vault: Vault,
    instances: Mutex<BTreeMap<InstanceKey, Instance>>,
    calls: Arc<AtomicU64>,
}

/// Equal configurations of the same plugin share one instance: one client, one quota.
type InstanceKey = (Slot, PluginName, Origin, String);

impl Registry {
    /// From what is linked in and what a search finds. A library that cannot be used is a problem to be told, not an
    /// error: everything else works.
    pub fn assemble(linked: impl Iterator<Item = &'static Registration>, search: &Search<'_>) -> Result<Self> {
        let mut offers = linked_in(linked)?;
        let mut problems = Vec::new();
        for candidate in search.candidates.in_order() {
            let placed = search.resolve(&candidate).and_then(|found| put_library(&mut offers, &found));
            problems.extend(placed.err());
        }
        let vault = search.vault.clone();
        Ok(Self { offers, problems, vault, instances: Mutex::default(), calls: Arc::default() })
    }

    /// Everything that can be used, by slot and name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.offers.values()
    }

    /// Libraries that cannot be used, and why.
    #[must_use]
    pub fn problems(&self) -> &[LibraryProblem] {
        &self.problems
    }

    /// One plugin.
    pub fn entry(&self, slot: Slot, name: &PluginName) -> Result<&Entry> {
        self.offers.get(&(slot, name.clone())).ok_or_else(|| {
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

    /// The instance of a plugin with this configuration, which was checked against the plugin's schema and expanded.
    /// The secrets that its references stood for are kept out of its errors and lines.
    pub fn instance(&self, slot: Slot, name: &PluginName, config: &Value, secrets: &Secrets) -> Result<Instance> {
        let entry = self.entry(slot, name)?;
        // A JSON map of `serde_json` is sorted, so equal configurations have one text.
        let key = (slot, name.clone(), entry.origin.clone(), config.to_string());
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(instance) = instances.get(&key) {
            return Ok(instance.clone());
        }
        let made = make(entry, &self.vault, config, secrets).map_err(|mut error| {
            mask(&mut error, secrets);
            error.context(format!("cannot make the {slot} plugin `{name}`"))
        })?;
        let policy = InstancePolicy {
            slot,
            name: name.to_string(),
            deadlines: entry.deadlines.clone(),
            calls: Arc::clone(&self.calls),
            secrets: secrets.clone(),
        };
        let guarded = made.guarded(Arc::new(policy));
        instances.insert(key, guarded.clone());
        Ok(guarded)
    }
}

fn make(entry: &Entry, vault: &Vault, config: &Value, secrets: &Secrets) -> Result<Instance> {
    let made = match &entry.source {
        Source::LinkedIn(registration) => {
            let create = std::panic::AssertUnwindSafe(|| (registration.create)(config.clone()));
            std::panic::catch_unwind(create)
                .unwrap_or_else(|panic| Err(ao_core::plugin::panicked("constructor", &*panic)))?
        }
        Source::Library { path, sha256, process } => {
            let stored = vault.open(sha256, path)?;
            let host = Arc::new(Lines { name: entry.component.name.to_string(), secrets: secrets.clone() });
            let name = entry.component.name.as_str();
            let slot = entry.component.slot;
            let request = CreateRequest { slot, name, config, host };
            match process {
                None => Library::load(&stored)?.create(&request)?,
                Some(process) => Instance::remote(slot, process.connect(&stored, &entry.component, &request)?),
            }
        }
    };
    if made.slot() == entry.component.slot {
        Ok(made)
    } else {
        Err(Error::new(Code::OTHER, format!("it is a {} plugin", made.slot())))
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
