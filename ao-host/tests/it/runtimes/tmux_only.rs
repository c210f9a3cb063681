//! What only a terminal server can do to its sessions.

use super::rig::{Rig, kill, runs, text, until, until_async};
use ao_plugin_sdk::prelude::*;
use ao_plugin_tmux::TmuxTerminal;

fn server_pid(rig: &Rig) -> u32 {
    rig.ask_tmux(&["display-message", "-p", "#{pid}"]).parse().expect("a pid")
}

#[tokio::test]
async fn tmux_a_killed_server_hangs_up_its_agents() {
    let Some(rig) = Rig::tmux("tmux_a_killed_server_hangs_up_its_agents") else { return };
    let handle = rig.start("ao-1", &["quiet"]).await;
    kill(server_pid(&rig));
    assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Signal { signal: 1 }), "the holder wrote it down");
    assert_eq!(rig.destroy(&handle, 100).await.survivors, []);
}

#[tokio::test]
async fn tmux_an_agent_that_survives_its_server_is_alive_listed_and_ended() {
    let Some(rig) = Rig::tmux("tmux_an_agent_that_survives_its_server_is_alive_listed_and_ended") else { return };
    let handle = rig.start_ready("ao-1", &["stubborn"]).await;
    let server = server_pid(&rig);
    kill(server);
    until("the server is gone", || !runs(server)).await;
    assert_eq!(rig.liveness(&handle).await, Liveness::Alive);
    let error = rig.send(&handle, Input::Submit).await.expect_err("no terminal");
    assert_eq!(error.code, Code::NOT_FOUND, "{error}");
    let listed = rig.runtime.list(ListRuntimes::new(rig.owner.clone())).await.expect("list");
    assert_eq!(listed, std::slice::from_ref(&handle));

    // A new server counts its panes from the beginning: the old handle must not find the new pane.
    let (other, _) = rig.start_reader("ao-2", "raw").await;
    assert_eq!(rig.send(&handle, Input::Submit).await.expect_err("no terminal").code, Code::NOT_FOUND);
    assert_eq!(rig.destroy(&handle, 50).await.survivors, []);
    assert_eq!(rig.liveness(&other).await, Liveness::Alive);
}

/// A server ends with its last session, and the next request may meet it while it does.
#[tokio::test]
async fn tmux_a_server_that_is_ending_is_no_obstacle() {
    let Some(rig) = Rig::tmux("tmux_a_server_that_is_ending_is_no_obstacle") else { return };
    let list = || async { rig.runtime.list(ListRuntimes::new(rig.owner.clone())).await.expect("list") };
    for _ in 0..15 {
        let handle = rig.start("ao-1", &["quiet"]).await;
        assert_eq!(list().await, std::slice::from_ref(&handle));
        rig.destroy(&handle, 1000).await;
        assert_eq!(list().await, []);
    }
}

#[tokio::test]
async fn tmux_an_interactive_shell_ends_within_its_grace() {
    let Some(rig) = Rig::tmux("tmux_an_interactive_shell_ends_within_its_grace") else { return };
    let mut request = rig.request("ao-1", &[]);
    request.argv = ["bash", "--norc", "--noprofile", "-i"].map(str::to_owned).to_vec();
    let handle = rig.runtime.create(request).await.expect("a shell");
    until_async("the prompt shows", || async {
        rig.observe(&handle).await.screen.is_some_and(|screen| screen.contains('$') || screen.contains('#'))
    })
    .await;
    assert_eq!(rig.destroy(&handle, 20_000).await.survivors, []);
    let exit = rig.exit_record("ao-1").expect("a record").status;
    assert_eq!(exit, ExitStatus::Signal { signal: 1 }, "hung up, not killed");
}

#[tokio::test]
async fn tmux_the_server_is_of_no_session() {
    let Some(rig) = Rig::tmux("tmux_the_server_is_of_no_session") else { return };
    rig.start("ao-1", &["quiet"]).await;
    let environment = std::fs::read(format!("/proc/{}/environ", server_pid(&rig))).expect("environment");
    let environment = String::from_utf8_lossy(&environment).replace('\0', "\n");
    let names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let allowed = ["PATH", "HOME", "LANG", "LC_ALL", "SHELL", "USER", "LOGNAME", "TMPDIR", "AO_SESSION_MARKER"];
    assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
    assert!(environment.contains(&format!("AO_SESSION_MARKER={}/-\n", rig.owner.id)));
}

