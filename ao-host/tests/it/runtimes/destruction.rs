//! Ending a session ends all of it, and nothing else.

use super::in_every_runtime;
use super::rig::{Rig, kill, pids, runs, until, until_async};
use ao_plugin_sdk::prelude::*;

in_every_runtime! {
    /// Those who ignore the request, left their session, cleared their environment, were orphaned, or all of it at once.
    async fn a_whole_family_is_gone(rig: &Rig) {
        let file = rig.file("family");
        let handle = rig.start("ao-1", &["family", file.as_str()]).await;
        let family = pids(&file).await;
        let (agent, holder) = rig.processes("ao-1");
        assert!(family.len() == 5 && family.iter().all(|pid| runs(*pid)), "{family:?}");

        // Time enough for those who heed the request, on a busy machine, too.
        let destroyed = rig.destroy(&handle, 2000).await;
        assert_eq!(destroyed.survivors, []);
        for pid in family.iter().chain([&agent.pid, &holder.pid]) {
            assert!(!runs(*pid), "{pid} of {family:?} still runs");
        }
        assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Signal { signal: 15 }));
        assert_eq!(rig.destroy(&handle, 200).await.survivors, [], "there is nothing left to end");
    }

    async fn what_an_ended_agent_left_behind_is_found(rig: &Rig) {
        let file = rig.file("left");
        let handle = rig.start("ao-1", &["leave", file.as_str()]).await;
        assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Code { code: 3 }));
        let left = pids(&file).await;
        assert!(runs(left[0]), "it cleared its environment and has a session of its own");
        assert_eq!(rig.destroy(&handle, 200).await.survivors, []);
        assert!(!runs(left[0]));
        assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Code { code: 3 }), "the record stays");
    }

    async fn a_stubborn_agent_is_killed(rig: &Rig) {
        let handle = rig.start_ready("ao-1", &["stubborn"]).await;
        assert_eq!(rig.destroy(&handle, 50).await.survivors, []);
        assert_eq!(rig.until_dead(&handle).await, Some(ExitStatus::Signal { signal: 9 }));
    }

    /// After a restart of the counter the kernel gives the same numbers to others.
    async fn whoever_has_the_pids_now_is_not_touched(rig: &Rig) {
        let handle = rig.start_ready("ao-1", &["stubborn"]).await;
        let (agent, holder) = rig.processes("ao-1");
        kill(agent.pid);
        rig.until_dead(&handle).await;
        until("the holder is gone", || !runs(holder.pid)).await;
        let innocent = Rig::bystander();
        let directory = rig.directory("ao-1");
        let record = std::fs::read_to_string(directory.join("holder.json")).expect("a record");
        let mut record: Value = serde_json::from_str(&record).expect("JSON");
        for who in ["holder", "child"] {
            record[who]["pid"] = json!(innocent);
        }
        let text = record.to_string();
        ao_plugin_sdk::files::write_atomically(&directory.join("holder.json"), text.as_bytes()).expect("write");
        std::fs::remove_file(directory.join("exit.json")).expect("remove");
        assert_eq!(rig.destroy(&handle, 50).await.survivors, []);
        assert!(runs(innocent), "it started later than what the record names");
        kill(innocent);
    }

    async fn a_name_that_begins_another_is_another(rig: &Rig) {
        let first = rig.start("ao-1", &["quiet"]).await;
        let other = rig.start("ao-15", &["quiet"]).await;
        let other_agent = rig.processes("ao-15").0;
        assert_eq!(rig.destroy(&first, 1000).await.survivors, []);
        assert!(matches!(rig.liveness(&first).await, Liveness::Dead { exit: Some(_) }));
        // Again, now that only the other is left.
        assert_eq!(rig.destroy(&first, 1000).await.survivors, []);
        assert_eq!(rig.observe(&other).await.liveness, Liveness::Alive);
        assert_eq!(rig.observe(&other).await.root, Some(other_agent));
    }
}

/// Set for a test that runs as an agent: the installation in which it is to start another session.
const DRIVEN: &str = "AO_TEST_OWNER";

/// An agent may drive `ao`: the session that it starts is not its own, though its processes descend from it.
///
/// The agent is this test itself, run again.
async fn a_session_started_by_an_agent_outlives_it(rig: Option<Rig>, test: &str) {
    let Some(rig) = rig else { return };
    #[expect(clippy::disallowed_methods, reason = "the test runs itself as an agent, which learns its part so")]
    let (driven, this) = (std::env::var(DRIVEN), std::env::current_exe().expect("this executable"));
    if let Ok(owner) = driven {
        let owner: Owner = serde_json::from_str(&owner).expect("an owner");
        rig.runtime.create(super::rig::request(&owner, "ao-2", &["quiet"])).await.expect("the second session starts");
        std::future::pending::<()>().await;
    }
    // The first session is without a terminal, so that the second one starts the terminal server.
    let first = Rig::process();
    let mut request = first.request("ao-1", &[]);
    request.argv = [this.to_str().expect("UTF-8"), "--exact", test, "--nocapture"].map(str::to_owned).to_vec();
    request.env.insert(DRIVEN.into(), serde_json::to_string(&rig.owner).expect("JSON"));
    // The agent makes a scratch directory of its own, and is killed before it can remove it.
    request.env.insert("TMPDIR".into(), first.root().to_string());
    let parent = first.runtime.create(request).await.expect("the first session starts");
    let marker = format!("{}/ao-2", rig.owner.id);
    let list = || async { rig.runtime.list(ListRuntimes::new(rig.owner.clone())).await.expect("list") };
    until_async("the second session runs", || async {
        let found = list().await;
        !found.is_empty() && rig.liveness(&found[0]).await == Liveness::Alive
    })
    .await;
    let child = list().await.remove(0);
    assert_eq!(child.data["marker"], marker);

    assert_eq!(first.destroy(&parent, 1000).await.survivors, []);
    assert!(matches!(first.liveness(&parent).await, Liveness::Dead { .. }));
    assert_eq!(rig.liveness(&child).await, Liveness::Alive);
    assert!(runs(rig.processes("ao-2").1.pid), "its holder too");
    assert_eq!(rig.destroy(&child, 1000).await.survivors, []);
}

#[tokio::test]
async fn a_process_started_by_an_agent_outlives_it() {
    let test = "runtimes::destruction::a_process_started_by_an_agent_outlives_it";
    a_session_started_by_an_agent_outlives_it(Some(Rig::process()), test).await;
}

#[tokio::test]
async fn tmux_a_pane_started_by_an_agent_outlives_it() {
    let test = "runtimes::destruction::tmux_a_pane_started_by_an_agent_outlives_it";
    a_session_started_by_an_agent_outlives_it(Rig::tmux(test), test).await;
}

#[tokio::test]
async fn orphans_of_a_killed_holder_are_found_by_their_marker() {
    let rig = Rig::process();
    let handle = rig.start_ready("ao-1", &["stubborn"]).await;
    let (agent, holder) = rig.processes("ao-1");
    kill(holder.pid);
    until("the holder is gone", || !runs(holder.pid)).await;
    std::fs::remove_file(rig.directory("ao-1").join("holder.json")).expect("remove");
    assert_eq!(rig.destroy(&handle, 50).await.survivors, []);
    assert!(!runs(agent.pid));
}
