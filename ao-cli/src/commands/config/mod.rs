//! `ao config`: what the configuration says, and whether it is right.

mod check;
mod schema;
mod show;

pub(super) use check::{Checked, slots};
pub(super) use show::Shown;

use crate::edge::Edge;
use crate::failure::Outcome;

/// Check and show the configuration
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Check(check::Arguments),
    Show(show::Arguments),
    Schema(schema::Arguments),
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        match self.command {
            Command::Check(arguments) => arguments.run(edge),
            Command::Show(arguments) => arguments.run(edge),
            Command::Schema(arguments) => arguments.run(edge),
        }
    }
}
