//! Work is never lost: what is cleaned up is in the trash and comes back byte for byte, wherever the program was killed.

#![expect(clippy::disallowed_methods, reason = "tests lose directories on purpose")]

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::states::{Manifest, manifest};
use crate::studio::{Engine, Studio, heard, in_every_engine};

const KILLED: i32 = 9;

/// Leaves work of every kind in a session's worktree.
fn work_in(studio: &Studio, id: &str) -> Manifest {
    let worktree = studio.worktree(id);
    std::fs::write(worktree.join(".gitignore"), "*.ignored\n").unwrap();
    std::fs::write(worktree.join("tests.sh"), "changed\r\n").unwrap();
    std::fs::create_dir(worktree.join("new")).unwrap();
    std::fs::write(worktree.join("new/file"), [0, 159, 146, 150]).unwrap();
    std::fs::write(worktree.join("cache.ignored"), "built\n").unwrap();
    manifest(worktree.as_std_path())
}

fn items(studio: &Studio) -> Vec<Value> {
    studio.world.json(&["trash", "list"])["items"].as_array().unwrap().clone()
}

fn die_at(studio: &Studio, label: &str, arguments: &[&str]) {
    let run = studio.world.ao_with(arguments, &[("AO_FAILPOINTS", &format!("{label}=kill"))]);
    assert_eq!(run.signal(), Some(KILLED), "the program does not pass `{label}`: {run}");
}

in_every_engine! {
    /// Into the trash and back, agent and all.
    fn a_session_is_cleaned_up_and_brought_back(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        let files = work_in(&studio, &id);
        let worktree = studio.worktree(&id);
        let refused = studio.world.ao(&["session", "cleanup", &id]);
        assert_eq!(refused.code(), 1, "{refused}");
        assert!(refused.stdout().contains("has not ended"), "{refused}");

        studio.world.ao(&["session", "kill", "--cleanup", &id]).succeeds();
        assert!(!worktree.exists());
        assert_eq!(studio.status(&id), "killed");
        let [item] = items(&studio).try_into().expect("one item");
        assert_eq!((item["session"].as_str(), item["state"].as_str()), (Some(id.as_str()), Some("stored")));
        assert!(studio.world.ao(&["trash", "show", &id]).succeeds().stdout().contains("refs/ao/trash/"));

        studio.world.ao(&["session", "restore", &id]).succeeds();
        studio.wait("the agent reads again", || {
            studio.world.ao(&["session", "logs", &id]).stdout().contains("ready")
        });
        let mut now = manifest(worktree.as_std_path());
        now.retain(|path, _| path != b"heard");
        let mut before = files;
        before.retain(|path, _| path != b"heard");
        assert_eq!(now, before);
        assert_eq!(items(&studio), Vec::<Value>::new());
        let shown = studio.show(&id);
        assert_eq!(shown["session"]["runtime"]["launch"], 2, "{shown}");
        assert!(["ready", "working", "idle"].contains(&studio.status(&id).as_str()), "{shown}");
        studio.world.ao(&["send", &id, "still there?"]).succeeds();
        studio.wait("it hears", || heard(&worktree).windows(12).any(|part| part == b"still there?"));
        let again = studio.world.ao(&["session", "restore", &id]);
        assert!(again.stderr().contains("has not ended"), "{again}");
    }

    /// Killed at every step, the next command ends what was begun, and nothing is missing.
    fn a_clean_up_that_was_killed_is_finished(engine: Engine) {
        let studio = Studio::new(engine);
        let steps = ["pin_refs", "snapshot", "rename", "branch_delete"];
        let mut labels: Vec<_> =
            steps.iter().flat_map(|step| [format!("cleanup.{step}.before"), format!("cleanup.{step}.after")]).collect();
        labels.push("cleanup.rename.moved".to_owned());
        for label in labels {
            let id = studio.spawn(&["--agent", "sleeper"]);
            let (files, worktree) = (work_in(&studio, &id), studio.worktree(&id));
            studio.world.ao(&["session", "kill", &id]).succeeds();
            die_at(&studio, &label, &["session", "cleanup", &id]);
            let held = items(&studio);
            assert_eq!(held.len(), 1, "after {label}: {held:?}");
            assert_eq!(held[0]["state"], "stored", "after {label}: {held:?}");
            assert!(!worktree.exists(), "after {label}");
            studio.world.ao(&["trash", "restore", &id]).succeeds();
            assert_eq!(manifest(worktree.as_std_path()), files, "after {label}");
            assert_eq!(studio.show(&id)["session"]["op"], Value::Null, "after {label}");
            let git = studio.world.command("git").arg("-C").arg(&worktree).args(["status", "--porcelain"]).output();
            assert!(git.unwrap().status.success(), "git works there after {label}");
        }
    }

    /// Killed while it comes back, it is over or alive, never half of each, and can be asked for again.
    fn a_restore_that_was_killed_is_asked_for_again(engine: Engine) {
        let studio = Studio::new(engine);
        for label in ["restore.moved", "restore.relaunch.before", "restore.relaunch.launched", "restore.relaunch.after"] {
            let id = studio.spawn(&["--agent", "sleeper"]);
            let (files, worktree) = (work_in(&studio, &id), studio.worktree(&id));
            studio.world.ao(&["session", "kill", "--cleanup", &id]).succeeds();
            die_at(&studio, label, &["session", "restore", &id]);
            studio.world.ao(&["trash", "list"]).succeeds();
            if studio.status(&id) == "killed" {
                studio.world.ao(&["session", "restore", &id]).succeeds();
            }
            assert_eq!(studio.status(&id), "working", "after {label}");
            assert_eq!(manifest(worktree.as_std_path()), files, "after {label}");
            assert_eq!(studio.show(&id)["session"]["runtime"]["launch"], 2, "after {label}");
            studio.world.ao(&["session", "kill", &id]).succeeds();
            studio.wait("nothing of it runs", || studio.processes().is_empty());
        }
    }
}

