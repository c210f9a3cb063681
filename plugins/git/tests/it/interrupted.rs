//! A `create` that is killed at any moment, and then taken back by somebody who knows nothing of how far it came.

#![expect(clippy::disallowed_methods, reason = "a deadline on a real process's end")]

use std::time::Duration;

use ao_plugin_sdk::prelude::*;

use crate::support::Scratch;

/// Moments of the kill, one after the other: together longer than a creation takes on a quick machine.
const STEPS: u32 = 50;
const STEP: Duration = Duration::from_micros(250);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_it_is_killed_it_is_taken_back() {
    let scratch = Scratch::new().await;
    for number in 0..300 {
        scratch.write(&format!("more/{number}.txt"), "x\n");
    }
    scratch.git(&["add", "."]).await;
    scratch.git(&["commit", "--quiet", "--message", "more"]).await;
    let before = scratch.world().await;
    for step in 0..STEPS {
        let request = scratch.request("app-1");
        let discard = DiscardWorkspace::new(scratch.project.clone(), request.target.clone(), request.branch.clone());
        // Dropping the call kills git and its children with SIGKILL.
        let _ = tokio::time::timeout(STEP * step, scratch.plugin.create(request)).await;
        // The project and the worktrees beside it: git's children run in the new one.
        until_gone(scratch.project.parent().expect("a directory above the project"));
        let discarded = match scratch.plugin.discard(discard.clone()).await {
            // Killed while it held a ref's lock: git leaves that to a human, and says which file.
            Err(error) if error.message.contains(".lock") => {
                unlock(&scratch);
                scratch.plugin.discard(discard).await
            }
            other => other,
        };
        assert_eq!(discarded.expect("discard"), Discarded::Gone, "after {:?}", STEP * step);
        assert_eq!(scratch.world().await, before, "after {:?}", STEP * step);
    }
}

/// Waits until no process runs in a directory or below: a killed one still ends the system call that it is in.
fn until_gone(directory: &Utf8Path) {
    let runs_there = || {
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        processes
            .into_iter()
            .any(|entry| entry.path().join("cwd").read_link().is_ok_and(|cwd| cwd.starts_with(directory)))
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while runs_there() {
        assert!(std::time::Instant::now() < deadline, "a killed git lives on in {directory}");
        std::thread::yield_now();
    }
}

fn unlock(scratch: &Scratch) {
    for lock in ["refs/heads/ao/app-1.lock", "refs/ao/created/ao%2Fapp-1.lock", "packed-refs.lock"] {
        let _ = std::fs::remove_file(scratch.project.join(".git").join(lock));
    }
}
