//! The state is lost, wholly or in part: what is known comes back, and nothing of anybody's work is gone.

#![expect(clippy::disallowed_methods, reason = "tests lose files and kill processes on purpose")]

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::follower::Detached;
use crate::studio::{Engine, Studio, in_every_engine, marked};

fn lose_database(studio: &Studio) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", studio.places().state_db()));
    }
}

fn rebuild(studio: &Studio) -> Value {
    studio.world.ao(&["doctor", "--rebuild", "--json"]).succeeds().json()
}

fn adopted(view: &Value) -> BTreeSet<String> {
    view["adopted"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn ids(ids: &[&String]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).clone()).collect()
}

/// Ends everything of the installation at once, the terminal server too, as the end of its namespace would.
fn kill_everything(studio: &Studio) {
    let marker = format!("AO_SESSION_MARKER={}/", studio.places().owner().id);
    studio.wait("nothing runs any more", || {
        for pid in marked(&marker) {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        studio.processes().is_empty()
    });
}

in_every_engine! {
    /// Living agents, ended sessions and what is in the trash are all known again.
    fn a_deleted_database_is_rebuilt(engine: Engine) {
        let studio = Studio::new(engine);
        let alive = studio.listen("listener");
        let ended = studio.spawn(&["--agent", "sleeper"]);
        studio.world.ao(&["session", "kill", &ended]).succeeds();
        let trashed = studio.spawn(&["--agent", "sleeper"]);
        std::fs::write(studio.worktree(&trashed).join("work"), "of hours\n").unwrap();
        let place = studio.worktree(&trashed);
        studio.world.ao(&["session", "kill", "--cleanup", &trashed]).succeeds();
        let before: Vec<_> = [&alive, &ended, &trashed].iter().map(|id| studio.show(id)).collect();
        lose_database(&studio);
        let told = studio.world.ao(&["status"]).succeeds();
        assert!(told.stderr().contains("ao doctor --rebuild"), "{told}");

        let view = rebuild(&studio);
        assert_eq!(adopted(&view), ids(&[&alive, &ended, &trashed]), "{view}");
        assert_eq!(view["held"], 1, "{view}");
        for (id, before) in [&alive, &ended, &trashed].iter().zip(&before) {
            let now = studio.show(id);
            for fact in ["workspace", "agent", "end", "trash", "identity", "project_path", "created_at"] {
                let of = |view: &Value| match fact {
                    "agent" => view["session"][fact]["name"].clone(),
                    "workspace" => view["session"][fact]["path"].clone(),
                    _ => view["session"][fact].clone(),
                };
                assert_eq!(of(&now), of(before), "{fact} of {id}");
            }
        }
        assert_eq!(studio.show(&alive)["session"]["hold"]["reason"], "rebuild");
        assert_eq!(studio.status(&alive), "paused", "it lives, and waits for a word");
        assert_eq!(adopted(&rebuild(&studio)), BTreeSet::new(), "once is enough");
        studio.world.ao(&["trash", "restore", &trashed]).succeeds();
        assert_eq!(std::fs::read_to_string(place.join("work")).unwrap(), "of hours\n");

        studio.world.ao(&["session", "kill", &alive]).succeeds();
        studio.wait("nothing of it runs", || studio.processes().is_empty());
        let next = studio.spawn(&["--agent", "sleeper"]);
        assert_eq!(next, "app-4", "no id is given out twice");
    }

    /// Of the whole installation nothing is left but the repositories, the worktrees and what runs.
    fn without_any_record_there_are_still_refs_worktrees_and_agents(engine: Engine) {
        let studio = Studio::new(engine);
        let (alive, dead) = (studio.listen("listener"), studio.spawn(&["--agent", "sleeper"]));
        let told = studio.spawn(&["--prompt", "one\n"]);
        studio.wait_for_status(&told, "done");
        std::fs::write(studio.worktree(&dead).join("work"), "of hours\n").unwrap();
        let places = [studio.worktree(&alive), studio.worktree(&dead)];
        studio.world.ao(&["session", "kill", &dead]).succeeds();
        lose_database(&studio);
        for id in [&alive, &dead, &told] {
            std::fs::remove_file(studio.places().session_dir(&id.parse().unwrap()).join("session.json")).unwrap();
        }
        let view = rebuild(&studio);
        assert_eq!(adopted(&view), ids(&[&alive, &dead, &told]), "{view}");
        for (id, place) in [&alive, &dead].iter().zip(&places) {
            let shown = studio.show(id);
            assert_eq!(shown["session"]["workspace"]["path"].as_str(), Some(place.as_str()), "{shown}");
            assert_eq!(shown["session"]["workspace"]["branch"], format!("ao/{id}"), "{shown}");
        }
        assert_eq!(studio.show(&alive)["session"]["runtime"]["handle"]["session"], *alive);
        studio.world.ao(&["session", "kill", &alive]).succeeds();
        studio.wait("its agent is gone", || studio.processes().is_empty());
        studio.world.ao(&["session", "restore", &dead]).succeeds();
        assert_eq!(studio.status(&dead), "working");
        assert_eq!(studio.show(&dead)["session"]["hold"], Value::Null, "whoever brings it back has looked at it");
        studio.world.ao(&["session", "restore", &told]).succeeds();
        studio.wait_for_status(&told, "done");
        let work = std::fs::read_to_string(studio.worktree(&told).join("work.txt")).unwrap();
        assert_eq!(work, "one\none\n", "it is told again what it was told");
    }

    fn everything_that_died_at_once_comes_back(engine: Engine) {
        let studio = Studio::new(engine);
        let all: Vec<_> = (0..3).map(|_| studio.listen("listener")).collect();
        let done = studio.spawn(&["--prompt", "one\n"]);
        studio.wait_for_status(&done, "done");
        let killed = studio.spawn(&["--agent", "sleeper"]);
        studio.world.ao(&["session", "kill", &killed]).succeeds();
        for id in &all {
            std::fs::write(studio.worktree(id).join("work"), "of hours\n").unwrap();
        }
        kill_everything(&studio);
        studio.world.ao(&["session", "restore", "--all"]).succeeds();
        for id in &all {
            studio.wait("it reads again", || studio.world.ao(&["session", "logs", id]).stdout().contains("ready"));
            assert_eq!(studio.show(id)["session"]["runtime"]["launch"], 2);
            assert_eq!(std::fs::read_to_string(studio.worktree(id).join("work")).unwrap(), "of hours\n");
        }
        assert_eq!((studio.status(&done).as_str(), studio.status(&killed).as_str()), ("done", "killed"));
        let again = studio.world.ao(&["session", "restore", "--all"]).succeeds();
        assert!(again.stderr().contains("no agent has died"), "{again}");
    }
}

#[test]
fn a_damaged_database_is_set_aside_and_rebuilt() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--prompt", "one\n"]);
    studio.wait_for_status(&id, "done");
    let database = studio.places().state_db();
    let _ = std::fs::remove_file(format!("{database}-wal"));
    let damaged = b"not a database at all\n".repeat(500);
    std::fs::write(&database, &damaged).unwrap();
    let refused = studio.world.ao(&["spawn", "--agent", "sleeper"]);
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr().contains("ao doctor --rebuild"), "{refused}");
    assert_eq!(std::fs::read(&database).unwrap(), damaged, "nothing is touched before somebody says so");

    let view = rebuild(&studio);
    assert_eq!(adopted(&view), ids(&[&id]), "{view}");
    let aside: Utf8PathBuf = view["set_aside"].as_str().unwrap().into();
    assert!(aside.file_name().unwrap().starts_with("state.db.corrupt-"), "{aside}");
    assert_eq!(std::fs::read(&aside).unwrap(), damaged);
    assert_eq!(studio.status(&id), "done");
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let studio = Studio::new(Engine::Process);
    studio.spawn(&["--prompt", "one\n"]);
    let database = rusqlite::Connection::open(studio.places().state_db()).unwrap();
    database.pragma_update(None, "user_version", 4711).unwrap();
    drop(database);
    for arguments in [&["spawn", "--agent", "sleeper"][..], &["status"], &["doctor", "--rebuild"]] {
        let refused = studio.world.ao(arguments);
        assert_eq!(refused.code(), 78, "{refused}");
        assert!(refused.stderr().contains("newer version"), "{refused}");
    }
    let names: Vec<_> = studio.places().state().read_dir_utf8().unwrap().flatten().collect();
    assert!(names.iter().all(|entry| !entry.file_name().contains("corrupt")), "{names:?}");
}