#[tokio::test]
async fn tmux_a_human_finds_the_way_in() {
    let Some(rig) = Rig::tmux("tmux_a_human_finds_the_way_in") else { return };
    let handle = rig.start("ao-1", &["quiet"]).await;
    let AttachPlan::Exec { argv } = rig.runtime.attach(Attach::new(handle.clone())).await.expect("plan") else {
        panic!("tmux can be attached to")
    };
    assert_eq!(argv.last().map(String::as_str), Some("=ao-1:"));
    assert!(argv.iter().any(|argument| *argument == rig.socket()), "{argv:?}");

    let terminal = TmuxTerminal::new(serde_json::from_value(json!({})).expect("config")).expect("terminal");
    let sessions = || OpenSessions::new(vec![handle.clone()]);
    assert_eq!(terminal.is_open(sessions()).await.expect("is_open"), [false]);
    // A pane of another server stands in for the human's terminal.
    let human = Rig::tmux("tmux_a_human_finds_the_way_in").expect("there is a tmux");
    let mut request = human.request("human-1", &[]);
    request.argv = argv;
    human.runtime.create(request).await.expect("the attach command runs");
    until_async("it is shown", || async { terminal.is_open(sessions()).await.expect("is_open") == [true] }).await;
}

/// Set for the test that runs itself within a human's tmux: the handle that it is to show there.
const SHOWN: &str = "AO_TEST_HANDLE";

#[tokio::test]
async fn tmux_a_session_is_shown_in_a_window_of_the_humans_own() {
    let test = "runtimes::tmux_only::tmux_a_session_is_shown_in_a_window_of_the_humans_own";
    let terminal = TmuxTerminal::new(serde_json::from_value(json!({})).expect("config")).expect("terminal");
    #[expect(clippy::disallowed_methods, reason = "the test runs itself in a tmux, and learns its part so")]
    let (shown, this) = (std::env::var(SHOWN), std::env::current_exe().expect("this executable"));
    if let Ok(handle) = shown {
        let handle: RuntimeHandle = serde_json::from_str(&handle).expect("a handle");
        let opened = terminal.open(OpenSessions::new(vec![handle])).await.expect("it opens");
        assert_eq!(opened.places, ["tmux window human-1:1"]);
        return;
    }
    let Some(rig) = Rig::tmux(test) else { return };
    let human = Rig::tmux(test).expect("there is a tmux");
    let handle = rig.start("ao-1", &["quiet"]).await;
    human.start("human-1", &["quiet"]).await;

    let inside = Rig::process();
    let mut request = inside.request("ao-2", &[]);
    request.argv = [this.to_str().expect("UTF-8"), "--exact", test].map(str::to_owned).to_vec();
    request.env.insert(SHOWN.into(), serde_json::to_string(&handle).expect("JSON"));
    request.env.insert("TMUX".into(), format!("{},{},0", human.socket(), server_pid(&human)));
    let opener = inside.runtime.create(request).await.expect("the test runs");
    assert_eq!(inside.until_dead(&opener).await, Some(ExitStatus::Code { code: 0 }));

    let sessions = || OpenSessions::new(vec![handle.clone()]);
    until_async("it is shown", || async { terminal.is_open(sessions()).await.expect("is_open") == [true] }).await;
    // The human's own window is named after what runs in it, sooner or later.
    let windows = human.ask_tmux(&["list-windows", "-t", "=human-1:", "-F", "#{window_index} #{window_name}"]);
    let windows: Vec<_> = windows.lines().collect();
    assert_eq!((windows.len(), windows.get(1)), (2, Some(&"1 ao-1")), "{windows:?}");
}

#[tokio::test]
async fn tmux_panes_that_a_human_splits_off_are_not_agents() {
    let Some(rig) = Rig::tmux("tmux_panes_that_a_human_splits_off_are_not_agents") else { return };
    let (handle, file) = rig.start_reader("ao-1", "raw").await;
    rig.ask_tmux(&["split-window", "-t", "=ao-1:", "sleep", "1000"]);
    rig.send(&handle, text("to the agent")).await.expect("text");
    until("it arrives", || std::fs::read(&file).is_ok_and(|read| read == b"to the agent")).await;
    assert_eq!(
        rig.runtime.list(ListRuntimes::new(rig.owner.clone())).await.expect("list"),
        std::slice::from_ref(&handle)
    );
    assert_eq!(rig.destroy(&handle, 1000).await.survivors, []);
}
