//! Why a library is not used. Each message names the file and says what to do.

use ao_core::{Code, Error};
use camino::Utf8PathBuf;
use thiserror::Error as ThisError;

/// Why a library is not used.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read the plugin library `{path}`: {source}")]
    Read {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no library, or not for this machine.
    #[error("`{path}` is not a plugin library for this machine: {why}")]
    NotALibrary {
        /// Which file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Its file says that it is longer than it is.
    #[error("the plugin library `{path}` is cut short: {why}; build or download it again")]
    Truncated {
        /// Which file.
        path: Utf8PathBuf,
        /// What is missing.
        why: String,
    },
    /// It exports no plugin.
    #[error(
        "`{path}` is a library, but exports no plugin: its crate needs `export_plugin!` and `crate-type = [\"cdylib\"]`{newer}"
    )]
    NoSymbol {
        /// Which file.
        path: Utf8PathBuf,
        /// A hint, where it exports a plugin of a version that this host does not know.
        newer: String,
    },
    /// It exports more than one root of the same version.
    #[error("`{path}` exports several plugin roots: {}; a library has one `export_plugin!`", symbols.join(", "))]
    SeveralSymbols {
        /// Which file.
        path: Utf8PathBuf,
        /// The exported names.
        symbols: Vec<String>,
    },
    /// Somebody else may change the file or a directory above it.
    #[error("`{path}` may be changed by others ({why}); plugin libraries are native code: `chmod go-w` it, or move it")]
    Exposed {
        /// Which file or directory.
        path: Utf8PathBuf,
        /// By whom.
        why: String,
    },
    /// A file is not any more what was trusted, or a copy is not what its name says.
    #[error("`{path}` was changed; if you did not do that, find out who did, then remove it and try again")]
    Changed {
        /// Which file.
        path: Utf8PathBuf,
    },
    /// It is not one of our copies.
    #[error("`{path}` is not one of the copies of trusted plugin libraries; only these are run")]
    NotACopy {
        /// Which file.
        path: Utf8PathBuf,
    },
    /// The copy cannot be stored.
    #[error("cannot store a copy of the plugin library at `{path}`: {source}")]
    Store {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system's loader refuses it.
    #[error("the system cannot load `{path}`: {why}")]
    System {
        /// Which file.
        path: Utf8PathBuf,
        /// What it said.
        why: String,
    },
    /// Its layout is not the host's.
    #[error(
        "`{path}` was built with an incompatible plugin interface: {why}; rebuild it with version 1 of the plugin SDK"
    )]
    Layout {
        /// Which file.
        path: Utf8PathBuf,
        /// The first line of the difference.
        why: String,
    },
    /// Its manifest cannot be read.
    #[error("the manifest of `{path}` cannot be read: {why}")]
    Manifest {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        why: String,
    },
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        let code = match &error {
            LoadError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Code::NOT_FOUND,
            LoadError::Exposed { .. } | LoadError::Changed { .. } | LoadError::NotACopy { .. } => Code::UNTRUSTED,
            LoadError::Store { .. } => Code::UNAVAILABLE,
            _ => Code::INVALID_INPUT,
        };
        Error::new(code, error.to_string())
    }
}
