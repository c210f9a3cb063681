//! Starting, watching, and ends of every kind.

use super::in_every_runtime;
use super::rig::{Rig, WORK_DIRECTORY, kill, runs, until, until_async};
use ao_plugin_sdk::prelude::*;

/// A line of `/proc/<pid>/status`.
fn signal_mask(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let mask = status.lines().find_map(|line| line.strip_prefix(name)).expect("a mask");
    u64::from_str_radix(mask.trim(), 16).expect("hexadecimal")
}

in_every_runtime! {
    async fn an_agent_lives_with_its_identity_and_its_marker(rig: &Rig) {
        let handle = rig.start("ao-1", &["print", "hello from the agent"]).await;
        let (agent, holder) = rig.processes("ao-1");
        until_async("the agent printed", || async {
            rig.observe(&handle).await.screen.is_some_and(|screen| screen.contains("hello from the agent"))
        })
        .await;
        let observation = rig.observe(&handle).await;
        assert_eq!((observation.liveness, observation.root), (Liveness::Alive, Some(agent.clone())));
        assert!(observation.last_output_at.is_some());

        let environment = std::fs::read(format!("/proc/{}/environ", agent.pid)).expect("environment");
        let entries: Vec<_> = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        assert!(entries.contains(&format!("AO_SESSION_MARKER={}/ao-1", rig.owner.id).into()), "{entries:?}");
        assert!(!entries.iter().any(|entry| entry.starts_with("HOME=")), "the environment is the request's: {entries:?}");
        let cwd = std::fs::read_link(format!("/proc/{}/cwd", agent.pid)).expect("cwd");
        assert!(cwd.ends_with(WORK_DIRECTORY), "{}", cwd.display());
        // A program of Rust ignores SIGPIPE by itself, and nothing else of the first 31.
        let mask = |name| signal_mask(agent.pid, name) & 0x7fff_ffff;
        assert_eq!((mask("SigIgn:"), mask("SigBlk:")), (1 << (13 - 1), 0), "the agent starts with default signals");
        assert!(runs(holder.pid));
    }

    async fn an_exit_code_is_recorded(rig: &Rig) {
        for (session, code) in [("ao-1", 0), ("ao-2", 1)] {
            let handle = rig.start(session, &["exit", &code.to_string()]).await;
            assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Code { code }));
            assert_eq!(rig.exit_record(session).expect("a record").error, None);
        }
    }

    async fn a_signal_is_recorded(rig: &Rig) {
        let handle = rig.start("ao-1", &["die"]).await;
        assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Signal { signal: 9 }));
    }

    async fn a_killed_agent_is_dead_by_signal(rig: &Rig) {
        let handle = rig.start("ao-1", &["quiet"]).await;
        kill(rig.processes("ao-1").0.pid);
        assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Signal { signal: 9 }));
    }

    async fn an_agent_that_cannot_be_started_is_named(rig: &Rig) {
        let mut request = rig.request("ao-1", &[]);
        request.argv = vec!["no-such-agent".into()];
        let error = rig.runtime.create(request.clone()).await.expect_err("no such program");
        assert_eq!(error.code, Code::INVALID_INPUT);
        assert!(error.message.contains("`no-such-agent` was not found"), "{error}");
        assert!(rig.runtime.list(ListRuntimes::new(rig.owner.clone())).await.expect("list").is_empty());

        request.cwd = rig.file("nowhere");
        let error = rig.runtime.create(request).await.expect_err("no such directory");
        assert!(error.message.contains("nowhere"), "{error}");
        // The directory is free for the next attempt.
        let handle = rig.start("ao-1", &["quiet"]).await;
        assert_eq!(rig.liveness(&handle).await, Liveness::Alive);
    }

    async fn a_session_that_runs_is_not_started_again(rig: &Rig) {
        let handle = rig.start("ao-1", &["quiet"]).await;
        let agent = rig.processes("ao-1").0;
        let error = rig.runtime.create(rig.request("ao-1", &["quiet"])).await.expect_err("it runs");
        assert_eq!(error.code, Code::CONFLICT, "{error}");
        assert_eq!(rig.observe(&handle).await.root, Some(agent), "the first is untouched");
        assert!(rig.destroy(&handle, 1000).await.survivors.is_empty());
        rig.start("ao-1", &["quiet"]).await;
        assert_eq!(rig.exit_record("ao-1"), None, "the former launch's exit is cleared");
    }

    /// The first of them starts the terminal server, while the others look for it.
    async fn many_start_at_once(rig: &Rig) {
        let mut starts = tokio::task::JoinSet::new();
        for number in 1..=12 {
            let (runtime, request) = (std::sync::Arc::clone(&rig.runtime), rig.request(&format!("ao-{number}"), &["quiet"]));
            starts.spawn(async move { runtime.create(request).await });
        }
        let handles: Vec<RuntimeHandle> =
            starts.join_all().await.into_iter().collect::<Result<_>>().expect("every agent starts");
        let mut request = ObserveRuntimes::new(handles);
        request.screen_lines = 1;
        let seen = rig.runtime.observe(request).await.expect("observe");
        assert!(seen.iter().all(|seen| seen.liveness == Liveness::Alive), "{seen:?}");
        let mut roots: Vec<u32> = seen.iter().filter_map(|seen| Some(seen.root.as_ref()?.pid)).collect();
        roots.sort_unstable();
        roots.dedup();
        assert_eq!(roots.len(), 12);
    }

    async fn a_session_without_records_is_unknown(rig: &Rig) {
        let handle = rig.start("ao-1", &["quiet"]).await;
        rig.destroy(&handle, 1000).await;
        for file in ["holder.json", "exit.json", "runtime.json"] {
            std::fs::remove_file(rig.directory("ao-1").join(file)).expect("remove");
        }
        assert!(matches!(rig.liveness(&handle).await, Liveness::Unknown { .. }));
    }
}

/// Without its holder an agent without a terminal lives on; nobody will know how it ended.
#[tokio::test]
async fn an_agent_outlives_its_killed_holder() {
    let rig = Rig::process();
    let handle = rig.start("ao-1", &["quiet"]).await;
    let (agent, holder) = rig.processes("ao-1");
    kill(holder.pid);
    until("the holder is gone", || !runs(holder.pid)).await;
    assert_eq!(rig.liveness(&handle).await, Liveness::Alive);
    kill(agent.pid);
    assert_eq!(rig.until_dead(&handle).await, None);
}

/// With a terminal, the death of its session's leader hangs it up.
#[tokio::test]
async fn tmux_an_agent_whose_holder_is_killed_is_hung_up() {
    let Some(rig) = Rig::tmux("tmux_an_agent_whose_holder_is_killed_is_hung_up") else { return };
    let handle = rig.start("ao-1", &["quiet"]).await;
    let other = rig.start("ao-2", &["quiet"]).await;
    kill(rig.processes("ao-1").1.pid);
    assert_eq!(rig.until_dead(&handle).await, None);
    assert_eq!(rig.liveness(&other).await, Liveness::Alive);
}
