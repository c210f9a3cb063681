//! The program killed at every step: the next command brings to an end what was left half done.

use serde_json::Value;

use crate::studio::{Engine, Studio, heard, in_every_engine, said};

/// The number of the signal that ends the program at a failpoint.
const KILLED: i32 = 9;

/// Runs `ao` up to a failpoint.
fn die_at(studio: &Studio, label: &str, arguments: &[&str]) {
    let run = studio.world.ao_with(arguments, &[("AO_FAILPOINTS", &format!("{label}=kill"))]);
    assert_eq!(run.signal(), Some(KILLED), "the program does not pass `{label}`: {run}");
}

fn labels(steps: &[&str]) -> Vec<String> {
    steps.iter().flat_map(|step| [format!("{step}.before"), format!("{step}.after")]).collect()
}

/// The levels of a session's messages, oldest first.
fn levels(studio: &Studio, id: &str) -> Vec<String> {
    let store = rusqlite::Connection::open(studio.places().state_db()).unwrap();
    let mut select = store.prepare("SELECT level FROM messages WHERE session = ? ORDER BY sequence").unwrap();
    select.query_map([id], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The steps of a message's delivery.
const SEND: [&str; 5] = ["send.intent_write", "send.load_buffer", "send.paste", "send.enter", "send.ack_write"];

/// An agent with a composer and a record of its own gets every message once, wherever its sender was killed; the next
/// command that sends, or a pass of the host, brings it there.
fn every_message_arrives_once(engine: Engine) {
    let studio = Studio::new(engine);
    let id = studio.listen("prompter");
    let mut told = Vec::new();
    for label in labels(&SEND) {
        die_at(&studio, &label, &["send", &id, &format!("message {label}")]);
        let is_stored = label != "send.intent_write.before";
        told.extend(is_stored.then(|| format!("message {label}")));
        if label.ends_with("before") {
            studio.world.ao(&["status", "--refresh"]).succeeds();
        } else {
            studio.world.ao(&["send", &id, "next"]).succeeds();
            told.push("next".to_owned());
        }
        assert_eq!(studio.show(&id)["session"]["op"], Value::Null, "after {label}");
        assert_eq!(said(&studio, &id), told, "after {label}");
        assert_eq!(levels(&studio, &id), vec!["acked"; told.len()], "after {label}");
    }
}

#[test]
fn every_message_arrives_once_in_a_pty() {
    every_message_arrives_once(Engine::Pty);
}

#[test]
fn tmux_every_message_arrives_once() {
    if Engine::Tmux.is_here("crash::tmux_every_message_arrives_once") {
        every_message_arrives_once(Engine::Tmux);
    }
}

fn last_id(studio: &Studio) -> Option<String> {
    let list = studio.world.json(&["session", "list"]);
    list["sessions"].as_array().unwrap().last().map(|row| row["id"].as_str().unwrap().to_owned())
}

in_every_engine! {
    /// Nothing is left but the row, which says where it stopped.
    fn before_the_launch_a_spawn_is_undone(engine: Engine) {
        let studio = Studio::new(engine);
        studio.configure("    postCreate: [[sh, -c, \"exit 0\"]]\n");
        let before = studio.traces();
        let steps = ["reserve_id", "write_identity_ref", "worktree_add", "post_create", "write_launch_files"];
        let steps: Vec<_> = steps.iter().map(|step| format!("spawn.{step}")).collect();
        let mut labels = labels(&steps.iter().map(String::as_str).collect::<Vec<_>>());
        labels.push("spawn.runtime_create.before".to_owned());
        let mut rows = 0;
        for label in labels {
            die_at(&studio, &label, &["spawn", "--prompt", "x"]);
            let next = studio.world.ao(&["status", "--refresh"]).succeeds();
            assert_eq!(studio.traces(), before, "after {label}: {next}");
            if label == "spawn.reserve_id.before" {
                assert_eq!(last_id(&studio), None, "nothing had happened");
                continue;
            }
            rows += 1;
            let id = last_id(&studio).unwrap();
            assert_eq!(id, format!("app-{rows}"), "after {label}");
            assert_eq!(studio.status(&id), "errored", "after {label}");
            let failed = &studio.show(&id)["session"]["failure"];
            let step = label.split('.').nth(1).unwrap();
            // A step is written down when it begins, so between two of them the former one is the last known.
            assert_eq!(failed["step"], step, "after {label}: {failed}");
            assert_eq!(studio.show(&id)["session"]["op"], Value::Null);
        }
        let id = studio.spawn(&["--prompt", "x"]);
        studio.wait_for_status(&id, "done");
    }

    /// The agent lives: it is listed, and can be ended.
    fn after_the_launch_a_spawn_goes_on(engine: Engine) {
        let studio = Studio::new(engine);
        for label in ["spawn.runtime_create.after", "spawn.first_prompt.before", "spawn.first_prompt.after"] {
            die_at(&studio, label, &["spawn", "--agent", "listener", "--prompt", "do it"]);
            studio.world.ao(&["status", "--refresh"]).succeeds();
            let id = last_id(&studio).unwrap();
            let shown = studio.show(&id);
            assert_eq!(shown["session"]["op"], Value::Null, "after {label}");
            let status = shown["status"]["name"].as_str().unwrap();
            assert!(["working", "ready"].contains(&status), "after {label}: {status}");
            let delivery = shown["session"]["prompt"]["delivery"].as_str().unwrap();
            let wanted = if label == "spawn.first_prompt.after" { "unconfirmed" } else { "failed" };
            assert_eq!(delivery, wanted, "after {label}");
            let worktree = studio.worktree(&id);
            // It is not lost: the user can send it, and it arrives once.
            studio.world.ao(&["send", &id, "the end"]).succeeds();
            studio.wait("it is heard", || heard(&worktree).ends_with(b"the end\n") || heard(&worktree).ends_with(b"the end\r"));
            let read = String::from_utf8(heard(&worktree)).unwrap();
            assert_eq!(read.matches("do it").count(), usize::from(wanted == "unconfirmed"), "after {label}: {read}");
            studio.world.ao(&["session", "kill", &id]).succeeds();
            assert_eq!(studio.status(&id), "killed");
        }
        assert!(studio.processes().is_empty());
    }

    /// With a prompt that the launch itself hands over there is nothing left to do.
    fn a_launch_that_was_not_written_down_is_found(engine: Engine) {
        let studio = Studio::new(engine);
        let sleeper = studio.config("").replace("argv: [sleep, \"1000000\"]", "argv: [sh, -c, \"exec sleep 1000000\", \"{prompt}\"]");
        studio.write_config(&sleeper);
        die_at(&studio, "spawn.runtime_create.launched", &["spawn", "--agent", "sleeper", "--prompt", "x"]);
        assert_eq!(studio.show("app-1")["session"]["runtime"], Value::Null, "the launch is not written down");
        studio.world.ao(&["status", "--refresh"]).succeeds();
        // One that has said nothing for a while is ready.
        assert!(["working", "ready"].contains(&studio.status("app-1").as_str()));
        assert_eq!(studio.show("app-1")["session"]["prompt"]["delivery"], "submitted");
        studio.world.ao(&["session", "kill", "app-1"]).succeeds();
        assert!(studio.processes().is_empty());
    }

    /// Each message ends somewhere, and none arrives twice: what was begun is never repeated, and what was not goes on.
    fn a_message_is_never_sent_twice(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        let worktree = studio.worktree(&id);
        let mut ended = Vec::new();
        for label in labels(&SEND) {
            die_at(&studio, &label, &["send", &id, &format!("[{label}]")]);
            studio.world.ao(&["status", "--refresh"]).succeeds();
            assert_eq!(studio.show(&id)["session"]["op"], Value::Null, "after {label}");
            if label != "send.intent_write.before" {
                ended.push("unconfirmed");
            }
            assert_eq!(levels(&studio, &id), ended, "after {label}");
        }
        studio.world.ao(&["send", &id, "the end"]).succeeds();
        studio.wait("the last one is heard", || String::from_utf8(heard(&worktree)).unwrap().contains("the end"));
        let read = String::from_utf8(heard(&worktree)).unwrap();
        for label in labels(&SEND) {
            let wanted = usize::from(label != "send.intent_write.before");
            assert_eq!(read.matches(&format!("[{label}]")).count(), wanted, "{label}: {read}");
        }
    }

    /// A kill that was interrupted can be asked for again.
    fn a_kill_is_repeated(engine: Engine) {
        let studio = Studio::new(engine);
        for label in labels(&["kill.signal_tree", "kill.verify_gone"]) {
            let id = studio.spawn(&["--agent", "sleeper"]);
            die_at(&studio, &label, &["session", "kill", &id]);
            studio.world.ao(&["status", "--refresh"]).succeeds();
            assert_eq!(studio.show(&id)["session"]["op"], Value::Null, "after {label}");
            let alive = label == "kill.signal_tree.before";
            // One that has said nothing for a while is ready.
            let wanted: &[&str] = if alive { &["working", "ready"] } else { &["dead"] };
            assert!(wanted.contains(&studio.status(&id).as_str()), "after {label}");
            studio.world.ao(&["session", "kill", &id]).succeeds();
            assert_eq!(studio.status(&id), "killed", "after {label}");
            assert!(studio.processes().is_empty(), "after {label}");
            assert_eq!(studio.world.ao(&["session", "logs", &id]).code(), 0, "after {label}");
        }
    }

    /// The agent's settings are not needed to find an agent, nor to undo a spawn.
    fn a_configuration_that_is_not_trusted_any_more_loses_nothing(engine: Engine) {
        let studio = Studio::new(engine);
        let config = studio.config("");
        die_at(&studio, "spawn.runtime_create.after", &["spawn", "--agent", "listener", "--prompt", "do it"]);
        studio.world.file("app/agent-orchestrator.yaml", format!("{config}# changed\n"));
        let next = studio.world.ao(&["status", "--refresh"]).succeeds();
        assert!(next.stderr().contains("it goes on") && next.stderr().contains("ao send --file"), "{next}");
        studio.world.ao(&["session", "kill", "app-1"]).succeeds();

        studio.write_config(&config);
        let before = studio.traces();
        die_at(&studio, "spawn.write_launch_files.after", &["spawn", "--agent", "listener"]);
        assert_ne!(studio.traces(), before);
        fs_err::remove_file(studio.world.path("app/agent-orchestrator.yaml")).unwrap();
        let kill = studio.world.ao(&["session", "kill", "app-2"]);
        assert_eq!(kill.code(), 0, "there is nothing to end any more, and it is put aside: {kill}");
        assert!(kill.stderr().contains("`app-2`: its spawn was interrupted and has been undone"), "{kill}");
        assert_eq!(studio.traces(), before);
        assert!(!kill.stderr().contains("its work is in"), "{kill}");
        assert_eq!(studio.status("app-2"), "killed");
        assert!(studio.show("app-2")["session"]["failure"].is_object(), "why it failed is still known");
    }
}
