//! `ao init`.

use ao_host::world::files::write_atomic;
use camino::Utf8PathBuf;
use fs_err::os::unix::fs::symlink;
use insta::assert_snapshot;

use crate::support::{World, exists, machine_path};

/// A world in which git is installed, and programs of these names that say of themselves what stands beside them.
fn with_programs(world: World, programs: &[(&str, &str)]) -> World {
    let bin = world.path("bin");
    fs_err::create_dir(&bin).unwrap();
    let path = machine_path();
    let git = path.split(':').map(|directory| Utf8PathBuf::from(directory).join("git")).find(|git| git.is_file());
    symlink(git.unwrap(), bin.join("git")).unwrap();
    for (name, said) in programs {
        let script = format!("#!/bin/sh\necho '{said}'\n");
        write_atomic(&bin.join(name), script.as_bytes(), 0o755).unwrap();
    }
    world.variable("PATH", bin.as_str())
}

#[test]
fn an_agent_that_is_installed_is_whom_sessions_get() {
    let programs = [("claude", "2.1.197 (Claude Code)"), ("opencode", "1.18.33"), ("codex", "codex-cli 0.1.0")];
    let world = with_programs(World::with_repository(), &programs);
    assert_snapshot!(world.ao(&["init"]), @r"
    $ ao init
    wrote and trusted [ROOT]/app/agent-orchestrator.yaml: project app, branch main
    next:
      1. `ao spawn --prompt '…'` starts opencode, which is usable here; `ao doctor` says what is missing
    ");
    let text = fs_err::read_to_string(world.path("app/agent-orchestrator.yaml")).unwrap();
    assert!(text.contains("\ndefaults:\n  agent: opencode   # it is usable here\n"), "{text}");

    // Whom sessions get is said elsewhere.
    fs_err::remove_file(world.path("app/agent-orchestrator.yaml")).unwrap();
    let own = world.file("own.yaml", "version: 1\ndefaults: { agent: claude-code }\n");
    let world = world.variable("AO_GLOBAL_CONFIG", own.as_str());
    let run = world.ao(&["init"]).succeeds();
    assert!(
        run.stdout().contains("1. `ao spawn --prompt '…'` starts claude-code, as your own configuration says"),
        "{run}"
    );
    let text = fs_err::read_to_string(world.path("app/agent-orchestrator.yaml")).unwrap();
    assert!(text.contains("\n# defaults:\n"), "{text}");
}

#[test]
fn it_writes_what_git_says_and_trusts_it() {
    let world = with_programs(World::with_repository(), &[]);
    world.git(&["remote", "add", "origin", "https://token@github.com/acme/app.git"]);
    assert_snapshot!(world.ao(&["init"]), @r"
    $ ao init
    wrote and trusted [ROOT]/app/agent-orchestrator.yaml: project app, branch main, acme/app
    next:
      1. name your agent in that file (see `agents`), then `ao trust`
      2. `ao spawn --prompt '…'`; `ao doctor` says what is missing
    ");
    assert_snapshot!(fs_err::read_to_string(world.path("app/agent-orchestrator.yaml")).unwrap(), @r#"
    # How `ao` works on this repository. After a change: `ao config check`, then `ao trust`.
    version: 1

    # Agents get a task and a worktree to do it in. `ao agent list` names those that need no entry here, and says which are
    # installed. To use one of these, or one of your own, remove the `# ` in front of it and name it in `defaults`.
    #
    # agents:
    #   claude:
    #     plugin: claude-code
    #     permissions: auto-edit      # what it does without asking
    #   gemini:
    #     plugin: acp                 # any program that speaks the Agent Client Protocol
    #     argv: [gemini, --acp]
    #   fixer:
    #     plugin: command             # any program: `{prompt_file}` is the path of a file with the task
    #     argv: [./fix.py, --file, "{prompt_file}"]   # `./` is the directory of this file

    # defaults:
    #   agent: claude
    #   runtime: tmux                 # where agents live; unset, `pty` stands in where tmux is missing

    projects:
      app:
        path: .
        repo: acme/app
        # The branch that sessions start from.
        defaultBranch: main
        # Issues and pull requests in the repository itself, without an account or a network.
        # tracker: local
        # scm: local
        # What each worktree gets a symbolic link to, and what runs in it before the agent starts.
        # symlinks: [.env]
        # postCreate:
        #   - [npm, ci]
    "#);
    assert_snapshot!(world.ao(&["config", "check"]), @r"
    $ ao config check
    [ROOT]/app/agent-orchestrator.yaml: no errors
    ");
}

#[test]
fn it_leaves_an_existing_file_alone() {
    let world = World::with_repository();
    let path = world.file("app/agent-orchestrator.yml", "version: 1\n");
    assert_snapshot!(world.ao(&["init"]), @r"
    $ ao init
    --- stderr
    error: `[ROOT]/app/agent-orchestrator.yml` exists already and is left as it is; look at it, then `ao trust [ROOT]/app/agent-orchestrator.yml`
    --- exit 1
    ");
    assert_eq!(fs_err::read_to_string(path).unwrap(), "version: 1\n");
    assert!(!exists(&world.path("app/agent-orchestrator.yaml")));
}

#[test]
fn it_needs_a_repository() {
    let world = World::new();
    assert_snapshot!(world.ao(&["init"]), @r"
    $ ao init
    --- stderr
    error: `[ROOT]/app` is not in a git repository; make it one with `git init`
    --- exit 2
    ");
    assert_snapshot!(world.ao(&["init", "nowhere"]), @r"
    $ ao init nowhere
    --- stderr
    error: there is no directory `[ROOT]/app/nowhere`
    --- exit 1
    ");
}

#[test]
fn a_repository_without_a_commit_is_told_what_it_lacks() {
    let world = with_programs(World::new(), &[]);
    world.git(&["init", "--quiet", "--initial-branch", "trunk"]);
    fs_err::create_dir(world.path("app/below")).unwrap();
    assert_snapshot!(world.ao(&["init", "below"]), @r"
    $ ao init below
    wrote and trusted [ROOT]/app/agent-orchestrator.yaml: project app, branch trunk
    next:
      1. name your agent in that file (see `agents`), then `ao trust`
      2. make a first commit: a session's worktree starts from one, and there is none yet
      3. `ao spawn --prompt '…'`; `ao doctor` says what is missing
    ");
}

#[test]
fn a_missing_git_is_named() {
    let world = World::with_repository().variable("PATH", "/nowhere");
    assert_snapshot!(world.ao(&["init"]), @r"
    $ ao init
    --- stderr
    error: cannot start `git`: there is no such program
    --- exit 1
    ");
}