#[test]
fn only_what_is_merged_goes_by_itself() {
    let studio = Studio::new(Engine::Process);
    let (merged, unmerged) = (studio.spawn(&["--prompt", "one\n"]), studio.spawn(&["--prompt", "two\n"]));
    let (dirty, alive) = (studio.spawn(&["--prompt", "three\n"]), studio.spawn(&["--agent", "sleeper"]));
    for id in [&merged, &unmerged, &dirty] {
        studio.wait_for_status(id, "done");
        studio.world.ao(&["session", "kill", id]).succeeds();
    }
    studio.git(&["merge", "--quiet", &format!("ao/{merged}")]);
    studio.git(&["branch", "--quiet", "--force", &format!("ao/{dirty}-copy"), "main"]);
    std::fs::write(studio.worktree(&dirty).join("left"), "x").unwrap();

    let plan = studio.world.json(&["session", "cleanup", "--dry-run"]);
    let told: BTreeMap<_, _> = plan["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["session"].as_str().unwrap().to_owned(), one["action"].as_str().unwrap().to_owned()))
        .collect();
    let wanted = [(&merged, "trash"), (&unmerged, "stay"), (&dirty, "stay")];
    assert_eq!(told, wanted.map(|(id, action)| (id.clone(), action.to_owned())).into());
    assert!(studio.worktree(&merged).exists(), "a dry run moves nothing");

    let done = studio.world.ao(&["gc"]).succeeds().stdout();
    assert!(done.contains(&format!("{unmerged}: stays: a commit in it is not merged")), "{done}");
    assert!(done.contains(&format!("{dirty}: stays: a file in it is not committed")), "{done}");
    assert!(!studio.worktree(&merged).exists());
    let branches = studio.git(&["branch", "--format=%(refname:short)"]);
    assert!(!branches.contains(&format!("ao/{merged}\n")), "its branch is merged and ours: {branches}");
    for id in [&unmerged, &dirty, &alive] {
        assert!(studio.worktree(id).exists(), "{id}");
    }
    studio.world.ao(&["trash", "restore", &merged]).succeeds();
    assert!(studio.git(&["branch", "--format=%(refname:short)"]).contains(&format!("ao/{merged}\n")));
}

#[test]
fn a_worktree_that_somebody_deleted_comes_back_with_its_commits() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--prompt", "one\n"]);
    studio.wait_for_status(&id, "done");
    let worktree = studio.worktree(&id);
    std::fs::remove_dir_all(&worktree).unwrap();
    studio.world.ao(&["session", "restore", &id]).succeeds();
    assert_eq!(std::fs::read_to_string(worktree.join("work.txt")).unwrap().lines().next(), Some("one"));
}

