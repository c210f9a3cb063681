//! The crash matrix: a host is killed at every step of what it does by itself, before it and after it, and the next one
//! brings everything to the same end. Of each step one side is here with each of two runtimes, turn and turn about; with
//! `AO_DEEP` set all sides are, with both.

#![expect(clippy::disallowed_methods, reason = "tests start hosts, wait for their end, and look at what they leave")]

mod expiry;
mod follow;
mod hosts;
mod pull;
mod rest;

use crate::studio::Engine;

/// Where a host dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death {
    /// The step, as its failpoints are called.
    step: &'static str,
    /// Which side of it, or a place within.
    side: &'static str,
    /// Where the agents live.
    engine: Engine,
}

impl Death {
    fn label(self) -> String {
        format!("{}.{}", self.step, self.side)
    }
}

/// Dies at the sides of a step that are this runtime's turn.
fn each(engine: Engine, step: &'static str, sides: &[&'static str], scene: fn(Death)) {
    let is_deep = std::env::var("AO_DEEP").is_ok();
    let turn = step.len() + usize::from(engine == Engine::Tmux);
    for (number, side) in sides.iter().enumerate() {
        if is_deep || (number + turn).is_multiple_of(2) {
            scene(Death { step, side, engine });
        }
    }
}

const BOTH: &[&str] = &["before", "after"];

macro_rules! matrix {
    ($($name:ident: $scene:path, $step:literal, $sides:expr;)*) => {
        /// All of them.
        const STEPS: &[(&str, &[&str])] = &[$(($step, $sides)),*];

        mod pty {
            use super::*;

            $(#[test]
            fn $name() {
                each(Engine::Pty, $step, $sides, $scene);
            })*
        }

        mod tmux {
            use super::*;

            $(#[test]
            fn $name() {
                if Engine::Tmux.is_here(concat!(module_path!(), "::", stringify!($name))) {
                    each(Engine::Tmux, $step, $sides, $scene);
                }
            })*
        }
    };
}

matrix! {
    takeover_lock: pull::opened, "takeover.lock", &["before", "held", "after"];
    takeover_epoch: pull::opened, "takeover.epoch", BOTH;
    check_start: pull::opened, "check.start", BOTH;
    check_record: pull::opened, "check.record", BOTH;
    react_ledger_count: pull::opened, "react.ledger_count", BOTH;
    react_render_store_of_a_message: pull::opened, "react.render_store", BOTH;
    send_intent_write: pull::opened, "send.intent_write", BOTH;
    send_load_buffer: pull::opened, "send.load_buffer", BOTH;
    send_paste: pull::opened, "send.paste", BOTH;
    send_enter: pull::opened, "send.enter", BOTH;
    send_ack_write: pull::opened, "send.ack_write", BOTH;
    react_settle_of_a_message: pull::opened, "react.settle", BOTH;
    react_render_store_of_a_merge: pull::approved, "react.render_store", BOTH;
    merge_build_commit: pull::approved, "merge.build_commit", BOTH;
    merge_pin: pull::approved, "merge.recheck", BOTH;
    merge_ref_move: pull::approved, "merge.ref_move", BOTH;
    merge_record: pull::approved, "merge.record", BOTH;
    react_settle_of_a_merge: pull::approved, "react.settle", BOTH;
    kill_signal_tree: pull::approved, "kill.signal_tree", BOTH;
    kill_verify_gone: pull::approved, "kill.verify_gone", BOTH;
    cleanup_pin_refs: pull::approved, "cleanup.pin_refs", BOTH;
    cleanup_snapshot: pull::approved, "cleanup.snapshot", BOTH;
    cleanup_rename: pull::approved, "cleanup.rename", &["before", "moved", "after"];
    cleanup_branch_delete: pull::approved, "cleanup.branch_delete", BOTH;
    react_notify_post: pull::approved, "react.notify_post", BOTH;
    trash_expire: expiry::expires, "trash.expire", BOTH;
    spool_ingest: follow::runs, "spool.ingest", BOTH;
    react_render_store_of_a_run: follow::runs, "react.render_store", BOTH;
    react_settle_of_a_run: follow::runs, "react.settle", BOTH;
    react_render_store_of_a_child: follow::spawns, "react.render_store", BOTH;
    react_spawn_child: follow::spawns, "react.spawn_child", BOTH;
    react_settle_of_a_child: follow::spawns, "react.settle", BOTH;
    spawn_reserve_id: follow::spawns, "spawn.reserve_id", BOTH;
    spawn_write_identity_ref: follow::spawns, "spawn.write_identity_ref", BOTH;
    spawn_worktree_add: follow::spawns, "spawn.worktree_add", BOTH;
    spawn_post_create: follow::spawns, "spawn.post_create", BOTH;
    spawn_write_launch_files: follow::spawns, "spawn.write_launch_files", BOTH;
    spawn_runtime_create: follow::spawns, "spawn.runtime_create", &["before", "launched", "after"];
    spawn_first_prompt: follow::spawns, "spawn.first_prompt", BOTH;
}

/// What no host does by itself, or has done before it is one: `restore` and `takeover.lock.ended` are a human's, and a
/// database is brought up to date by whichever command comes first. Their crashes are tested with the commands. Budgets need
/// an agent that says what it uses: the engine's tests have one.
const ELSEWHERE: &[&str] = &[
    "restore.relaunch",
    "restore.moved",
    "takeover.lock.ended",
    "migrate.backup",
    "migrate.step",
    "budget.interrupt",
    "budget.notice",
];

/// The steps of merges are those of a plugin; its own tests kill it before each program that it runs.
const OF_A_PLUGIN: &str = "merge.";

/// The failpoints that a source file passes by their names, or names as steps.
fn failpoints(source: &str) -> impl Iterator<Item = &str> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let labels = ["pass(\"", "=> \""].into_iter().flat_map(move |before| source.split(before).skip(1));
    labels.filter_map(|rest| rest.split_once('"')).map(|(label, _)| label)
}

#[test]
fn every_step_is_died_at() {
    let mut known: Vec<String> = ELSEWHERE.iter().map(|label| (*label).to_owned()).collect();
    for (step, sides) in STEPS {
        known.push((*step).to_owned());
        known.extend(sides.iter().map(|side| format!("{step}.{side}")));
    }
    known.extend(ELSEWHERE.iter().flat_map(|step| [format!("{step}.before"), format!("{step}.after")]));
    let mut found = 0;
    for file in rest::files(concat!(env!("CARGO_MANIFEST_DIR"), "/../ao-host/src").into()) {
        // What is only there for tests says labels of its own.
        if file.extension() != Some("rs") || file.as_str().contains("/tests") || file.as_str().contains("/sim") {
            continue;
        }
        let source = fs_err::read_to_string(&file).unwrap();
        let are_steps = file.file_name() == Some("steps.rs");
        if !are_steps && !source.contains("pass(\"") {
            continue;
        }
        for label in failpoints(&source).filter(|label| label.contains('.') && !label.contains(['{', ' '])) {
            assert!(known.iter().any(|known| known == label), "no host is killed at `{label}` of `{file}`");
            found += 1;
        }
    }
    let own = STEPS.iter().filter(|(step, _)| !step.starts_with(OF_A_PLUGIN)).count();
    assert!(found >= own, "{found} failpoints were found, of {own} steps");
}
