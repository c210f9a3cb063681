//! `ao session`: one session, or all of them.

mod attach;
mod kill;
pub(crate) mod list;
mod logs;
pub(crate) mod show;

use crate::edge::Edge;
use crate::failure::Outcome;

/// Look at sessions, get into them, end them
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Logs(logs::Arguments),
    Attach(attach::Arguments),
    Kill(kill::Arguments),
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        match self.command {
            Command::List(arguments) => arguments.run(edge),
            Command::Show(arguments) => arguments.run(edge),
            Command::Logs(arguments) => arguments.run(edge),
            Command::Attach(arguments) => arguments.run(edge),
            Command::Kill(arguments) => arguments.run(edge),
        }
    }
}
