//! The one place where plugins are found: linked in or in libraries, by slot and name.
//!
//! A [`Registry`] is assembled from registrations and candidate files without running any library's code (but for one
//! that is trusted by its hash alone and was never seen before); an instance is made, and its library loaded, when it is
//! first asked for. Everything that it hands out is guarded.

mod admit;
mod breaker;
mod breakers;
mod candidates;
mod condition;
mod host;
mod instances;
mod lines;
mod making;
mod policy;
mod release;
mod retire;
mod services;
mod watch;
mod wedge;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ao_core::config::Isolation;
use ao_core::model::PluginName;
use ao_core::plugin::{ComponentManifest, LibraryManifest, Manifest, Registration, WIRE_VERSION};
use ao_core::slots::Slot;
use ao_core::{Error, Result};
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::isolation::{Hosting, IsolatedLibrary};

use watch::LibraryWatch;

pub use admit::{Admitted, admit, take_in};
pub(crate) use candidates::libraries_in;
pub use candidates::{Candidate, Found, LibraryProblem, Mention, Search, SearchOrder};
pub use condition::{Condition, ConditionState};
pub(crate) use instances::text_setting;
pub use instances::{Configured, Registry};
pub(crate) use making::{MAKING, late};
pub use policy::Deadlines;
pub use retire::Retired;
pub use services::{ConditionLog, Ear, MAX_STATE_KEY, MAX_STATE_KEYS, MAX_STATE_VALUE, PassingState, Services};
pub use services::{Settings, StateScope, StateStore, too_many_keys};

/// One plugin that can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it says of itself.
    pub component: ComponentManifest,
    /// Its library or crate.
    pub library: LibraryManifest,
    /// Where it comes from.
    pub origin: Origin,
    /// What it takes the place of.
    pub replaces: Option<Origin>,
    /// Where its code runs.
    pub isolation: Isolation,
    /// Time limits in place of the contract's, by method.
    deadlines: Deadlines,
    source: Source,
}

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// Part of this program.
    LinkedIn,
    /// A library.
    Library {
        /// The user's file; a copy of it is what is loaded.
        #[schemars(with = "String")]
        path: Utf8PathBuf,
        /// The SHA-256 of the library.
        sha256: String,
    },
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LinkedIn => f.write_str("linked in"),
            Self::Library { path, .. } => f.write_str(path.as_str()),
        }
    }
}

/// How an instance is made.
#[derive(Clone, Debug)]
enum Source {
    LinkedIn(&'static Registration),
    /// Loaded from the vault when an instance is first asked for.
    Library {
        path: Utf8PathBuf,
        sha256: String,
        /// The process that hosts it, for all of its plugins; none in this process.
        process: Option<Arc<IsolatedLibrary>>,
        /// What is known of it, for all of its instances.
        watch: Arc<LibraryWatch>,
    },
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::LinkedIn(left), Self::LinkedIn(right)) => std::ptr::eq(*left, *right),
            (Self::Library { sha256: left, .. }, Self::Library { sha256: right, .. }) => left == right,
            _ => false,
        }
    }
}

/// What several libraries, and this program, offer for one slot and name.
type Offers = BTreeMap<(Slot, PluginName), Arc<Entry>>;

/// The plugins that this program was linked with.
fn linked_in(registrations: impl Iterator<Item = &'static Registration>) -> Result<Offers> {
    let mut offers = Offers::new();
    for registration in registrations {
        let component = registration.manifest()?;
        let key = (component.slot, component.name.clone());
        let library = LibraryManifest::new(registration.crate_name, registration.crate_version, WIRE_VERSION);
        let (origin, source) = (Origin::LinkedIn, Source::LinkedIn(registration));
        let (isolation, deadlines) = Default::default();
        let entry = Entry { component, library, origin, replaces: None, isolation, deadlines, source };
        if offers.insert(key, Arc::new(entry)).is_some() {
            let (slot, name) = (registration.slot, registration.name);
            return Err(Error::conflict(format!("two {slot} plugins named `{name}` are linked into this program")));
        }
    }
    Ok(offers)
}

/// The process and the watch of a library: those that it has already, or new ones.
fn door(hosting: &Hosting, found: &Found, known: &Offers) -> (Option<Arc<IsolatedLibrary>>, Arc<LibraryWatch>) {
    let there = known.values().find_map(|entry| match (&entry.source, hosting) {
        // The same bytes are mapped into this process once, wherever they come from.
        (Source::Library { sha256, process: None, watch, .. }, Hosting::InProcess) if *sha256 == found.sha256 => {
            Some((None, Arc::clone(watch)))
        }
        (Source::Library { path, sha256, process: Some(process), watch }, Hosting::Process { program })
            if *sha256 == found.sha256 && *path == found.candidate.path && process.program() == program =>
        {
            Some((Some(Arc::clone(process)), Arc::clone(watch)))
        }
        _ => None,
    });
    there.unwrap_or_else(|| {
        let process = match hosting {
            Hosting::InProcess => None,
            Hosting::Process { program } => Some(Arc::new(IsolatedLibrary::new(program))),
        };
        let watch = Arc::new(LibraryWatch::of(process.clone()));
        (process, watch)
    })
}

/// Puts a library's plugins over what is there. A linked-in plugin gives way; a plugin of another library gives way
/// only to an override.
fn put_library(offers: &mut Offers, found: &Found, before: &Offers) -> Result<(), LibraryProblem> {
    let (path, sha256) = (found.candidate.path.clone(), found.sha256.clone());
    let origin = Origin::Library { path: path.clone(), sha256: sha256.clone() };
    let hosting = &found.candidate.hosting;
    let (process, watch) = door(hosting, found, before);
    let manifest: &Manifest = &found.manifest;
    for component in &manifest.components {
        let key = (component.slot, component.name.clone());
        if let Some(there) = offers.get(&key)
            && there.origin != Origin::LinkedIn
            && !found.candidate.overrides
        {
            let why = format!(
                "both `{}` and `{}` have a {} plugin `{}`; disable one under `plugins`, or say `override: true` there",
                there.origin, origin, component.slot, component.name
            );
            return Err(LibraryProblem::new(&found.candidate, Error::conflict(why)));
        }
    }
    for component in &manifest.components {
        let key = (component.slot, component.name.clone());
        let replaces = offers.get(&key).map(|entry| entry.origin.clone());
        let entry = Entry {
            component: component.clone(),
            library: manifest.library.clone(),
            origin: origin.clone(),
            replaces,
            isolation: hosting.isolation(),
            deadlines: found.candidate.deadlines.clone(),
            source: Source::Library {
                path: path.clone(),
                sha256: sha256.clone(),
                process: process.clone(),
                watch: Arc::clone(&watch),
            },
        };
        offers.insert(key, Arc::new(entry));
    }
    Ok(())
}

impl Entry {
    /// How long the host waits for a method, where the user has said so.
    #[must_use]
    pub fn deadline(&self, method: &str) -> Option<Duration> {
        self.deadlines.of(self.component.slot, method)
    }

    /// Whether instances of the two are alike: the same code, in the same place, under the same limits.
    fn makes_the_same(&self, other: &Self) -> bool {
        let process = |entry: &Self| match &entry.source {
            Source::Library { process, .. } => process.as_ref().map(Arc::as_ptr),
            Source::LinkedIn(_) => None,
        };
        self.origin == other.origin
            && self.isolation == other.isolation
            && self.deadlines == other.deadlines
            && process(self) == process(other)
    }
}
