//! A provider that lets agents wait, fails, or is gone: that is told, agents try again by themselves and nobody else does, and
//! what they do after is told as well.

use ao_real_agents::Agent;
use ao_scripted_llm::{Llm, Options, Refusal, Rule, Script};
use serde_json::Value;

use super::cast::{Player, is_deep};
use super::scene::Scene;
use crate::studio::Engine;

fn script() -> Script {
    Script::new()
        .rule(Rule::on("Is it better").say("It is."))
        .rule(Rule::on("Too much").refuse(Refusal::new(429).times(3).retry_after(2)).say("Now it goes."))
        .rule(Rule::on("Overloaded").refuse(Refusal::new(529)))
        .rule(Rule::always().say("I have read that."))
}

/// What a session's provider lets it wait for, in the agent's words.
fn limit(shown: &Value) -> Option<&str> {
    shown["session"]["agent"]["limit"]["text"].as_str()
}

impl Scene {
    /// How often the model was asked this.
    fn asked(&self, text: &str) -> usize {
        self.llm.turns().iter().filter(|turn| turn.user.contains(text)).count()
    }

    /// Waits until a session is told to wait for something with these words.
    fn wait_for_limit(&self, id: &str, words: &str) {
        self.studio.wait(&format!("its provider lets it wait: {words}"), || {
            let shown = self.studio.show(id);
            let is_told = limit(&shown).is_some_and(|limit| limit.to_lowercase().contains(words));
            if is_told {
                let status = &shown["status"];
                assert_eq!(status["name"], "working", "{status}");
                assert!(status["reason"].as_str().unwrap().starts_with("its provider lets it wait: "), "{status}");
            }
            is_told
        });
    }

    fn wait_until_it_goes_on(&self, id: &str) {
        self.studio.wait_for_status(id, "ready");
        assert_eq!(limit(&self.studio.show(id)), None);
    }
}

/// An agent's words for each.
struct Words {
    /// It was asked too often.
    busy: &'static str,
    /// It gave up.
    over: &'static str,
    /// Nobody is there.
    gone: &'static str,
}

fn waits_for_its_provider(player: &Player, words: &Words) {
    let mut scene = Scene::new(Engine::Pty, script(), |world| player.prepare(world), |url| player.config(url));
    let id = scene.studio.spawn(&["--agent", "agent", "--prompt", "Begin."]);
    scene.studio.wait_for_status(&id, "ready");

    assert_eq!(scene.send(&id, "Too much"), "acked");
    scene.wait_for_limit(&id, words.busy);
    scene.wait_until_it_goes_on(&id);
    assert_eq!(scene.asked("Too much"), 4, "three times refused");

    gives_up(&scene, &id, words);

    // Its provider is gone, and comes back.
    let port = scene.llm.url().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap();
    scene.llm = Llm::start(Script::new()).unwrap();
    assert_eq!(scene.send(&id, "Is it better now?"), "acked");
    scene.wait_for_limit(&id, words.gone);
    scene.llm = Llm::start_with(Options::new().port(port), script()).unwrap();
    scene.wait_until_it_goes_on(&id);
    assert_eq!(scene.asked("Is it better now?"), 1);
    let messages = scene.studio.world.ao(&["events", "--type", "message.queued"]).succeeds().stdout();
    assert_eq!(messages.lines().filter(|line| line.contains("message.queued")).count(), 5, "{messages}");
}

/// It gives up, and nobody tries again in its place.
fn gives_up(scene: &Scene, id: &str, words: &Words) {
    assert_eq!(scene.send(id, "Overloaded"), "acked");
    scene.wait_for_limit(id, words.over);
    let state = || scene.studio.show(id)["session"]["agent"]["activity"]["state"].clone();
    scene.studio.wait("it has given up", || state() == "blocked");
    let asked = scene.asked("Overloaded");
    assert_eq!(scene.send(id, "Is it better?"), "acked");
    scene.wait_until_it_goes_on(id);
    let again =
        |turn: &ao_scripted_llm::Request| turn.user.contains("Overloaded") && !turn.user.contains("Is it better");
    assert_eq!(scene.llm.turns().iter().filter(|turn| again(turn)).count(), asked);
}

#[test]
fn exclusive_claude_waits_for_its_provider() {
    let test = concat!(module_path!(), "::exclusive_claude_waits_for_its_provider");
    let Some(player) = Player::new(Agent::Claude, test) else { return };
    let words = Words { busy: "trying again (attempt", over: "529 overloaded", gone: "unable to connect to api" };
    waits_for_its_provider(&player, &words);
}

#[test]
fn exclusive_codex_waits_for_its_provider() {
    let test = concat!(module_path!(), "::exclusive_codex_waits_for_its_provider");
    // It takes half a minute to give up.
    if !is_deep() {
        return;
    }
    let Some(player) = Player::new(Agent::Codex, test) else { return };
    let words = Words { busy: "server is busy, reconnecting", over: "status 529", gone: "reconnecting" };
    waits_for_its_provider(&player, &words);
}
