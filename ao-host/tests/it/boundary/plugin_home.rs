//! A home with a copy of a library in it, and registries over it.

use ao_core::model::PluginName;
use ao_core::plugin::registrations;
use ao_faulty as _;
use ao_host::loader::{Library, Vault};
use ao_host::registry::{Candidate, Registry, Search, SearchOrder, admit};
use ao_host::trust::{Trust, TrustedByHash};
use ao_plugin_fixture as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::support::{Scratch, fixture_library, library};

/// A home with a copy of a library in it.
pub(crate) struct Home {
    pub(crate) scratch: Scratch,
    pub(crate) library: Utf8PathBuf,
    pub(crate) vault: Vault,
    pub(crate) trust_file: Utf8PathBuf,
}

impl Home {
    /// With the library of the probe.
    pub(crate) fn new() -> Self {
        Self::with(&library("ao_faulty"))
    }

    /// With the examples.
    pub(crate) fn examples() -> Self {
        Self::with(&fixture_library())
    }

    fn with(built: &Utf8Path) -> Self {
        let scratch = Scratch::new();
        let library = scratch.path().join(built.file_name().unwrap());
        fs_err::copy(built, &library).unwrap();
        let vault = Vault::new(scratch.path().join("by-hash"));
        let trust_file = scratch.path().join("trust/trust.toml");
        Self { scratch, library, vault, trust_file }
    }

    /// The same, with the library trusted.
    pub(crate) fn trusted() -> Self {
        let home = Self::new();
        home.trust();
        home
    }

    pub(crate) fn trust(&self) {
        let read = |stored: &_| Ok(Library::load(stored)?.manifest().clone());
        admit(&self.library, &self.vault, &self.trust_file, &read).unwrap();
    }

    /// Puts another build in the place of the library, and trusts it.
    pub(crate) fn rebuild(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs_err::read(&self.library).unwrap();
        change(&mut bytes);
        ao_host::world::files::write_atomic(&self.library, &bytes, 0o600).unwrap();
        self.trust();
    }

    pub(crate) fn with_search<T>(&self, listed: Vec<Candidate>, work: impl FnOnce(&Search<'_>) -> T) -> T {
        let trust = Trust::read(&self.trust_file, &TrustedByHash::default()).unwrap();
        let candidates = SearchOrder { listed, directories: Vec::new() };
        work(&Search { candidates, trust: &trust, vault: &self.vault })
    }

    pub(crate) fn registry_of(&self, listed: Vec<Candidate>) -> Registry {
        self.with_search(listed, |search| Registry::assemble(registrations(), search).unwrap())
    }

    /// Everything is linked in.
    pub(crate) fn linked(&self) -> Registry {
        self.registry_of(Vec::new())
    }

    /// The library's plugins are those of the library.
    pub(crate) fn loaded(&self) -> Registry {
        let registry = self.registry_of(vec![Candidate::plain(self.library.clone())]);
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    }
}

pub(crate) fn probe() -> PluginName {
    "probe".parse().unwrap()
}
