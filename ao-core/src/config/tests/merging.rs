//! The user's own file below the repository's: nothing is dropped, and each value knows its file.

use super::super::{Config, Project, RepositoryName};
use super::{config, document, global, home, json};

fn merged(below: &str, above: &str) -> Config {
    let above = document(above).expect("the local file is right");
    Config::layered([global(below), above], Some(home())).unwrap_or_else(|problems| panic!("{}", problems.render()))
}

fn app(config: &Config) -> &Project {
    config.project(&"app".parse().expect("name")).expect("project")
}

#[test]
fn no_key_of_either_file_is_dropped() {
    let config = merged(
        "\
version: 1
plugins: [{ path: ~/a.so }]
agents:
  fixer: { plugin: command, argv: [fix], env: { A: '1', B: '2' } }
  other: command
defaults: { runtime: { plugin: tmux, historyLimit: 5 }, workspace: worktree, tracker: { plugin: acme, team: X } }
projects:
  app: { path: /elsewhere, repo: acme/app, symlinks: [.env], tracker: { plugin: acme, url: U }, agentConfig: { a: 1 } }
  second: { path: /second }
",
        "\
version: 1
plugins: [{ path: b.so }]
agents:
  fixer: { plugin: command, env: { B: '3' } }
  third: { plugin: codex }
defaults: { agent: fixer, runtime: tmux }
projects:
  app: { path: ., symlinks: [.tool], tracker: { plugin: acme, team: Y }, agentConfig: { b: 2 } }
",
    );
    assert_eq!(
        config.to_json(),
        json(
            r#"{
              "version": 1,
              "plugins": [{"path": "~/a.so"}, {"path": "b.so"}],
              "agents": {
                "fixer": {"plugin": "command", "argv": ["fix"], "env": {"A": "1", "B": "3"}},
                "other": "command",
                "third": {"plugin": "codex"}
              },
              "defaults": {
                "runtime": {"plugin": "tmux", "historyLimit": 5}, "workspace": "worktree", "agent": "fixer",
                "tracker": {"plugin": "acme", "team": "X"}
              },
              "projects": {
                "app": {
                  "path": ".", "repo": "acme/app", "symlinks": [".tool"], "agentConfig": {"a": 1, "b": 2},
                  "tracker": {"plugin": "acme", "url": "U", "team": "Y"}
                },
                "second": {"path": "/second"}
              }
            }"#
        )
    );
    let libraries: Vec<_> = config.plugins().iter().map(|library| library.path.as_str()).collect();
    assert_eq!(libraries, ["/home/u/a.so", "/r/b.so"]);
    assert_eq!(app(&config).path, "/r");
}

#[test]
fn settings_of_another_plugin_are_not_inherited() {
    let config = merged(
        "version: 1\ndefaults: { runtime: { plugin: tmux, historyLimit: 5 } }\n",
        "version: 1\nprojects: { app: { path: ., runtime: { plugin: process, log: big } } }\n",
    );
    assert_eq!(app(&config).runtime.to_json(), json(r#"{"log": "big"}"#));
}

#[test]
fn a_partial_override_keeps_the_other_settings() {
    let config = merged(
        "version: 1\ndefaults: { runtime: { plugin: tmux, historyLimit: 5, deep: { a: 1, b: 2 } } }\n",
        "version: 1\nprojects: { app: { path: ., runtime: { deep: { b: 3 } } } }\n",
    );
    assert_eq!(app(&config).runtime.plugin.as_str(), "tmux");
    assert_eq!(app(&config).runtime.to_json(), json(r#"{"historyLimit": 5, "deep": {"a": 1, "b": 3}}"#));
}

#[test]
fn a_problem_points_into_the_file_that_caused_it() {
    let below = global("version: 1\ndefaults:\n  runtime: { historyLimit: 5 }\n");
    let above = document("version: 1\nprojects:\n  app: { path: . }\n").expect("right");
    let problems = Config::layered([below, above], Some(home())).expect_err("the runtime has no plugin");
    insta::assert_snapshot!(problems.render(), @r#"
    error: `runtime` has settings but names no plugin
     --> /home/u/.config/agent-orchestrator/config.yaml:3:14 (defaults.runtime)
      |
    3 |   runtime: { historyLimit: 5 }
      |              ^^^^^^^^^^^^
      = help: add `plugin: <name>` to it
    "#);
}

#[test]
fn a_project_may_be_written_in_two_files() {
    let config =
        merged("version: 1\nprojects: { app: { repo: acme/app } }\n", "version: 1\nprojects: { app: { path: . } }\n");
    assert_eq!(app(&config).repo.as_ref().map(RepositoryName::as_str), Some("acme/app"));
    insta::assert_snapshot!(config_error("version: 1\nprojects:\n  app:\n    repo: acme/app\n"), @r#"
    error: the project `app` has no `path`
     --> /r/agent-orchestrator.yaml:3:3 (projects.app)
      |
    3 |   app:
      |   ^^^
      = help: write the repository's directory: `path: .` for the one that this file is in
    "#);
}

fn config_error(text: &str) -> String {
    config(text).expect_err("not complete").render()
}

#[test]
fn without_any_file_there_are_no_projects() {
    let config = Config::layered([], Some(home())).expect("nothing is wrong with nothing");
    assert_eq!((config.projects().len(), config.plugins().len()), (0, 0));
    assert_eq!(config.to_json(), json("{}"));
}
