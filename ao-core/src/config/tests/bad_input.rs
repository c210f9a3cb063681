//! Input that is no configuration at all, or that is meant to hurt: one clear message each.

use camino::Utf8Path;
use insta::assert_snapshot;

use super::super::{Document, MAX_BYTES};
use super::{LOCAL, complaint, document};

fn complaint_of(bytes: &[u8]) -> String {
    let problems = Document::parse(Utf8Path::new(LOCAL), bytes).expect_err("the bytes were accepted");
    assert_eq!(problems.len(), 1, "one cause, one message: {}", problems.render());
    problems.render()
}

#[test]
fn a_file_of_ten_mebibytes_is_not_even_parsed() {
    let text = format!("version: 1\nx: \"{}\"\n", "a".repeat(10 << 20));
    assert_snapshot!(complaint_of(text.as_bytes()), @r#"
    error: the file has 10485777 bytes; at most 1048576 are read
     --> /r/agent-orchestrator.yaml:1:1
      = help: is this the right file? a configuration is a few kilobytes
    "#);
    assert!(complaint_of(&vec![b'#'; MAX_BYTES + 1]).contains("at most"));
}

#[test]
fn an_alias_bomb_does_not_go_off() {
    let level = |level| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", "));
    let levels = (1..10).map(level).collect::<Vec<_>>().concat();
    let text = format!("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x]\n{levels}");
    assert_snapshot!(complaint_of(text.as_bytes()), @r#"
    error: the aliases in the file make it too large
     --> /r/agent-orchestrator.yaml:2:19
      |
    2 | a0: &a0 [x, x, x, x, x, x, x, x, x]
      |                   ^
      = help: write out what they stand for, where it is needed
    "#);
}

#[test]
fn a_duplicate_key_is_shown_where_it_stands_again() {
    assert_snapshot!(complaint("version: 1\nprojects:\n  app:\n    path: .\n    path: ..\n"), @r#"
    error: the key `path` stands here for the second time
     --> /r/agent-orchestrator.yaml:5:5
      |
    5 |     path: ..
      |     ^^^^
      = help: remove one of the two
    "#);
}

#[test]
fn bytes_that_are_not_utf8_are_shown_where_they_begin() {
    assert_snapshot!(complaint_of(b"version: 1\nprojects: \xff\xfe\n"), @r#"
    error: the file is not UTF-8 from here on
     --> /r/agent-orchestrator.yaml:2:11
      |
    2 | projects:
      |           ^
      = help: save it as UTF-8
    "#);
}

#[test]
fn endless_nesting_is_cut_off() {
    assert_snapshot!(complaint_of(format!("version: 1\nx: {}", "[".repeat(100_000)).as_bytes()), @r#"
    error: lists and maps are nested too deep
     --> /r/agent-orchestrator.yaml:2:35
      |
    2 | x: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
      |                                   ^
      = help: a configuration needs few levels
    "#);
    let blocks = (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<Vec<_>>().concat();
    assert!(complaint_of(blocks.as_bytes()).contains("too deep"));
}

#[test]
fn one_file_is_one_document() {
    assert_snapshot!(complaint_of(b"version: 1\n---\nversion: 1\n"), @r#"
    error: the file holds more than one YAML document
     --> /r/agent-orchestrator.yaml:3:1
      |
    3 | version: 1
      | ^
      = help: remove the `---` and what follows it
    "#);
}

#[test]
fn nothing_is_not_a_configuration() {
    assert_snapshot!(complaint_of(b""), @r#"
    error: the file is empty
     --> /r/agent-orchestrator.yaml:1:1
      = help: write at least `version: 1` and a project, or let `ao init` do it
    "#);
    assert!(complaint_of(b" \n\n\t\n").contains("the file is empty"));
    assert_snapshot!(complaint_of(b"# version: 1\n"), @r#"
    error: the file holds nothing but comments
     --> /r/agent-orchestrator.yaml:1:1
      |
    1 | # version: 1
      | ^
      = help: write at least `version: 1` and a project
    "#);
    assert_snapshot!(complaint_of(b"- version\n"), @r#"
    error: the file must hold keys with values
     --> /r/agent-orchestrator.yaml:1:1
      |
    1 | - version
      | ^
      = help: begin with `version: 1`
    "#);
}

#[test]
fn broken_yaml_is_shown_where_it_breaks() {
    assert_snapshot!(complaint_of(b"version: 1\nprojects:\n  app: {path: .\n  other: x\n"), @r#"
    error: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'
     --> /r/agent-orchestrator.yaml:4:8
      |
    4 |   other: x
      |        ^
    "#);
    for text in [
        "a: *nope\n",
        "a: &x [*x]\n",
        "a: !ruby/object x\n",
        "a: .nan\n",
        "? [a]\n: b\n",
        "a: 'x\n",
        "\0",
        "a:\n b: 1\n  c: 2\n",
    ] {
        complaint_of(text.as_bytes());
    }
}

#[test]
fn a_number_that_would_change_is_refused() {
    assert_snapshot!(complaint_of(b"version: 1\nagents:\n  a: { plugin: command, team: 00123 }\n"), @r#"
    error: the number `00123` cannot be kept as it is written
     --> /r/agent-orchestrator.yaml:3:31 (agents.a.team)
      |
    3 |   a: { plugin: command, team: 00123 }
      |                               ^^^^^
      = help: put it in quotes
    "#);
    assert!(complaint_of(b"version: 123456789012345678901234567890\n").contains("quotes"));
}

#[test]
fn a_terminal_never_gets_control_characters() {
    let shown = complaint("version: 1\n\"\\e[31mred\\a\": 1\nprojects: { \"a\\eb\": { path: . } }\n");
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    let raw = complaint_of(b"version: 1\nx: \x1b[31m\n");
    assert!(!raw.contains('\x1b'), "{raw:?}");
}

#[test]
fn byte_order_mark_carriage_returns_and_document_markers_are_fine() {
    let text = "\u{feff}--- \r\nversion: 1\r\nprojects:\r\n  app: { path: . }\r\n...\r\n";
    assert_eq!(document(text).expect("accepted").to_json()["projects"]["app"]["path"], ".");
    let problems = document("\u{feff}versio: 1\r\n").expect_err("a typo");
    assert_eq!(super::places(&problems)[0], "1:1 versio");
}

#[test]
fn what_an_alias_repeats_is_shown_where_it_is_written() {
    let problems = document("version: 1\nagents: &a\n  x: { plugin: [1] }\nprojects:\n  app: { path: ., agent: *a }\n");
    let problems = problems.expect_err("a plugin is not a list");
    assert_eq!(super::places(&problems), ["3:8 agents.x.plugin"]);
    let merged = "version: 1\ndefaults: &d { runtime: [] }\nprojects:\n  app:\n    path: .\n    <<: *d\n";
    let problems = document(merged).expect_err("a runtime is not a list");
    assert_eq!(super::places(&problems), ["2:16 defaults.runtime", "2:16 projects.app.runtime"]);
}
