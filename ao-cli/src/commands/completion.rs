//! `ao completion`: the script that lets a shell complete commands, names and files.

use std::process::ExitCode;

use ao_core::Error;
use clap::ValueEnum;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::{completion, output};

/// Print the script that completes `ao` in a shell, such as for `source <(ao completion bash)`
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

/// A shell that can be helped.
#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Elvish => "elvish",
            Self::Powershell => "powershell",
        }
    }
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let program = edge.called_as();
        // The scripts quote for their shells in different ways, and not all of them well.
        let is_plain = program.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@".contains(c));
        let script = completion::script(self.shell.name(), &program).filter(|_| is_plain);
        let script = script.ok_or_else(|| {
            Error::invalid_input(format!(
                "a shell's script cannot name `{program}`; put `ao` into a directory of your PATH and say `ao completion` \
                 again"
            ))
        })?;
        output::text(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
