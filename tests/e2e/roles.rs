//! Sessions that are there for other sessions' work: they take it over, or review it.

use serde_json::Value;

use crate::forge::local;
use crate::studio::Studio;

/// A session that has opened pull request #1.
fn author(studio: &Studio) -> String {
    studio.world.ao(&["issue", "new", "Add a feature"]).succeeds();
    let id = studio.spawn(&["1"]);
    studio.wait("the pull request is known", || {
        studio.world.ao(&["reconcile"]);
        studio.show(&id)["session"].get("pull").is_some()
    });
    id
}

/// A session's pull request, and the branch that its worktree stands on.
fn has(studio: &Studio, id: &str) -> (Option<u64>, String) {
    let number = studio.show(id)["session"]["pull"]["snapshot"]["pull"]["number"].as_u64();
    let head = studio.git(&["-C", studio.worktree(id).as_str(), "symbolic-ref", "--short", "HEAD"]);
    (number, head.trim().to_owned())
}

fn had(number: u64, branch: &str) -> (Option<u64>, String) {
    (Some(number), branch.to_owned())
}

#[test]
fn a_pull_request_goes_from_one_session_to_another_and_has_one_owner() {
    let studio = local();
    let one = author(&studio);
    assert_eq!(has(&studio, &one), had(1, "ao/app-1"));
    let two = studio.spawn(&["--agent", "author", "--prompt", "stay"]);
    studio.wait("the second agent is done", || studio.world.ao(&["session", "logs", &two]).stdout().contains("ready"));

    let notes = studio.worktree(&two).join("notes.txt");
    ao_host::world::files::write_atomic(&notes, b"mine\n", 0o600).unwrap();
    let refused = studio.world.ao(&["session", "claim-pr", "1", &two]);
    assert!(refused.code() == 1 && refused.stderr().contains("are not committed"), "{refused}");
    assert_eq!(has(&studio, &one), had(1, "ao/app-1"), "nothing has moved");
    fs_err::remove_file(notes).unwrap();

    let claimed = studio.world.ao_with(&["session", "claim-pr", "1"], &[("AO_SESSION_ID", &two)]).succeeds();
    assert_eq!(claimed.stdout(), "app-2 has #1, and stands on ao/app-1\n");
    assert!(claimed.stderr().contains("`app-1` has #1 no more"), "{claimed}");
    assert_eq!(has(&studio, &two), had(1, "ao/app-1"));
    assert_eq!(has(&studio, &one), (None, "ao/app-1-former-1".to_owned()));
    studio.world.ao(&["reconcile"]);
    assert_eq!(has(&studio, &one).0, None, "it is not found on its branch again");
    let events = studio.world.ao(&["events", "--session", &one, "--type", "pr.lost", "--json"]).stdout();
    assert!(events.contains(r#""by":"app-2""#), "{events}");

    let three = studio.spawn(&["--agent", "author", "--prompt", "stay", "--claim-pr", "1"]);
    assert_eq!((has(&studio, &three), has(&studio, &two).0), (had(1, "ao/app-1"), None));
    let elsewhere = studio.world.ao(&["session", "claim-pr", "9", &three]);
    assert_eq!(elsewhere.code(), 1, "{elsewhere}");
    let shown: Value = studio.world.json(&["pr", "show", "1"]);
    assert_eq!(shown["session"], three.as_str(), "{shown}");
}

/// Looks at where it stands, tries to approve and to merge, and asks for changes.
const REVIEWER: &str = r#"ao=$1
git rev-parse HEAD > "$2/head"
"$ao" pr review 1 --approve > tried 2>&1; echo "exit $?" >> tried
"$ao" pr merge 1 --anyway >> tried 2>&1; echo "exit $?" >> tried
"$ao" pr review 1 --request-changes -m "Say good." >> tried 2>&1
mv tried "$2/tried"
exec sleep 1000000
"#;

#[test]
fn a_reviewer_stands_at_the_head_and_may_ask_for_changes_and_no_more() {
    let studio = local();
    studio.world.file("reviewer.sh", REVIEWER);
    let one = author(&studio);
    let (script, root) = (studio.world.path("reviewer.sh"), studio.world.path(""));
    let argv = serde_json::json!(["sh", script.as_str(), env!("CARGO_BIN_EXE_ao"), root.as_str()]);
    let text = fs_err::read_to_string(studio.world.path("app/agent-orchestrator.yaml")).unwrap();
    let agents = format!("\nagents:\n  reviewer: {{ plugin: command, argv: {argv} }}\n");
    studio.write_config(&text.replace("\nagents:\n", &agents));

    let spawned = studio.world.ao(&["session", "review", &one, "--agent", "reviewer"]).succeeds();
    let id = spawned.stdout().lines().last().unwrap().to_owned();
    let session = studio.show(&id)["session"].clone();
    assert_eq!((&session["role"], &session["parent"]), (&"reviewer".into(), &one.as_str().into()), "{session}");
    let prompt = fs_err::read_to_string(session["prompt"]["file"].as_str().unwrap()).unwrap();
    assert!(prompt.starts_with("Review the pull request #1.") && prompt.contains("You cannot approve"), "{prompt}");

    let tried = studio.world.path("tried");
    studio.wait("the reviewer has tried", || tried.exists());
    let tried = fs_err::read_to_string(tried).unwrap();
    assert!(tried.contains("may not approve unless") && tried.contains("does not merge"), "{tried}");
    assert!(tried.contains("#1: changes requested"), "{tried}");
    let head = fs_err::read_to_string(studio.world.path("head")).unwrap();
    assert_eq!(head, studio.git(&["rev-parse", &format!("ao/{one}")]));
    assert_eq!(studio.world.json(&["pr", "show", "1"])["pull"]["decision"], "changes_requested");
    let deeper = studio.world.ao(&["session", "review", &id]);
    assert!(deeper.code() == 1 && deeper.stderr().contains("has no pull request to review"), "{deeper}");
}
