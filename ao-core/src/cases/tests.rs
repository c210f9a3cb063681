//! Case files as their authors write them, right and wrong.

use super::*;

fn file(text: &str) -> Result<CaseFile, Diagnostics> {
    CaseFile::parse(Utf8Path::new("/r/cases.yaml"), text.as_bytes())
}

fn run(text: &str) -> Vec<CaseResult> {
    file(text).unwrap_or_else(|problems| panic!("{}", problems.render())).run(None)
}

fn complaint(text: &str) -> String {
    file(text).expect_err("it was accepted").render()
}

fn case(history: &str) -> String {
    format!(
        "cases:\n  - name: a case\n    given: {{ pull: {{ checks: {{ test: failed }} }} }}\n    history:\n{history}"
    )
}

#[test]
fn the_example_is_right() {
    let text = include_str!("../../../examples/reactions.cases.yaml");
    let results = run(text);
    assert!(results.len() >= 6);
    for result in &results {
        assert!(result.is_passed(), "{}: {:#?}", result.name, result.mismatches);
    }
}

#[test]
fn what_is_otherwise_is_told_with_both_sides_and_its_place() {
    let results = run(&case(
        "      - expect:\n          - { reaction: ci-failed, deed: send, attempt: 2, text: nothing }\n      - after: 5m\n        \
         expect: [{ reaction: report-stale }]\n",
    ));
    let [result] = &results[..] else { panic!("{results:?}") };
    let [first, second] = &result.mismatches[..] else { panic!("{result:?}") };
    assert_eq!((first.look, first.line, first.column, first.at.as_str()), (1, 5, 9, "30s"));
    assert_eq!(first.expected.as_deref(), Some("ci-failed send, attempt 2, text with `nothing`"));
    let got = first.got.as_deref().unwrap();
    assert!(got.starts_with("ci-failed send, attempt 1, text `Checks of your pull request #7 fail at"), "{got}");
    assert_eq!((second.look, second.line, second.at.as_str()), (2, 7, "5m30s"));
    assert_eq!(second.expected.as_deref(), Some("report-stale (there is no such rule)"));
    assert_eq!((&second.got, second.status), (&None, crate::lifecycle::StatusName::CiFailed));
}

#[test]
fn nothing_expected_is_nothing_at_all() {
    let results = run(&case("      - after: 30s\n"));
    let [Mismatch { expected: None, got: Some(got), .. }] = &results[0].mismatches[..] else { panic!("{results:?}") };
    assert!(got.starts_with("ci-failed send, attempt 1"), "{got}");
}

#[test]
fn outcomes_are_what_the_case_says() {
    for (outcome, then) in [
        ("done", "      - after: 10m\n"),
        ("superseded", "      - expect: [{ reaction: ci-failed, deed: send, attempt: 1 }]\n"),
        ("failed", "      - expect: [{ reaction: ci-failed, deed: send, attempt: 2 }]\n"),
        ("{ refused: never }", "      - expect: [{ reaction: ci-failed, deed: escalate, text: never }]\n"),
        ("uncertain", "      - expect: [{ reaction: ci-failed, deed: escalate }]\n"),
    ] {
        let first = format!("      - expect: [{{ reaction: ci-failed, deed: send, outcome: {outcome} }}]\n");
        let results = run(&case(&format!("{first}{then}")));
        assert!(results[0].is_passed(), "{outcome}: {results:#?}");
    }
}

#[test]
fn facts_stay_until_they_are_changed_and_a_new_head_has_no_checks() {
    let results = run(&case(
        "      - expect: [{ reaction: ci-failed }]\n\
         \x20     - facts: { pull: { head: \"2\", draft: true } }\n\
         \x20     - facts: { pull: { draft: false } }\n\
         \x20       expect: [{ reaction: approved-and-green, deed: merge }]\n\
         \x20     - facts: { paused: true, agent: { asks: \"x\" } }\n\
         \x20     - facts: { paused: false }\n\
         \x20       expect: [{ reaction: agent-needs-input }]\n\
         \x20     - facts: { end: killed }\n\
         \x20     - facts: { alone: true }\n\
         \x20       expect: [{ reaction: all-complete, deed: notify, priority: info }]\n",
    ));
    // The built-in rule tells a human.
    let [Mismatch { look: 3, expected, got, .. }] = &results[0].mismatches[..] else { panic!("{results:#?}") };
    assert_eq!(expected.as_deref(), Some("approved-and-green merge"));
    assert!(got.as_deref().unwrap().starts_with("approved-and-green notify, attempt 1, action"), "{got:?}");
}

#[test]
fn a_projects_own_checks_are_pending_until_they_are_named() {
    use crate::config::{Config, Document};
    let config = "version: 1\nprojects: { app: { path: /app, checks: { commands: { test: [make] } } } }\n";
    let document = Document::parse(Utf8Path::new("/r/ao.yaml"), config.as_bytes()).unwrap();
    let config = Config::layered([document], None).unwrap();
    let project = config.project(&"app".parse().unwrap()).unwrap();
    let green = "\
cases:
  - name: nothing is green before its checks
    given: { pull: {} }
    history:
      - after: 5m
      - { facts: { pull: { checks: { test: passed } } }, expect: [{ reaction: approved-and-green }] }
      - { facts: { pull: { head: other } } }
";
    let results = file(green).unwrap().run(Some(project));
    assert!(results[0].is_passed(), "{results:#?}");
    let results = file(&format!("reactions: {{}}\n{green}")).unwrap().run(Some(project));
    assert_eq!(results[0].mismatches[0].look, 1, "rules of its own are not the project's");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let wrong = "cases:\n  - name: x\n    history:\n      - { aftr: 5m }\n      - { after: 5 }\n      - { facts: { agent: busy } }\n      \
                 - { expect: [{ reaction: ci-faild }] }\n      - { facts: { pull: { checks: { test: { stat: failed } } } } }\n";
    let said = complaint(wrong);
    for part in [
        "unknown key `aftr`",
        "cases.yaml:4:11",
        "did you mean `after`?",
        "cases[0].history[1].after",
        "did you mean `ci-failed`?",
        "unknown key `stat`",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
    assert!(said.contains("cases[0].history[2].facts.agent"), "{said}");
    for (text, part) in [
        ("cases: []", "`cases` must not be empty"),
        ("cases:\n  - { name: x, history: [{ after: 40d }] }", "longer than 31 days"),
        (
            "reactions: { ci-failed: { action: auto-merge } }\ncases:\n  - { name: x, history: [{}] }",
            "only `approved-and-green` can merge",
        ),
        ("reactions: { ci-failed: { message: \"{{ nobody }}\" } }\ncases: []", "unknown variable `nobody`"),
    ] {
        assert!(complaint(text).contains(part), "{part} is not in:\n{}", complaint(text));
    }
}

#[test]
fn json_is_read_as_well() {
    let text = r#"{"cases": [{"name": "x", "history": [{"facts": {"agent": {"code": 2}}, "expect": [{"reaction": "agent-exited"}]}]}]}"#;
    let results = run(text);
    assert!(results[0].is_passed(), "{results:#?}");
}
