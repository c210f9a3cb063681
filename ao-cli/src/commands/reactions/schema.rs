//! `ao reactions schema`: the JSON Schema of case files.

use std::process::ExitCode;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output;

/// Print the JSON Schema of the files of `ao reactions test`, for editors
#[derive(clap::Args)]
pub(crate) struct Arguments {}

impl Arguments {
    #[expect(clippy::unused_self, reason = "every command has this shape")]
    pub(super) fn run(self, _: &Edge) -> Outcome {
        output::text(&format!("{:#}\n", ao_core::cases::schema()))?;
        Ok(ExitCode::SUCCESS)
    }
}