#[test]
fn a_change_of_the_layout_that_was_killed_is_made_by_the_next_command() {
    for label in ["migrate.backup.before", "migrate.backup.after", "migrate.step.before", "migrate.step.after"] {
        let studio = Studio::new(Engine::Process);
        studio.places().ensure().unwrap();
        let database = rusqlite::Connection::open(studio.places().state_db()).unwrap();
        for step in [
            include_str!("../../ao-host/src/store/migrations/1.sql"),
            include_str!("../../ao-host/src/store/migrations/2.sql"),
        ] {
            database.execute_batch(step).unwrap();
        }
        database
            .execute_batch("INSERT INTO counters (prefix, last) VALUES ('app', 41); PRAGMA user_version = 2")
            .unwrap();
        drop(database);
        let run = studio.world.ao_with(&["trash", "list"], &[("AO_FAILPOINTS", &format!("{label}=kill"))]);
        assert_eq!(run.signal(), Some(9), "{label}: {run}");
        studio.world.ao(&["trash", "list"]).succeeds();
        assert_eq!(studio.spawn(&["--prompt", "one\n"]), "app-42", "after {label}");
        let copies = studio.places().state().join("backups").read_dir_utf8().unwrap().flatten();
        let copies: Vec<_> = copies.filter(|entry| entry.file_name().ends_with("-schema2.db")).collect();
        assert!(!copies.is_empty(), "after {label}");
    }
}

