//! The fixture library behind each door: native, linked in and guarded, loaded.

use ao_core::plugin::registrations;
use ao_host::isolation::Hosting;
use ao_host::loader::{Library, Vault};
use ao_host::registry::{Candidate, Registry, Search, SearchOrder, admit};
use ao_host::trust::{Trust, TrustedByHash};
use camino::{Utf8Path, Utf8PathBuf};

/// A registry with what is linked in, and with these libraries over it.
pub(crate) fn registry(scratch: &Utf8Path, listed: Vec<Candidate>) -> Registry {
    let vault = Vault::new(scratch.join("by-hash"));
    let trust_file = scratch.join("trust/trust.toml");
    let read = |stored: &_| Ok(Library::load(stored)?.manifest().clone());
    admit(&library(), &vault, &trust_file, &read).unwrap();
    let trust = Trust::read(&trust_file, &TrustedByHash::default()).unwrap();
    let candidates = SearchOrder { listed, directories: Vec::new() };
    Registry::assemble(registrations(), &Search { candidates, trust: &trust, vault: &vault }).unwrap()
}

/// The fixture library in a process of its own.
pub(crate) fn isolated() -> Candidate {
    let program = Utf8PathBuf::from(env!("CARGO_BIN_EXE_ao-host-test-program"));
    Candidate { hosting: Hosting::Process { program }, ..Candidate::plain(library()) }
}

/// The fixture library, which cargo builds as a dependency of this binary.
pub(crate) fn library() -> Utf8PathBuf {
    let here = Utf8PathBuf::from_path_buf(std::env::current_exe().unwrap()).unwrap();
    let name = format!("{}ao_plugin_fixture{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    here.parent().unwrap().join(name)
}

/// The verdict of a bound, for the last column.
pub(crate) fn verdict(measured: u128, bound: u128) -> String {
    let word = if measured <= bound { "within" } else { "**above**" };
    format!("{word} {bound}")
}
