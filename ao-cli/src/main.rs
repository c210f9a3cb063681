//! The `ao` command: arguments in, calls of the host's library, text or JSON out.
//!
//! `cli` says what is accepted, `commands` has a file for each command, `completion` answers shells, `edge` reads everything that comes from
//! outside, `output` prints everything that goes out, and `failure` says why a command ended without success.

mod author;
mod builtin;
mod certify;
mod cli;
mod commands;
mod completion;
mod demo;
mod edge;
mod event_line;
mod expiring;
mod failure;
mod following;
mod git;
mod handbook;
mod holding;
mod host_view;
mod hosting;
mod input;
mod log;
mod manager;
mod manual;
mod notice_view;
mod output;
mod process;
mod refresh;
mod relay;
mod screen;
mod session_view;
mod sightings;
mod tidying;
mod usage_view;
mod view;

use std::process::ExitCode;

use edge::Edge;
use failure::Outcome;

fn main() -> ExitCode {
    if let Some(call) = edge::hook() {
        call.leave();
        return ExitCode::SUCCESS;
    }
    if let Some(request) = edge::completion() {
        return completion::answer(request);
    }
    match cli::parse(edge::arguments()) {
        Ok(cli) => run(cli).unwrap_or_else(|failure| failure.report()),
        Err(answer) => cli::answer(&answer),
    }
}

fn run(cli: cli::Cli) -> Outcome {
    let edge = Edge::read()?;
    let directives = edge.environment.variable("AO_LOG");
    if cli.command.is_detached() {
        process::leave_starter();
        log::start_in_file(cli.verbose, directives, &edge.places)?;
    } else {
        log::start(cli.verbose, directives)?;
    }
    let outcome = cli.command.run(&edge);
    edge.close();
    outcome
}