#[test]
fn the_database_is_copied_once_a_day() {
    let studio = Studio::new(Engine::Process);
    let copies = || {
        let copies = studio.places().state().join("backups").read_dir_utf8().into_iter().flatten().flatten();
        copies.filter(|entry| entry.file_name().ends_with("-daily.db")).count()
    };
    studio.spawn(&["--prompt", "one\n"]);
    studio.spawn(&["--prompt", "two\n"]);
    assert_eq!(copies(), 1);
}

#[test]
fn what_only_a_copy_of_the_database_knows_comes_from_there() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--prompt", "one\n"]);
    studio.wait_for_status(&id, "done");
    studio.world.ao(&["session", "kill", &id]).succeeds();
    let state = studio.places().state().to_owned();
    // The first command of a day makes the copy; here that was before there was a session.
    for entry in state.join("backups").read_dir_utf8().unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    studio.world.ao(&["gc", "--dry-run"]).succeeds();
    std::fs::remove_dir_all(state.join("sessions")).unwrap();
    lose_database(&studio);
    let view = rebuild(&studio);
    assert_eq!(adopted(&view), ids(&[&id]), "{view}");
    let shown = studio.show(&id);
    assert_eq!(shown["session"]["end"]["reason"], "killed by `ao session kill`", "{shown}");
}

