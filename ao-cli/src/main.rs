//! The `ao` command: arguments in, calls of the host's library, text or JSON out.
//!
//! `cli` says what is accepted, `commands` has a file for each command, `completion` answers shells, `edge` reads everything that comes from
//! outside, `output` prints everything that goes out, and `failure` says why a command ended without success.

mod builtin;
mod certify;
mod cli;
mod commands;
mod completion;
mod demo;
mod edge;
mod failure;
mod input;
mod log;
mod manager;
mod output;
mod process;
mod relay;
mod session_view;
mod view;

use std::process::ExitCode;

use edge::Edge;
use failure::Outcome;

fn main() -> ExitCode {
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
    log::start(cli.verbose, edge.environment.variable("AO_LOG"))?;
    let outcome = cli.command.run(&edge);
    edge.close();
    outcome
}
