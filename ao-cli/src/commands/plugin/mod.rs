//! `ao plugin`: which plugins there are, what they can do, and which libraries are trusted.

mod inspect;
mod list;
mod trust;

pub(super) use inspect::Inspection;
pub(super) use list::PluginList;
pub(super) use trust::TrustedLibraries;

use crate::edge::Edge;
use crate::failure::Outcome;

/// List, inspect and trust plugins
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    List(list::Arguments),
    Inspect(inspect::Arguments),
    Trust(trust::Arguments),
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        match self.command {
            Command::List(arguments) => arguments.run(edge),
            Command::Inspect(arguments) => arguments.run(edge),
            Command::Trust(arguments) => arguments.run(edge),
        }
    }
}