#[test]
fn what_is_let_go_is_gone_and_said_before() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--agent", "sleeper"]);
    work_in(&studio, &id);
    studio.world.ao(&["session", "kill", "--cleanup", &id]).succeeds();
    let place: Utf8PathBuf = items(&studio)[0]["place"].as_str().unwrap().into();
    let nothing = studio.world.ao(&["trash", "empty"]).succeeds();
    assert_eq!(nothing.stdout(), "nothing is due\n");
    let plan = studio.world.ao(&["trash", "empty", "--all", "--dry-run"]).succeeds();
    assert!(plan.stdout().contains("would go"), "{plan}");
    assert!(place.exists());

    die_at(&studio, "trash.expire.before", &["trash", "empty", &id]);
    assert!(place.exists());
    die_at(&studio, "trash.expire.after", &["trash", "empty", &id]);
    assert!(!place.exists());
    assert_eq!(items(&studio), Vec::<Value>::new());
    assert_eq!(studio.git(&["for-each-ref", "refs/ao/trash"]), "");
    let late = studio.world.ao(&["trash", "restore", &id]);
    assert_eq!(late.code(), 1, "{late}");
    assert!(late.stderr().contains("there is no `app-1` in the trash"), "{late}");
}

#[test]
fn the_trash_keeps_what_the_configuration_says() {
    let studio = Studio::new(Engine::Process);
    let text = |limits: &str| format!("{}trash: {{ {limits} }}\n", studio.config(""));
    studio.write_config(&text("quota: 1GiB"));
    let put_away = || {
        let id = studio.spawn(&["--agent", "sleeper"]);
        work_in(&studio, &id);
        studio.world.ao(&["session", "kill", "--cleanup", &id]).succeeds();
        id
    };
    let (first, second) = (put_away(), put_away());
    let states = || items(&studio).iter().map(|item| item["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(studio.world.json(&["trash", "list"])["quota"], 1 << 30);

    // What nobody has agreed to, or what cannot be read, lets nothing go.
    studio.world.file("app/agent-orchestrator.yaml", text("quota: 1B"));
    assert_eq!(studio.world.ao(&["trash", "empty"]).succeeds().stdout(), "nothing is due\n");
    studio.world.file("app/agent-orchestrator.yaml", text("quota: 1 byte"));
    let unclear = studio.world.ao(&["gc"]).succeeds();
    assert!(unclear.stderr().contains("nothing goes by itself"), "{unclear}");
    assert_eq!(states(), ["stored", "stored"]);

    // One thing with each command that changes something, the oldest first; a host lets go the rest.
    studio.write_config(&text("keepDays: 90, quota: 1B"));
    let spawned = studio.world.ao(&["spawn", "--agent", "sleeper"]).succeeds();
    assert!(
        spawned.stderr().contains(&format!("{first}: the worktree (its commits and saved files stay) went")),
        "{spawned}"
    );
    assert_eq!(states(), ["emptied", "stored"]);
    studio.world.ao(&["start", "--once"]).succeeds();
    assert_eq!(states(), ["emptied", "emptied"]);
    let left = studio.world.json(&["trash", "show", &second]);
    let (moved, goes) = (&left["item"]["at"], &left["expires_at"]);
    let days = |time: &Value| time.as_str().unwrap().parse::<ao_core::model::Timestamp>().unwrap().as_millis();
    assert_eq!(days(goes) - days(moved), 90 * 24 * 3_600_000);
    studio.world.ao(&["trash", "restore", &first]).succeeds();
    assert_eq!(std::fs::read(studio.worktree(&first).join("new/file")).unwrap(), [0, 159, 146, 150]);
}
