//! `ao demo`, with and without tmux.

use camino::Utf8PathBuf;

use crate::studio::{Engine, marked};
use crate::support::{Run, World};

/// A world with a temporary directory of its own, and, if `Process`, without tmux.
fn world(engine: Engine) -> World {
    let world = World::new();
    let temporary = world.path("tmp");
    fs_err::create_dir(&temporary).unwrap();
    let world = world.variable("TMPDIR", temporary.as_str());
    if engine == Engine::Tmux {
        return world;
    }
    // Everything that a demo needs, but tmux.
    let bin = world.path("bin");
    fs_err::create_dir(&bin).unwrap();
    for name in ["git", "sh", "awk", "cat", "basename", "dirname", "head"] {
        let found = crate::support::machine_path()
            .split(':')
            .map(|directory| Utf8PathBuf::from(directory).join(name))
            .find(|path| path.is_file());
        if let Some(program) = found {
            fs_err::os::unix::fs::symlink(program, bin.join(name)).unwrap();
        }
    }
    world.variable("PATH", bin.as_str())
}

fn temporary(world: &World) -> Vec<String> {
    let entries = fs_err::read_dir(world.path("tmp")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ao-demo-"))
        .collect()
}

fn has_played(run: &Run, engine: Engine) {
    let said = run.stdout();
    assert!(said.contains(&format!("agents in `{}`", engine.name())), "{run}");
    for commit in ["Count vowels", "Print the first of several longest words", "Count characters"] {
        assert!(said.matches(commit).count() >= 2, "said by the agent and shown in the log: {commit}: {run}");
    }
    assert!(said.contains("all three are done, and merged"), "{run}");
    for step in
        ["README.md says it now.", "changed it once more, as main has it now", "approved-and-green: merge #3 at "]
    {
        assert!(said.contains(step), "{step}: {run}");
    }
}

fn leaves_nothing(engine: Engine) {
    let world = world(engine);
    let run = world.ao(&["demo"]).succeeds();
    has_played(&run, engine);
    assert_eq!(temporary(&world), [""; 0]);
    assert_eq!(marked(&format!("HOME={}", world.path("home"))), [0; 0], "no process is left");
}

fn keeps(engine: Engine) {
    let world = world(engine);
    let run = world.ao(&["demo", "--keep"]).succeeds();
    has_played(&run, engine);
    let [kept] = temporary(&world).try_into().expect("one directory");
    assert_eq!(marked(&format!("HOME={}", world.path("home"))), [0; 0], "no process is left");
    let root = world.path("tmp").join(kept);
    assert!(run.stderr().contains(&root.as_str().replace(world.path("").as_str(), "[ROOT]/")), "{run}");
    // What it says to try.
    let home = root.join("ao");
    for (command, key) in [("session", "sessions"), ("trash", "items")] {
        let list = world.ao_with(&[command, "list", "--json"], &[("AO_HOME", home.as_str())]).succeeds().json();
        assert_eq!(list[key].as_array().unwrap().len(), 3, "{list}");
    }
    let textstat = root.join("textstat");
    let log = world.command("git").args(["-C", textstat.as_str(), "log", "--format=%s", "main"]).output().unwrap();
    let log = String::from_utf8(log.stdout).unwrap();
    assert!(log.matches("Merge pull request").count() == 3 && log.lines().count() == 8, "{log}");
    let tested = world.command("sh").arg(textstat.join("tests.sh")).status().unwrap();
    assert!(tested.success());
}

#[test]
fn it_leaves_nothing_without_tmux() {
    leaves_nothing(Engine::Pty);
}

#[test]
fn it_keeps_what_is_asked_for_without_tmux() {
    keeps(Engine::Pty);
}

#[test]
fn tmux_demo_leaves_nothing() {
    if Engine::Tmux.is_here("demo::tmux_demo_leaves_nothing") {
        leaves_nothing(Engine::Tmux);
    }
}

#[test]
fn tmux_demo_keeps_what_is_asked_for() {
    if Engine::Tmux.is_here("demo::tmux_demo_keeps_what_is_asked_for") {
        keeps(Engine::Tmux);
    }
}

#[test]
fn without_git_it_says_so_and_leaves_nothing() {
    let world = world(Engine::Process);
    fs_err::remove_file(world.path("bin/git")).unwrap();
    let run = world.ao(&["demo"]);
    assert_eq!(run.code(), 1, "{run}");
    assert!(run.stderr().contains("cannot start `git`: there is no such program"), "{run}");
    assert_eq!(temporary(&world), [""; 0]);
}
