//! `ao config`, above all with configurations that nobody should write.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::json;

use crate::support::World;

#[test]
fn a_valid_file_is_said_to_be_one() {
    let world = World::with_config("version: 1\nprojects:\n  app: { path: . }\n");
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    [ROOT]/app/agent-orchestrator.yaml: no errors
    --- stderr
    warning: `[ROOT]/app/agent-orchestrator.yaml` is not trusted: nothing in it runs before `ao trust [ROOT]/app/agent-orchestrator.yaml`
    ");
    let checked = world.json(&["config", "check"]);
    assert_eq!((&checked["valid"], &checked["diagnostics"]), (&json!(true), &json!([])));
}

#[test]
fn the_reference_configuration_of_this_repository_is_one() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let checked = World::new().json(&["config", "check", reference]);
    assert_eq!((&checked["valid"], &checked["diagnostics"]), (&json!(true), &json!([])));
}

#[test]
fn a_duplicate_key_is_found() {
    let world = World::with_config("version: 1\nprojects:\n  app: { path: . }\nprojects:\n  api: { path: ../api }\n");
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: the key `projects` stands here for the second time
       ,-[[ROOT]/app/agent-orchestrator.yaml:4:1]
     3 |   app: { path: . }
     4 | projects:
       : ^^^^^^^^
     5 |   api: { path: ../api }
       `----
      help: remove one of the two
    --- exit 78
    ");
}

#[test]
fn typos_are_all_told_each_with_what_was_meant() {
    let world = World::with_config("version: 1\nprojets: {}\nprojects:\n  app: { path: ., trackr: acme }\n");
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: unknown key `projets`
       ,-[[ROOT]/app/agent-orchestrator.yaml:2:1]
     1 | version: 1
     2 | projets: {}
       : ^^^|^^^
       :    `-- projets
     3 | projects:
       `----
      help: did you mean `projects`?

    error: unknown key `trackr`
       ,-[[ROOT]/app/agent-orchestrator.yaml:4:19]
     3 | projects:
     4 |   app: { path: ., trackr: acme }
       :                   ^^^|^^
       :                      `-- projects.app.trackr
       `----
      help: did you mean `tracker`?
    --- exit 78
    ");
    let checked = world.json(&["config", "check"]);
    assert_eq!(checked["diagnostics"][1]["key_path"], "projects.app.trackr");
    assert_eq!((&checked["diagnostics"][1]["line"], &checked["diagnostics"][1]["column"]), (&json!(4), &json!(19)));
}

#[test]
fn a_key_of_a_later_version_is_named_as_that() {
    let world = World::with_config("version: 1\ndashboard: {}\n");
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: `dashboard` is not supported yet
       ,-[[ROOT]/app/agent-orchestrator.yaml:2:1]
     1 | version: 1
     2 | dashboard: {}
       : ^^^^|^^^^
       :     `-- dashboard
       `----
      help: remove it for now
    --- exit 78
    ");
}

#[test]
fn an_alias_bomb_is_refused_at_once() {
    let mut text = String::from("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{below}]").unwrap();
    }
    let run = World::with_config(&text).ao(&["config", "check"]);
    assert_eq!(run.code(), 78);
    assert_snapshot!(run.stderr(), @r"
    error: the aliases in the file make it too large
       ,-[[ROOT]/app/agent-orchestrator.yaml:2:28]
     1 | version: 1
     2 | a0: &a0 [x, x, x, x, x, x, x, x, x, x]
       :                            ^
     3 | a1: &a1 [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]
       `----
      help: write out what they stand for, where it is needed
    ");
}

#[test]
fn ten_mebibytes_are_refused_without_being_read_whole() {
    let mut text = String::from("version: 1\n");
    text.push_str(&"# a comment that goes on and on\n".repeat(10 * 1024 * 1024 / 32));
    let run = World::with_config(&text).ao(&["config", "check"]);
    assert_eq!(run.code(), 78);
    assert_snapshot!(run.stderr(), @r"
    error: [ROOT]/app/agent-orchestrator.yaml: the file has 1048577 bytes; at most 1048576 are read
      help: is this the right file? a configuration is a few kilobytes
    ");
}

#[test]
fn what_is_no_text_is_refused_by_name() {
    let world = World::new();
    world.file("app/agent-orchestrator.yaml", [0xff, 0xfe, 0, 0, 1]);
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: [ROOT]/app/agent-orchestrator.yaml: the file is not UTF-8 from here on
      help: save it as UTF-8
    --- exit 78
    ");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let world = World::with_config("version: 1\n\"\\e[31mred\": 1 # \u{1b}]0;title\u{7}\n");
    let run = world.ao(&["config", "check"]);
    assert_eq!(run.code(), 78);
    assert!(!run.stderr().contains('\u{1b}') && !run.stderr().contains('\u{7}'), "{:?}", run.stderr());
}

