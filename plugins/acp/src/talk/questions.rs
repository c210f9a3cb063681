//! Permission requests: answered by the session's permission mode, by a human, or by the end of the turn.

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use super::{Effect, OpenQuestion, Talk};
use crate::choices;
use crate::control::Reply;
use crate::journal::{Answerer, Choice, Event, Question};
use crate::policy::{self, Decision};
use crate::wire;

/// How many questions may be open. An agent that asks more is refused.
const MOST_OPEN: usize = 64;

impl Talk {
    pub(super) fn permission(&mut self, id: Value, params: &Value) {
        if self.questions.len() >= MOST_OPEN {
            return self.refuse(&id, -32000, "too many questions are open");
        }
        let asked = wire::tool_of(params.get("toolCall").unwrap_or(&Value::Null));
        // Some name the tool only where they announced it.
        self.tool(&wire::Tool { status: None, ..asked.clone() });
        let tool = self.tools.iter().find(|tool| tool.id == asked.id).cloned().unwrap_or(asked);
        let title = tool.title.clone().unwrap_or_else(|| "it does not say what".to_owned());
        let text = match tool.kind.as_deref() {
            Some(kind) if kind != "other" => one_line(&format!("{kind}: {title}"), 400),
            _ => title,
        };
        let choices = wire::choices(params);
        let name = self.ledger.question_name(self.now, &format!("{}\n{}", self.session, tool.id));
        let question = Question { id: name, text, tool: tool.kind.clone(), choices };
        self.note(Event::Asked { question: question.clone() });
        let kind = policy::Tool::of(tool.kind.as_deref(), tool.paths.as_deref(), &self.launch.workspace);
        let decision = policy::decide(self.launch.permissions, kind, &question.choices);
        self.show_line(&format!("? {}", question.text));
        let open = OpenQuestion { request: id, question };
        match decision {
            Decision::Choose(choice) => self.settle_question(&open, Some(choice), Answerer::Policy, None),
            Decision::Withdraw => self.settle_question(&open, None, Answerer::Policy, None),
            Decision::Ask => self.questions.push(open),
        }
    }

    /// Answers a question as a human means it, once for each key.
    pub(super) fn answer(&mut self, key: String, ask: &str, answer: &str) -> Reply {
        if let Some(label) = self.ledger.queue.answer(&key) {
            return Reply::Answered { label: label.to_owned() };
        }
        let Some(index) = self.questions.iter().position(|open| open.question.id == ask) else {
            return choices::not_asked(ask);
        };
        let offered = &self.questions[index].question.choices;
        let Some(choice) = choices::meant(offered, answer).cloned() else {
            return choices::not_offered(offered, answer);
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
