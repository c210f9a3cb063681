//! Prompts and turns: what is taken, what a turn tells, how it ends.

use ao_plugin_sdk::prelude::*;

use super::{Course, Effect, MOST_TOOLS, Shown, Stage, Talk};
use crate::control::Reply;
use crate::journal::{Event, Stopped, Used};
use crate::ledger::Taking;
use crate::wire::{self, Problem, Update};

/// How often a prompt comes back that a provider refuses: the words of the refusal may be the prompt's own.
const MOST_RETURNS: u32 = 5;

impl Talk {
    /// Takes a prompt, once for each key.
    pub(super) fn receive(&mut self, key: String, text: String) -> Reply {
        match self.ledger.taking(key, text) {
            Taking::New(_) if self.stage == Stage::Closed => {
                return Reply::refused(Code::CONFLICT, "the agent is being ended");
            }
            Taking::New(event) => self.note(event),
            Taking::Full(reply) => return reply,
            Taking::Known => {}
        }
        Reply::Taken
    }

    /// Stops the agent, once for each key: its turn is to end, and what waits is held until somebody says something more.
    pub(super) fn stop(&mut self, key: String) -> Reply {
        let stopped = self.ledger.queue.stopped(&key).unwrap_or_else(|| {
            let turn = if self.turn.is_some() { Stopped::Turn } else { Stopped::Nothing };
            self.note(Event::Interrupted { key, turn });
            self.cancel();
            if let Some(turn) = &mut self.turn {
                turn.course = Course::IsToEnd;
            }
            turn
        });
        stopped.into()
    }

    /// Something came of the turn: it is not as if its prompt had never been handed over.
    pub(super) fn something_shown(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.shown = Shown::Something;
        }
    }

    /// Tells the agent to end its turn, and withdraws what it asks.
    pub(super) fn cancel(&mut self) {
        let Stage::Open { session } = &self.stage else { return };
        if self.turn.is_none() {
            return;
        }
        let params = json!({"sessionId": session});
        self.effects.push(Effect::Send(wire::notification("session/cancel", &params)));
        self.show_line("# the turn is cancelled");
        self.withdraw_questions();
    }

    pub(super) fn updated(&mut self, params: &Value) {
        let update = wire::update(params.get("update").unwrap_or(&Value::Null));
        if self.is_replaying() {
            return;
        }
        if matches!(update, Update::Said { .. } | Update::Tool(_) | Update::Plan(_)) {
            self.something_shown();
        }
        match update {
            Update::Said { text, used } => {
                if let (Some(used), Some(turn)) = (used, &mut self.turn) {
                    turn.used.add(&used);
                }
                if !text.is_empty() {
                    let shown = self.transcript.piece(&text);
                    self.show(shown);
                }
            }
            Update::Tool(tool) => self.tool(&tool),
            Update::Plan(steps) => steps.iter().for_each(|step| self.show_line(&format!("  - {step}"))),
            Update::Cost(micros) if self.ledger.view.cost != Some(micros) => self.note(Event::Cost { micros }),
            Update::Title(title) if self.ledger.view.title.as_ref() != Some(&title) => {
                self.note(Event::Titled { title });
            }
            Update::Model(Some(id)) if self.ledger.view.model.as_ref() != Some(&id) => self.note(Event::Model { id }),
            Update::Cost(_) | Update::Title(_) | Update::Model(_) | Update::Other => {}
        }
    }

    /// Remembers a tool call, whether it was announced or not, and shows its begin and its end.
    pub(super) fn tool(&mut self, new: &wire::Tool) {
        if new.id.is_empty() {
            // It is no other one's, and nothing can be added to it.
            let title = new.title.as_deref().or(new.kind.as_deref()).unwrap_or("a tool").to_owned();
            return self.show_line(&format!("* {title}"));
        }
        let index = self.tools.iter().position(|tool| tool.id == new.id).unwrap_or_else(|| {
            if self.tools.len() >= MOST_TOOLS {
                self.tools.pop_front();
            }
            self.tools.push_back(wire::Tool { id: new.id.clone(), ..wire::Tool::default() });
            self.tools.len() - 1
        });
        let Some(tool) = self.tools.get_mut(index) else { return };
        let before = tool.clone();
        let told = [(&mut tool.title, &new.title), (&mut tool.kind, &new.kind), (&mut tool.status, &new.status)];
        for (known, new) in told {
            if new.is_some() {
                known.clone_from(new);
            }
        }
        if new.paths.is_some() {
            tool.paths.clone_from(&new.paths);
        }
        let tool = tool.clone();
        let title = tool.title.clone().unwrap_or_else(|| tool.kind.clone().unwrap_or_else(|| "a tool".to_owned()));
        if before.title != tool.title {
            self.show_line(&format!("* {title}"));
        }
        let ended = tool.status.as_deref().filter(|status| matches!(*status, "completed" | "failed"));
        if let Some(status) = ended.filter(|_| before.status != tool.status) {
            self.show_line(&format!("  {status}: {title}"));
        }
    }

    pub(super) fn turn_ended(&mut self, outcome: Result<Value, Problem>) {
        self.withdraw_questions();
        self.tools.clear();
        let Some(turn) = self.turn.take() else { return };
        let key = turn.key;
        match outcome {
            Ok(result) => {
                let stop = result.get("stopReason").and_then(Value::as_str).unwrap_or("end_turn");
                let stop: String = stop.chars().take(100).collect();
                let mut used = wire::used_of(&result);
                if used.is_empty() {
                    used.push(turn.used);
                }
                let used = self.counted(used);
                self.show_line(&format!("# {}", stop.replace('_', " ")));
                self.note(Event::Turn { key, stop, used });
            }
            Err(problem) => {
                let why = wire::error_text(&problem);
                self.show_line(&format!("# the turn failed: {why}"));
                let limited = wire::is_limit(&why);
                // Refused before anything was done: it is handed over again, once somebody says something more.
                let returns = self.ledger.queue.handed.as_ref().map_or(MOST_RETURNS, |letter| letter.returns);
                if limited && turn.shown == Shown::Nothing && returns < MOST_RETURNS {
                    self.note(Event::Returned { key: key.clone() });
                }
                self.note(Event::Failed { key, why, limited });
            }
        }
    }

    /// What was used, one entry a model; the agent's own model where it names none.
    fn counted(&self, used: Vec<Used>) -> Vec<Used> {
        let model =
            self.ledger.view.model.clone().or_else(|| self.who.name.clone()).unwrap_or_else(|| "unknown".to_owned());
        let mut counted: Vec<Used> = Vec::new();
        for mut used in used.into_iter().filter(|used| !used.is_nothing()) {
            if used.model.is_empty() {
                used.model.clone_from(&model);
            }
            match counted.iter_mut().find(|known| known.model == used.model) {
                Some(known) => known.add(&used),
                None => counted.push(used),
            }
        }
        counted
    }
}
