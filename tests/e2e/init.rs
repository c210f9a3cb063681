//! `ao init`.

use insta::assert_snapshot;

use crate::support::{World, exists};

#[test]
fn it_writes_what_git_says_and_trusts_it() {
    let world = World::with_repository();
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

    # Agents are programs that get a task and a worktree to do it in. To use one, remove the `# ` in front of it and of
    # `defaults`. In `argv`, `{prompt}` stands for the task and `{prompt_file}` for the path of a file with it.
    #
    # agents:
    #   claude:
    #     plugin: command
    #     argv: [claude, "{prompt}"]
    #   fixer:
    #     plugin: command
    #     argv: [./fix.py, --file, "{prompt_file}"]   # `./` is the directory of this file
    #
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
    let world = World::new();
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