#[test]
fn a_long_line_is_shown_in_part() {
    let world = World::with_config(&format!("version: 1\nprojects: {{ {} app: {{ pth: . }} }}\n", " ".repeat(5000)));
    let run = world.ao(&["config", "check"]);
    assert!(run.stderr().contains("pth") && run.stderr().lines().all(|line| line.len() < 200), "{run}");
    assert!(run.stderr().contains("agent-orchestrator.yaml:2:5021]"), "{run}");
}

#[test]
fn two_projects_with_one_prefix_are_told_apart_by_hand() {
    let world = World::with_config("version: 1\nprojects:\n  a: { path: x/app }\n  b: { path: y/app }\n");
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: the projects `a` and `b` have the same session prefix `app`
       ,-[[ROOT]/app/agent-orchestrator.yaml:4:3]
     3 |   a: { path: x/app }
     4 |   b: { path: y/app }
       :   |
       :   `-- projects.b
       `----
      help: set `sessionPrefix: b` in `b`
      `->   note: the other one
             ,-[[ROOT]/app/agent-orchestrator.yaml:3:3]
           2 | projects:
           3 |   a: { path: x/app }
             :   ^
           4 |   b: { path: y/app }
             `----
    --- exit 78
    ");
}

#[test]
fn a_named_file_is_checked_over_the_users_own() {
    let world = World::new();
    world.file("ao/config/config.yaml", "version: 1\ndefaults: { runtim: x }\n");
    world.file("other/agent-orchestrator.yaml", "version: 1\nprojets: {}\n");
    let run = world.ao(&["config", "check", "../other"]);
    assert_eq!(run.code(), 78);
    assert!(run.stderr().contains("`runtim`") && run.stderr().contains("`projets`"), "{run}");
}

