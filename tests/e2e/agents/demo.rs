//! `ao demo --agent` with real agents, as their users have them: nothing but a home, and a model that follows a script.

use ao_real_agents::Agent;
use ao_scripted_llm::{Llm, Rule, Script, Tokens};
use serde_json::{Value, json};

use super::cast::is_deep;
use crate::demo_own::{has_played, left, nothing_runs};
use crate::support::World;

/// What every answer costs: in caches most of it, as is usual.
const USAGE: Tokens = Tokens { input: 100, output: 50, cache_read: 1000, cache_write: 10, thought: 0 };

/// How an agent changes a file.
#[derive(Clone, Copy)]
enum Hands {
    /// By tools of its own.
    Tools,
    /// By its shell.
    Shell,
}

impl Hands {
    /// Puts a text in the place of another, neither of which means anything to sed.
    fn edit(self, rule: Rule, from: &str, to: &str) -> Rule {
        let file = "textstat.sh";
        match self {
            Self::Tools => rule
                .tool("Read", json!({ "file_path": file }))
                .tool("Edit", json!({ "file_path": file, "old_string": from, "new_string": to })),
            Self::Shell => rule.shell(format!("sed -i 's/{from}/{}/' {file}", to.replace('\n', "\\n"))),
        }
    }
}

/// What the model does about what it is told, one plain command at a time.
fn script(hands: Hands) -> Script {
    let commit = |rule: Rule, message: &str| {
        rule.shell("git add --all").shell(format!("git commit --quiet --message '{message}'"))
    };
    let mended = Rule::on("notes/vowels.md is missing").shell("mkdir -p notes").shell("cp README.md notes/vowels.md");
    let mended = commit(mended, "Describe the new command").say("Described.");
    let comment = "# Of English, without y.\nvowels() {";
    let reviewed = hands.edit(Rule::on("which letters count"), "vowels() {", comment);
    let reviewed = commit(reviewed, "Say which letters count").say("It says so now.");
    let function = "vowels() {\n    tr -cd aeiouAEIOU | wc -c\n}\n\nwords() {";
    let written = hands.edit(Rule::on("Count vowels"), "words() {", function);
    let written = hands.edit(written, "longest) longest ;;", "longest) longest ;;\nvowels) vowels ;;");
    let written = commit(written.shell("sh tests.sh"), "Count vowels").shell("ao pr create").say("It is open.");
    let first = hands.edit(Rule::on("first of several longest words"), ">= best", "> best");
    let first = commit(first.shell("sh tests.sh"), "Print the first").shell("ao pr create").say("It is open.");
    [mended, reviewed, written, first].into_iter().fold(Script::new(), |script, rule| script.rule(rule.usage(USAGE)))
}

/// A world in which this agent is on the `PATH`, and set up for the model.
fn world(agent: Agent, llm: &Llm) -> Option<World> {
    let program = agent.program()?;
    let world = World::new();
    agent.settle(world.path("home").as_std_path(), &llm.url()).unwrap();
    let path = format!("{}:{}", program.parent()?.display(), crate::support::machine_path());
    fs_err::create_dir(world.path("demos")).unwrap();
    Some(world.variable("PATH", &path))
}

/// All of the story, paid for as it was served.
fn plays(world: &World, llm: &Llm, name: &str) {
    let demos = world.path("demos");
    let run = world.ao(&["demo", "--agent", name, "--yes", "--time-limit", "80s", "--directory", demos.as_str()]);
    let last = llm.turns().pop().map(|turn| turn.body.to_string()).unwrap_or_default();
    assert_eq!(run.code(), 0, "{run}\n{last}");
    has_played(&run);
    let told = run.stderr();
    assert!(told.contains("together: ") && told.contains("demo-1 has used "), "{run}");
    let told = llm.turns().iter().any(|turn| turn.user.contains("notes/vowels.md is missing"));
    assert!(told, "the agent is told of the log");
    assert_eq!(left(world, "demos"), [""; 0]);
    nothing_runs(world);
}

/// Claude Code of whom no configuration speaks. Its user trusts the directory of the demos, and has the provider in the settings.
fn claude(llm: &Llm) -> Option<World> {
    let world = world(Agent::Claude, llm)?;
    let state = fs_err::read_to_string(world.path("home/.claude.json")).unwrap();
    let mut state: Value = serde_json::from_str(&state).unwrap();
    state["projects"] = json!({world.path("demos").as_str(): {"hasTrustDialogAccepted": true}});
    world.file("home/.claude.json", state.to_string());
    let env = json!({
        "ANTHROPIC_BASE_URL": llm.url(), "ANTHROPIC_API_KEY": "sk-scripted", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    });
    world.file("home/.claude/settings.json", json!({ "env": env }).to_string());
    Some(world)
}

#[test]
fn exclusive_demo_claude() {
    let test = concat!(module_path!(), "::exclusive_demo_claude");
    let llm = Llm::start(script(Hands::Tools)).unwrap();
    if Agent::Claude.or_skip(test).is_some() {
        plays(&claude(&llm).unwrap(), &llm, "claude-code");
    }
}

#[test]
fn exclusive_demo_stops_at_its_budget() {
    let test = concat!(module_path!(), "::exclusive_demo_stops_at_its_budget");
    let llm = Llm::start(script(Hands::Tools)).unwrap();
    if Agent::Claude.or_skip(test).is_none() {
        return;
    }
    let world = claude(&llm).unwrap();
    let demos = world.path("demos");
    let demo = ["demo", "--agent", "claude-code", "--yes", "--max-tokens", "3000", "--directory", demos.as_str()];
    let run = world.ao(&demo);
    assert!(run.code() == 1 && run.stdout().contains("stopped: the agents have used what they may"), "{run}");
    assert!(run.stderr().contains("left: 0 tokens"), "{run}");
    assert_eq!(left(&world, "demos").len(), 1, "there is something to look at");
    nothing_runs(&world);
}

/// Codex as it is configured. It keeps no helpers of its sandbox below the directory for temporary files, where the home is.
#[test]
fn exclusive_demo_codex() {
    let test = concat!(module_path!(), "::exclusive_demo_codex");
    if !is_deep() {
        println!("the demo with Codex is run by `cargo xtask deep`");
        return;
    }
    let llm = Llm::start(script(Hands::Shell)).unwrap();
    if Agent::Codex.or_skip(test).is_none() {
        return;
    }
    let world = world(Agent::Codex, &llm).unwrap();
    let env = json!({ "SCRIPTED_KEY": "of-the-tests", "TMPDIR": "/var/tmp" });
    let config = json!({ "version": 1, "agents": { "codex": { "plugin": "codex", "env": env } } });
    world.file("app/agent-orchestrator.yaml", config.to_string());
    world.ao(&["trust"]).succeeds();
    plays(&world, &llm, "codex");
}
