//! A process of its own with a holder and a terminal, against one that is only forked.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ao_plugin_pty::PtyRuntime;
use ao_plugin_sdk::holder;
use ao_plugin_sdk::prelude::*;

use crate::row;

/// The holder, and the agents, which do nothing.
const PROGRAM: &str = env!("CARGO_BIN_EXE_ao-host-test-program");
const SPAWNS: usize = 30;
/// Above the floor.
const BOUND: Duration = Duration::from_millis(15);

pub(crate) fn run() {
    let scratch = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(scratch.path().canonicalize().unwrap()).unwrap();
    let (run, state) = (root.join("run"), root.join("state"));
    for directory in [&run, &state.join("sessions")] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let owner = Owner::new("b0a7b0a7", run, state.clone());
    let runtime = PtyRuntime::new(serde_json::from_value(json!({})).unwrap()).unwrap();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut floor, mut spawns) = (Vec::new(), Vec::new());
    for number in 1..=SPAWNS {
        floor.push(fork_and_exec());
        let session = format!("app-{number}");
        let directory = state.join("sessions").join(&session);
        std::fs::create_dir_all(&directory).unwrap();
        let argv = [PROGRAM, "quiet"].map(ToOwned::to_owned);
        let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let id: SessionId = session.parse().unwrap();
        let key = format!("spawn/{session}");
        let create = CreateRuntime::new(id, key, owner.clone(), PROGRAM, directory, root.clone(), argv, env);
        let start = Instant::now();
        let handle = tokio.block_on(runtime.create(create)).unwrap();
        spawns.push(start.elapsed());
        tokio.block_on(runtime.destroy(DestroyRuntime::new(handle, 0_u64))).unwrap();
    }
    for (directory, card) in holder::cards(&owner, "pty").unwrap_or_default() {
        let _ = holder::end_tree(&directory, &card.marker, Duration::ZERO);
    }
    floor.sort();
    let bound = floor[floor.len() / 2] + BOUND;
    row("fork and exec: the floor", floor, None);
    row("a session of the runtime `pty`, made and started", spawns, Some(bound));
}

fn fork_and_exec() -> Duration {
    let start = Instant::now();
    let mut child = Command::new(PROGRAM).arg("quiet").env_clear().stdin(Stdio::null()).spawn().unwrap();
    let time = start.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    time
}
