//! `ao __library`: hosts one of our copies of a library for the process that started it, which talks to it over its
//! standard input. Whatever the library does ends this process only.

use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::failure::Outcome;

/// Host a plugin library
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Our copy
    copy: Utf8PathBuf,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        match ao_host::isolation::serve(&edge.vault(), &self.copy)? {}
    }
}
