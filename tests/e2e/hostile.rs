//! Bad input: ids, prefixes, surroundings.

use insta::assert_snapshot;

use crate::studio::{Engine, Studio, heard, in_every_engine};
use crate::support::{World, exists};

const LONG: &str = concat!(
    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjj",
    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjj",
    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjj",
);
const NAMES: [&str; 6] = ["../x", "", LONG, "-flag", "__proto__", "a/b"];

#[test]
fn ids_that_are_none_are_refused_before_anything_is_made() {
    let studio = Studio::new(Engine::Process);
    for name in NAMES {
        for command in [&["session", "show"][..], &["session", "logs"], &["session", "attach"], &["session", "kill"]] {
            let run = studio.world.ao(&[command, &["--", name]].concat());
            assert_eq!(run.code(), 2, "{run}");
        }
        let run = studio.world.ao(&["send", "--", name, "hello"]);
        assert_eq!(run.code(), 2, "{run}");
        let run = studio.world.ao(&["spawn", &format!("--project={name}"), "--prompt", "x"]);
        assert_eq!(run.code(), 2, "{run}");
        for command in [&["status"][..], &["session", "list"]] {
            let run = studio.world.ao(&[command, &[&format!("--project={name}")]].concat());
            assert_eq!(run.code(), 2, "{run}");
        }
        let run = studio.world.ao(&["spawn", &format!("--agent={name}")]);
        assert_eq!(run.code(), 2, "{run}");
    }
    assert!(!exists(studio.places().state()), "nothing was made");
}

#[test]
fn projects_with_such_names_are_refused() {
    for name in ["../x", "", LONG, "-flag", "__proto__"] {
        let world = World::with_repository();
        world.file("app/agent-orchestrator.yaml", format!("version: 1\nprojects:\n  \"{name}\": {{ path: . }}\n"));
        let run = world.ao(&["config", "check"]);
        assert_eq!(run.code(), 78, "{run}");
        let run = world.ao(&["spawn", "--prompt", "x"]);
        assert_eq!(run.code(), 78, "{run}");
        assert!(!exists(&world.path("ao/state")));
    }
}

#[test]
fn branches_that_are_none_are_refused() {
    let studio = Studio::new(Engine::Process);
    let before = studio.traces();
    for name in ["../x", "", "-flag", "a b", "a..b", "x.lock", "@{-1}", "refs/heads/../x"] {
        let run = studio.world.ao(&["spawn", "--agent", "sleeper", &format!("--branch={name}")]);
        assert_eq!(run.code(), 2, "{run}");
    }
    assert_eq!(studio.traces(), before);
}

#[test]
fn two_projects_of_one_prefix_are_told_apart_by_the_user() {
    let studio = Studio::new(Engine::Process);
    let text =
        studio.config("").replace("  app:\n    path: .\n", "  one: { path: ../a/app }\n  two: { path: ../b/app }\n");
    for path in ["a/app/x", "b/app/x"] {
        studio.world.file(path, "");
    }
    studio.world.file("app/agent-orchestrator.yaml", text);
    let run = studio.world.ao(&["spawn", "--project", "one", "--prompt", "x"]);
    assert_eq!(run.code(), 78, "{run}");
    assert!(
        run.stderr().contains("one") && run.stderr().contains("two") && run.stderr().contains("sessionPrefix"),
        "{run}"
    );
}

#[test]
fn prompts_arrive_as_they_are() {
    let studio = Studio::new(Engine::Process);
    studio.world.file("worker.sh", "cat \"$1\" > got\n");
    let escape = "\u{1b}]0;title\u{7}\u{1b}[2Jdone";
    for prompt in
        ["-n hi", "--help", "{x} {prompt} {{y}}", "fix; rm;", "$(id) `id`", "%s%n", escape, " \n ", "🦀 ü\n\n"]
    {
        let id = studio.spawn(&["--prompt", prompt]);
        studio.wait_for_status(&id, "done");
        assert_eq!(fs_err::read_to_string(studio.worktree(&id).join("got")).unwrap(), prompt);
    }
    let file = studio.world.file("app/task", "a\0b");
    let id = studio.spawn(&["--prompt-file", file.as_str()]);
    studio.wait_for_status(&id, "done");
    assert_eq!(fs_err::read(studio.worktree(&id).join("got")).unwrap(), b"a\0b");
}

#[test]
fn a_prompt_that_cannot_be_an_argument_fails_the_spawn_and_leaves_nothing() {
    let studio = Studio::new(Engine::Process);
    studio.write_config(&studio.config("").replace("{prompt_file}", "{prompt}"));
    let before = studio.traces();
    for (text, why) in
        [(b"a\0b".to_vec(), "NUL"), (vec![b'x'; 200_000], "use `{prompt_file}`"), (vec![0xff], "not UTF-8")]
    {
        let file = studio.world.file("task", text);
        let run = studio.world.ao(&["spawn", "--prompt-file", file.as_str()]);
        assert_eq!(run.code(), 2, "{run}");
        assert!(run.stderr().contains(why), "{run}");
        assert_eq!(studio.traces(), before);
    }
}

#[test]
fn what_was_printed_cannot_command_the_terminal() {
    let studio = Studio::new(Engine::Process);
    studio.world.file("worker.sh", "printf '\\033]0;owned\\007\\033[31mred\\033[0m\\n'\n");
    let id = studio.spawn(&["--prompt", "x"]);
    studio.wait_for_status(&id, "done");
    let logs = studio.world.ao(&["session", "logs", &id]).succeeds().stdout();
    assert!(!logs.contains("\u{1b}]") && !logs.contains('\u{7}') && logs.contains("red"), "{logs:?}");
}

