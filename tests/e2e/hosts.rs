//! Hosts that meet: one that wakes up and finds another in its place, many commands beside one, and one after another that
//! was killed in the middle of its work.

use std::collections::{BTreeMap, BTreeSet};

use ao_host::world::Rng;
use ao_host::world::fake::SeededRng;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::follower::{Detached, Follower};
use crate::host::{Foreground, pid};
use crate::studio::{Engine, Studio, heard};
use crate::support::{Run, Started};

/// The whole log.
fn log(studio: &Studio) -> Vec<Value> {
    let text = studio.world.ao(&["events", "--json", "--limit", "100000"]).succeeds().stdout();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The facts of every session, without what only time changes.
fn rows(studio: &Studio, ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| studio.show(id)["session"].clone()).collect()
}

/// Somebody removed the lock of a host that was suspended, and started another. The one that wakes up must not believe
/// that it is the host still.
#[test]
fn who_wakes_up_behind_another_host_writes_nothing_and_ends() {
    let studio = Studio::new(Engine::Process);
    let ids = [studio.spawn(&["--agent", "sleeper"]), studio.spawn(&["--agent", "sleeper"])];
    let mut command = studio.world.command(env!("CARGO_BIN_EXE_ao"));
    let mut first = Foreground::spawn(command.arg("start"));
    first.signal(Signal::STOP);
    let refused = studio.world.ao(&["start", "--detach"]);
    assert!(refused.stdout().starts_with("ao runs already"), "{refused}");
    fs_err::remove_file(studio.world.path("ao/state/host.lock")).unwrap();

    let second = Detached::start(&studio.world);
    let mut follower = Follower::of(&studio.world);
    studio.world.ao(&["session", "kill", &ids[0]]).succeeds();
    follower.until_status(&ids[0], "killed");
    let (before, record) = (log(&studio), second.process());
    let facts = rows(&studio, &ids[..1]);

    first.signal(Signal::CONT);
    let said = first.hears("another host has taken the place");
    assert!(said.contains("`ao status`"), "it says who knows more: {said}");
    assert_eq!(first.ends(), Some(1));
    let (news, _) = follower.until("the first has found itself fenced", |event| event["type"] == "host.fenced");
    assert_eq!((&news["data"]["epoch"], &news["data"]["found"]), (&1.into(), &2.into()));
    assert_eq!(second.process(), record, "the record is the second's");
    // The second looks at the other one meanwhile.
    let new = log(&studio).split_off(before.len());
    let new: Vec<_> = new.iter().filter(|event| event["session"] != *ids[1]).map(|event| &event["type"]).collect();
    assert_eq!(new, ["host.fenced"]);
    assert_eq!(rows(&studio, &ids[..1]), facts);
    // The second goes on.
    studio.world.ao(&["session", "kill", &ids[1]]).succeeds();
    follower.until_status(&ids[1], "killed");
    assert_eq!(studio.world.json(&["status"])["host"]["pid"], record.pid);
    studio.world.ao(&["stop"]).succeeds();
}

#[test]
fn twenty_commands_at_once_beside_a_host() {
    let studio = Studio::new(Engine::Pty);
    let _host = Detached::start(&studio.world);
    let listeners = [studio.listen("listener"), studio.listen("listener")];
    let doomed = [(); 5].map(|()| studio.spawn(&["--agent", "sleeper"]));
    let mut started: Vec<(&str, Started)> = Vec::new();
    for number in 0..5 {
        started.push(("spawn", studio.world.start(&["spawn", "--agent", "sleeper"])));
        started.push(("status", studio.world.start(&["status", "--json"])));
        let text = format!("message {number}");
        started.push(("send", studio.world.start(&["send", &listeners[number % 2], &text])));
        started.push(("kill", studio.world.start(&["session", "kill", &doomed[number]])));
    }
    let runs: Vec<(&str, Run)> = started.into_iter().map(|(what, started)| (what, started.finish())).collect();
    for (_, run) in &runs {
        assert!(run.code() == 0 && !run.stderr().contains("locked"), "{run}");
    }
    let of = |wanted| runs.iter().filter(move |(what, _)| *what == wanted).map(|(_, run)| run);
    let spawned: BTreeSet<String> = of("spawn").map(|run| run.stdout().lines().last().unwrap().to_owned()).collect();
    assert_eq!(spawned.len(), 5);
    assert!(of("status").all(|run| run.json()["host"]["running"] == true));

    let mut follower = Follower::of(&studio.world);
    for id in &doomed {
        follower.until_status(id, "killed");
    }
    for id in &spawned {
        follower.until_alive(id);
    }
    for (number, id) in listeners.iter().enumerate() {
        let worktree = studio.worktree(id);
        let wanted = (0..5).filter(|message| message % 2 == number);
        studio.wait("all is heard", || {
            heard(&worktree).iter().filter(|byte| b"\r\n".contains(byte)).count() >= wanted.clone().count()
        });
        let read = String::from_utf8(heard(&worktree)).unwrap();
        wanted.for_each(|message| assert_eq!(read.matches(&format!("message {message}")).count(), 1, "{read}"));
    }
    is_told_once(&log(&studio));
    studio.world.ao(&["stop"]).succeeds();
}

