//! `ao answer`: what an agent asks, and the answer to it.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::SessionId;
use ao_core::slots::agent::Ask;
use ao_host::sessions::{Crew, Reply};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::output::Page;
use crate::view::{Format, View};
use crate::{completion, manager};

/// Show what a session's agent asks, or answer it
///
/// Without an answer, the question is shown with what it can be answered by. A question that is not asked any more is not
/// answered (exit code 1): the agent would take the answer for something else. While somebody is at the agent's terminal
/// nothing is typed there (exit code 75). A question without choices is for whoever attaches. Agents may not answer.
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
                refuse_agents(edge)?;
                let asked = block_on(sessions.asked(&self.session, &crew))??;
                let reply = Reply { kind: kind(&answer, asked.as_ref()), ask: self.ask };
                let done = block_on(sessions.answer(&self.session, &crew, &reply))??;
                (Some(done.ask), Some(done.kind))
            }
        };
        self.format.show(&AnswerView { session: self.session, ask, answered })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A kind of answer as people write it: word for word where the question has such an answer.
fn kind(answer: &str, asked: Option<&Ask>) -> String {
    if asked.is_some_and(|ask| ask.options.iter().any(|option| option.answer == answer)) {
        return answer.to_owned();
    }
    let word = answer.trim().to_ascii_lowercase().replace('-', "_");
    match word.as_str() {
        "yes" | "y" | "allow" | "approve" => "allow_once".to_owned(),
        "always" => "allow_always".to_owned(),
        "no" | "n" | "deny" | "reject" => "reject_once".to_owned(),
        "never" => "reject_always".to_owned(),
        _ => word,
    }
}

/// An agent that answered would widen its own rights, or another one's. Its word is taken for who it is: this guards against
/// accidents.
fn refuse_agents(edge: &Edge) -> Result<(), Failure> {
    let Some(caller) = manager::calling_session(edge)? else { return Ok(()) };
    let message = format!("the agent of `{caller}` answers no questions of agents: a human decides those");
    Err(Error::conflict(message).into())
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
    use ao_core::slots::agent::AskOption;

    #[test]
    fn an_answer_is_read_as_people_write_it() {
        for (said, meant) in [("Yes", "allow_once"), ("allow-once", "allow_once"), (" NO ", "reject_once"), ("2", "2")]
        {
            assert_eq!(kind(said, None), meant);
        }
        let mut ask = Ask::new("a-1", "Go on?");
        ask.options = vec![AskOption::new("Yes", "y"), AskOption::new("never_mind", "n")];
        assert_eq!(kind("Yes", Some(&ask)), "Yes", "as the question itself calls it");
        assert_eq!(kind("yes", Some(&ask)), "allow_once");
    }
}
