//! `ao pr diff`: what a pull request changes.

use std::io::IsTerminal;
use std::process::ExitCode;

use ao_core::slots::scm::PullDiffRequest;
use clap::builder::styling::{AnsiColor, Style};

use super::desk::{Desk, Which};
use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output;

/// The most that is asked for, in bytes.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Show what a pull request changes, against the commit of its base that it began from
///
/// On a terminal with colours, and control characters are escaped. In a pipe it is as `git apply` takes it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let desk = Desk::open(edge, &self.which.whose)?;
        let pull = desk.look(self.which.number)?.pull;
        let request = PullDiffRequest::new(desk.forge.repository.as_str(), pull, MOST_BYTES);
        let diff = block_on(desk.forge.scm.instance.diff(request))??;
        if std::io::stdout().is_terminal() {
            let shown: String = diff.text.lines().map(coloured).collect();
            output::text(&shown)?;
        } else {
            output::bytes(diff.text.as_bytes())?;
        }
        if diff.truncated {
            let most = MOST_BYTES / 1024 / 1024;
            output::warning(format_args!("it is longer than {most} MiB, of which this is the beginning"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn coloured(line: &str) -> String {
    let colour = match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Style::new().bold(),
        [b'+', ..] => AnsiColor::Green.on_default(),
        [b'-', ..] => AnsiColor::Red.on_default(),
        [b'@', b'@', ..] => AnsiColor::Cyan.on_default(),
        _ if line.starts_with("diff ") => Style::new().bold(),
        _ => Style::new(),
    };
    format!("{colour}{}{colour:#}\n", output::printable(line))
}
