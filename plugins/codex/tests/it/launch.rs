//! Launches: what is overridden, what is asked for, and what is refused.

use ao_plugin_sdk::prelude::*;

use crate::{FINISHED, Scratch, agent};

fn request(scratch: &Scratch, worktree: &str) -> PlanLaunch {
    let directory = scratch.path().join("session");
    let mut request =
        PlanLaunch::new("app-1".parse::<SessionId>().expect("id"), scratch.path().join(worktree), directory);
    request.environment = [("HOME".to_owned(), scratch.path().to_string())].into();
    request
}

async fn plan(config: Value, request: PlanLaunch) -> Result<LaunchPlan> {
    agent(config)?.plan(request).await
}

/// The value of an override, as Codex reads it.
fn set(plan: &LaunchPlan, key: &str) -> Option<toml::Value> {
    let pairs = plan.argv.windows(2).filter(|pair| pair[0] == "-c");
    let mut values = pairs.filter_map(|pair| pair[1].strip_prefix(key)?.strip_prefix('=').map(str::to_owned));
    values.next().map(|value| toml::from_str::<toml::Table>(&format!("x = {value}")).expect("TOML")["x"].clone())
}

/// The arguments without the overrides.
fn plain(plan: &LaunchPlan) -> Vec<&str> {
    let mut words = plan.argv.iter().map(String::as_str);
    let mut plain = Vec::new();
    while let Some(word) = words.next() {
        if word == "-c" {
            words.next();
        } else {
            plain.push(word);
        }
    }
    plain
}

/// A linked worktree, as git lays it out.
fn linked(scratch: &Scratch) {
    for name in ["objects/pack/x", "refs/heads/main", "logs/HEAD", "hooks/sample", "config"] {
        scratch.write(&format!("repo/.git/{name}"), "");
    }
    scratch.write("repo/.git/worktrees/it's/commondir", "../..\n");
    scratch.write("repo/.git/worktrees/it's/gitdir", format!("{}/work tree/.git\n", scratch.path()));
    scratch.write("work tree/.git", format!("gitdir: {}/repo/.git/worktrees/it's\n", scratch.path()));
}

#[tokio::test]
async fn it_asks_nothing_at_its_start_and_leaves_no_server() {
    let scratch = Scratch::new();
    let worktree = r#"it's a "tree" ünï.dots"#;
    let plan = plan(json!({}), request(&scratch, worktree)).await.expect("a plan");
    assert_eq!(plain(&plan), ["codex", "--no-daemon"]);
    assert_eq!(set(&plan, "check_for_update_on_startup"), Some(false.into()));
    assert_eq!(set(&plan, "projects"), None, "whether it is trusted is the user's");
    assert_eq!(set(&plan, "notice.model_migrations").expect("notices")["gpt-5.5"].as_str(), Some("gpt-6-sol"));
    assert_eq!((plan.prompt, plan.message, plan.agent_session), (PromptDelivery::AtLaunch, None, None));
    assert_eq!(plan.cursor.expect("a cursor")["home"], json!(scratch.path().join(".codex")));
}

#[tokio::test]
async fn worktrees_are_trusted_by_whoever_says_so() {
    let scratch = Scratch::new();
    let worktree = r#"it's a "tree" ünï.dots"#;
    let plan = plan(json!({"trustWorktrees": true}), request(&scratch, worktree)).await.expect("a plan");
    let projects = set(&plan, "projects").expect("projects");
    let path = scratch.path().join(worktree);
    assert_eq!(projects[path.as_str()]["trust_level"].as_str(), Some("trusted"));
}