#[test]
fn an_unexpanded_reference_is_shown_as_it_is_written() {
    let world = World::with_config(
        "version: 1\nprojects:\n  app: { path: ., tracker: { plugin: acme, token: \"${ACME_TOKEN}\" } }\n",
    );
    let world = world.variable("ACME_TOKEN", "hunter2");
    world.ao(&["trust"]);
    assert_snapshot!(world.ao(&["config", "show"]), @r"
    $ ao config show
    # [ROOT]/app/agent-orchestrator.yaml
    projects:
      app:
        path: '.'
        tracker:
          plugin: acme
          token: ${ACME_TOKEN}
    version: 1
    ");
}

#[test]
fn there_must_be_a_configuration() {
    assert_snapshot!(World::new().ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: there is no agent-orchestrator.yaml in `[ROOT]/app` or above; `ao init` writes one for a repository
    --- exit 1
    ");
    assert_snapshot!(World::new().ao(&["config", "show"]), @r"
    $ ao config show
    --- stderr
    error: there is no agent-orchestrator.yaml in `[ROOT]/app` or above; `ao init` writes one for a repository
    --- exit 1
    ");
}

/// A trusted configuration that lists the trusted fixture library and has this for its tracker.
fn with_tracker(settings: &str) -> World {
    let world = World::new();
    let library = world.library("lib/libao_plugin_fixture.so", |_| {});
    assert_eq!(world.ao(&["plugin", "trust", library.as_str()]).code(), 0);
    let config =
        format!("version: 1\nplugins:\n  - path: {library}\nprojects:\n  app:\n    path: .\n    tracker: {settings}\n");
    world.file("app/agent-orchestrator.yaml", config);
    assert_eq!(world.ao(&["trust"]).code(), 0);
    world
}

#[test]
fn a_typo_in_a_plugins_own_block_is_found_by_its_schema() {
    let world = with_tracker("{ plugin: fixture, lable: blue, pageSize: 101 }");
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: unknown key `lable`
       ,-[[ROOT]/app/agent-orchestrator.yaml:7:33]
     6 |     path: .
     7 |     tracker: { plugin: fixture, lable: blue, pageSize: 101 }
       :                                 ^^|^^
       :                                   `-- projects.app.tracker.lable
       `----
      help: did you mean `label`?
            it breaks the rule `additionalProperties` of tracker/fixture's settings

    error: `pageSize` is refused: the value is greater than the maximum of 100
       ,-[[ROOT]/app/agent-orchestrator.yaml:7:56]
     6 |     path: .
     7 |     tracker: { plugin: fixture, lable: blue, pageSize: 101 }
       :                                                        ^|^
       :                                                         `-- projects.app.tracker.pageSize
       `----
      help: it breaks the rule `properties/pageSize/maximum` of tracker/fixture's settings
    --- exit 78
    ");
    let checked = world.json(&["config", "check"]);
    assert_eq!(checked["diagnostics"][0]["rule"], "/additionalProperties");
    assert_eq!(checked["diagnostics"][0]["plugin"], "tracker/fixture");
}

#[test]
fn whoever_uses_the_plugin_points_at_the_same_place() {
    let spawn = |settings: &str| {
        let world = with_tracker(settings);
        let text = fs_err::read_to_string(world.path("app/agent-orchestrator.yaml")).unwrap();
        let agents = "agents:\n  a: { plugin: command, argv: [sh] }\ndefaults: { agent: a, runtime: process }\n";
        world.file("app/agent-orchestrator.yaml", format!("{text}{agents}"));
        world.ao(&["trust"]).succeeds();
        let (spawned, listed) = (world.ao(&["spawn", "12"]), world.ao(&["plugin", "list"]));
        let checked = world.ao(&["config", "check"]);
        assert_eq!((spawned.code(), checked.code(), listed.code()), (78, 78, 0), "{spawned}");
        assert_eq!((spawned.stderr(), listed.stderr()), (checked.stderr(), checked.stderr()));
        spawned
    };
    assert_snapshot!(spawn("{ plugin: fixture, label: 7 }"), @r"
    $ ao spawn 12
    --- stderr
    error: `label` must be empty or text, not a number
       ,-[[ROOT]/app/agent-orchestrator.yaml:7:40]
     6 |     path: .
     7 |     tracker: { plugin: fixture, label: 7 }
       :                                        |
       :                                        `-- projects.app.tracker.label
     8 | agents:
       `----
      help: put it in quotes
            it breaks the rule `properties/label/type` of tracker/fixture's settings
    --- exit 78
    ");
    for (settings, said) in [
        ("{ plugin: fixture, lable: x }", "unknown key `lable`"),
        ("{ plugin: fixture, pageSize: 0 }", "of tracker/fixture's settings"),
        ("{ plugin: fixtrue }", "did you mean `fixture`?"),
    ] {
        let run = spawn(settings);
        assert!(run.stderr().contains(said) && run.stderr().contains("agent-orchestrator.yaml:7:"), "{run}");
    }
}

#[test]
fn a_required_key_that_is_missing_is_named_with_its_rule() {
    let world = World::with_config("version: 1\nagents:\n  a: { plugin: command, prompt: file }\n");
    world.ao(&["trust"]).succeeds();
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: the key `argv` is missing in `a`
       ,-[[ROOT]/app/agent-orchestrator.yaml:3:25]
     2 | agents:
     3 |   a: { plugin: command, prompt: file }
       :                         ^^^|^^
       :                            `-- agents.a
       `----
      help: `argv`: The program and its arguments. In each element `{prompt}`, `{prompt_file}`, `{session}`, `{workspace}`, `{directory}` and `{model}` are replaced; `{{` and `}}` are braces.
            it breaks the rule `required` of agent/command's settings
    --- exit 78
    ");
}

#[test]
fn a_plugins_settings_that_are_right_pass() {
    let world = with_tracker("{ plugin: fixture, pageSize: 100, label: \"${NOT_SET_YET}\" }");
    assert_eq!(world.ao(&["config", "check"]).code(), 0);
}

#[test]
fn a_plugin_that_does_not_exist_is_an_error_where_everything_is_trusted() {
    assert_snapshot!(with_tracker("fixtur").ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: no tracker plugin is named `fixtur`; there are fixture, local
       ,-[[ROOT]/app/agent-orchestrator.yaml:7:14]
     6 |     path: .
     7 |     tracker: fixtur
       :              ^^^|^^
       :                 `-- projects.app.tracker
       `----
      help: did you mean `fixture`? See `ao plugin list`
    --- exit 78
    ");
}

#[test]
fn of_an_untrusted_file_no_library_is_looked_at() {
    let world = with_tracker("{ plugin: acme }");
    let text = fs_err::read_to_string(world.path("app/agent-orchestrator.yaml")).unwrap();
    world.file("app/agent-orchestrator.yaml", format!("{text}# changed\n"));
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    [ROOT]/app/agent-orchestrator.yaml: no errors
    --- stderr
    warning: no tracker plugin is named `acme`; there are local
       ,-[[ROOT]/app/agent-orchestrator.yaml:7:14]
     6 |     path: .
     7 |     tracker: { plugin: acme }
       :              |
       :              `-- projects.app.tracker
     8 | # changed
       `----
      help: it may be in a library that is not trusted yet
    warning: `[ROOT]/app/agent-orchestrator.yaml` is not trusted: nothing in it runs before `ao trust [ROOT]/app/agent-orchestrator.yaml`
    ");
}

#[test]
fn a_library_that_is_missing_is_shown_where_it_is_listed() {
    let world = World::with_config("version: 1\nplugins:\n  - path: ./libgone.so\n");
    world.ao(&["trust"]);
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    --- stderr
    error: cannot read the plugin library `[ROOT]/app/libgone.so`: No such file or directory (os error 2)
       ,-[[ROOT]/app/agent-orchestrator.yaml:3:11]
     2 | plugins:
     3 |   - path: ./libgone.so
       :           ^^^^^^|^^^^^
       :                 `-- plugins
       `----
    --- exit 78
    ");
}
