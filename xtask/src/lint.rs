//! `cargo xtask lint`: everything that is wrong without being run.

use crate::process::Program;
use crate::report::{Outcome, Report};
use crate::tidy;

/// Runs every check, also after one has failed: one run shows them all.
///
/// Clippy and rustdoc use the development profile and so the same compiled dependencies.
pub(crate) fn run(report: &mut Report) {
    report.stage("format", || Program::cargo().args(["fmt", "--all", "--check"]).run());
    report.stage("lock file", || Program::cargo().args(["tree", "--locked", "--depth", "0"]).capture().map(drop));
    report.stage("tidy", tidy::run);
    report.stage("clippy", || {
        Program::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()
    });
    report.stage("rustdoc", || {
        Program::cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").run()
    });
    dependencies(report);
}

fn dependencies(report: &mut Report) {
    if Program::cargo().args(["deny", "--version"]).probe().is_none() {
        report.stage("cargo-deny", || {
            let why = "cargo-deny is not installed, so licences, bans and sources were not checked: ";
            Outcome::Skipped(format!("{why}`cargo install cargo-deny --locked`"))
        });
        return;
    }
    report.stage("cargo-deny", || Program::cargo().args(["deny", "check", "bans", "licenses", "sources"]).run());
    report.stage("advisories", || {
        if let Err(failure) = Program::cargo().args(["deny", "fetch", "db"]).run() {
            return Outcome::Skipped(format!("the database of advisories could not be reached: {failure}"));
        }
        Program::cargo().args(["deny", "check", "--disable-fetch", "advisories"]).run().into()
    });
}
