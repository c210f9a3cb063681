//! Each key that the configuration accepts, set to something else than its default, and what changes by it.

use crate::studio::{Engine, Studio, heard, in_every_engine};
use crate::support::exists;

/// What one command of an agent prints, with more keys of the project.
fn printed(studio: &Studio, arguments: &[&str]) -> String {
    let id = studio.spawn(arguments);
    studio.wait_for_status(&id, "done");
    studio.world.ao(&["session", "logs", &id]).succeeds().stdout()
}

/// A studio whose worker runs this script.
fn working(script: &str, project: &str) -> Studio {
    let studio = Studio::new(Engine::Process);
    studio.world.file("worker.sh", script);
    studio.configure(project);
    studio
}

fn replaced(studio: &Studio, from: &str, to: &str) {
    let text = studio.config("");
    assert!(text.contains(from), "{text}");
    studio.write_config(&text.replace(from, to));
}

#[test]
fn default_branch() {
    let studio = working("git log --format=%s -n 1\n", "");
    studio.world.git(&["switch", "--quiet", "--create", "trunk"]);
    studio.world.commit("on the trunk");
    studio.world.git(&["switch", "--quiet", "main"]);
    assert_eq!(printed(&studio, &["--prompt", "x"]), "first\n");
    studio.configure("    defaultBranch: trunk\n");
    assert_eq!(printed(&studio, &["--prompt", "x"]), "on the trunk\n");
    studio.configure("    defaultBranch: gone\n");
    let run = studio.world.ao(&["spawn", "--prompt", "x"]);
    assert!(run.code() != 0 && run.stderr().contains("`gone`"), "{run}");
}

#[test]
fn agent_stuck_threshold() {
    let studio = Studio::new(Engine::Process);
    let for_all = |threshold: &str, project: &str| {
        // Nobody tells it to go on, or it would be taken to.
        let nudge = "agent-idle: { enabled: false }";
        let reactions = format!("reactions: {{ {nudge}, agent-stuck: {{ threshold: {threshold} }} }}\n");
        studio.write_config(&format!("{reactions}{}", studio.config(project)));
    };
    for_all("90m", "");
    let id = studio.listen("listener");
    assert_eq!(studio.show(&id)["session"]["stuck_after_ms"], 5_400_000);
    studio.world.ao(&["reconcile"]).succeeds();
    assert_eq!(studio.status(&id), "ready");
    // A living session follows its configuration, and its project's own word goes first.
    for_all("90m", "    reactions: { agent-stuck: { threshold: 1ms } }\n");
    studio.world.ao(&["reconcile"]);
    studio.wait_for_status(&id, "stuck");
    let why = studio.show(&id)["status"]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(why.starts_with("no progress for"), "{why}");
    // One that is not trusted, or that is wrong, says nothing.
    for text in ["version: 1\nprojects: { app: { path: . } }\n", "version: 1\nreactions: 3\n"] {
        studio.world.file("app/agent-orchestrator.yaml", text);
        studio.world.ao(&["reconcile"]);
        assert_eq!(studio.show(&id)["session"]["stuck_after_ms"], 1, "{text}");
    }
    studio.configure("");
    studio.world.ao(&["reconcile"]).succeeds();
    assert_eq!(studio.show(&id)["session"].get("stuck_after_ms"), None, "the default is written down nowhere");
    assert_eq!(studio.status(&id), "ready");
}

#[test]
fn session_prefix() {
    let studio = working("true\n", "    sessionPrefix: fix\n");
    assert_eq!(studio.spawn(&["--prompt", "x"]), "fix-1");
}

#[test]
fn path() {
    let studio = working("git log --format=%s -n 1\n", "");
    let other = studio.world.path("other");
    studio.world.git(&["clone", "--quiet", ".", other.as_str()]);
    studio.world.git(&["-C", other.as_str(), "commit", "--quiet", "--allow-empty", "--message", "elsewhere"]);
    replaced(&studio, "path: .", "path: ../other");
    assert_eq!(printed(&studio, &["--prompt", "x"]), "elsewhere\n");
}

#[test]
fn symlinks() {
    let studio = working("cat .env && test -L .env\n", "    symlinks: [.env]\n");
    studio.world.file("app/.env", "KEY=value\n");
    assert_eq!(printed(&studio, &["--prompt", "x"]), "KEY=value\n");
}

#[test]
fn post_create() {
    let steps = "    postCreate:\n      - [touch, \"a b\"]\n      - { run: [touch, c], timeout: 1m }\n      - { sh: \"echo $AO_SESSION_ID > id\" }\n";
    let studio = working("ls \"a b\" c && cat id\n", steps);
    assert_eq!(printed(&studio, &["--prompt", "x"]), "a b\nc\napp-1\n");
}

