//! `ao demo`: the whole story on a small project of its own.

use std::process::ExitCode;

use ao_core::model::PluginName;

use crate::completion;
use crate::demo::{self, Cast, Show};
use crate::edge::Edge;
use crate::failure::Outcome;

/// Watch three agents work in parallel on a small project of their own, from three issues to three merges
///
/// It needs git and a shell, no account and no network. A check fails and is mended, a conflict is resolved, everything is
/// reviewed, merged and cleaned up, by the commands that you would type. On a terminal it is a live table, else a line for
/// each thing that happens.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Keep the project and its worktrees, and say where they are
    #[arg(long)]
    keep: bool,
    /// Have an agent of yours do the work, by its name in your configuration, instead of the scripted ones
    #[arg(long, value_name = "NAME", add = completion::agents())]
    agent: Option<PluginName>,
    /// Print every event as JSON, one a line
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let cast = self.agent.map_or(Cast::Scripted, Cast::Own);
        let stage = demo::Stage::build(edge, &cast)?;
        let played = if self.json { Ok(Show::events()) } else { Show::for_people() };
        let played = played.and_then(|show| demo::play(&stage, &cast, show));
        // Whatever happened, no process may be left; what is left needs its directory.
        if let Err(failure) = stage.clear() {
            stage.abandon();
            if let Err(failure) = played {
                failure.report();
            }
            return Err(failure);
        }
        let done = played?;
        if self.keep {
            stage.keep();
        }
        Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
