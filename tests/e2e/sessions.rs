//! The life of sessions: spawned, watched, spoken to, ended; in both runtimes.

use insta::assert_snapshot;

use crate::studio::{Engine, Studio, heard, in_every_engine};

in_every_engine! {
    /// From a clone to five sessions at once, as the README has it.
    fn five_sessions_do_their_tasks(engine: Engine) {
        let studio = Studio::new(engine);
        let prompts = ["one", "two", "three", "four", "five"];
        let ids = prompts.map(|prompt| studio.spawn(&["--prompt", &format!("task {prompt}\n")]));
        assert_eq!(ids, ["app-1", "app-2", "app-3", "app-4", "app-5"]);
        for (id, prompt) in ids.iter().zip(prompts) {
            studio.wait_for_status(id, "done");
            assert_eq!(studio.git(&["show", &format!("ao/{id}:work.txt")]), format!("task {prompt}\n"));
            assert_eq!(studio.git(&["log", "--format=%s", &format!("main..ao/{id}")]), format!("task {prompt}\n"));
            let logs = studio.world.ao(&["session", "logs", id]).succeeds().stdout();
            assert_eq!(logs.lines().collect::<Vec<_>>(), ["tests pass", "finished"]);
        }
        assert!(studio.git(&["status", "--porcelain", "--untracked-files=no"]).is_empty(), "the checkout is as it was");

        let status = studio.world.json(&["status", "--refresh"]);
        let rows = status["sessions"].as_array().unwrap();
        assert_eq!(rows.len(), 5);
        for row in rows {
            assert_eq!(row["status"]["name"], "done");
            assert_eq!(row["status"]["reason"], "the agent ended with exit code 0");
        }
        assert_eq!(studio.world.json(&["session", "list"])["sessions"].as_array().unwrap().len(), 5);
        assert!(studio.world.ao(&["status"]).succeeds().stdout().contains("app-5"));
        studio.wait("agents that are done leave no process", || studio.processes().is_empty());
    }

    /// The exit status decides.
    fn an_agent_that_fails_is_dead(engine: Engine) {
        let studio = Studio::new(engine);
        studio.world.file("worker.sh", "echo cannot >&2\nexit 3\n");
        let id = studio.spawn(&["--prompt", "x"]);
        studio.wait_for_status(&id, "dead");
        let shown = studio.world.ao(&["session", "show", &id]).succeeds().stdout();
        assert!(shown.contains("exit code 3"), "{shown}");
        assert_eq!(studio.world.ao(&["session", "logs", &id]).stdout().trim_end(), "cannot");
        let late = studio.world.ao(&["send", &id, "hello"]);
        assert_eq!(late.code(), 1, "{late}");
        assert_eq!(late.stderr(), format!(
            "error: the agent of `{id}` has ended; `ao session logs {id}` shows its last words\n"
        ));
    }

    /// A program that cannot be started is an error of the spawn, and leaves nothing.
    fn a_program_that_is_not_there_fails_the_spawn(engine: Engine) {
        let studio = Studio::new(engine);
        studio.write_config(&studio.config("").replace("[sleep,", "[no-such-program,"));
        let before = studio.traces();
        let run = studio.world.ao(&["spawn", "--agent", "sleeper"]);
        assert_eq!(run.code(), 2, "{run}");
        assert!(run.stderr().contains("the agent `sleeper` cannot be started"), "{run}");
        assert!(run.stderr().contains("no-such-program"), "{run}");
        assert_eq!(run.stdout(), "");
        assert_eq!(studio.traces(), before);
        assert_eq!(studio.world.json(&["status", "--all"])["sessions"], serde_json::json!([]), "nothing was begun");
    }

    /// Spoken to and ended; its work stays.
    fn a_session_is_spoken_to_and_killed(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        let worktree = studio.worktree(&id);
        assert_eq!(studio.status(&id), "working");
        assert_snapshot!(studio.world.ao(&["send", &id, "hello", "you"]), @r"
        $ ao send app-1 hello you
        sent, unconfirmed
        --- stderr
        submitted; the agent keeps no record in which its arrival could be seen
        ");
        studio.wait("it is heard", || heard(&worktree).starts_with(b"hello you"));
        assert_snapshot!(studio.world.ao(&["session", "kill", &id]), @r"
        $ ao session kill app-1
        --- stderr
        app-1 has ended; its work is in [ROOT]/ao/state/worktrees/app/app-1
        ");
        assert!(studio.processes().is_empty());
        assert_eq!(studio.status(&id), "killed");
        assert!(worktree.join("heard").exists(), "the work stays");
        let shown = studio.world.ao(&["session", "show", &id]).stdout();
        assert!(shown.contains("worktree:   [ROOT]/ao/state/worktrees/app/app-1\n"), "{shown}");

        assert_snapshot!(studio.world.ao(&["session", "kill", &id]), @r"
        $ ao session kill app-1
        --- stderr
        error: the session `app-1` has ended already: killed by `ao session kill`
        --- exit 1
        ");
        assert_snapshot!(studio.world.ao(&["send", &id, "hello"]), @r"
        $ ao send app-1 hello
        --- stderr
        error: the session `app-1` has ended: killed by `ao session kill`
        --- exit 1
        ");
        assert_snapshot!(studio.world.ao(&["status"]), @r#"
        $ ao status
        no session is running; `ao spawn --prompt "…"` starts one
        1 ended; `ao status --all` shows them
        "#);
        assert!(studio.world.ao(&["status", "--all"]).stdout().contains("killed"));
    }
}

#[test]
fn a_session_that_nobody_knows() {
    let studio = Studio::new(Engine::Process);
    for arguments in [&["session", "show", "app-9"][..], &["session", "logs", "app-9"], &["session", "attach", "app-9"]]
    {
        let run = studio.world.ao(arguments);
        assert_eq!(run.stderr(), "error: there is no session `app-9`; `ao status` lists them\n");
        assert_eq!(run.code(), 1);
    }
    assert_snapshot!(studio.world.ao(&["session", "kill", "app-9"]), @r"
    $ ao session kill app-9
    --- stderr
    error: there is no session `app-9`; `ao status` lists them
    --- exit 1
    ");
    assert_snapshot!(studio.world.ao(&["send", "app-9", "x"]), @r"
    $ ao send app-9 x
    --- stderr
    error: there is no session `app-9`; `ao status` lists them
    --- exit 1
    ");
}

#[test]
fn a_pipe_has_no_terminal_to_attach_to() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--agent", "sleeper"]);
    assert_snapshot!(studio.world.ao(&["session", "attach", &id]), @r#"
    $ ao session attach app-1
    --- stderr
    error: an agent of the runtime `process` has no terminal: read it with `ao session logs app-1`, write to it with `ao send app-1 …`
    --- exit 1
    "#);
}

#[test]
fn of_several_sessions_to_kill_each_is_answered_for() {
    let studio = Studio::new(Engine::Process);
    let ids = [studio.spawn(&["--agent", "sleeper"]), studio.spawn(&["--agent", "sleeper"])];
    assert_snapshot!(studio.world.ao(&["session", "kill", &ids[0], "app-9", &ids[1]]), @r"
    $ ao session kill app-1 app-9 app-2
    --- stderr
    app-1 has ended; its work is in [ROOT]/ao/state/worktrees/app/app-1
    error: there is no session `app-9`; `ao status` lists them
    app-2 has ended; its work is in [ROOT]/ao/state/worktrees/app/app-2
    --- exit 1
    ");
    assert_eq!(ids.map(|id| studio.status(&id)), ["killed", "killed"]);
}

#[test]
fn the_whole_of_a_spawn() {
    let studio = Studio::new(Engine::Process);
    assert_snapshot!(studio.world.ao(&["spawn", "--agent", "sleeper", "--branch", "feature/x"]), @r"
    $ ao spawn --agent sleeper --branch feature/x
    app-1
    --- stderr
    agent     sleeper
    branch    feature/x
    worktree  [ROOT]/ao/state/worktrees/app/app-1
    ");
    let json = studio.world.json(&["spawn", "--agent", "sleeper"]);
    assert_eq!(json["session"]["id"], "app-2");
    let again = studio.world.ao(&["spawn", "--agent", "sleeper", "--branch", "feature/x"]);
    assert_eq!(again.code(), 1, "{again}");
    assert!(again.stderr().contains("the branch `feature/x` is checked out in"), "{again}");
    let none = studio.world.ao(&["spawn"]);
    assert_eq!(none.code(), 2, "{none}");
    assert!(none.stderr().contains("give one with `--prompt` or `--prompt-file`"), "{none}");
}
