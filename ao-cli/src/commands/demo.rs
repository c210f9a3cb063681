//! `ao demo`: the whole story on a small project of its own.

use std::process::ExitCode;

use ao_core::Code;
use ao_core::model::PluginName;
use camino::Utf8PathBuf;

use crate::demo::{self, Cast, Consent, Own, Played, Show, Stage, Terms};
use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::{completion, output};

/// Watch three agents work in parallel on a small project of their own, from three issues to three merges
///
/// It needs git and a shell, no account and no network. A check fails and is mended, a conflict is resolved, everything is
/// reviewed, merged and cleaned up, by the commands that you would type. On a terminal it is a live table, else a line for
/// each thing that happens.
///
/// With `--agent`, a real agent does the work, with your own login and at your expense: two small issues, a check that fails for a
/// reason that only CI knows, and a review that asks for more. What it will run and may use is said first, and you are asked;
/// what it has used is said at the end. It exits with 78 where the agent is not there or not logged in, and with 1 where
/// not everything was merged; then everything is kept, to be looked at.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Keep the project and its worktrees, and say where they are
    #[arg(long)]
    keep: bool,
    /// Have a real agent do the work: one of your configuration, or a plugin's, such as `claude-code`, `codex` or `opencode`
    #[arg(long, value_name = "NAME", add = completion::agents())]
    agent: Option<PluginName>,
    /// With `--agent`: agree to what it will run and may use, without being asked
    #[arg(short, long, requires = "agent")]
    yes: bool,
    #[command(flatten)]
    terms: Terms,
    /// Make the project in this directory, instead of in the one for temporary files
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    directory: Option<Utf8PathBuf>,
    /// Print every event as JSON, one a line
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let cast = match &self.agent {
            None => Cast::Scripted,
            Some(name) => {
                let own = Own::find(edge, name, self.terms)?;
                self.terms.agree(&own, if self.yes { Consent::Given } else { Consent::Asked })?;
                Cast::Own(Box::new(own))
            }
        };
        let stage = Stage::build(edge, &cast, self.directory.as_deref())?;
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
        let is_own = matches!(cast, Cast::Own(_));
        if is_own {
            tell_used(&stage);
        }
        if self.keep || is_own && is_worth_a_look(&played) {
            stage.keep();
        }
        Ok(if played? == Played::Done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Says what it has cost. Nobody is refused the rest because that cannot be told.
fn tell_used(stage: &Stage) {
    match stage.used() {
        Ok(lines) if lines.is_empty() => output::note("the agent has told of nothing that it used"),
        Ok(lines) => lines.iter().for_each(|line| output::note(output::printable(line))),
        Err(failure) => output::warning(format_args!("what was used cannot be told: {}", failure.message())),
    }
}

/// Whether somebody will want to know why: not where it was the user who ended it.
fn is_worth_a_look(played: &Result<Played, Failure>) -> bool {
    match played {
        Ok(played) => *played != Played::Done,
        Err(Failure::Error(error)) => error.code != Code::CANCELLED,
        Err(Failure::Config(_)) => true,
        Err(Failure::ReaderGone) => false,
    }
}
