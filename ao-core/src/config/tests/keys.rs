//! Keys and values that may not stand where they stand: every one is told, with what to write instead.

use insta::assert_snapshot;

use super::{complaint, config, document, places, with_project};

#[test]
fn every_problem_of_a_file_is_told_at_once() {
    assert_snapshot!(complaint(
        "\
version: 2
project: {}
agents:
  fixer: { plugin: command, argv: [x] }
  -bad: command
projects:
  app:
    paht: .
    defaultBranch: -x
    symlinks: [/etc/passwd, ok, ../x]
    fetch: yes
    tracker:
  ../x:
    path: .
"
    ), @r#"
    error: `version` must be `1`
     --> /r/agent-orchestrator.yaml:1:10 (version)
      |
    1 | version: 2
      |          ^

    error: unknown key `project`
     --> /r/agent-orchestrator.yaml:2:1 (project)
      |
    2 | project: {}
      | ^^^^^^^
      = help: did you mean `projects`?

    error: the key `-bad` must start with an ASCII letter or digit
     --> /r/agent-orchestrator.yaml:5:3 (agents.-bad)
      |
    5 |   -bad: command
      |   ^^^^

    error: unknown key `paht`
     --> /r/agent-orchestrator.yaml:8:5 (projects.app.paht)
      |
    8 |     paht: .
      |     ^^^^
      = help: did you mean `path`?

    error: `defaultBranch` must not start with `-`
     --> /r/agent-orchestrator.yaml:9:20 (projects.app.defaultBranch)
      |
    9 |     defaultBranch: -x
      |                    ^^

    error: item 1 of `symlinks` must be relative to the repository, not absolute
      --> /r/agent-orchestrator.yaml:10:16 (projects.app.symlinks[0])
       |
    10 |     symlinks: [/etc/passwd, ok, ../x]
       |                ^^^^^^^^^^^

    error: item 3 of `symlinks` must not leave the repository with `..`
      --> /r/agent-orchestrator.yaml:10:33 (projects.app.symlinks[2])
       |
    10 |     symlinks: [/etc/passwd, ok, ../x]
       |                                 ^^^^

    error: `fetch` must be `true` or `false`, not text
      --> /r/agent-orchestrator.yaml:11:12 (projects.app.fetch)
       |
    11 |     fetch: yes
       |            ^^^

    error: `tracker` has no value
      --> /r/agent-orchestrator.yaml:12:5 (projects.app.tracker)
       |
    12 |     tracker:
       |     ^^^^^^^
      = help: write a value, or remove the key

    error: the key `../x` must start with an ASCII letter or digit
      --> /r/agent-orchestrator.yaml:13:3 (projects["../x"])
       |
    13 |   ../x:
       |   ^^^^
    "#);
}

#[test]
fn a_typo_in_a_key_gets_a_suggestion() {
    assert_snapshot!(complaint(&with_project("defautBranch: main\nsession_prefix: a\nfoo: 1")), @r#"
    error: unknown key `defautBranch`
     --> /r/agent-orchestrator.yaml:5:5 (projects.app.defautBranch)
      |
    5 |     defautBranch: main
      |     ^^^^^^^^^^^^
      = help: did you mean `defaultBranch`?

    error: unknown key `session_prefix`
     --> /r/agent-orchestrator.yaml:6:5 (projects.app.session_prefix)
      |
    6 |     session_prefix: a
      |     ^^^^^^^^^^^^^^
      = help: did you mean `sessionPrefix`?

    error: unknown key `foo`
     --> /r/agent-orchestrator.yaml:7:5 (projects.app.foo)
      |
    7 |     foo: 1
      |     ^^^
      = help: the keys here are `agent`, `agentConfig`, `budgets`, `checks`, `defaultBranch`, `fetch`, `lifecycle`, `orchestrator`, `orchestratorRules`, `path`, `postCreate`, `reactions`, `repo`, `reviewers`, `runtime`, `scm`, `sessionPrefix`, `symlinks`, `tracker`, `workspace`
    "#);
}

#[test]
fn keys_of_later_versions_are_named_as_such() {
    assert_snapshot!(complaint("version: 1\ndashboard: { zones: 1 }\nport: 3000\n"), @r#"
    error: `dashboard` is not supported yet
     --> /r/agent-orchestrator.yaml:2:1 (dashboard)
      |
    2 | dashboard: { zones: 1 }
      | ^^^^^^^^^
      = help: remove it for now

    error: `port` is not supported yet
     --> /r/agent-orchestrator.yaml:3:1 (port)
      |
    3 | port: 3000
      | ^^^^
      = help: remove it for now
    "#);
    let later = "\
version: 1
port: 1
power: {}
dashboard: {}
readyThresholdMs: 1
terminalPort: 1
directTerminalPort: 1
defaults: { orchestrator: {}, worker: {} }
plugins: [{ path: a.so, package: x, source: npm, name: x, version: '1' }]
projects:
  app:
    path: .
    name: App
    orchestrator: { agentConfig: {} }
    worker: {}
    agentRules: x
    agentRulesFile: x
    orchestratorSessionStrategy: reuse
    opencodeIssueSessionStrategy: reuse
";
    let problems = document(later).expect_err("nothing of this is supported");
    assert_eq!(problems.len(), 19, "{}", problems.render());
    for problem in problems.iter() {
        assert!(problem.message.contains("not supported yet"), "{problem}");
    }
}

#[test]
fn hostile_names_are_refused_where_they_stand() {
    let long = "a".repeat(300);
    for name in ["../x", "''", "-flag", "__proto__", "a b", "é", long.as_str()] {
        let problems = document(&format!("version: 1\nprojects:\n  {name}: {{ path: . }}\n")).expect_err(name);
        assert_eq!(problems.len(), 1, "{}", problems.render());
        assert_eq!((problems[0].place.line(), problems[0].place.column()), (3, 3), "{name}");
        let problems = document(&with_project(&format!("sessionPrefix: {name}"))).expect_err(name);
        assert_eq!(places(&problems), ["5:20 projects.app.sessionPrefix"], "{name}");
    }
}

#[test]
fn wrong_types_and_values_are_told_in_words() {
    for (line, words) in [
        ("path: [a]", "`path` must be text, not a list"),
        ("path: ''", "`path` is empty"),
        ("path: ~root/x", "another user's home"),
        ("repo: acme", "`repo` is not a repository name"),
        ("repo: https://github.com/acme/app.git", "without a host"),
        ("defaultBranch: 'a b'", "`defaultBranch` holds a character that git refuses"),
        ("defaultBranch: 1.0", "put it in quotes"),
        ("fetch: 'true'", "`fetch` must be `true` or `false`, not text"),
        ("symlinks: .env", "`symlinks` must be a list, not text"),
        ("symlinks: [~/x]", "item 1 of `symlinks` must be relative"),
        ("symlinks:", "`symlinks` has no value"),
        ("agentConfig: x", "`agentConfig` must be a map of keys, not text"),
        ("runtime: [tmux]", "`runtime` must be text or a map of keys, not a list"),
        ("runtime: 'a b'", "`runtime` may hold only"),
        ("runtime: { plugin: 3 }", "`plugin` must be text, not a number"),
        ("tracker: { plugin: x, enabled: maybe }", "`enabled` must be `true` or `false`"),
        ("reactions: { agent-stuck: { threshold: 10 } }", "`threshold` must be text, not a number"),
        ("reactions: { agent-stuck: { threshold: 10 min } }", "`threshold` is not a duration"),
        ("reactions: { agent-stuck: { treshold: 5m } }", "did you mean `threshold`?"),
        ("reactions: { agent_stuck: {} }", "did you mean `agent-stuck`?"),
        ("reactions: { ci-failed: { escalateAfter: 30 min } }", "`escalateAfter` is not a duration"),
        ("reactions: { ci-failed: { escalateAfter: 0 } }", "`escalateAfter` is refused"),
        ("reactions: { ci-failed: { escalateAfter: true } }", "`escalateAfter` must be"),
        ("reactions: { ci-failed: { retries: -1 } }", "`retries` is refused"),
        ("reactions: { ci-failed: { priority: high } }", "`priority` must be one of `urgent`"),
        ("reactions: { ci-failed: { action: notfy } }", "`action` must be one of `send-to-agent`"),
        ("reactions: { ci-failed: { action: run } }", "`action` names no program"),
        ("reactions: { ci-failed: { action: { run: [] } } }", "`run` must not be empty"),
        ("reactions: { ci-failed: { action: { run: [a], spawn: {} } } }", "either `run` or `spawn`"),
        ("reactions: { ci-failed: { action: {} } }", "either `run` or `spawn`"),
        ("reactions: { ci-failed: { action: { spawn: { role: boss } } } }", "`role` must be one of"),
        ("reactions: { ci-failed: { action: auto-merge } }", "only `approved-and-green` can merge"),
        ("reactions: { agent-exited: { action: send-to-agent } }", "an agent that is gone reads nothing"),
        ("reactions: { ci-failed: { message: '{{ pul.url }}' } }", "unknown variable `pul`; did you mean `pull`?"),
        ("reactions: { ci-failed: { message: '{{ pull.url' } }", "`message` is no template that can be used"),
        ("reactions: { ci-failed: { message: '{% for c in checks %}{{ c.nme }}{% endfor %}' } }", "in its line 1"),
        ("postCreate: npm ci", "`postCreate` must be a list, not text"),
        ("postCreate: [npm ci]", "item 1 of `postCreate`"),
        ("postCreate: [[]]", "item 1 of `postCreate` must not be empty"),
        ("postCreate: [[sleep, 5]]", "item 2 of item 1 of `postCreate` must be text, not a number"),
        ("postCreate: [{}]", "either `run` or `sh`"),
        ("postCreate: [{ timeout: 5m }]", "either `run` or `sh`"),
        ("postCreate: [{ sh: a, run: [b] }]", "either `run` or `sh`"),
        ("postCreate: [{ shell: a }]", "unknown key `shell`"),
        ("postCreate: [{ sh: '' }]", "`sh` must not be empty"),
        ("postCreate: [{ sh: a, timeout: 5 }]", "`timeout` must be text, not a number"),
        ("postCreate: [{ sh: a, timeout: '5' }]", "`timeout` is a number without a unit"),
        ("postCreate: [{ sh: a, timeout: 5 minutes }]", "`timeout` is not a duration"),
    ] {
        let problems = config(&with_project(line)).expect_err(line);
        let text = problems.render();
        assert!(text.contains(words), "{line}: {text}");
        assert!(problems[0].place.line() == 5, "{line}: {text}");
    }
}

#[test]
fn limits_of_the_event_log_are_whole_numbers_within_bounds() {
    for (limit, words) in [
        ("keepDays: 0", "`keepDays` is refused: the value is less than the minimum of 1"),
        ("keepDays: 40000", "`keepDays` is refused: the value is greater than the maximum of 36500"),
        ("keepDays: 30d", "`keepDays` must be a whole number, not text"),
        ("keepDays: 1.5", "`keepDays` must be a whole number, not a number"),
        ("keepRows: -1", "`keepRows` is refused: the value is less than the minimum of 1"),
        ("keepRow: 1", "did you mean `keepRows`?"),
    ] {
        let text = complaint(&format!("version: 1\nevents: {{ {limit} }}\n"));
        assert!(text.contains(words), "{limit}: {text}");
    }
    let limits = config("version: 1\nevents: { keepDays: 7, keepRows: 5000 }\n").expect("right").events();
    assert_eq!((limits.keep_days, limits.keep_rows), (Some(7), Some(5000)));
}

#[test]
fn the_trash_is_kept_for_days_and_up_to_a_size() {
    for (limit, words) in [
        ("keepDays: 0", "`keepDays` is refused: the value is less than the minimum of 1"),
        ("quota: 10", "`quota` must be text, not a number"),
        ("quota: '10'", "`quota` is a number without a unit"),
        ("quota: 10G", "`quota` is not a size; a size is a whole number and one unit, such as `500MB` or `10GiB`"),
        ("qouta: 1GiB", "did you mean `quota`?"),
    ] {
        let text = complaint(&format!("version: 1\ntrash: {{ {limit} }}\n"));
        assert!(text.contains(words), "{limit}: {text}");
    }
    let limits = config("version: 1\ntrash: { keepDays: 7, quota: 2GiB }\n").expect("right").trash();
    assert_eq!((limits.keep_days, limits.quota.map(crate::config::ByteSize::get)), (Some(7), Some(2 << 30)));
}

#[test]
fn limits_are_numbers_and_a_size() {
    for (limit, words) in [
        ("maxSessions: 0", "`maxSessions` is refused: the value is less than the minimum of 1"),
        ("maxPerProject: many", "`maxPerProject` must be a whole number, not text"),
        ("diskQuota: 5", "`diskQuota` must be text, not a number"),
        ("spawnDepth: -1", "`spawnDepth` is refused: the value is less than the minimum of 0"),
        ("spawnPerHour: 3", "did you mean `spawnsPerHour`?"),
    ] {
        let text = complaint(&format!("version: 1\nlimits: {{ {limit} }}\n"));
        assert!(text.contains(words), "{limit}: {text}");
    }
    let text = format!("{}limits: {{ maxSessions: 3, diskQuota: 1GiB }}\n", with_project("fetch: true"));
    let config = config(&text).expect("right");
    let limits = config.projects().next().expect("a project").limits;
    assert_eq!((limits.max_sessions, limits.disk_quota.map(crate::config::ByteSize::get)), (Some(3), Some(1 << 30)));
    assert_eq!((limits.max_per_project, limits.spawn_depth), (None, None));
}

#[test]
fn budgets_and_prices_are_whole_tokens_and_decimal_dollars() {
    for (line, words) in [
        ("budgets: { session: { tokens: 0 } }", "`tokens` is refused: the value is less than the minimum of 1"),
        ("budgets: { session: { tokens: 2M } }", "`tokens` must be a whole number, not text"),
        ("budgets: { project: { usd: 0 } }", "`usd` is refused"),
        ("budgets: { project: { usd: -3 } }", "`usd` is refused"),
        ("budgets: { project: { usd: '5' } }", "`usd` must be a number, not text"),
        ("budgets: { project: { usd: 0.0000001 } }", "is no amount of dollars"),
        ("budgets: { sesion: {} }", "did you mean `session`?"),
        ("budgets: { session: { dollars: 5 } }", "unknown key `dollars`"),
        ("prices: { m: { input: 3 } }", "the key `output` is missing"),
        ("prices: { m: { input: 3, output: cheap } }", "`output` must be a number, not text"),
        ("prices: { m: { input: -1, output: 1 } }", "`input` is refused"),
        ("prices: { m: { input: 1, output: 1, cacheread: 1 } }", "did you mean `cacheRead`?"),
    ] {
        let text = complaint(&format!("version: 1\n{line}\n"));
        assert!(text.contains(words), "{line}: {text}");
        assert!(text.contains("agent-orchestrator.yaml:2:"), "{line}: {text}");
    }
    let prices = "prices: { my-model: { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 } }";
    let text = format!(
        "{}budgets: {{ session: {{ usd: 5.00 }} }}\n{prices}\n",
        with_project("budgets: { session: { tokens: 7 } }")
    );
    let config = config(&text).expect("right");
    let project = config.projects().next().expect("a project");
    let budget = project.budgets.session;
    assert_eq!((budget.tokens, budget.usd.map(crate::model::Dollars::micros)), (Some(7), Some(5_000_000)));
    let price = project.prices.of("my-model").expect("a price");
    assert_eq!(price.cache_read.map(crate::model::Dollars::micros), Some(300_000));
    assert_eq!(config.prices(), &*project.prices);
}

#[test]
fn plugins_are_paths_with_known_keys() {
    for (plugin, words) in [
        ("{}", "the key `path` is missing in item 1 of `plugins`"),
        ("a.so", "item 1 of `plugins` must be a map of keys, not text"),
        ("{ path: a, sha256: abc }", "64 hexadecimal digits"),
        ("{ path: a, isolation: container }", "`isolation` must be one of `in-process`, `process`"),
        ("{ path: a, isolation: in_process }", "did you mean `in-process`?"),
        ("{ path: a, deadlines: { get: 1s } }", "the key `get` is not a slot and a method"),
        ("{ path: a, deadlines: { traker.get: 1s } }", "the key `traker.get` names no slot"),
        ("{ path: a, deadlines: { tracker.get: 1 } }", "must be text"),
        ("{ path: a, deadlines: { tracker.get: 1x } }", "is not a duration"),
        ("{ path: a, overide: true }", "did you mean `override`?"),
    ] {
        let text = complaint(&format!("version: 1\nplugins:\n  - {plugin}\n"));
        assert!(text.contains(words), "{plugin}: {text}");
    }
}

#[test]
fn the_version_is_required_and_is_one() {
    assert_snapshot!(complaint("projects: {}\n"), @r#"
    error: the key `version` is missing in the file
     --> /r/agent-orchestrator.yaml:1:1
      |
    1 | projects: {}
      | ^^^^^^^^
      = help: write `version: 1`
    "#);
    assert_snapshot!(complaint("version: '1'\n"), @r#"
    error: `version` must be `1`
     --> /r/agent-orchestrator.yaml:1:10 (version)
      |
    1 | version: '1'
      |          ^^^
      = help: write it without quotes
    "#);
}

#[test]
fn one_line_tells_it_too() {
    let problems = document(&with_project("fetch: 3")).expect_err("a number");
    assert_snapshot!(problems.to_string(), @"/r/agent-orchestrator.yaml:5:12: `fetch` must be `true` or `false`, not a number (at projects.app.fetch)");
}

#[test]
fn thousands_of_problems_are_cut_short() {
    let many = (0..20_000).map(|number| format!("key{number}: 1\n")).collect::<Vec<_>>().concat();
    let text = complaint(&format!("version: 1\n{many}"));
    assert_eq!(text.matches("unknown key").count(), 100);
    assert!(text.ends_with("correct these first\n"), "{text}");
}