/// What is there before a launch is told apart from what comes by its order, and by no clock.
#[tokio::test]
async fn what_was_there_before_is_remembered() {
    let scratch = Scratch::new();
    let cursor = async |resumed: Option<&str>| {
        let mut wanted = request(&scratch, "w");
        if let Some(thread) = resumed {
            wanted.mode = LaunchMode::Resume { agent_session: thread.to_owned() };
        }
        plan(json!({}), wanted).await.expect("a plan").cursor.expect("a cursor")
    };
    assert_eq!(cursor(None).await["after"], json!(""));
    let path = |id: &str| format!(".codex/sessions/2026/11/21/rollout-2026-11-21T00-11-54-{id}.jsonl");
    let older = "01a1fb64-9c47-7c72-a710-e050db61b9d1";
    scratch.write(&path(FINISHED), "12345\n");
    scratch.write(&path(older), "1\n");
    scratch.write(".codex/sessions/2026/11/20/rollout-2026-11-20T00-11-54-notes.jsonl", "");
    assert_eq!(cursor(None).await["after"], json!(FINISHED));
    let resumed = cursor(Some(FINISHED)).await;
    assert_eq!(resumed["mark"]["before"], json!(6), "{resumed}");
    assert_eq!(cursor(Some("01a1fb71-0000-7000-8000-000000000000")).await.get("mark"), None);
}

/// A worktree's `.git` is its agent's to write; what it names becomes writable only where git's own files agree.
#[tokio::test]
async fn a_git_file_that_lies_makes_nothing_writable() {
    let added = async |scratch: &Scratch| {
        let mut wanted = request(scratch, "work tree");
        wanted.permissions = PermissionMode::AutoEdit;
        let plan = plan(json!({}), wanted).await.expect("a plan");
        plain(&plan).iter().filter(|word| **word == "--add-dir").count()
    };
    let scratch = Scratch::new();
    linked(&scratch);
    assert_eq!(added(&scratch).await, 5);
    // Another directory, one that is laid out like git's, and another worktree's.
    scratch.write(".ssh/id", "");
    scratch.write("evil/worktrees/x/commondir", "../..\n");
    scratch.write("evil/worktrees/x/gitdir", format!("{}/elsewhere/.git\n", scratch.path()));
    scratch.write("repo/.git/worktrees/other/commondir", "../..\n");
    scratch.write("repo/.git/worktrees/other/gitdir", format!("{}/other/.git\n", scratch.path()));
    for named in [".ssh", "evil/worktrees/x", "repo/.git/worktrees/other", "repo/.git", "repo/.git/worktrees"] {
        scratch.write("work tree/.git", format!("gitdir: {}/{named}\n", scratch.path()));
        assert_eq!(added(&scratch).await, 1, "{named}: the spool alone");
    }
    // One that says all of that rightly, and leads elsewhere by links.
    scratch.write("evil/worktrees/x/gitdir", format!("{}/work tree/.git\n", scratch.path()));
    std::os::unix::fs::symlink(scratch.path().join(".ssh"), scratch.path().join("evil/objects")).expect("a link");
    scratch.write("work tree/.git", format!("gitdir: {}/evil/worktrees/x\n", scratch.path()));
    assert_eq!(added(&scratch).await, 2, "itself, and no link");
    scratch.write("evil/worktrees/x/commondir", "../../../.ssh\n");
    assert_eq!(added(&scratch).await, 1);
}

#[tokio::test]
async fn a_conversation_is_gone_on_with() {
    let scratch = Scratch::new();
    let mut wanted = request(&scratch, "w");
    wanted.mode = LaunchMode::Resume { agent_session: FINISHED.to_owned() };
    let plan = plan(json!({"args": ["--search"]}), wanted).await.expect("a plan");
    assert_eq!(plain(&plan), ["codex", "resume", "--no-daemon", "--search", FINISHED]);
    assert_eq!(plan.agent_session.as_deref(), Some(FINISHED));
    for id in ["--last", "", "name", "01a1fb71-fdd6-7451-a4c9-e1dfb0ff807 "] {
        let mut wanted = request(&scratch, "w");
        wanted.mode = LaunchMode::Resume { agent_session: id.to_owned() };
        assert_eq!(self::plan(json!({}), wanted).await.expect_err(id).code, Code::INVALID_INPUT);
    }
}

