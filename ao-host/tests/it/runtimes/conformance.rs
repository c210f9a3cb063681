//! The runtimes keep the contract of their slot, with the real holder and real processes.

use ao_plugin_process::ProcessRuntime;
use ao_plugin_pty::PtyRuntime;
use ao_plugin_sdk::conformance::{self, Report, RuntimeKit};
use ao_plugin_sdk::prelude::*;
use ao_plugin_tmux::TmuxRuntime;

use super::rig::{PROGRAM, Rig};

/// Runs the kit; what is skipped besides the plugin's own choices would be a check that nobody makes.
fn kept(kit: RuntimeKit, declined: &[&str]) -> Report {
    let report = kit.holder(PROGRAM).argv(["cat"]).effects().run();
    assert!(report.is_kept(), "\n{report}");
    let skipped: Vec<_> = report.skipped().map(|record| record.check.as_str()).collect();
    let expected =
        |check: &&str| check.starts_with("host.") || *check == "call.pure_is_at_once" || declined.contains(check);
    assert!(skipped.iter().all(expected), "{skipped:?}");
    report
}

#[test]
fn process_keeps_the_contract() {
    let declined = ["runtime.watch.opens_or_declines", "runtime.session.terminal_opens_and_closes"];
    kept(conformance::runtime::<ProcessRuntime>(json!({})), &declined);
}

#[test]
fn pty_keeps_the_contract() {
    kept(conformance::runtime::<PtyRuntime>(json!({"scrollbackLines": 500, "logBytes": 100_000})), &[]);
}

#[test]
fn tmux_keeps_the_contract() {
    // Says so where tmux is absent.
    if Rig::tmux("runtimes::conformance::tmux_keeps_the_contract").is_none() {
        return;
    }
    let declined = ["runtime.watch.opens_or_declines", "runtime.session.terminal_opens_and_closes"];
    kept(conformance::runtime::<TmuxRuntime>(json!({"historyLimit": 500})), &declined);
}
