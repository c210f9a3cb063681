//! `cargo xtask`: the development tasks of this workspace.

mod agents;
mod bench;
mod compilers;
mod dist;
mod engines;
mod environment;
mod files;
mod generate;
mod golden;
mod lint;
mod memory;
mod packages;
mod process;
mod report;
mod skips;
mod test;
mod tidy;

use std::process::ExitCode;

use ao_real_agents::Need;
use clap::{Parser, Subcommand};

use generate::Mode;
use report::Report;
use test::Depth;

#[derive(Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    about = "The development tasks of this workspace",
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Clone, Subcommand)]
enum Task {
    /// Builds everything and runs every test; installs a missing git or tmux where it can
    Test,
    /// Checks format, tidiness, clippy, rustdoc and dependencies
    Lint,
    /// Runs lint, test, compilers and golden: what continuous integration runs
    Ci,
    /// Runs what takes long: thousands of cases a property, the demonstration, the benches
    Deep,
    /// The real agent programs that the tests drive
    #[command(subcommand)]
    Agents(Agents),
    /// Builds the release `ao` and its plugin libraries into `dist/`
    Dist,
    /// Writes the JSON Schemas of the configuration, of events and of what `--json` prints into `docs/reference/`
    Schema(Generated),
    /// Writes the reference of the command line into `docs/reference/`
    Docs(Generated),
    /// Measures commands and plugin calls against their floors
    Bench {
        /// Only this one
        what: Option<bench::Bench>,
    },
    /// Runs the boundary's tests across the compilers of this machine, libraries and host from different ones
    Compilers,
    /// Builds libraries with every earlier SDK and loads them
    Golden {
        /// Instead, keep the SDK of the last commit as an earlier one, under this name
        #[arg(long, value_name = "NAME")]
        keep: Option<String>,
    },
}

#[derive(Clone, Copy, Subcommand)]
enum Agents {
    /// Installs Claude Code, Codex and OpenCode from npm, at pinned versions, into `$AO_AGENTS_DIR` or `~/.cache/ao/agents`
    Install {
        /// Also what `deep` alone needs: Claude Code's adapter to the Agent Client Protocol
        #[arg(long)]
        deep: bool,
    },
}

#[derive(Clone, Copy, clap::Args)]
struct Generated {
    /// Fail when a file is out of date, and change nothing
    #[arg(long)]
    check: bool,
}

impl Generated {
    fn mode(self) -> Mode {
        if self.check { Mode::Check } else { Mode::Write }
    }
}

fn main() -> ExitCode {
    let mut report = Report::default();
    match Arguments::parse().task {
        Task::Test => test::run(&mut report, Depth::Usual),
        Task::Lint => lint::run(&mut report),
        Task::Ci => {
            lint::run(&mut report);
            test::run(&mut report, Depth::Usual);
            test::boundary(&mut report);
        }
        Task::Deep => test::deep(&mut report),
        Task::Agents(Agents::Install { deep }) => {
            agents::install(&mut report, if deep { Need::Deep } else { Need::Usual });
        }
        Task::Dist => dist::run(&mut report),
        Task::Schema(generated) => {
            generate::run(&mut report, generate::SCHEMAS, generated.mode());
            generate::run_folder(&mut report, &generate::RESULTS, generated.mode());
            generate::run_folder(&mut report, &generate::EVENTS, generated.mode());
        }
        Task::Docs(generated) => generate::run(&mut report, generate::DOCS, generated.mode()),
        Task::Bench { what: None } => bench::run(&mut report),
        Task::Bench { what: Some(what) } => bench::one(&mut report, what),
        Task::Compilers => compilers::run(&mut report),
        Task::Golden { keep: None } => golden::run(&mut report),
        Task::Golden { keep: Some(name) } => golden::keep(&mut report, &name),
    }
    anstream::println!("{}", report.summary());
    if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