#[tokio::test]
async fn the_task_is_sent_and_instructions_have_their_place() {
    let scratch = Scratch::new();
    let prompt = |text: &str| Prompt::new(text, "/session/prompt.md");
    let mut wanted = request(&scratch, "w");
    wanted.prompt = Some(prompt("Rules.\n\n-x /task"));
    let whole = plan(json!({}), wanted.clone()).await.expect("a plan");
    assert_eq!((whole.prompt.clone(), whole.message.clone()), (PromptDelivery::WhenReady, None));
    assert_eq!(set(&whole, "developer_instructions"), None);
    let rules = "Say \"yes\",\n\tor 'no' \\ \u{1b}[31m ünï.";
    let mut parts = PromptParts::new(prompt(rules));
    parts.task = Some(prompt("-x /task"));
    wanted.parts = Some(parts.clone());
    let split = plan(json!({}), wanted.clone()).await.expect("a plan");
    assert_eq!((split.prompt.clone(), split.message.as_deref()), (PromptDelivery::WhenReady, Some("-x /task")));
    assert_eq!(
        set(&split, "developer_instructions").and_then(|set| set.as_str().map(str::to_owned)).as_deref(),
        Some(rules)
    );
    parts.instructions = prompt(&"x".repeat(1024 * 1024));
    wanted.parts = Some(parts.clone());
    let long = plan(json!({}), wanted.clone()).await.expect("a plan");
    assert!(long.argv.iter().all(|argument| argument.len() < 128 * 1024));
    assert!(set(&long, "developer_instructions").expect("set").to_string().contains("/session/prompt.md"));
    // Quoting makes six characters of one.
    parts.instructions = prompt(&"\u{1b}".repeat(40 * 1024));
    wanted.parts = Some(parts.clone());
    let quoted = plan(json!({}), wanted.clone()).await.expect("a plan");
    assert!(quoted.argv.iter().all(|argument| argument.len() < 128 * 1024));
    parts.instructions = prompt("\0");
    wanted.parts = Some(parts);
    assert_eq!(plan(json!({}), wanted).await.expect_err("NUL").code, Code::INVALID_INPUT);
}

#[tokio::test]
async fn permissions_are_its_own() {
    let scratch = Scratch::new();
    linked(&scratch);
    let roots = |names: &[&str]| {
        names
            .iter()
            .map(|name| scratch.path().canonicalize_utf8().expect("there").join(name).into_string())
            .collect::<Vec<_>>()
    };
    let mut git = roots(&["repo/.git/worktrees/it's", "repo/.git/objects", "repo/.git/refs", "repo/.git/logs"]);
    git.push(scratch.path().join("session/spool").into_string());
    let added: Vec<&str> = git.iter().flat_map(|root| ["--add-dir", root.as_str()]).collect();
    for (asked, configured, expected) in [
        (PermissionMode::Permissionless, "suggest", vec!["--dangerously-bypass-approvals-and-sandbox"]),
        (PermissionMode::Default, "permissionless", vec!["--dangerously-bypass-approvals-and-sandbox"]),
        (PermissionMode::Suggest, "default", vec!["--ask-for-approval", "on-request", "--sandbox", "read-only"]),
        (
            PermissionMode::AutoEdit,
            "default",
            [vec!["--ask-for-approval", "on-request", "--sandbox", "workspace-write"], added].concat(),
        ),
        (PermissionMode::Default, "default", vec![]),
    ] {
        let mut wanted = request(&scratch, "work tree");
        wanted.permissions = asked;
        let plan = plan(json!({"permissions": configured}), wanted).await.expect("a plan");
        assert_eq!(plain(&plan)[2..], expected, "{asked:?} over {configured}");
    }
    // The user's own sandbox is left as it is, but a commit can be written.
    scratch.write(
        ".codex/config.toml",
        "[sandbox_workspace_write]\nwritable_roots = [\"/cache\"]\nnetwork_access = true\n",
    );
    let plan = plan(json!({}), request(&scratch, "work tree")).await.expect("a plan");
    let roots = set(&plan, "sandbox_workspace_write.writable_roots").expect("roots");
    let roots: Vec<_> = roots.as_array().expect("a list").iter().filter_map(toml::Value::as_str).collect();
    assert_eq!(roots, [vec!["/cache"], git.iter().map(String::as_str).collect()].concat());
}

