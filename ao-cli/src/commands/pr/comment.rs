//! `ao pr comment`: something to say about a pull request.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::slots::scm::PullChange;
use camino::Utf8PathBuf;

use super::desk::{Desk, Which};
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::{input, output};

/// Say something about a pull request, or answer a thread
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// What to say; `-` is standard input
    #[arg(value_name = "TEXT", required_unless_present = "file", allow_hyphen_values = true)]
    text: Option<String>,
    /// A file that says it; `-` is standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    file: Option<Utf8PathBuf>,
    /// The thread that it answers, as `ao pr show` shows it
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let body = input::given(edge, self.text.as_deref(), self.file.as_deref())?.unwrap_or_default();
        if body.trim().is_empty() {
            return Err(Error::invalid_input("a comment says something").into());
        }
        let change = PullChange::Comment { body, thread: self.thread };
        let changed = Desk::open(edge, &self.which.whose)?.change(self.which.number, change)?;
        output::text(&format!("#{}: said\n", changed.number))?;
        Ok(ExitCode::SUCCESS)
    }
}
