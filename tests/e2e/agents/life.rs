//! The life of an agent's session, a step each: what it is told, what the model has it do, and how `ao` sees it. The tests of
//! the agents put their stories together of these, and add what is their own.

use ao_scripted_llm::{Rule, Script};
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::scene::{PATIENCE, Scene, commit};
use crate::host::pid;
use crate::studio::Engine;
use crate::support::World;

/// What the model does about the steps here. Rules that are added are for steps of an agent's own.
pub(crate) fn script() -> Script {
    Script::new()
        .rule(Rule::on("Write the parser").shell(commit("first")).held("reviewed", "It is written, and reviewed."))
        .rule(Rule::on("CI has failed once more").shell(commit("third")).say("Mended again."))
        .rule(Rule::on("CI has failed").shell(commit("second")).say("Mended."))
        .rule(Rule::on("Wait for ever").hang())
}

/// A session of an agent, with all that is around it.
pub(crate) struct Life {
    pub(crate) scene: Scene,
    pub(crate) id: String,
}

impl Life {
    /// Launched, and told to write the parser. The arguments are those of [`Scene::new`].
    pub(crate) fn begin(
        engine: Engine,
        script: Script,
        prepare: impl FnOnce(&World),
        agent: impl FnOnce(&str) -> Value,
    ) -> Self {
        let scene = Scene::new(engine, script, prepare, agent);
        let id = scene.studio.spawn(&["--agent", "agent", "--prompt", "Write the parser."]);
        Self { scene, id }
    }

    /// It comes to have this status.
    pub(crate) fn is(&self, status: &str) {
        self.scene.studio.wait_for_status(&self.id, status);
    }

    /// A message arrives.
    pub(crate) fn is_told(&self, text: &str) {
        assert_eq!(self.scene.send(&self.id, text), "acked", "{text}");
    }

    /// It has committed the first time, and works until it is let.
    pub(crate) fn is_at_work(&self) {
        self.scene.llm.wait_for(PATIENCE, |request| request.round == 1).unwrap();
        self.is("working");
    }

    /// What it was launched for is done.
    pub(crate) fn writes_the_parser(&self) {
        self.is_at_work();
        self.scene.llm.open("reviewed");
        self.is("ready");
        assert_eq!(self.scene.commits(&self.id), ["first", "first"], "its own, and the repository's");
    }

    /// It is told of a failure, and commits what mends it without a question.
    pub(crate) fn mends(&self, text: &str) {
        let before = self.scene.commits(&self.id).len();
        self.is_told(text);
        self.scene.studio.wait("it has mended", || self.scene.commits(&self.id).len() == before + 1);
        self.is("ready");
    }

    /// What it asks now.
    pub(crate) fn question(&self) -> Value {
        self.scene.studio.world.json(&["answer", &self.id])["ask"].take()
    }

    /// It waits for an answer about `what`, and these are the answers.
    pub(crate) fn asks(&self, what: &str) -> Vec<String> {
        self.is("needs_input");
        let answers = || {
            let asked = self.question();
            let is_about = asked["text"].as_str().is_some_and(|text| text.contains(what));
            let options = asked["options"].as_array().filter(|_| is_about).cloned().unwrap_or_default();
            options.iter().map(|option| option["answer"].as_str().expect("an answer").to_owned()).collect::<Vec<_>>()
        };
        // A hook tells of a question before its dialog shows how it can be answered.
        self.scene.studio.wait("it can be answered", || !answers().is_empty());
        answers()
    }

    /// A human answers.
    pub(crate) fn is_answered(&self, answer: &str) {
        self.scene.studio.world.ao(&["answer", &self.id, answer]).succeeds();
    }

    /// It asks before it runs a command that the script has for `Touch it`, and runs it then.
    pub(crate) fn touches_once_it_may(&self) {
        self.is_told("Touch it.");
        assert_eq!(self.asks("touch asked.txt"), ["allow_once", "allow_always", "reject_once"]);
        self.is_answered("yes");
        self.scene.studio.wait("the tool runs", || self.scene.studio.worktree(&self.id).join("asked.txt").exists());
        self.is("ready");
    }

    /// All that the model has said is counted, by model.
    pub(crate) fn is_counted(&self) {
        let scene = &self.scene;
        scene.studio.wait("all that was served is counted", || scene.used(&self.id) == scene.served());
    }

    /// Its process is killed; it is brought back into the same conversation.
    pub(crate) fn dies_and_is_brought_back(&self) {
        let conversation = self.scene.conversation(&self.id);
        kill_process(pid(self.scene.agent(&self.id)), Signal::KILL).unwrap();
        self.is("dead");
        self.scene.studio.world.ao(&["session", "restore", &self.id]).succeeds();
        self.is("ready");
        assert_eq!(self.scene.conversation(&self.id), conversation);
    }

    /// What the model was asked last holds what the agent was launched for.
    pub(crate) fn remembers(&self) {
        let last = self.scene.llm.turns().pop().expect("turns");
        assert!(last.body.to_string().contains("Write the parser."), "the same conversation");
    }

    /// It is killed while it works, and leaves nothing.
    pub(crate) fn ends_at_work(self) {
        self.is_told("Wait for ever.");
        self.is("working");
        self.scene.studio.world.ao(&["session", "kill", &self.id]).succeeds();
        assert_eq!(self.scene.studio.processes(), Vec::<u32>::new(), "nothing is left");
    }
}