#[tokio::test]
async fn hooks_are_added_with_the_hash_of_their_review() {
    let scratch = Scratch::new();
    let mut wanted = request(&scratch, "w");
    wanted.hook = vec!["/opt/a tool/ao".to_owned(), "__hook".to_owned()];
    let plan = plan(json!({}), wanted).await.expect("a plan");
    let hook = set(&plan, "hooks.PermissionRequest").expect("a hook");
    assert_eq!(hook[0]["hooks"][0]["command"].as_str(), Some("'/opt/a tool/ao' __hook PermissionRequest"));
    assert_eq!(hook[0]["hooks"][0]["timeout"].as_integer(), Some(3));
    let state = set(&plan, "hooks.state").expect("their state");
    assert_eq!(
        state["/<session-flags>/config.toml:permission_request:0:0"]["trusted_hash"].as_str(),
        Some("sha256:de38721ee30fd0d966ca163a6acd46eac35a0a62c51f748c6ac8f592ccd18d92")
    );
    assert_eq!(state.as_table().map(toml::Table::len), Some(5));
    assert!(plan.argv.iter().all(|argument| !argument.starts_with("notify")), "the user's program stays");
}

#[tokio::test]
async fn behind_the_wrapper_of_npm_is_the_program() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let executable = |at: &str| {
        let path = scratch.write(at, "#!/bin/sh\n");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
        path
    };
    let wrapper = executable("lib/node_modules/@openai/codex/bin/codex.js");
    std::fs::create_dir_all(scratch.path().join("bin")).expect("directory");
    std::os::unix::fs::symlink(&wrapper, scratch.path().join("bin/codex")).expect("link");
    let mut wanted = request(&scratch, "w");
    wanted.environment.insert("PATH".to_owned(), scratch.path().join("bin").into_string());
    let before = plan(json!({}), wanted.clone()).await.expect("a plan");
    assert_eq!(before.argv[0], "codex", "a wrapper alone is started as it is named");
    for (os, arch, package, triple) in [
        ("linux", "x86_64", "codex-linux-x64", "x86_64-unknown-linux-musl"),
        ("linux", "aarch64", "codex-linux-arm64", "aarch64-unknown-linux-musl"),
        ("macos", "x86_64", "codex-darwin-x64", "x86_64-apple-darwin"),
        ("macos", "aarch64", "codex-darwin-arm64", "aarch64-apple-darwin"),
    ] {
        if (os, arch) == (std::env::consts::OS, std::env::consts::ARCH) {
            let native = executable(&format!("lib/node_modules/@openai/{package}/vendor/{triple}/bin/codex"));
            let after = plan(json!({}), wanted.clone()).await.expect("a plan");
            assert_eq!(after.argv[0], native.canonicalize_utf8().expect("there"));
            assert_eq!(after.env.get("CODEX_MANAGED_BY_NPM").map(String::as_str), Some("1"));
        }
    }
}

#[test]
fn contradictions_are_refused() {
    for config in [
        json!({"binary": " "}),
        json!({"args": ["--", "x"]}),
        json!({"args": ["--search", "--", "x"]}),
        json!({"args": ["exec"]}),
        json!({"args": ["--model=x"]}),
        json!({"args": ["-mx"]}),
        json!({"args": ["--search", "--sandbox", "danger-full-access"]}),
        json!({"args": ["--no-daemon"]}),
        json!({"env": {"A=B": "c"}}),
        json!({"env": {"A": "\0"}}),
        json!({"model": ""}),
        json!({"Model": "x"}),
        json!({"permissions": "all"}),
    ] {
        assert!(agent(config.clone()).is_err(), "{config}");
    }
    let message = agent(json!({"permissions": "autoedit"})).expect_err("refused").message;
    assert!(message.contains("autoedit") && message.contains("auto-edit"), "{message}");
    agent(json!({"args": ["-c", "model_verbosity=low", "--search", "--add-dir", "/srv"]}))
        .expect("these are for users");
}
