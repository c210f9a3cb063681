//! The real agents, each with a home of its own: they take what is said, call their tools, come back, and count as we do.

#![expect(clippy::disallowed_methods, reason = "tests start the agents, with environments built from nothing")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use ao_real_agents::Agent;
use ao_scripted_llm::{Outcome, Refusal, Rule, Script, Tokens};
use serde_json::Value;

use crate::Llm;

/// An agent with a home and a repository. It has a server of its own, because it knows where that is.
struct World {
    program: PathBuf,
    llm: Llm,
    agent: Agent,
    root: tempfile::TempDir,
}

impl World {
    /// None where the agent is not installed.
    fn new(agent: Agent, test: &str) -> Option<Self> {
        let program = agent.or_skip(&format!("real::{test}"))?;
        let commit = "echo made >> file && git add file && git commit --quiet --message made";
        let made =
            Rule::on("make it").refuse(Refusal::new(529).times(1)).shell(commit).shell("git log").say("It is made.");
        let llm = Llm::start(Script::new().rule(made)).unwrap();
        let world = Self { program, llm, agent, root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(world.root.path().join("repository")).unwrap();
        world.git(&["init", "--quiet"]);
        Some(world)
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.args(arguments).current_dir(self.root.path().join("repository"));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    /// Runs it once, and returns the JSON that it prints, a value a line.
    fn run(&self, arguments: &[&str]) -> Vec<Value> {
        let environment = self.agent.settle(&self.root.path().join("home"), &self.llm.url()).unwrap();
        let mut command = Command::new(&self.program);
        command.env_clear().envs(environment).env("PATH", std::env::var_os("PATH").unwrap()).env("IS_SANDBOX", "1");
        command.current_dir(self.root.path().join("repository")).stdin(Stdio::null());
        let output = command.args(arguments).output().unwrap();
        let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{:?}: {said}\n{failed}", output.status);
        assert_eq!(self.git(&["log", "--format=%s"]), "made\n", "{said}\n{failed}");
        let turns: Vec<_> = self.llm.turns().iter().map(|turn| (turn.round, turn.outcome)).collect();
        let [(0, Outcome::Refused(529)), (0, _), (1, _), (2, Outcome::Answered(_))] = turns.as_slice() else {
            panic!("{turns:?}")
        };
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn served(&self) -> Tokens {
        let served: Vec<Tokens> = self.llm.served().into_values().collect();
        let [tokens] = served.as_slice() else { panic!("one model: {served:?}") };
        *tokens
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn claude_code_works_and_counts() {
    let Some(world) = World::new(Agent::Claude, "claude_code_works_and_counts") else { return };
    let printed = world.run(&["-p", "make it", "--output-format", "json", "--dangerously-skip-permissions"]);
    let (result, usage) = (&printed[0]["result"], &printed[0]["usage"]);
    let counted = Tokens {
        input: number(&usage["input_tokens"]),
        output: number(&usage["output_tokens"]),
        cache_read: number(&usage["cache_read_input_tokens"]),
        cache_write: number(&usage["cache_creation_input_tokens"]),
        thought: 0,
    };
    assert_eq!((result.as_str(), counted), (Some("It is made."), world.served()));
}

#[test]
fn codex_works_and_counts() {
    let Some(world) = World::new(Agent::Codex, "codex_works_and_counts") else { return };
    let printed = world.run(&["exec", "--json", "--dangerously-bypass-approvals-and-sandbox", "make it"]);
    let usage = &printed.last().unwrap()["usage"];
    let (cache_read, cache_write) = (number(&usage["cached_input_tokens"]), number(&usage["cache_write_input_tokens"]));
    let counted = Tokens {
        input: number(&usage["input_tokens"]) - cache_read - cache_write,
        output: number(&usage["output_tokens"]),
        cache_read,
        cache_write,
        thought: number(&usage["reasoning_output_tokens"]),
    };
    assert_eq!(counted, world.served());
}

#[test]
fn exclusive_opencode_works_and_counts() {
    let Some(world) = World::new(Agent::OpenCode, "exclusive_opencode_works_and_counts") else { return };
    let printed = world.run(&["run", "--format", "json", "make it"]);
    let mut counted = Tokens::default();
    for step in printed.iter().filter(|event| event["type"] == "step_finish") {
        let tokens = &step["part"]["tokens"];
        counted += Tokens {
            input: number(&tokens["input"]),
            output: number(&tokens["output"]) + number(&tokens["reasoning"]),
            cache_read: number(&tokens["cache"]["read"]),
            cache_write: number(&tokens["cache"]["write"]),
            thought: number(&tokens["reasoning"]),
        };
    }
    assert_eq!(counted, world.served());
    assert!(!world.llm.served_beside().is_empty(), "it asks for a title, too");
}
