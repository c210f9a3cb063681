//! `ao answer`: what an agent asks, and the answer to it.

use std::process::ExitCode;

use ao_core::model::SessionId;
use ao_core::slots::agent::Ask;
use ao_host::sessions::{Crew, Reply};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output::Page;
use crate::view::{Format, View};
use crate::{completion, manager};

/// Show what a session's agent asks, or answer it
///
/// Without an answer, the question is shown with what it can be answered by. A question that is not asked any more is not
/// answered (exit code 1): the agent would take the answer for something else.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The session
    #[arg(add = completion::running())]
    session: SessionId,
    /// `allow_once` (`yes`), `allow_always` (`always`), `reject_once` (`no`), `reject_always`, or the number of a choice
    #[arg(value_name = "ANSWER")]
    answer: Option<String>,
    /// Only this question, by its id
    #[arg(long, value_name = "ID", requires = "answer")]
    ask: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// What an agent asks, and what it was told.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AnswerView {
    /// The session.
    session: SessionId,
    /// The question; nothing where none is asked.
    ask: Option<Ask>,
    /// What it was answered with, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let session = manager::session(&sessions, &self.session)?;
        let crew = Crew::for_session(&manager::setup_for(edge, &session)?, &session)?;
        let (ask, answered) = match self.answer {
            None => (block_on(sessions.asked(&self.session, &crew))??, None),
            Some(answer) => {
                let reply = Reply { kind: kind(&answer), ask: self.ask, caller: manager::calling_session(edge)? };
                let done = block_on(sessions.answer(&self.session, &crew, &reply))??;
                (Some(done.ask), Some(done.kind))
            }
        };
        self.format.show(&AnswerView { session: self.session, ask, answered })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A kind of answer as people write it.
fn kind(answer: &str) -> String {
    let word = answer.trim().to_ascii_lowercase().replace('-', "_");
    match word.as_str() {
        "yes" | "y" | "allow" | "approve" => "allow_once".to_owned(),
        "always" => "allow_always".to_owned(),
        "no" | "n" | "deny" | "reject" => "reject_once".to_owned(),
        "never" => "reject_always".to_owned(),
        _ => word,
    }
}

impl View for AnswerView {
    fn write(&self, page: &mut Page) {
        let Some(ask) = &self.ask else {
            return page.line(format_args!("{} asks nothing", self.session));
        };
        page.line(format_args!("{} asks: {}", self.session, ask.text));
        if let Some(answered) = &self.answered {
            return page.line(format_args!("answered: {answered}"));
        }
        for option in &ask.options {
            page.line(format_args!("  {:13} {}", option.answer, option.label));
        }
        if ask.options.is_empty() {
            page.line(format_args!("  answer it at its terminal: ao session attach {}", self.session));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_people_write_it() {
        for (said, meant) in [("Yes", "allow_once"), ("allow-once", "allow_once"), (" NO ", "reject_once"), ("2", "2")]
        {
            assert_eq!(kind(said), meant);
        }
    }
}
