//! `ao issue comment`: says something about an issue.

use std::process::ExitCode;

use ao_core::model::IssueId;
use ao_core::slots::tracker::IssueChange;
use camino::Utf8PathBuf;

use super::desk::Whose;
use super::words;
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::{input, output};

/// Say something about an issue
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The issue, as the tracker calls it
    #[arg(value_name = "ISSUE")]
    issue: IssueId,
    /// The text; from standard input if this is `-`, or if there is neither this nor a file
    #[arg(allow_hyphen_values = true)]
    text: Option<String>,
    /// A file with the text; `-` is standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    file: Option<Utf8PathBuf>,
    #[command(flatten)]
    whose: Whose,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let body = match words::read(edge, self.text.as_deref(), self.file.as_ref())? {
            Some(text) => text,
            None => input::stdin()?,
        };
        let desk = self.whose.open(edge)?;
        let issue = desk.update(edge, self.issue.as_str(), IssueChange::Comment { body })?;
        output::note(output::printable(&format!("commented on {}: {}", issue.id, issue.title)));
        Ok(ExitCode::SUCCESS)
    }
}