/// The repository alone has the sessions, and what they have committed.
#[test]
fn a_deleted_state_directory_leaves_what_is_committed() {
    let studio = Studio::new(Engine::Process);
    let (worked, gone) = (studio.spawn(&["--prompt", "one\n"]), studio.spawn(&["--prompt", "two\n"]));
    for id in [&worked, &gone] {
        studio.wait_for_status(id, "done");
    }
    studio.wait("nothing of them runs", || studio.processes().is_empty());
    let place = studio.worktree(&worked);
    std::fs::remove_dir_all(studio.places().state()).unwrap();
    studio.git(&["worktree", "prune"]);
    studio.git(&["branch", "--quiet", "-D", &format!("ao/{gone}")]);

    let view = rebuild(&studio);
    assert_eq!(adopted(&view), ids(&[&worked]), "{view}");
    assert!(view["left"].to_string().contains(&format!("`{gone}`")), "{view}");
    assert_eq!(studio.status(&worked), "orphaned");
    studio.world.ao(&["session", "restore", &worked, "--prompt", "more\n"]).succeeds();
    studio.wait_for_status(&worked, "done");
    assert_eq!(std::fs::read_to_string(place.join("work.txt")).unwrap(), "one\nmore\n");
    assert_eq!(studio.spawn(&["--prompt", "three\n"]), "app-3", "{gone} was somebody");
}

#[test]
fn a_worktree_of_nobody_is_shown_and_never_removed() {
    let studio = Studio::new(Engine::Process);
    let place = studio.places().worktree(&"app".parse().unwrap(), &"app-7".parse().unwrap());
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    studio.git(&["worktree", "add", "--quiet", "-b", "found", place.as_str()]);
    std::fs::write(place.join("work"), "of hours\n").unwrap();
    assert_eq!(adopted(&rebuild(&studio)), BTreeSet::from(["app-7".to_owned()]));
    assert_eq!(studio.status("app-7"), "orphaned");
    studio.world.ao(&["gc"]).succeeds();
    assert_eq!(std::fs::read_to_string(place.join("work")).unwrap(), "of hours\n");
    assert_eq!(studio.spawn(&["--prompt", "one\n"]), "app-8");
}

#[test]
fn a_host_does_not_run_meanwhile_and_serves_what_came_back() {
    let studio = Studio::new(Engine::Process);
    let id = studio.listen("listener");
    let host = Detached::start(&studio.world);
    let refused = studio.world.ao(&["doctor", "--rebuild"]);
    assert_eq!(refused.code(), 75, "{refused}");
    assert!(refused.stderr().contains("ao stop"), "{refused}");
    studio.world.ao(&["stop"]).succeeds();
    drop(host);
    lose_database(&studio);
    assert_eq!(adopted(&rebuild(&studio)), ids(&[&id]));
    let _host = Detached::start(&studio.world);
    studio.wait("the host has looked", || studio.show(&id)["session"]["runtime"]["plugin"].is_object());
    assert_eq!(studio.show(&id)["session"]["hold"]["reason"], "rebuild", "only a human lifts it");
    assert_eq!(studio.status(&id), "paused");
    studio.world.ao(&["stop"]).succeeds();
}

#[test]
fn a_killed_rebuild_is_done_again() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--prompt", "one\n"]);
    studio.wait_for_status(&id, "done");
    let before = studio.show(&id);
    lose_database(&studio);
    for label in ["migrate.step.before", "migrate.step.after"] {
        let failpoint = format!("{label}=kill");
        let run = studio.world.ao_with(&["doctor", "--rebuild"], &[("AO_FAILPOINTS", &failpoint)]);
        assert_eq!(run.signal(), Some(9), "{run}");
        lose_database(&studio);
    }
    assert_eq!(adopted(&rebuild(&studio)), ids(&[&id]));
    assert_eq!(studio.show(&id)["session"]["workspace"], before["session"]["workspace"]);
}

fn worktree_outside(studio: &Studio, branch: &str) -> Utf8PathBuf {
    let path = studio.world.path("mine");
    studio.git(&["worktree", "add", "--quiet", "-b", branch, path.as_str()]);
    std::fs::write(path.join("work"), "of hours\n").unwrap();
    path
}

fn is_kept(path: &Utf8Path) {
    assert_eq!(std::fs::read_to_string(path.join("work")).unwrap(), "of hours\n");
}