#[test]
fn a_post_create_step_that_takes_too_long() {
    let studio = working("true\n", "    postCreate: [{ run: [sleep, \"100000\"], timeout: 200ms }]\n");
    let before = studio.traces();
    let run = studio.world.ao(&["spawn", "--prompt", "x"]);
    assert_ne!(run.code(), 0);
    assert!(
        run.stderr().contains("spawning `app-1` failed at `post_create`") && run.stderr().contains("200ms"),
        "{run}"
    );
    assert_eq!(studio.traces(), before, "its processes are ended too");
}

#[test]
fn what_a_post_create_step_printed_is_kept() {
    let studio = working("true\n", "    postCreate: [{ sh: \"echo the reason; exit 7\" }]\n");
    let run = studio.world.ao(&["spawn", "--prompt", "x"]);
    assert_ne!(run.code(), 0);
    for text in [run.stderr(), studio.world.ao(&["session", "show", "app-1"]).stdout()] {
        assert!(text.contains("the reason") && text.contains("post"), "{text}");
    }
}

#[test]
fn fetch() {
    let studio = working("git log --format=%s -n 1\n", "");
    let (bare, other) = (studio.world.path("bare.git"), studio.world.path("other"));
    studio.world.git(&["clone", "--quiet", "--bare", ".", bare.as_str()]);
    studio.world.git(&["remote", "add", "origin", bare.as_str()]);
    studio.world.git(&["fetch", "--quiet", "origin"]);
    studio.world.git(&["clone", "--quiet", bare.as_str(), other.as_str()]);
    let commit = ["-C", other.as_str(), "commit", "--quiet", "--allow-empty", "--message", "from a colleague"];
    studio.world.git(&commit);
    studio.world.git(&["-C", other.as_str(), "push", "--quiet"]);
    assert_eq!(printed(&studio, &["--prompt", "x"]), "first\n");
    studio.configure("    fetch: true\n");
    assert_eq!(printed(&studio, &["--prompt", "x"]), "from a colleague\n");
    assert_eq!(studio.git(&["log", "--format=%s", "main"]), "first\n", "the user's own branch stays");
}

#[test]
fn a_fetch_that_fails_fails_the_spawn() {
    let studio = working("true\n", "    fetch: true\n");
    studio.world.git(&["remote", "add", "origin", "/nowhere"]);
    let before = studio.traces();
    let run = studio.world.ao(&["spawn", "--prompt", "x"]);
    assert_ne!(run.code(), 0);
    assert!(run.stderr().contains("/nowhere"), "{run}");
    assert_eq!(studio.traces(), before);
}

#[test]
fn agent_settings() {
    let studio = working("echo ${GREETING-none} ${HOME-none}\n", "");
    let home = studio.world.path("home");
    assert_eq!(
        printed(&studio, &["--prompt", "x"]).trim_end(),
        format!("none {}", home.as_str().replace(studio.world.path("").as_str().trim_end_matches('/'), "[ROOT]"))
    );
    studio.configure("    agentConfig: { env: { GREETING: hello }, envRemove: [HOME] }\n");
    assert_eq!(printed(&studio, &["--prompt", "x"]), "hello none\n");
}

#[test]
fn agents_and_who_chooses_among_them() {
    let studio = working("echo worker\n", "");
    let script = "argv: [sh, -c, \"echo $0\", other]";
    let with_other =
        |text: &str| text.replacen("agents:\n", &format!("agents:\n  other: {{ plugin: command, {script} }}\n"), 1);
    studio.write_config(&with_other(&studio.config("")));
    assert_eq!(printed(&studio, &["--prompt", "x"]), "worker\n");
    assert_eq!(printed(&studio, &["--agent", "other"]), "other\n");
    studio.write_config(&with_other(&studio.config("    agent: other\n")));
    assert_eq!(printed(&studio, &[]), "other\n");
    studio.write_config(&with_other(&studio.config("")).replace("agent: worker", "agent: other"));
    assert_eq!(printed(&studio, &[]), "other\n");
}

#[test]
fn ways_of_a_prompt() {
    let studio = working("read -r line && echo \"got $line\"\n", "");
    // Without a placeholder it is sent.
    replaced(&studio, ", \"{prompt_file}\"", "");
    assert_eq!(printed(&studio, &["--prompt", "by pipe"]), "got by pipe\n");
    studio.world.file("worker.sh", "echo \"$1 $2 $3\"\n");
    replaced(&studio, ", \"{prompt_file}\"", ", \"<{prompt}>\", \"{session}\", \"{{}}\"");
    assert_eq!(printed(&studio, &["--prompt", "by argument"]), "<by argument> app-2 {}\n");
}

#[test]
fn runtime() {
    if !Engine::Tmux.is_here("config_keys::runtime") {
        return;
    }
    let studio = Studio::new(Engine::Process);
    studio.configure("    runtime: tmux\n");
    let id = studio.spawn(&["--agent", "sleeper"]);
    assert_eq!(studio.show(&id)["session"]["runtime"]["handle"]["plugin"], "tmux");
}

