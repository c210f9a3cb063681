//! What several of the host's tests need.

use camino::{Utf8Path, Utf8PathBuf};

/// The fixture library, which cargo builds as a dependency of this binary.
#[expect(clippy::disallowed_methods, reason = "where this binary was built is where the library is")]
pub(crate) fn fixture_library() -> Utf8PathBuf {
    let here = std::env::current_exe().expect("a test has an executable");
    let here = Utf8PathBuf::from_path_buf(here).expect("a UTF-8 path");
    let name = format!("{}ao_plugin_fixture{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = here.parent().expect("a directory").join(name);
    assert!(library.exists(), "cargo did not build `{library}`");
    library
}

/// A scratch directory with a UTF-8 path.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a scratch directory"))
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).expect("a UTF-8 path")
    }
}
