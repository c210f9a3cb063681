//! Permission requests: answered by the session's permission mode, by a human, or by the end of the turn.

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use super::{Effect, OpenQuestion, Talk};
use crate::choices;
use crate::control::Reply;
use crate::journal::{Answerer, Choice, Event, MOST_QUESTIONS, Question};
use crate::policy::{self, Decision};
use crate::wire;

impl Talk {
    pub(super) fn permission(&mut self, id: Value, params: &Value) {
        let asked = wire::tool_of(params.get("toolCall").unwrap_or(&Value::Null));
        // What has ended says nothing of what begins.
        self.tools.retain(|tool| tool.id != asked.id || !tool.has_ended());
        // Some name the tool only where they announced it.
        self.tool(&wire::Tool { status: None, ..asked.clone() });
        let known = self.tools.iter().find(|tool| tool.id == asked.id && !asked.id.is_empty());
        let tool = known.cloned().unwrap_or(asked);
        let title = tool.title.clone().unwrap_or_else(|| "it does not say what".to_owned());
        let text = match tool.kind.as_deref() {
            Some(kind) if kind != "other" => one_line(&format!("{kind}: {title}"), 400),
            _ => title,
        };
        let choices = wire::choices(params);
        let paths = tool.paths.as_ref().map(|paths| self.located(paths));
        let kind = policy::Tool::of(tool.kind.as_deref(), paths.as_deref(), &self.launch.workspace);
        let decision = policy::decide(self.launch.permissions, kind, &choices);
        // One that nobody is told of would wait for ever.
        if decision == Decision::Ask && self.questions.len() >= MOST_QUESTIONS {
            return self.refuse(&id, -32000, "too many questions are open");
        }
        let name = self.ledger.question_name(self.now, &format!("{}\n{}", self.session, tool.id));
        let question = Question { id: name, text, tool: tool.kind.clone(), choices };
        self.note(Event::Asked { question: question.clone() });
        self.show_line(&format!("? {}", question.text));
        let open = OpenQuestion { request: id, question };
        match decision {
            Decision::Choose(choice) => self.settle_question(&open, Some(choice), Answerer::Policy, None),
            Decision::Withdraw => self.settle_question(&open, None, Answerer::Policy, None),
            Decision::Ask => self.questions.push(open),
        }
    }

    /// The files of a tool as they are, links and all; what is elsewhere counts as the root of all files.
    fn located(&self, paths: &[String]) -> Vec<String> {
        let located = paths.iter().map(|path| (self.locate)(&self.launch.workspace, Utf8Path::new(path)));
        located.map(|path| path.map_or_else(|| "/".to_owned(), Utf8PathBuf::into_string)).collect()
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
        self.settle_question(&open, Some(choice), Answerer::Human, Some(key));
        Reply::Answered { label }
    }

    /// Withdraws every open question: its turn is over.
    pub(super) fn withdraw_questions(&mut self) {
        for open in std::mem::take(&mut self.questions) {
            self.settle_question(&open, None, Answerer::Nobody, None);
        }
    }

    fn settle_question(&mut self, open: &OpenQuestion, choice: Option<Choice>, by: Answerer, key: Option<String>) {
        let outcome = match &choice {
            Some(choice) => json!({"outcome": "selected", "optionId": choice.id}),
            None => json!({"outcome": "cancelled"}),
        };
        let said = choice.as_ref().map_or("withdrawn", |choice| choice.label.as_str());
        self.show_line(&format!("  {said}"));
        self.note(Event::Answered { ask: open.question.id.clone(), key, choice, by });
        self.effects.push(Effect::Send(wire::result(&open.request, &json!({"outcome": outcome}))));
    }
}
