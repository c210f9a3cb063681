//! `ao man`: the manual, as `man` reads it.

use std::process::ExitCode;

use ao_core::Error;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::{manual, output};

/// Print a page of the manual, such as for `man -l <(ao man spawn)`
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The command, such as `session kill`; of `ao` itself without one
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

impl Arguments {
    pub(crate) fn run(self, _: &Edge) -> Outcome {
        let name = std::iter::once("ao").chain(self.command.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
        let pages = manual::pages()?;
        let page = pages.get(&name).ok_or_else(|| {
            Error::invalid_input(format!("there is no command `{}`; `ao help` lists them", self.command.join(" ")))
        })?;
        output::bytes(page)?;
        Ok(ExitCode::SUCCESS)
    }
}