/// A host that cannot write goes on looking, says so once, and writes down what it found when it can. Files that may not
/// grow are as good as a full disk; commands have room of their own.
#[test]
fn a_full_disk_is_endured_and_nothing_is_lost() {
    let studio = Studio::new(Engine::Process);
    let ids = [studio.spawn(&["--agent", "sleeper"]), studio.spawn(&["--agent", "sleeper"])];
    // tidy: shell because a signal is to be ignored from the first moment on
    let mut command = studio.world.command("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" start", env!("CARGO_BIN_EXE_ao")]);
    let mut host = Foreground::spawn(&mut command);
    let mut follower = Follower::of(&studio.world);
    for id in &ids {
        follower.until_status(id, "working");
    }
    let before = host.limit_files(Some(1));
    let agent = studio.show(&ids[0])["session"]["runtime"]["child"]["pid"].as_u64().unwrap();
    kill_process(pid(u32::try_from(agent).unwrap()), Signal::KILL).unwrap();
    host.hears("nothing can be written down until this is mended");
    assert_eq!(studio.status(&ids[0]), "dead", "who asks sees it by himself");
    studio.world.ao(&["session", "kill", &ids[1]]).succeeds();
    assert_eq!(studio.status(&ids[1]), "killed");

    host.limit_files(before);
    host.hears("the state can be written again");
    let (reason, _) = follower.until_status(&ids[0], "dead");
    assert!(reason.contains("signal 9"), "{reason}");
    follower.until_status(&ids[1], "killed");
    is_told_once(&log(&studio));
    host.signal(Signal::TERM);
    assert_eq!(host.ends(), Some(0));
}

/// Each change of a status begins where the last one ended, and nobody exits twice. Returns what each session was told to
/// be last.
fn is_told_once(events: &[Value]) -> BTreeMap<String, String> {
    let sequences: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>(), "nothing is missing");
    let mut statuses: BTreeMap<String, String> = BTreeMap::new();
    let mut exited = BTreeSet::new();
    for event in events {
        let session = event["session"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap() {
            "session.status_changed" => {
                let to = event["data"]["to"].as_str().unwrap();
                let from = statuses.insert(session.clone(), to.to_owned());
                assert_eq!(event["data"]["from"].as_str(), from.as_deref(), "{event}");
                assert_ne!(from.as_deref(), Some(to), "told twice: {event}");
            }
            "runtime.exited" => assert!(exited.insert(session), "told twice: {event}"),
            _ => {}
        }
    }
    statuses
}

/// It is killed after so many events as chance says, which is in the middle of what it does about the next one.
#[test]
#[expect(clippy::disallowed_methods, reason = "how deep a test goes is the machine's choice")]
fn a_host_that_is_killed_at_any_moment_is_continued_by_the_next() {
    let rounds = if std::env::var("AO_DEEP").is_ok() { 100 } else { 5 };
    let studio = Studio::new(Engine::Process);
    let config =
        studio.config("").replacen("agents:\n", "agents:\n  short: { plugin: command, argv: [echo, done] }\n", 1);
    studio.write_config(&config);
    let mut follower = Follower::of(&studio.world);
    let chance = SeededRng::new(9);
    let mut ids = Vec::new();
    for _ in 0..rounds {
        let host = Detached::start(&studio.world);
        let mut bytes = [0; 2];
        chance.fill(&mut bytes);
        // Something that ends by itself, and something that is ended.
        let commands = [&["spawn", "--agent", "short"][..], &["spawn", "--agent", "sleeper"]];
        let commands = commands.map(|arguments| studio.world.start(arguments));
        for _ in 0..bytes[0] % 8 {
            follower.until("anything", |_| true);
        }
        host.signal(Signal::KILL);
        ids.extend(commands.map(|command| command.finish().succeeds().stdout().lines().last().unwrap().to_owned()));
        if bytes[1].is_multiple_of(2) {
            studio.world.ao(&["session", "kill", ids.last().unwrap()]).succeeds();
        }
    }
    let last_host = Detached::start(&studio.world);
    let last = |studio: &Studio| -> BTreeMap<String, String> {
        ids.iter().map(|id| (id.clone(), studio.status(id))).collect()
    };
    studio.wait("all short ones are done", || {
        last(&studio).values().all(|status| ["done", "killed", "ready"].contains(&status.as_str()))
    });
    studio.wait("it is told", || is_told_once(&log(&studio)) == last(&studio));
    // One more makes no difference.
    let before = log(&studio);
    drop(last_host);
    let host = Detached::start(&studio.world);
    studio.world.ao(&["stop"]).succeeds();
    drop(host);
    let after = log(&studio);
    let new: Vec<_> = after[before.len()..].iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(new, ["host.started", "host.stopped"]);
    assert_eq!(is_told_once(&after), last(&studio));
}
