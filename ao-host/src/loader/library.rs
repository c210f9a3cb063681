//! A loaded library: its manifest, and instances of its plugins.

#![expect(unsafe_code, reason = "mapping a library and reading its exported header are what this module is for")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ao_abi::{AbiHeaderRef, HostBox, RErr, ROk, RootRef};
use ao_core::plugin::{ComponentManifest, Host, Manifest, Transport};
use ao_core::slots::{Instance, Slot};
use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use libloading::os::unix::{self, RTLD_LOCAL, RTLD_NOW};
use serde_json::Value;

use super::transport::{ComponentTransport, HostObject};
use super::{LoadError, Stored};

/// A library that is mapped for good: unloading native code that may have started threads is not safe.
#[derive(Clone)]
pub struct Library {
    path: Utf8PathBuf,
    root: RootRef,
    manifest: Arc<Manifest>,
}

/// What an instance is made from.
pub struct CreateRequest<'a> {
    /// The slot.
    pub slot: Slot,
    /// The plugin's name.
    pub name: &'a str,
    /// Its configuration, checked and expanded.
    pub config: &'a Value,
    /// What it may ask of the host.
    pub host: Arc<dyn Host>,
}

/// The libraries of this process, by hash: the same bytes are mapped once. Each is locked by itself while its code runs,
/// so that one that hangs keeps no other from being loaded.
static LOADED: Mutex<BTreeMap<String, Arc<Mutex<Option<Library>>>>> = Mutex::new(BTreeMap::new());

impl Library {
    /// Maps a stored copy, checks its layout and reads its manifest. Its code runs from here on.
    pub fn load(stored: &Stored) -> Result<Self, LoadError> {
        let cell = {
            let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(loaded.entry(stored.sha256.clone()).or_default())
        };
        let mut loaded = cell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*loaded {
            return Ok(library.clone());
        }
        let root = map(stored)?;
        let unreadable = |why: String| LoadError::Manifest { path: stored.path.clone(), why };
        let manifest: Manifest =
            serde_json::from_slice(&(root.manifest())()).map_err(|error| unreadable(error.to_string()))?;
        let major = manifest.wire.split('.').next().unwrap_or_default();
        if major != "1" {
            return Err(unreadable(format!("it speaks version {} of the contract, this host 1", manifest.wire)));
        }
        let library = Self { path: stored.path.clone(), root, manifest: Arc::new(manifest) };
        *loaded = Some(library.clone());
        Ok(library)
    }

    /// What the library says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Makes an instance. The library's constructor does no I/O.
    pub fn create(&self, request: &CreateRequest<'_>) -> Result<Instance> {
        Ok(Instance::remote(request.slot, self.connect(request)?))
    }

    /// Makes an instance, as the transport to it.
    pub fn connect(&self, request: &CreateRequest<'_>) -> Result<Arc<dyn Transport>> {
        let component: &ComponentManifest = self.manifest.component(request.slot, request.name).ok_or_else(|| {
            Error::not_found(format!("`{}` has no {} plugin `{}`", self.path, request.slot, request.name))
        })?;
        let config = serde_json::to_vec(request.config)
            .map_err(|error| Error::wrap(Code::INVALID_INPUT, "cannot write the configuration", &error))?;
        let host = HostObject(Arc::clone(&request.host));
        let host = HostBox::from_value(host, ao_abi::abi_stable::sabi_trait::TD_Opaque);
        match (self.root.create())(request.slot.as_str().into(), request.name.into(), config.into(), host) {
            ROk(made) => Ok(Arc::new(ComponentTransport::new(made, component.methods.iter().cloned().collect()))),
            RErr(error) => Err(super::transport::error_in(&error)),
        }
    }
}

fn map(stored: &Stored) -> Result<RootRef, LoadError> {
    let path = &stored.path;
    // What the system says, such as the missing symbol, is below what was tried.
    let refused = |error: &dyn std::error::Error| {
        let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        LoadError::System { path: path.clone(), why }
    };
    // Every symbol is bound now: one that is missing is an error here, not the end of the process in the middle of a call.
    let flags = RTLD_NOW | RTLD_LOCAL;
    // SAFETY: mapping runs the library's constructors. The file is our own copy, which nobody else can write, of bytes
    // that were checked for completeness and that the user has trusted.
    let library = unsafe { unix::Library::open(Some(path.as_std_path()), flags) };
    let library = library.map_err(|error| refused(&error))?;
    // SAFETY: a symbol of this name is what `export_plugin!` exports: a `LibHeader`, which begins with the header that
    // `AbiHeaderRef` points to. Everything beyond is read only after that header was found valid.
    let header = unsafe { library.get::<AbiHeaderRef>(stored.inspected.symbol.as_bytes()) };
    let header = *header.map_err(|error| refused(&error))?;
    // Kept mapped for the rest of the process: `header` and all that follows point into it.
    std::mem::forget(library);
    checked_root(path, header)
}

/// The root behind a header whose layout was checked.
fn checked_root(path: &Utf8Path, header: AbiHeaderRef) -> Result<RootRef, LoadError> {
    let layout = |error: ao_abi::LibraryError| {
        let said = error.to_string();
        tracing::debug!(%path, "{said}");
        let first = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        LoadError::Layout { path: path.to_owned(), why: first.to_owned() }
    };
    let header = header.upgrade().map_err(layout)?;
    if header.layout().is_none() {
        let why = "its header switches the layout check off".to_owned();
        return Err(LoadError::Layout { path: path.to_owned(), why });
    }
    header.init_root_module::<RootRef>().map_err(layout)
}

impl Library {
    /// What the library of this hash says of itself, as it says it, if it is mapped in this process: a newer `ao` may
    /// understand more of it than this one.
    pub(super) fn said(sha256: &str) -> Option<Vec<u8>> {
        let cell = Arc::clone(LOADED.lock().unwrap_or_else(PoisonError::into_inner).get(sha256)?);
        let root = cell.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.root;
        Some((root.manifest())().into_vec())
    }
}

#[cfg(test)]
mod tests {
    use ao_abi::abi_stable::library::CheckTypeLayout;
    use ao_abi::{Bytes, ComponentBox, LibHeader, RResult, RStr, Root, RootModuleResult};

    use super::*;

    extern "C" fn manifest() -> Bytes {
        Bytes::new()
    }

    extern "C" fn create(_: RStr<'_>, _: RStr<'_>, _: Bytes, _: HostBox) -> RResult<ComponentBox, Bytes> {
        RErr(Bytes::new())
    }

    extern "C" fn construct() -> RootModuleResult {
        ao_abi::root(Root { manifest, create })
    }

    // SAFETY: `construct` yields the `RootRef` that `ao_abi::root` makes.
    static CHECKED: LibHeader = unsafe { ao_abi::header(construct) };
    // SAFETY: the same.
    static UNCHECKED: LibHeader = unsafe { LibHeader::from_constructor::<RootRef>(construct, CheckTypeLayout::No) };

    fn root_of(header: &'static LibHeader) -> Result<RootRef, LoadError> {
        // SAFETY: a reference to a header is a pointer to its beginning, as the address of the exported symbol is.
        let header = unsafe { std::mem::transmute::<&'static LibHeader, AbiHeaderRef>(header) };
        checked_root("lib.so".into(), header)
    }

    #[test]
    fn a_header_that_switches_the_layout_check_off_is_refused() {
        assert!(root_of(&CHECKED).is_ok());
        let refused = root_of(&UNCHECKED).err().expect("it is refused");
        assert!(refused.to_string().contains("switches the layout check off"), "{refused}");
    }
}
