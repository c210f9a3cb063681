//! What several of the host's tests need.

use camino::{Utf8Path, Utf8PathBuf};

/// The fixture library.
pub(crate) fn fixture_library() -> Utf8PathBuf {
    library("ao_plugin_fixture")
}

/// A plugin library by its crate's name: from the directory `AO_TEST_LIBRARIES` if it is there, else what cargo built as
/// a dependency of this binary.
#[expect(clippy::disallowed_methods, reason = "where this binary was built is where the library is")]
pub(crate) fn library(name: &str) -> Utf8PathBuf {
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    if let Some(elsewhere) = std::env::var("AO_TEST_LIBRARIES").ok().filter(|directory| !directory.is_empty()) {
        let library = Utf8PathBuf::from(elsewhere).join(&file);
        if library.exists() {
            return library;
        }
    }
    let here = std::env::current_exe().expect("a test has an executable");
    let here = Utf8PathBuf::from_path_buf(here).expect("a UTF-8 path");
    let library = here.parent().expect("a directory").join(file);
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
