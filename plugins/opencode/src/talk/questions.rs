//! What is asked: permissions and questions, answered by a human, or by somebody at OpenCode's own interface.

use ao_agent_conversation::choices;
use ao_agent_conversation::control::Reply;
use ao_agent_conversation::journal::{Answerer, Choice, Event, MOST_QUESTIONS, Question};
use ao_plugin_sdk::prelude::*;

use super::{Call, Depth, OpenQuestion, Talk};
use crate::wire::{Asked, AskedKind};

impl Talk {
    pub(super) fn asks(&mut self, asked: Asked) {
        let is_known = self.questions.iter().any(|open| open.asked.id == asked.id) || self.replied.contains(&asked.id);
        if is_known {
            return;
        }
        // One that nobody is told of would wait for ever: it is found again.
        if self.questions.len() >= MOST_QUESTIONS {
            self.asks_more = true;
        } else {
            self.ask(asked, Vec::new());
        }
    }

    /// Looks for questions for which there was no room, once there is.
    pub(super) fn look_for_more(&mut self) {
        if self.asks_more && self.questions.len() < MOST_QUESTIONS {
            self.look(Depth::Recent);
        }
    }

    /// Asks a permission, or the next of several questions.
    fn ask(&mut self, asked: Asked, before: Vec<Value>) {
        let (text, tool, choices) = match &asked.kind {
            AskedKind::Permission { tool, text, choices } => (text.clone(), Some(tool.clone()), choices.clone()),
            AskedKind::Questions(questions) => match questions.get(before.len()) {
                Some((text, choices)) => (text.clone(), None, choices.clone()),
                None => return,
            },
        };
        let id = self.ledger.question_name(self.now, &format!("{}\n{}", asked.id, before.len()));
        self.show_line(&format!("? {text}"));
        let question = Question { id, text, tool, choices };
        self.note(Event::Asked { question: question.clone() });
        self.questions.push(OpenQuestion { asked, question, before });
    }

    /// Answers a question as a human means it, once for each key.
    pub(super) fn answer(&mut self, key: String, ask: &str, answer: &str) -> Reply {
        if let Some(label) = self.ledger.queue.answer(&key) {
            return Reply::Answered { label: label.to_owned() };
        }
        let open = self.questions.iter().map(|open| &open.question);
        let (index, choice) = match choices::chosen(open, ask, answer) {
            Ok(chosen) => chosen,
            Err(reply) => return reply,
        };
        let open = self.questions.remove(index);
        let label = choice.label.clone();
        self.close_question(&open, Some(choice.clone()), Answerer::Human, Some(key));
        self.reply(open, &choice);
        self.look_for_more();
        Reply::Answered { label }
    }

    fn reply(&mut self, open: OpenQuestion, choice: &Choice) {
        let OpenQuestion { asked, mut before, .. } = open;
        let (path, body) = match &asked.kind {
            AskedKind::Permission { .. } => (format!("/permission/{}/reply", asked.id), json!({"reply": choice.id})),
            AskedKind::Questions(questions) => {
                before.push(json!([choice.id]));
                if before.len() < questions.len() {
                    return self.ask(asked, before);
                }
                (format!("/question/{}/reply", asked.id), json!({"answers": before}))
            }
        };
        self.replied.insert(asked.id);
        self.call(Call::Reply { path, body });
    }

    /// Somebody else answered, or the server did.
    pub(super) fn answered_elsewhere(&mut self, id: &str) {
        while let Some(index) = self.questions.iter().position(|open| open.asked.id == id) {
            let open = self.questions.remove(index);
            self.close_question(&open, None, Answerer::Nobody, None);
        }
    }

    /// Withdraws every open question: its turn is over.
    pub(super) fn withdraw_questions(&mut self) {
        for open in std::mem::take(&mut self.questions) {
            self.close_question(&open, None, Answerer::Nobody, None);
        }
    }

    /// What is open is what the server says is open.
    pub(super) fn compare_questions(&mut self, asked: Vec<Asked>) {
        let asked: Vec<Asked> = asked.into_iter().filter(|one| self.family.contains(&one.session)).collect();
        let gone: Vec<String> = self.questions.iter().map(|open| open.asked.id.clone()).collect();
        for id in gone.into_iter().filter(|id| !asked.iter().any(|one| one.id == *id)) {
            self.answered_elsewhere(&id);
        }
        self.asks_more = false;
        for one in asked {
            self.asks(one);
        }
    }

    fn close_question(&mut self, open: &OpenQuestion, choice: Option<Choice>, by: Answerer, key: Option<String>) {
        let said =
            choice.as_ref().map_or("answered elsewhere, or withdrawn", |choice| choice.label.as_str()).to_owned();
        self.show_line(&format!("  {said}"));
        self.note(Event::Answered { ask: open.question.id.clone(), key, choice, by });
    }
}
