//! What a project becomes once everything it leaves unsaid is filled in.

use std::time::Duration;

use insta::assert_snapshot;

use super::super::{Choice, PostCreateCommand};
use super::{app, complaint, config, json, with_project};
use crate::Code;
use crate::model::PluginName;

#[test]
fn a_minimal_project_gets_every_default() {
    let project = app(&with_project(""));
    assert_eq!(project.path, "/r");
    assert_eq!(project.default_branch.as_str(), "main");
    assert_eq!(project.session_prefix.as_str(), "r");
    assert_eq!((project.runtime.plugin.as_str(), project.runtime.choice), ("tmux", Choice::BuiltIn));
    assert_eq!((project.workspace.plugin.as_str(), project.workspace.choice), ("worktree", Choice::BuiltIn));
    assert_eq!(project.repository(), "/r");
    assert_eq!((project.agent, project.tracker, project.scm, project.fetch), (None, None, None, false));
    assert!(project.post_create.is_empty() && project.symlinks.is_empty() && project.repo.is_none());
    assert_eq!(app(&with_project("repo: acme/app")).repository(), "acme/app");
    assert_eq!(app(&with_project("runtime: tmux")).runtime.choice, Choice::Configured);
}

/// Each accepted key, set to something that is not its default, changes what comes out.
#[test]
fn every_accepted_key_changes_the_outcome() {
    let plain = config(&with_project("")).expect("plain");
    let properties = super::super::schema()["properties"]["projects"]["additionalProperties"]["properties"].clone();
    let project_keys = [
        ("repo", "repo: acme/app"),
        ("defaultBranch", "defaultBranch: trunk"),
        ("sessionPrefix", "sessionPrefix: zz"),
        ("runtime", "runtime: { plugin: tmux, historyLimit: 1 }"),
        ("agent", "agent: codex"),
        ("agentConfig", "agent: codex\nagentConfig: { model: x }"),
        ("workspace", "workspace: clone"),
        ("tracker", "tracker: github"),
        ("scm", "scm: github"),
        ("symlinks", "symlinks: [.env]"),
        ("postCreate", "postCreate: [[npm, ci]]"),
        ("fetch", "fetch: true"),
        ("reactions", "reactions: { agent-stuck: { threshold: 5m } }"),
        ("checks", "checks: { commands: { test: [make] } }"),
        ("lifecycle", "lifecycle: { mergeGrace: 1m }"),
        ("budgets", "budgets: { session: { usd: 0.3 } }"),
        ("reviewers", "reviewers: { mayApprove: true }"),
        ("orchestrator", "orchestrator: { agent: codex }"),
        ("orchestratorRules", "orchestratorRules: Two at once."),
    ];
    let known: Vec<_> = properties.as_object().expect("keys").keys().filter(|key| *key != "path").collect();
    let tested: Vec<_> = project_keys.iter().map(|(key, _)| key).collect();
    assert!(known.len() == tested.len() && known.iter().all(|key| tested.contains(&&key.as_str())), "{known:?}");
    for (key, lines) in project_keys {
        assert_ne!(app(&with_project(lines)), app(&with_project("")), "{key}");
    }
    assert_ne!(
        app(&with_project("agent: codex\nagentConfig: { model: x }")).agent,
        app(&with_project("agent: codex")).agent
    );
    assert_ne!(app("version: 1\nprojects: { app: { path: ./b } }\n").path, app(&with_project("")).path);
    for defaults in ["runtime: process", "agent: codex", "workspace: clone", "tracker: github", "scm: github"] {
        let text = format!("{}defaults: {{ {defaults} }}\n", with_project(""));
        assert_ne!(app(&text), app(&with_project("")), "{defaults}");
    }
    let base = "path: a.so";
    let plugins = |keys: &str| config(&format!("version: 1\nplugins: [{{ {base}{keys} }}]\n")).expect(keys);
    let digest = format!(", sha256: \"{}\"", "ab".repeat(32));
    for keys in [
        ", enabled: false",
        ", override: true",
        ", isolation: process",
        ", deadlines: { tracker.get: 9s }",
        digest.as_str(),
    ] {
        assert_ne!(plugins(keys).plugins()[0], plugins("").plugins()[0], "{keys}");
    }
    assert_eq!(plugins(", isolation: in-process").plugins()[0].isolation, super::super::Isolation::InProcess);
    assert_eq!(plugins(", isolation: process").plugins()[0].isolation, super::super::Isolation::Process);
    assert_eq!(plain.plugins().len(), 0);
    let named = config("version: 1\nagents: { fixer: command }\n").expect("agents");
    assert_eq!(named.agents().keys().map(PluginName::as_str).collect::<Vec<_>>(), ["fixer"]);
    config("$schema: https://example.org/x.json\nversion: 1\n").expect("`$schema` is accepted");
}