#[test]
fn somebodys_worktree_is_taken_in_where_it_stands() {
    let studio = Studio::new(Engine::Process);
    let path = worktree_outside(&studio, "mine");
    let taken = studio.world.ao(&["adopt", path.as_str()]).succeeds();
    assert_eq!(taken.stdout(), "app-1\n", "{taken}");
    assert_eq!(studio.status("app-1"), "idle");
    assert!(studio.git(&["for-each-ref", "--format=%(refname)", "refs/ao/sessions"]).contains("app-1"));
    let shown = studio.show("app-1");
    assert_eq!(shown["session"]["workspace"]["branch"], "mine", "{shown}");
    let events = studio.world.ao(&["events", "--session", "app-1"]).succeeds().stdout();
    assert!(events.contains("session.adopted"), "{events}");
    let again = studio.world.ao(&["adopt", path.as_str()]);
    assert_eq!((again.code(), again.stderr().contains("`app-1` already")), (1, true), "{again}");

    studio.world.ao(&["session", "restore", "app-1", "--prompt", "one\n"]).succeeds();
    studio.wait_for_status("app-1", "done");
    assert!(path.join("work.txt").exists(), "its agent works there");
    studio.world.ao(&["session", "kill", "app-1"]).succeeds();
    let stays = studio.world.ao(&["session", "cleanup", "app-1"]);
    assert!(stays.stdout().contains("was not made by `ao`"), "{stays}");
    is_kept(&path);
}

#[test]
fn a_branch_gets_a_worktree_and_its_agent_may_begin() {
    let studio = Studio::new(Engine::Process);
    studio.git(&["branch", "feature"]);
    let taken = studio.world.json(&["adopt", "feature", "--start", "--prompt", "one\n"]);
    let id = taken["session"]["id"].as_str().unwrap().to_owned();
    studio.wait_for_status(&id, "done");
    assert_eq!(taken["session"]["branch"], "feature");
    assert!(studio.worktree(&id).starts_with(studio.places().state()));
    assert!(studio.git(&["log", "--format=%s", "feature"]).starts_with("one\n"));
    let refused = studio.world.ao(&["adopt", "nosuch"]);
    assert!(refused.stderr().contains("neither a directory"), "{refused}");
    assert_eq!(studio.git(&["branch", "--list", "nosuch"]), "");
}

#[test]
fn what_cannot_be_a_session_is_refused_with_a_reason() {
    let studio = Studio::new(Engine::Process);
    let path = worktree_outside(&studio, "mine");
    let own = studio.world.ao(&["adopt", "."]);
    assert!(own.stderr().contains("own checkout"), "{own}");
    studio.git(&["-C", path.as_str(), "checkout", "--quiet", "--detach"]);
    let detached = studio.world.ao(&["adopt", path.as_str()]);
    assert!(detached.stderr().contains("stands on no branch"), "{detached}");
    let home = studio.world.path("home");
    let nothing = studio.world.ao(&["adopt", home.as_str()]);
    assert!(nothing.stderr().contains("is no worktree"), "{nothing}");
    assert_eq!(studio.world.json(&["status", "--all"])["sessions"], Value::Array(Vec::new()));
    is_kept(&path);
}

#[test]
fn an_interrupted_adoption_is_undone_and_the_worktree_stays() {
    let studio = Studio::new(Engine::Process);
    let path = worktree_outside(&studio, "mine");
    for label in ["spawn.reserve_id.before", "spawn.write_identity_ref.before", "spawn.write_identity_ref.after"] {
        let failpoint = format!("{label}=kill");
        let run = studio.world.ao_with(&["adopt", path.as_str()], &[("AO_FAILPOINTS", &failpoint)]);
        assert_eq!(run.signal(), Some(9), "{label}: {run}");
        studio.world.ao(&["trash", "list"]).succeeds();
        is_kept(&path);
        assert_eq!(studio.git(&["for-each-ref", "refs/ao/sessions"]), "", "after {label}");
    }
    studio.world.ao(&["adopt", path.as_str()]).succeeds();
}
