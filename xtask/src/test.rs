//! `cargo xtask test`: engines, one build, every test, and what was skipped.

use ao_real_agents::Need;

use crate::environment::{self, Place};
use crate::process::{Failure, Program};
use crate::report::{Next, Report};
use crate::{engines, skips};

/// How hard the tests try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What runs before every commit.
    Usual,
    /// Thousands of cases a property, and the tests that ask for `AO_DEEP`.
    Deep,
}

/// Runs every test of the workspace.
pub(crate) fn run(report: &mut Report, depth: Depth) {
    if report.stage("engines", engines::ensure) == Next::Stop {
        return;
    }
    // Libraries, programs, tests and examples in one resolution, which is also that of the test runner: a plain
    // `cargo build` leaves the features of dev-dependencies out, and so compiles what they touch a second time.
    // It also makes the plugin libraries that the tests load.
    let build = || Program::cargo().args(["build", "--workspace", "--lib", "--bins", "--tests", "--examples"]).run();
    if report.stage("build", build) == Next::Stop {
        return;
    }
    let notes = match skips::start() {
        Ok(path) => path,
        Err(failure) => {
            report.stage("skips", || Err(failure));
            return;
        }
    };
    report.stage("tests", || runner(depth).env(skips::VARIABLE, &notes).run());
    report.stage("doc tests", || Program::cargo().args(["test", "--workspace", "--doc", "--quiet"]).run());
    report.stage("skips", || skips::finish(&notes));
}

/// Returns the command that runs the tests: nextest where it is installed, else what comes with cargo.
fn runner(depth: Depth) -> Program {
    let nextest = Program::cargo().args(["nextest", "--version"]).probe().is_some();
    let program = if nextest {
        let profile = profile(depth, environment::place());
        Program::cargo().args(["nextest", "run", "--workspace", "--profile", profile])
    } else {
        anstream::eprintln!("cargo-nextest is not installed; `cargo test` is used, without time limits a test");
        Program::cargo().args(["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--no-fail-fast"])
    };
    match depth {
        Depth::Usual => program,
        Depth::Deep => program.env("AO_DEEP", "1").env("PROPTEST_CASES", "2000"),
    }
}

/// Returns the profile of `.config/nextest.toml`.
fn profile(depth: Depth, place: Place) -> &'static str {
    match (depth, place) {
        (Depth::Deep, _) => "deep",
        (Depth::Usual, Place::Ci) => "ci",
        (Depth::Usual, Place::Desk) => "default",
    }
}

/// Runs what takes too long for every commit: deep tests, thousands of simulated stories, memory errors, the
/// demonstration, the benches.
pub(crate) fn deep(report: &mut Report) {
    crate::agents::install(report, Need::Deep);
    run(report, Depth::Deep);
    report.stage("simulator", simulator);
    boundary(report);
    crate::memory::run(report);
    report.stage("demo", demo);
    crate::bench::run(report);
}

/// The plugin boundary across compilers and versions, on top of what [`run`] has built.
pub(crate) fn boundary(report: &mut Report) {
    crate::compilers::run(report);
    crate::golden::run(report);
}

/// Ten thousand stories of the host, in release, where each takes a fifth of the time. The tests before have told some with
/// debug assertions.
fn simulator() -> Result<(), Failure> {
    let nextest = Program::cargo().args(["nextest", "--version"]).probe().is_some();
    let (runner, last): (&[&str], &[&str]) =
        if nextest { (&["nextest", "run", "--profile", "deep"], &["sim_"]) } else { (&["test"], &["engine::sim::"]) };
    let which = ["--release", "--package", "ao-host", "--lib"];
    Program::cargo().args(runner).args(which).args(last).env("AO_SIM_SEEDS", "10000").run()
}

fn demo() -> Result<(), Failure> {
    Program::cargo().args(["run", "--release", "--package", "ao-cli", "--", "demo"]).run()
}