#[test]
fn the_threshold_of_a_project_goes_before_that_of_all() {
    let of = |all: &str, own: &str| {
        let reactions = |threshold: &str| match threshold {
            "" => "reactions: {}".to_owned(),
            threshold => format!("reactions: {{ agent-stuck: {{ threshold: {threshold} }} }}"),
        };
        app(&format!("{}{}\n", with_project(&reactions(own)), reactions(all))).stuck_after_ms()
    };
    assert_eq!(of("", ""), None, "the limits of the lifecycle say what it is then");
    assert_eq!((of("5m", ""), of("", "90s"), of("5m", "90s")), (Some(300_000), Some(90_000), Some(90_000)));
}

#[test]
fn a_slot_is_a_name_or_a_map() {
    let short = app(&with_project("tracker: acme")).tracker.expect("a tracker");
    assert_eq!((short.plugin.as_str(), short.to_json()), ("acme", json("{}")));
    let long = app(&with_project("tracker: { plugin: acme, teamId: X, enabled: true }")).tracker.expect("a tracker");
    assert_eq!((long.plugin.as_str(), long.to_json()), ("acme", json(r#"{"teamId": "X"}"#)));
    assert_eq!(app(&with_project("tracker: { plugin: acme, enabled: false }")).tracker, None);
    let off = format!("{}defaults: {{ tracker: acme }}\n", with_project("tracker: { enabled: false }"));
    assert_eq!(app(&off).tracker, None);
}

#[test]
fn an_agent_is_a_named_one_or_a_plugin() {
    let text = |agent: &str| {
        format!(
            "version: 1\nagents:\n  fixer: {{ plugin: command, argv: [./fix.py, ~/x, --file, a/./b], env: {{ A: '1' }} }}\n\
             projects:\n  app:\n    path: sub\n{agent}"
        )
    };
    let named = app(&text("    agent: fixer\n    agentConfig: { env: { B: '2' }, model: m }\n")).agent.expect("agent");
    assert_eq!((named.plugin.as_str(), named.instance.as_ref().map(PluginName::as_str)), ("command", Some("fixer")));
    assert_eq!(
        named.to_json(),
        json(r#"{"argv": ["/r/fix.py", "/home/u/x", "--file", "a/./b"], "env": {"A": "1", "B": "2"}, "model": "m"}"#)
    );
    let plugin = app(&text("    agent: codex\n")).agent.expect("agent");
    assert_eq!((plugin.plugin.as_str(), plugin.instance), ("codex", None));
    let inline = app(&text("    agent: { plugin: fixer, model: m }\n")).agent.expect("agent");
    assert_eq!((inline.plugin.as_str(), &inline.to_json()["model"]), ("command", &json("\"m\"")));
    assert_eq!(app(&text("    agentConfig: { model: m }\n")).agent, None);
}

#[test]
fn an_agent_can_be_asked_for() {
    let text = "version: 1\nagents: { fixer: { plugin: command, a: 1 }, off: { plugin: x, enabled: false } }\n\
                projects: { app: { path: ., agentConfig: { b: 2 } } }\n";
    let config = config(text).expect("right");
    let app = "app".parse().expect("name");
    let none = config.agent(&app, None).expect_err("no agent is set");
    assert_snapshot!(none.to_string(), @"no agent is set for the project `app`; write `agent: <name>` under `defaults` or under `projects.app`, where <name> is a key of `agents` or an agent plugin: `ao agent list` says which are installed");
    let fixer = config.agent(&app, Some(&"fixer".parse().expect("name"))).expect("fixer");
    assert_eq!(fixer.to_json(), json(r#"{"a": 1, "b": 2}"#));
    assert!(config.agent(&app, Some(&"off".parse().expect("name"))).is_err());
    let missing = config.project(&"apo".parse().expect("name")).expect_err("no such project");
    assert_eq!(
        (missing.code, missing.message.as_str()),
        (Code::NOT_FOUND, "no project is named `apo`; did you mean `app`?")
    );
}

#[test]
fn relative_paths_in_argv_start_at_the_file_that_wrote_them() {
    let below = super::global("version: 1\nagents: { fixer: { plugin: command, argv: [./mine.py] } }\n");
    let above = super::document("version: 1\nprojects: { app: { path: ., agent: fixer } }\n").expect("right");
    let config = super::super::Config::layered([below, above], Some(super::home())).expect("right");
    let agent = config.agent(&"app".parse().expect("name"), None).expect("agent");
    assert_eq!(agent.to_json(), json(r#"{"argv": ["/home/u/.config/agent-orchestrator/mine.py"]}"#));
}

#[test]
fn post_create_steps_have_a_time_limit() {
    let steps = app(&with_project(
        "postCreate:\n  - [npm, ci]\n  - { run: [make, deps], timeout: 5m }\n  - { sh: \"a && b\" }\n",
    ))
    .post_create;
    assert_eq!(steps[0].command, PostCreateCommand::Run(vec!["npm".to_owned(), "ci".to_owned()]));
    assert_eq!(steps[0].timeout.get(), Duration::from_mins(10));
    assert_eq!(steps[1].timeout.get(), Duration::from_mins(5));
    assert_eq!(steps[2].command, PostCreateCommand::Shell("a && b".to_owned()));
}

#[test]
fn two_projects_never_share_a_prefix() {
    assert_snapshot!(complaint(
        "version: 1\nprojects:\n  one:\n    path: ./agent-orchestrator\n  two:\n    path: ./another-one\n"
    ), @r#"
    error: the projects `one` and `two` have the same session prefix `ao`
     --> /r/agent-orchestrator.yaml:5:3 (projects.two)
      |
    5 |   two:
      |   ^^^
     --> /r/agent-orchestrator.yaml:3:3 (the other one)
      |
    3 |   one:
      |   ^^^
      = help: set `sessionPrefix: two` in `two`
    "#);
    assert_snapshot!(complaint(
        "version: 1\nprojects:\n  one: { path: a, sessionPrefix: x }\n  two: { path: b, sessionPrefix: X }\n  \
         three: { path: x }\n"
    ), @r#"
    error: the projects `one` and `two` have the same session prefix `X`
     --> /r/agent-orchestrator.yaml:4:34 (projects.two.sessionPrefix)
      |
    4 |   two: { path: b, sessionPrefix: X }
      |                                  ^
     --> /r/agent-orchestrator.yaml:3:34 (the other one)
      |
    3 |   one: { path: a, sessionPrefix: x }
      |                                  ^
      = help: set `sessionPrefix: two` in `two`

    error: the projects `one` and `three` have the same session prefix `x`
     --> /r/agent-orchestrator.yaml:5:3 (projects.three)
      |
    5 |   three: { path: x }
      |   ^^^^^
     --> /r/agent-orchestrator.yaml:3:34 (the other one)
      |
    3 |   one: { path: a, sessionPrefix: x }
      |                                  ^
      = help: set `sessionPrefix: three` in `three`
    "#);
}

#[test]
fn slots_that_cannot_be_used_are_told() {
    for (lines, words) in [
        ("runtime: { historyLimit: 1 }", "`runtime` has settings but names no plugin"),
        ("runtime: { plugin: tmux, enabled: false }", "a project cannot be without its runtime"),
        ("workspace: { enabled: false }", "a project cannot be without its workspace"),
        ("agent: { plugin: x, enabled: false }", "a project cannot be without its agent"),
        ("tracker: { url: x }", "`tracker` has settings but names no plugin"),
    ] {
        let text = complaint(&with_project(lines));
        assert!(text.contains(words), "{lines}: {text}");
    }
    let text = complaint("version: 1\nagents: { fixer: { argv: [x] } }\n");
    assert!(text.contains("`fixer` has settings but names no plugin"), "{text}");
    assert_snapshot!(complaint(
        "version: 1\nagents:\n  fixer: { plugin: command, enabled: false }\nprojects:\n  app: { path: ., agent: fixer }\n"
    ), @r#"
    error: the agent `fixer` is switched off
     --> /r/agent-orchestrator.yaml:5:26 (projects.app.agent)
      |
    5 |   app: { path: ., agent: fixer }
      |                          ^^^^^
     --> /r/agent-orchestrator.yaml:3:3 (switched off here)
      |
    3 |   fixer: { plugin: command, enabled: false }
      |   ^^^^^
    "#);
}

#[test]
fn checks_get_every_default() {
    let checks = |lines: &str| app(&with_project(&format!("checks:\n{lines}"))).checks.expect("checks");
    let plain = checks("  commands: { test: [cargo, test] }");
    let command = plain.commands.values().next().expect("a command");
    assert_eq!((command.step.argv.join(" ").as_str(), command.required), ("cargo test", true));
    assert_eq!(command.step.timeout.to_string(), "20m");
    assert_eq!((plain.max_log, plain.max_disk), (10 << 20, 5 << 30));
    assert!(plain.setup.is_empty() && plain.cache.is_none() && plain.env.is_empty());
    let full = checks(
        "  commands:\n    lint: { run: [make, lint], timeout: 10m, required: false, env: { A: b } }\n    docs: { sh: \"make docs\" }\n  \
         setup: [[npm, ci]]\n  cache: { paths: [./target], key: [Cargo.lock] }\n  timeout: 1m\n  maxLog: 1MiB\n  maxDisk: 1GiB\n  \
         env: { C: d }",
    );
    let [docs, lint] = full.commands.values().collect::<Vec<_>>().try_into().expect("two commands");
    assert_eq!((docs.step.argv.join("|").as_str(), docs.step.timeout.to_string().as_str()), ("sh|-c|make docs", "1m"));
    assert_eq!((lint.required, lint.step.timeout.to_string().as_str()), (false, "10m"));
    assert_eq!(full.setup[0].argv, ["npm", "ci"]);
    assert_eq!(full.cache.as_ref().expect("a cache").paths, ["target"]);
    assert_eq!((full.max_log, full.max_disk), (1 << 20, 1 << 30));
}

/// Results count as long as what is run is the same.
#[test]
fn a_definition_is_what_is_run() {
    let canonical = |lines: &str| app(&with_project(&format!("checks:\n{lines}"))).checks.expect("checks").canonical();
    let plain = canonical("  commands: { test: [make] }");
    assert_eq!(plain, canonical("  commands: { test: { run: [make], required: false } }\n  maxLog: 1KiB"));
    for other in [
        "  commands: { test: [make, all] }",
        "  commands: { tests: [make] }",
        "  commands: { test: { run: [make], timeout: 1m } }",
        "  commands: { test: { run: [make], env: { A: b } } }",
        "  commands: { test: [make] }\n  setup: [[a]]",
        "  commands: { test: [make] }\n  env: { A: b }",
        "  commands: { test: [make] }\n  maxDisk: 1GiB",
        "  commands: { test: [make] }\n  cache: { paths: [target] }",
    ] {
        assert_ne!(plain, canonical(other), "{other}");
    }
}

#[test]
fn checks_that_cannot_be_run_are_refused() {
    for (lines, said) in [
        ("commands: {}", "commands"),
        ("commands: { ../x: [make] }", "must start with"),
        ("commands: { test: { required: true } }", "either `run` or `sh`"),
        ("commands: { test: [] }", "test"),
        ("commands: { test: { run: [make], sh: make } }", "either `run` or `sh`"),
        ("commands: { test: [make] }\n  cache: { paths: [../x] }", "must not leave"),
        ("commands: { test: [make] }\n  timeout: 5x", "duration"),
        ("{}", "commands"),
    ] {
        let told = complaint(&with_project(&format!("checks:\n  {lines}")));
        assert!(told.contains(said), "{lines}: {told}");
    }
}

#[test]
fn variables_are_taken_from_the_environment() {
    use super::super::expand_variables;
    let variable = |name: &str| (name == "HOME").then(|| "/home/u".to_owned());
    assert_eq!(
        expand_variables("${HOME}/.rustup:$HOME:$${HOME}", &variable),
        Ok("/home/u/.rustup:$HOME:${HOME}".into())
    );
    assert!(expand_variables("${NOPE}", &variable).expect_err("unset").contains("`NOPE`"));
    assert!(expand_variables("${HOME", &variable).expect_err("open").contains("never closed"));
}

#[test]
fn an_orchestrator_has_an_agent_and_rules_of_its_own_where_they_are_written() {
    let text = |orchestrator: &str| {
        format!(
            "version: 1\nagents: {{ fixer: command, off: {{ plugin: command, enabled: false }} }}\nprojects:\n  app:\n    \
             path: .\n    agent: fixer\n{orchestrator}"
        )
    };
    let of = |keys: &str| {
        let config = config(&text(keys)).unwrap_or_else(|problems| panic!("{}", problems.render()));
        let orchestrator = config.project(&"app".parse().unwrap()).unwrap().orchestrator.clone();
        (orchestrator.agent_name().map(ToString::to_string), orchestrator.rules)
    };
    for (keys, agent, rules) in [
        ("", None, None),
        ("    orchestrator: {}\n    orchestratorRules: ' '\n", None, None),
        ("    orchestrator: { agent: fixer }\n", Some("fixer"), None),
        (
            "    orchestrator: { agent: other }\n    orchestratorRules: |\n      One.\n      Two.\n",
            Some("other"),
            Some("One.\nTwo."),
        ),
    ] {
        assert_eq!(of(keys), (agent.map(str::to_owned), rules.map(str::to_owned)), "{keys}");
    }
    for (keys, said) in [
        ("    orchestrator: { agent: off }\n", "the agent `off` is switched off"),
        ("    orchestrator: { agent: 'a b' }\n", "`agent` may hold only"),
        ("    orchestrator: { agnet: fixer }\n", "did you mean `agent`?"),
        (&format!("    orchestratorRules: {}\n", "x".repeat(8001)), "8000 characters"),
    ] {
        let problems = config(&text(keys)).expect_err(keys);
        assert!(problems.render().contains(said), "{said}: {}", problems.render());
    }
}
