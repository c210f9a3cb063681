//! Every command in a line of usage and a line of what it does, made of what the parser accepts: for agents, which read all
//! of it at once.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

use crate::cli;
use crate::commands::GROUPS;

/// The commands under the headings of the help.
pub(crate) fn text() -> String {
    let mut definition = cli::definition();
    definition.build();
    let mut text = String::from(
        "What stands in `[]` may be left out. Data goes to stdout, everything else to stderr; exit status 75 means: try \
         again later. `ao COMMAND --help` says more of each.\n",
    );
    for (heading, names) in GROUPS {
        let commands = names.iter().filter_map(|name| definition.find_subcommand(name.replace('_', "-")));
        let commands: Vec<_> = commands.filter(|command| is_shown(command)).collect();
        if commands.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n## {heading}\n");
        for command in commands {
            add(&mut text, command, "ao");
        }
    }
    text
}

/// A command with those below it.
fn add(text: &mut String, command: &Command, above: &str) {
    let name = format!("{above} {}", command.get_name());
    let below: Vec<_> = command.get_subcommands().filter(|below| is_shown(below)).collect();
    if below.is_empty() || !command.is_subcommand_required_set() {
        let own = command.get_positionals().chain(command.get_arguments().filter(|argument| !argument.is_positional()));
        let own: String = own.filter(|argument| is_told(argument)).map(usage).collect();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "{name}{own}\n  {about}");
    }
    for command in below {
        add(text, command, &name);
    }
}

fn is_shown(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn is_told(argument: &Arg) -> bool {
    let is_help = matches!(
        argument.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    !argument.is_hide_set() && !argument.is_global_set() && !is_help
}

/// ` NAME`, ` [--option VALUE]`.
fn usage(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default().join(" ");
    let is_many = argument.get_num_args().is_some_and(|range| range.max_values() > 1)
        || matches!(argument.get_action(), ArgAction::Append);
    let many = if is_many { "…" } else { "" };
    let option = argument.get_long().map(|long| format!("--{long}"));
    let option = option.or_else(|| argument.get_short().map(|short| format!("-{short}")));
    let shown = match option {
        None => format!("{values}{many}"),
        Some(option) if argument.get_action().takes_values() => format!("{option} {values}{many}"),
        Some(option) => option,
    };
    if argument.is_required_set() { format!(" {shown}") } else { format!(" [{shown}]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &Command, above: &str, found: &mut Vec<String>) {
        for below in command.get_subcommands().filter(|below| is_shown(below)) {
            let name = format!("{above} {}", below.get_name());
            if below.has_subcommands() {
                leaves(below, &name, found);
            } else {
                found.push(name);
            }
        }
    }

    #[test]
    fn every_command_that_is_shown_is_in_it() {
        let mut names = Vec::new();
        leaves(&cli::definition(), "ao", &mut names);
        assert!(names.len() > 50, "{names:?}");
        let text = text();
        for name in names {
            let is_it = |line: &str| line == name || line.starts_with(&format!("{name} "));
            assert!(text.lines().any(is_it), "`{name}` is not in the handbook");
        }
        assert!(!text.contains("__") && !text.contains("--help]"), "{text}");
    }

    #[test]
    fn a_line_says_what_must_be_there_and_what_may() {
        let command = Command::new("x")
            .arg(Arg::new("a").value_name("A").required(true))
            .arg(Arg::new("b").value_name("B").num_args(1..))
            .arg(Arg::new("c").long("c").value_name("C"))
            .arg(Arg::new("d").long("d").value_name("D").required(true).action(ArgAction::Append))
            .arg(Arg::new("e").short('e').action(ArgAction::SetTrue));
        let mut text = String::new();
        add(&mut text, &command.about("Do it"), "ao");
        assert_eq!(text, "ao x A [B…] [--c C] --d D… [-e]\n  Do it\n");
    }
}