in_every_engine! {
    /// A path with spaces, quotes, a `;` at its end and letters beyond ASCII.
    fn a_project_in_an_odd_directory(engine: Engine) {
        let studio = Studio::with(World::below("ünï cödé/it's \"x\" #{a} $HOME;"), engine, "    symlinks: [\"a b\"]\n");
        studio.world.file("app/a b", "linked\n");
        let id = studio.spawn(&["--prompt", "a task\n"]);
        studio.wait_for_status(&id, "done");
        assert_eq!(studio.git(&["show", &format!("ao/{id}:work.txt")]), "a task\n");
        let id = studio.listen("listener");
        assert_eq!(fs_err::read_to_string(studio.worktree(&id).join("a b")).unwrap(), "linked\n");
        studio.world.ao(&["send", &id, "hello"]).succeeds();
        let worktree = studio.worktree(&id);
        studio.wait("it is heard", || heard(&worktree).starts_with(b"hello"));
        studio.world.ao(&["session", "kill", &id]).succeeds();
        studio.wait("no process is left", || studio.processes().is_empty());
    }

    /// The session is reached without its file.
    fn a_configuration_that_disappears(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        fs_err::remove_file(studio.world.path("app/agent-orchestrator.yaml")).unwrap();
        assert!(studio.world.ao(&["session", "logs", &id]).succeeds().stdout().contains("ready"));
        assert!(studio.world.ao(&["status", "--refresh"]).succeeds().stdout().contains(&id));
        // How to speak to the agent stood in the file.
        let run = studio.world.ao(&["send", &id, "hello"]);
        assert_eq!(run.code(), 1, "{run}");
        assert!(run.stderr().contains("the configuration does not name the session's agent any more"), "{run}");
        studio.world.ao(&["session", "kill", &id]).succeeds();
        assert_eq!(studio.status(&id), "killed");
        assert!(studio.processes().is_empty());
    }

    /// What is broken or not trusted any more is told, and the session stays within reach.
    fn a_configuration_that_breaks(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        for text in ["version: [", "version: 1\nprojects: {}\n"] {
            studio.world.file("app/agent-orchestrator.yaml", text);
            assert!(studio.world.ao(&["session", "logs", &id]).succeeds().stdout().contains("ready"));
            studio.world.ao(&["status", "--refresh"]).succeeds();
        }
        studio.world.file("app/agent-orchestrator.yaml", studio.config("") + "# changed\n");
        let run = studio.world.ao(&["send", &id, "hello"]);
        assert_eq!(run.code(), 78, "{run}");
        assert!(run.stderr().contains("`ao trust [ROOT]/app/agent-orchestrator.yaml`"), "{run}");
        studio.world.ao(&["session", "kill", &id]).succeeds();
        assert!(studio.processes().is_empty());
    }

    /// `x-1` is not `x-15`.
    fn a_session_is_not_taken_for_a_longer_one(engine: Engine) {
        let studio = Studio::new(engine);
        studio.configure("    sessionPrefix: x\n");
        let ids: Vec<_> = (0..15).map(|_| studio.spawn(&["--agent", "sleeper"])).collect();
        assert_eq!((ids[0].as_str(), ids[14].as_str()), ("x-1", "x-15"));
        let holder = &studio.show("x-1")["session"]["runtime"]["child"]["pid"];
        let pid = i32::try_from(holder.as_i64().unwrap()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        studio.wait_for_status("x-1", "dead");
        let status = studio.world.json(&["status", "--refresh"]);
        let dead: Vec<_> = status["sessions"].as_array().unwrap().iter().filter(|row| row["status"]["name"] == "dead").collect();
        assert_eq!(dead.len(), 1, "{dead:?}");
        assert_eq!(studio.world.ao(&["send", "x-1", "hello"]).code(), 1);
        studio.world.ao(&["session", "kill", "x-1"]).succeeds();
        let lives = |id: &str| ["working", "ready"].contains(&studio.status(id).as_str());
        assert!(studio.status("x-1") == "killed" && lives("x-15"));
        assert_eq!(studio.world.json(&["status"])["sessions"].as_array().unwrap().len(), 14);
        studio.world.ao(&["session", "kill", "x-15"]).succeeds();
        assert!(ids[1..14].iter().all(|id| lives(id)), "{}", studio.world.ao(&["status"]));
    }
}

#[test]
fn without_a_home() {
    let studio = Studio::with(World::new().without("HOME"), Engine::Process, "");
    let id = studio.spawn(&["--agent", "sleeper"]);
    studio.world.ao(&["session", "kill", &id]).succeeds();
}

#[test]
fn a_relative_home_is_refused() {
    let world = World::with_repository().variable("AO_HOME", "here");
    assert_snapshot!(world.ao(&["status"]), @r"
    $ ao status
    --- stderr
    error: the environment variable `AO_HOME` is not an absolute path; write one, such as `AO_HOME=$PWD/ao-home`
    --- exit 2
    ");
    assert!(!exists(&world.path("app/here")));
}

#[test]
fn a_state_that_cannot_be_written() {
    let studio = Studio::new(Engine::Process);
    // Neither root nor anybody else can make a directory where a file is.
    studio.world.file("ao/state", "");
    let before = studio.git(&["for-each-ref"]);
    assert_snapshot!(studio.world.ao(&["spawn", "--agent", "sleeper"]), @r"
    $ ao spawn --agent sleeper
    --- stderr
    error: cannot use the directory: failed to query raw metadata `[ROOT]/ao/state/`: Not a directory (os error 20)
    --- exit 75
    ");
    assert_eq!(studio.git(&["for-each-ref"]), before);
}
