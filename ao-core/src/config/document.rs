//! One configuration file: read, checked against the schema, and not yet believed.

use camino::Utf8Path;
use serde_json::Value;

use super::diagnostic::Diagnostics;
use super::node::Node;
use super::source::Source;
use super::{tree, validate};

/// A configuration file whose keys and types are right.
///
/// Nothing in it has been expanded, looked up or run: an untrusted file may come this far and be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub(crate) root: Node,
}

impl Document {
    /// Reads the bytes of a file.
    ///
    /// Relative paths in the file start at the directory of `file`, so that should be an absolute name.
    ///
    /// # Errors
    ///
    /// One diagnostic when the bytes are not YAML within the limits, otherwise every key and value that the schema
    /// refuses.
    pub fn parse(file: &Utf8Path, bytes: &[u8]) -> Result<Self, Diagnostics> {
        let root = tree::parse(file, bytes)?;
        validate::check_file(&root).into_iter().collect::<Diagnostics>().or(Self { root })
    }

    /// The file as it was read.
    #[must_use]
    pub fn source(&self) -> &Source {
        self.root.place.source()
    }

    /// What the file says, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.root.to_json()
    }
}