#[test]
fn tmux_history_limit() {
    if !Engine::Tmux.is_here("config_keys::tmux_history_limit") {
        return;
    }
    let studio = Studio::new(Engine::Tmux);
    studio.world.file("worker.sh", "seq 1 1000\n");
    let first = |project: &str| {
        studio.configure(project);
        printed(&studio, &["--prompt", "x"]).lines().next().unwrap().to_owned()
    };
    assert_eq!(first(""), "1");
    let limited: u32 = first("    runtime: { plugin: tmux, historyLimit: 100 }\n").parse().unwrap();
    assert!((800..950).contains(&limited), "{limited}");
}

#[test]
fn a_tracker_an_scm_and_a_workspace_of_a_library() {
    let studio = Studio::new(Engine::Process);
    let library = studio.world.library("lib/libao_plugin_fixture.so", |_| {});
    studio.world.ao(&["plugin", "trust", library.as_str()]).succeeds();
    let configure = |project: &str| {
        let text = studio.config(project);
        studio.write_config(&text.replacen(
            "version: 1\n",
            &format!("version: 1\nplugins: [{{ path: {library} }}]\n"),
            1,
        ));
    };
    configure(
        "    tracker: { plugin: fixture, label: ' x' }\n    scm: { plugin: fixture, checks: [x] }\n    workspace: worktree\n",
    );
    let doctor = studio.world.ao(&["doctor"]);
    assert!(doctor.stdout().contains("a label has no white space") && doctor.code() == 1, "{doctor}");
    // What exists in names only cannot be worked in.
    configure("    workspace: { plugin: fixture }\n");
    let run = studio.world.ao(&["spawn", "--agent", "sleeper"]);
    assert!(run.code() != 0 && run.stderr().contains("runtime_create"), "{run}");
    assert_eq!(studio.show("app-1")["session"]["workspace"]["plugin"], "fixture");
    // A setting that its schema does not allow.
    let text = studio.config("    tracker: { plugin: fixture, pageSize: 199 }\n");
    let text = text.replacen("version: 1\n", &format!("version: 1\nplugins: [{{ path: {library} }}]\n"), 1);
    studio.world.file("app/agent-orchestrator.yaml", &text);
    let trusted = ao_host::hash::sha256(text.as_bytes());
    let check = studio.world.ao_with(&["config", "check"], &[("AO_TRUST_CONFIG", &trusted)]);
    assert!(check.code() == 78 && check.stderr().contains("pageSize"), "{check}");
}

#[test]
fn what_a_listed_library_may_be_told() {
    let studio = Studio::new(Engine::Process);
    let library =
        studio.world.file("lib/libao_plugin_git.so", fs_err::read(crate::support::built_library("git")).unwrap());
    studio.world.ao(&["plugin", "trust", library.as_str()]).succeeds();
    let with = |keys: &str| {
        let entry = format!("version: 1\nplugins: [{{ path: {library}, {keys} }}]\n");
        studio.write_config(&studio.config("").replacen("version: 1\n", &entry, 1));
    };
    let before = studio.traces();
    with("deadlines: { workspace.create: 1ms }");
    let late = studio.world.ao(&["spawn", "--agent", "sleeper"]);
    assert_eq!(late.code(), 75, "{late}");
    assert!(late.stderr().contains("worktree_add"), "{late}");
    studio.wait("it is undone", || {
        studio.world.ao(&["status", "--refresh"]);
        studio.traces() == before
    });
    with(&format!("sha256: \"{}\"", "0".repeat(64)));
    let pinned = studio.world.ao(&["plugin", "list"]);
    assert!(pinned.stderr().contains("sha256") || pinned.stderr().contains("pin"), "{pinned}");
    with("enabled: false");
    assert!(studio.world.ao(&["plugin", "list"]).succeeds().stderr().is_empty());
}

in_every_engine! {
    /// Until the pattern shows, no prompt is sent.
    fn ready(engine: Engine) {
        let studio = Studio::new(engine);
        let gate = studio.world.path("gate");
        // It is quiet for longer than a program without a pattern may be, until somebody opens the gate.
        let wait = format!("until [ -e '{gate}' ]; do sleep 0.05; done\n");
        let listener = fs_err::read_to_string(studio.world.path("listener.sh")).unwrap();
        studio.world.file("listener.sh", wait + &listener);
        let spawn = studio.world.start(&["spawn", "--agent", "listener", "--prompt", "go"]);
        studio.wait("it is launched", || {
            let list = studio.world.json(&["session", "list"]);
            list["sessions"].as_array().unwrap().iter().any(|row| row["status"]["reason"] == "first_prompt")
        });
        let worktree = studio.worktree("app-1");
        assert!(!exists(&worktree.join("heard")));
        studio.world.file("gate", "");
        spawn.finish().succeeds();
        studio.wait("it is heard", || heard(&worktree).starts_with(b"go"));
    }
}
