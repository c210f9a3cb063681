//! What `ao` accepts on its command line, and its help.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser};

use crate::commands::{Command, GROUPS};
use crate::output;

/// Coordinates parallel AI coding agents, each in its own git worktree
#[derive(Parser)]
#[command(name = "ao", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// Say more on stderr; twice for every detail (or set `AO_LOG`)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Reads the command line.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&definition().try_get_matches_from(arguments)?)
}

/// Prints what there is to say instead of running a command: help, the version, or what is wrong with the arguments.
pub(crate) fn answer(answer: &clap::Error) -> ExitCode {
    let text = answer.render().ansi().to_string();
    if answer.use_stderr() {
        output::note(text.trim_end());
    } else if let Err(failure) = output::text(&text) {
        return failure.report();
    }
    ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2))
}

/// The whole command line, with its commands in groups.
pub(crate) fn definition() -> clap::Command {
    let command = Cli::command();
    let template =
        format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{{options}}", grouped_commands(&command));
    command.help_template(template)
}

/// The commands under the headings of their groups, and the heading of the options below them.
fn grouped_commands(command: &clap::Command) -> String {
    let (header, literal) = (command.get_styles().get_header(), command.get_styles().get_literal());
    let visible = command.get_subcommands().filter(|known| !known.is_hide_set());
    let width = visible.map(|known| known.get_name().len()).max().unwrap_or_default();
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let shown: Vec<_> = names
            .iter()
            .filter_map(|name| command.find_subcommand(name.replace('_', "-")))
            .filter(|command| !command.is_hide_set())
            .collect();
        if shown.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{header}{heading}:{header:#}");
        for command in shown {
            let about = command.get_about().cloned().unwrap_or_default();
            let _ = writeln!(text, "  {literal}{:width$}{literal:#}  {about}", command.get_name());
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{header}Options:{header:#}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        definition().debug_assert();
    }

    #[test]
    fn every_command_stands_in_a_group_or_is_hidden() {
        let grouped: Vec<_> =
            GROUPS.iter().flat_map(|(_, names)| names.iter().map(|name| name.replace('_', "-"))).collect();
        for command in definition().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(grouped.iter().any(|name| name == command.get_name()), "{}", command.get_name());
        }
    }
}
