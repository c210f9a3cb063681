//! `cargo xtask bench`: the measurements, each against a floor measured in the same run.

use clap::ValueEnum;

use crate::process::{Failure, Program};
use crate::report::{Next, Report};
use crate::{environment, files, packages};

/// The page that the measurements of plugins are kept on.
const PAGE: &str = "docs/reference/performance.md";

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// Loading, calls and streams of plugins; writes `docs/reference/performance.md`
    Plugins,
    /// Commands as whole processes
    Commands,
    /// The event log: appending, reading and archiving
    Events,
    /// A host: its looks, its hints, what it costs while nothing happens, and terminals
    Host,
    /// Pull requests in refs: a list of 1,000, a look at 100
    Forge,
}

/// What becomes of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    Shown,
    Kept,
}

/// Builds `ao` and the plugin libraries as they are released, then runs every bench and shows what it measures.
pub(crate) fn run(report: &mut Report) {
    if report.stage("bench build", build) == Next::Stop {
        return;
    }
    report.stage("bench calls", || plugins(Numbers::Shown));
    report.stage("bench ao", commands);
    report.stage("bench events", events);
    report.stage("bench host", host);
    report.stage("bench forge", forge);
}

/// Runs one bench.
pub(crate) fn one(report: &mut Report, bench: Bench) {
    if report.stage("bench build", build) == Next::Stop {
        return;
    }
    match bench {
        Bench::Plugins => report.stage("bench calls", || plugins(Numbers::Kept)),
        Bench::Commands => report.stage("bench ao", commands),
        Bench::Events => report.stage("bench events", events),
        Bench::Host => report.stage("bench host", host),
        Bench::Forge => report.stage("bench forge", forge),
    };
}

fn build() -> Result<(), Failure> {
    let workspace = packages::workspace()?;
    let plugins = workspace.plugins().flat_map(|plugin| ["--package", plugin.name.as_str()]);
    Program::cargo().args(["build", "--release", "--package", "ao-cli"]).args(plugins).run()
}

fn commands() -> Result<(), Failure> {
    Program::cargo().args(["bench", "--package", "ao-cli", "--bench", "commands"]).run()
}

fn events() -> Result<(), Failure> {
    Program::cargo().args(["bench", "--package", "ao-host", "--bench", "events"]).run()
}

fn host() -> Result<(), Failure> {
    Program::cargo().args(["bench", "--package", "ao-host", "--bench", "host"]).run()?;
    Program::cargo().args(["bench", "--package", "ao-cli", "--bench", "hosting"]).run()
}

fn forge() -> Result<(), Failure> {
    Program::cargo().args(["bench", "--package", "ao-plugin-local", "--bench", "scm"]).run()?;
    Program::cargo().args(["bench", "--package", "ao-plugin-git", "--bench", "check_out"]).run()
}

fn plugins(numbers: Numbers) -> Result<(), Failure> {
    let tables = Program::cargo().args(["bench", "--package", "ao-host", "--bench", "plugins"]).capture()?;
    anstream::println!("{tables}");
    if numbers == Numbers::Shown {
        return Ok(());
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let compiler = Program::new("rustc").args(["--version"]).probe().unwrap_or_default();
    let compiler = compiler.split(" (").next().unwrap_or_default();
    let page = format!(
        "# What the plugin boundary costs\n\nWritten by `cargo xtask bench plugins`: release build, {compiler}, {} on {cores} \
         cores. Compare the rows of one run: absolute numbers are those of one machine.\n\n{}\n",
        std::env::consts::ARCH,
        tables.trim_end(),
    );
    files::replace(&environment::root().join(PAGE), &page)
}
