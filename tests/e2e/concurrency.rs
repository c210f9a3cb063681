//! Many commands at once.

use std::collections::BTreeSet;
use std::thread;

use crate::studio::{Engine, Studio, heard, in_every_engine};

#[test]
fn fifty_spawns_from_ten_processes() {
    let studio = Studio::new(Engine::Process);
    let spawn_five = || -> Vec<(String, String)> {
        (0..5)
            .map(|_| {
                let run = studio.world.ao(&["spawn", "--json", "--agent", "sleeper"]).succeeds().json();
                let text = |name: &str| run["session"][name].as_str().unwrap().to_owned();
                (text("id"), text("worktree"))
            })
            .collect()
    };
    let spawned: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..10).map(|_| scope.spawn(spawn_five)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let ids: BTreeSet<_> = spawned.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, (1..=50).map(|number| format!("app-{number}")).collect());
    for (id, worktree) in &spawned {
        assert!(worktree.ends_with(&format!("/app/{id}")), "{id}: {worktree}");
        assert!(camino::Utf8Path::new(worktree).join("tests.sh").exists());
    }
    let status = studio.world.json(&["status", "--refresh"]);
    let rows = status["sessions"].as_array().unwrap();
    assert_eq!(rows.len(), 50);
    for row in rows {
        let name = row["status"]["name"].as_str().unwrap();
        assert!(["working", "ready"].contains(&name), "{row}");
    }
    let branches = studio.git(&["for-each-ref", "--format=%(refname)", "refs/heads/ao/", "refs/ao/sessions/"]);
    assert_eq!(branches.lines().count(), 100, "a branch and an identity each: {branches}");
    // A holder and an agent each.
    assert_eq!(studio.processes().len(), 100);
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    studio.world.ao(&[&["session", "kill"][..], &ids].concat()).succeeds();
    assert_eq!(studio.processes(), [0; 0]);
}

in_every_engine! {
    /// One ends it; the other says so, or that it is being done.
    fn two_kills_at_once(engine: Engine) {
        let studio = Studio::new(engine);
        for _ in 0..5 {
            let id = studio.spawn(&["--agent", "sleeper"]);
            let kills = [0; 2].map(|_| studio.world.start(&["session", "kill", &id]));
            let runs = kills.map(crate::support::Started::finish);
            let mut codes = runs.each_ref().map(crate::support::Run::code);
            codes.sort_unstable();
            assert!(codes == [0, 1] || codes == [0, 75], "{} {}", runs[0], runs[1]);
            assert_eq!(studio.status(&id), "killed");
        }
        studio.wait("no process is left", || studio.processes().is_empty());
    }

    /// Several senders, each with more than a page: one message after the other.
    fn messages_are_not_mixed(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        let worktree = studio.worktree(&id);
        let texts: Vec<_> = ["a", "b", "c", "d"].iter().map(|letter| letter.repeat(9_000)).collect();
        let files: Vec<_> = texts.iter().map(|text| studio.world.file(&format!("task-{}", &text[..1]), text)).collect();
        let sends: Vec<_> = files.iter().map(|file| studio.world.start(&["send", "--file", file.as_str(), &id])).collect();
        for send in sends {
            send.finish().succeeds();
        }
        studio.wait("all is heard", || heard(&worktree).len() >= 4 * 9_001);
        let read = String::from_utf8(heard(&worktree)).unwrap();
        let mut messages: Vec<_> = read.split_terminator(['\r', '\n']).collect();
        messages.sort_unstable();
        assert_eq!(messages, texts);
    }

    /// A spawn and a kill of different sessions do not wait for each other, and a send meets a kill without a trace.
    fn a_message_during_a_kill(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        let kill = studio.world.start(&["session", "kill", &id]);
        let send = studio.world.start(&["send", &id, "hello"]);
        let (kill, send) = (kill.finish(), send.finish());
        // The message may come first, and then the kill is told to come again.
        assert!([0, 1, 75].contains(&send.code()), "{send}");
        if kill.code() != 0 {
            assert!([1, 75].contains(&kill.code()), "{kill}");
            studio.world.ao(&["session", "kill", &id]).succeeds();
        }
        assert_eq!(studio.status(&id), "killed");
        assert!(studio.processes().is_empty());
    }
}
