//! `cargo xtask bench`: the measurements, each against a floor measured in the same run.

use crate::packages;
use crate::process::{Failure, Program};
use crate::report::{Next, Report};

/// Builds `ao` and the plugin libraries as they are released, then runs the benches, which print their own tables.
pub(crate) fn run(report: &mut Report) {
    if report.stage("bench build", build) == Next::Stop {
        return;
    }
    let bench =
        |package: &str, bench: &str| Program::cargo().args(["bench", "--package", package, "--bench", bench]).run();
    report.stage("bench calls", || bench("ao-host", "plugins"));
    report.stage("bench ao", || bench("ao-cli", "commands"));
}

fn build() -> Result<(), Failure> {
    let workspace = packages::workspace()?;
    let plugins = workspace.plugins().flat_map(|plugin| ["--package", plugin.name.as_str()]);
    Program::cargo().args(["build", "--release", "--package", "ao-cli"]).args(plugins).run()
}
