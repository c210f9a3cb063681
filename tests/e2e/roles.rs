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
    fs_err::write(&notes, "mine\n").unwrap();
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
