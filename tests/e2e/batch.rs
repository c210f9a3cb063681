//! `ao batch-spawn`: many issues at once; what fails, or is worked on already, is said and stops nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::spawn_issue::with_tracker;

/// What became of each issue, in order.
fn outcomes(view: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let rows = view["issues"].as_array().expect("issues").iter();
    rows.map(|one| (text(&one["issue"]), text(&one["outcome"]))).collect()
}

#[test]
fn each_issue_gets_a_session_or_a_reason() {
    let studio = with_tracker("probe");
    let first = studio.spawn(&["12", "--agent", "sleeper"]);
    studio.world.file("app/issues", "# of this week\n\n13\n  missing  \n");
    let arguments = ["batch-spawn", "12", "14", "14", "--file", "issues", "--agent", "sleeper"];
    let plan = studio.world.ao(&[&arguments[..], &["--dry-run"]].concat());
    assert_eq!(plan.code(), 1, "{plan}");
    assert!(plan.stderr().contains("2 planned, 2 skipped, 1 failed; nothing was made"), "{plan}");
    let rows: Vec<_> = plan
        .stdout()
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        rows,
        ["12 skipped app-1", "14 planned app-2", "14 skipped it", "13 planned app-3", "missing failed cannot"]
    );
    assert_eq!(studio.world.json(&["status", "--all"])["sessions"].as_array().unwrap().len(), 1, "no row was made");

    let run = studio.world.ao(&[&arguments[..], &["--json"]].concat());
    assert_eq!(run.code(), 1, "{run}");
    let view = run.json();
    let expected = [("12", "skipped"), ("14", "spawned"), ("14", "skipped"), ("13", "spawned"), ("missing", "failed")];
    assert_eq!(outcomes(&view), expected.map(|(issue, outcome)| (issue.to_owned(), outcome.to_owned())));
    assert_eq!(view["issues"][0]["session"], first.as_str());
    let why = |number: usize| view["issues"][number]["why"].as_str().unwrap_or_default().to_owned();
    assert!(why(2).contains("named twice") && why(4).contains("no issue `missing`"), "{view}");

    let sessions = studio.world.json(&["status"]);
    let issues: BTreeMap<_, _> = sessions["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["issue"].as_str().unwrap().to_owned(), row["id"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(issues.keys().collect::<Vec<_>>(), ["12", "13", "14"]);
    let again = studio.world.ao(&["batch-spawn", "13", "14", "--parallel", "1"]).succeeds();
    assert!(again.stdout().contains(&format!("`{}` works on it already", issues["14"])), "{again}");
    for (arguments, code) in [(&["batch-spawn"][..], 2), (&["batch-spawn", "1", "--parallel", "0"], 2)] {
        assert_eq!(studio.world.ao(arguments).code(), code, "{arguments:?}");
    }
}

#[test]
fn two_batches_at_once_make_one_session_an_issue() {
    let studio = with_tracker("probe");
    let arguments = ["batch-spawn", "1", "2", "3", "4", "5", "--agent", "sleeper", "--json"];
    let both = [0, 1].map(|_| studio.world.start(&arguments));
    let views = both.map(|started| started.finish().succeeds().json());
    let mut spawned: Vec<_> = views.iter().flat_map(outcomes).filter(|(_, became)| became == "spawned").collect();
    spawned.sort();
    assert_eq!(spawned.into_iter().map(|(issue, _)| issue).collect::<Vec<_>>(), ["1", "2", "3", "4", "5"]);
}
