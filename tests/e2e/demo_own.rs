//! `ao demo --agent NAME`: what is said and asked before it, and the story with an agent of the user's, which here is a script.

use crate::studio::{Engine, marked};
use crate::support::{Run, World};

/// Does what the demo asks for, as somebody would who knows nothing of it: with what it hears as the only guide.
const WORKER: &str = r#"set -e
case "$(cat "$1")" in
*'Count vowels'*)
    sed -i 's/^words() {/vowels() { tr -cd aeiouAEIOU | wc -c; }\n\n&/; s/^longest) longest ;;/&\nvowels) vowels ;;/' textstat.sh
    git commit --quiet --all --message 'Count vowels' ;;
*)
    sed -i 's/>= best/> best/' textstat.sh
    git commit --quiet --all --message 'Print the first' ;;
esac
sh tests.sh
ao pr create
echo listening
while IFS= read -r line; do
    case "$line" in
    *'notes/vowels.md is missing'*)
        mkdir notes
        echo 'How many vowels there are.' > notes/vowels.md
        git add notes
        git commit --quiet --message 'Describe the new command' ;;
    *'which letters count'*)
        sed -i 's/^vowels() {/# Of English, without y.\n&/' textstat.sh
        git commit --quiet --all --message 'Say which letters count' ;;
    esac
    echo listening
done
"#;

/// A world with this agent, called `mine`, and with a directory for temporary files.
fn world(script: &str) -> World {
    let world = World::new();
    let (temporary, script) = (world.path("tmp"), world.file("worker.sh", script));
    fs_err::create_dir(&temporary).unwrap();
    let agent = format!("{{ plugin: command, argv: [sh, {script}, \"{{prompt_file}}\"], ready: listening }}");
    let world = world.variable("TMPDIR", temporary.as_str());
    let config = format!("version: 1\nagents: {{ mine: {agent} }}\ndefaults: {{ runtime: {} }}\n", Engine::Pty.name());
    world.file("app/agent-orchestrator.yaml", config);
    world.ao(&["trust"]).succeeds();
    world
}

/// What demos have left in the directory for temporary files.
pub(crate) fn left(world: &World, directory: &str) -> Vec<String> {
    let entries = fs_err::read_dir(world.path(directory)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("ao-demo-")).collect()
}

/// Nothing runs on.
pub(crate) fn nothing_runs(world: &World) {
    assert_eq!(marked(&format!("HOME={}", world.path("home"))), [0; 0], "no process is left");
}

/// Both issues, a check that failed, a review that asked for more.
pub(crate) fn has_played(run: &Run) {
    let said = run.stdout();
    for step in [
        "$ ao pr review 1 --request-changes",
        "$ ao pr review 1 --approve",
        "$ ao pr review 2 --approve",
        "ci-failed: ",
        "changes-requested: ",
        "both are done, and merged",
    ] {
        assert!(said.contains(step), "{step}: {run}");
    }
}

#[test]
fn an_agent_of_ones_own_plays_and_events_are_json() {
    let world = world(WORKER);
    let run = world.ao(&["demo", "--agent", "mine", "--yes"]).succeeds();
    has_played(&run);
    let terms = run.stderr();
    for words in [
        "at your expense",
        "nothing keeps it to its worktree",
        "$2.00 or 2000000 tokens",
        "20m at most",
        "nothing that it used",
    ] {
        assert!(terms.contains(words), "{words}: {run}");
    }
    assert_eq!(left(&world, "tmp"), [""; 0]);

    let elsewhere = world.path("elsewhere");
    fs_err::create_dir(&elsewhere).unwrap();
    let run = world.ao(&["demo", "--agent", "mine", "--yes", "--json", "--keep", "--directory", elsewhere.as_str()]);
    let run = run.succeeds();
    let read = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{line}"));
    let events: Vec<_> = run.stdout().lines().map(read).collect();
    for (kind, least) in [("session.spawned", 2), ("pr.opened", 2), ("check.changed", 3), ("pr.merged", 2)] {
        let count = events.iter().filter(|event| event["type"] == kind).count();
        assert!(count >= least, "{kind}: {count}");
    }
    assert_eq!((left(&world, "tmp").len(), left(&world, "elsewhere").len()), (0, 1));
    nothing_runs(&world);
}

#[test]
fn it_ends_with_the_time_and_keeps_what_there_is_to_see() {
    let world = world("echo listening\nexec cat\n");
    let run = world.ao(&["demo", "--agent", "mine", "--yes", "--time-limit", "2s"]);
    assert!(run.code() == 1 && run.stdout().contains("stopped: it took too long"), "{run}");
    assert!(run.stderr().contains("AO_HOME=") && run.stderr().contains("kept: "), "{run}");
    assert_eq!(left(&world, "tmp").len(), 1);
    nothing_runs(&world);
}

#[test]
fn nothing_is_started_before_the_user_agrees_or_where_the_agent_is_not_there() {
    let world = world(WORKER);
    let config = fs_err::read_to_string(world.path("app/agent-orchestrator.yaml")).unwrap();
    let more = "agents:\n  gone: { plugin: codex, binary: /nowhere/codex }\n  ";
    world.file("app/agent-orchestrator.yaml", config.replace("agents: { ", more).replace(" } }\n", " }\n"));
    world.ao(&["trust"]).succeeds();
    for (arguments, code, words) in [
        (&["--agent", "mine"][..], 2, "say `--yes` if it is; nothing was started"),
        (&["--agent", "gone", "--yes"], 78, "`gone` cannot work here: there is no program at `/nowhere/codex`"),
        (&["--agent", "nobody", "--yes"], 2, "there is no agent `nobody`"),
        (&["--yes"], 2, "--agent"),
        (&["--agent", "mine", "--yes", "--max-usd", "0"], 2, "is nothing"),
    ] {
        let run = world.ao(&[&["demo"], arguments].concat());
        assert!(run.code() == code && run.stderr().contains(words), "{run}");
    }
    let help = world.ao(&["demo", "--help"]).succeeds().stdout();
    assert!(help.contains("at your expense") && help.contains("[default: 2000000]"), "{help}");
    assert_eq!(left(&world, "tmp"), [""; 0]);
    nothing_runs(&world);
}
