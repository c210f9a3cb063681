//! Opening a conversation: OpenCode's agent looked for, a new session or the old one, what it may do, what it did before.

use ao_agent_conversation::journal::{Event, How};
use ao_agent_conversation::launch::prompt_key;
use ao_agent_conversation::ledger::Taking;
use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use super::{Call, Depth, Stage, Talk};
use crate::http::Problem;
use crate::rules;
use crate::wire;

impl Talk {
    /// Takes the prompt that comes with the launch, and says what became of the one that was handed over last.
    pub(super) fn begin_taking(&mut self) {
        let key = prompt_key(&self.launch.directory);
        if let Some(text) = self.prompt.take()
            && let Taking::New(event) = self.ledger.taking(key, text)
        {
            self.note(event);
        }
        if let Some((key, why)) = self.ledger.cut_off() {
            self.show_line(&format!("# {why}"));
            self.note(Event::Cut { key, why });
        }
    }

    /// The server is up: the first one, or another one in its place.
    pub(super) fn up(&mut self, version: Option<String>) {
        if self.stage != Stage::Opening {
            return;
        }
        self.show_line(&format!("# OpenCode {}", version.clone().unwrap_or_default()));
        self.note(Event::Connected { agent: "OpenCode".to_owned(), version });
    }

    /// What happens from here on is heard; what happened before is looked for.
    pub(super) fn listening(&mut self) {
        match self.stage {
            Stage::Opening if self.is_asking => {}
            Stage::Opening if self.session.is_empty() => {
                self.is_asking = true;
                self.call(Call::Agents);
            }
            Stage::Opening | Stage::Open | Stage::Away => {
                self.is_looking = false;
                self.look(Depth::Whole);
            }
            Stage::Closed => {}
        }
    }

    /// The server is gone.
    pub(super) fn lost(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Away;
            self.show_line("# OpenCode's server is gone");
        }
        (self.is_looking, self.is_asking) = (false, false);
        if let Some(turn) = &mut self.turn {
            turn.was_lost = true;
        }
    }

    pub(super) fn answered(&mut self, call: Call, outcome: Result<Value, Problem>) {
        match (call, outcome) {
            (Call::Agents, Ok(agents)) => self.agents(&agents),
            (Call::New { .. }, Ok(session)) => match wire::id(&session, "/id") {
                Some(id) => self.settle(id, How::New),
                None => self.end("OpenCode opened a session without an id".to_owned()),
            },
            (Call::Old { id }, Ok(session)) => {
                let rules = rules::of_session(self.launch.permissions);
                // Rules are added behind those that are there, so the same are not added again.
                let has = session
                    .get("permission")
                    .and_then(Value::as_array)
                    .is_some_and(|known| rules.as_array().is_some_and(|wanted| known.ends_with(wanted)));
                if has {
                    self.settle(id, How::Resumed);
                } else {
                    self.call(Call::Permit { id, rules });
                }
            }
            (Call::Permit { id, .. }, Ok(_)) => self.settle(id, How::Resumed),
            (Call::Agents | Call::New { .. } | Call::Old { .. } | Call::Permit { .. }, Err(problem)) => {
                // Where the server has gone, another one is asked again.
                if let Problem::Refused { .. } = problem {
                    self.end(format!("cannot open a conversation: {}", problem.words()));
                } else if self.stage == Stage::Opening {
                    self.is_asking = false;
                    self.show_line(&format!("# {}", problem.words()));
                }
            }
            (Call::Prompt { .. }, Err(problem)) => self.not_handed_over(&problem),
            (Call::Reply { .. } | Call::Abort { .. }, Err(problem)) => {
                self.replied.clear();
                let text = one_line(problem.words(), 400);
                self.note(Event::Note { text });
                self.look(Depth::Recent);
            }
            (
                Call::Prompt { .. } | Call::Reply { .. } | Call::Abort { .. } | Call::Show { .. } | Call::Look { .. },
                _,
            ) => {}
        }
    }

    /// Looks whether the agent is one of OpenCode's: with an unknown one, a prompt fails without a word.
    fn agents(&mut self, agents: &Value) {
        let names: Vec<&str> = agents
            .as_array()
            .into_iter()
            .flatten()
            .filter(|agent| agent.get("mode").and_then(Value::as_str) != Some("subagent"))
            .filter(|agent| agent.get("hidden") != Some(&json!(true)))
            .filter_map(|agent| agent.get("name").and_then(Value::as_str))
            .collect();
        let wanted = self.launch.agent.clone();
        if !names.contains(&wanted.as_str()) {
            let names = one_line(&names.join(", "), 300);
            return self.end(format!("OpenCode has no agent `{wanted}`; correct `agent`: it has {names}"));
        }
        // A helper that begins again in the same directory goes on with its own conversation.
        if let Some(id) = self.view().session.clone().or_else(|| self.launch.resume.clone()) {
            return self.call(Call::Old { id });
        }
        // With a title of ours, no model is asked for one.
        let title = format!("ao {}", self.launch.session);
        self.call(Call::New { title, rules: rules::of_session(self.launch.permissions) });
    }

    fn settle(&mut self, id: String, how: How) {
        self.is_asking = false;
        self.session.clone_from(&id);
        self.family.insert(id.clone());
        if how == How::New {
            self.open(id, how);
        } else {
            self.look(Depth::Whole);
        }
    }

    /// It takes prompts from here on.
    pub(super) fn open(&mut self, id: String, how: How) {
        if self.launch.server == crate::config::Server::None {
            self.call(Call::Show { id: id.clone() });
        }
        self.show_line(&format!("# conversation {id}"));
        self.note(Event::Session { id, how });
        self.stage = Stage::Open;
    }

    /// Whether a conversation is still being opened.
    pub(crate) fn is_opening(&self) -> bool {
        self.stage == Stage::Opening
    }
}
