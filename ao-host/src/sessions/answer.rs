//! Answering what an agent asks. Keys that miss their dialog would become a draft, or answer another question: so the
//! question is looked for right before, and has to be gone afterwards.

use std::time::Duration;

use ao_core::lifecycle::attended;
use ao_core::model::SessionId;
use ao_core::model::facts::{OperationKind, Session};
use ao_core::slots::agent::{AgentObservation, AnswerAsk, Ask, DeliverPlan};
use ao_core::slots::runtime::{Liveness, RuntimeObservation, SendInput};
use ao_core::{Code, Error, Result};
use tokio::time::Instant;

use super::typing::LOOK_EVERY;
use super::{Crew, Sessions};

/// How long an agent may take to go on.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// What a question is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The [`AskOption::answer`](ao_core::slots::agent::AskOption::answer).
    pub kind: String,
    /// The question that is meant, by its id; else whichever there is.
    pub ask: Option<String>,
}

/// A question that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The question.
    pub ask: Ask,
    /// What it was answered with.
    pub kind: String,
}

impl Sessions {
    /// What a session's agent asks now; nothing where it asks nothing.
    pub async fn asked(&self, id: &SessionId, crew: &Crew) -> Result<Option<Ask>> {
        let session = self.get(id)?;
        self.refuse_unreachable(id)?;
        Ok(self.look_closely(&session, crew, None).await?.1.ask)
    }

    /// Answers what a session's agent asks. A question that it does not ask, or not any more, is a conflict.
    pub async fn answer(&self, id: &SessionId, crew: &Crew, reply: &Reply) -> Result<Answered> {
        self.refuse_unreachable(id)?;
        // Nobody types meanwhile.
        self.take_turn(id).await?;
        let answered = self.answer_in_turn(id, crew, reply).await;
        self.release(id, OperationKind::Send)?;
        answered
    }

    async fn answer_in_turn(&self, id: &SessionId, crew: &Crew, reply: &Reply) -> Result<Answered> {
        let session = self.get(id)?;
        let (seen, agent) = self.look_closely(&session, crew, None).await?;
        let ask = question(id, &seen, &agent, reply)?;
        let key = format!("{id}/answer/{}", self.world.ulid());
        let mut answer = AnswerAsk::new(key.as_str(), id.clone(), ask.id.as_str(), reply.kind.as_str());
        (answer.cursor, answer.screen) = (agent.cursor, seen.screen);
        let runtime = session.runtime.as_ref().ok_or_else(|| super::observe::not_launched(id))?;
        answer.directory = Some(runtime.directory.clone());
        let inputs = match crew.agent.instance.answer(answer).await? {
            DeliverPlan::Runtime { inputs } => inputs,
            DeliverPlan::Done { .. } => Vec::new(),
            _ => return Err(Error::unsupported("this kind of answer")),
        };
        for input in inputs {
            let send = SendInput::new(key.as_str(), runtime.handle.clone(), input);
            crew.runtime.instance.send(send).await?;
        }
        self.wait_until_gone(&session, crew, &ask).await?;
        Ok(Answered { ask, kind: reply.kind.clone() })
    }

    async fn wait_until_gone(&self, session: &Session, crew: &Crew, ask: &Ask) -> Result<()> {
        let give_up = Instant::now() + GONE_WITHIN;
        loop {
            let (seen, agent) = self.look_closely(session, crew, None).await?;
            let is_gone = agent.ask.is_none_or(|now| now.id != ask.id);
            if is_gone || matches!(seen.liveness, Liveness::Dead { .. }) {
                return Ok(());
            }
            if Instant::now() >= give_up {
                let (id, seconds) = (&session.id, GONE_WITHIN.as_secs());
                let message = format!("`{id}` was given the answer, and still asks the same after {seconds} s");
                return Err(Error::new(Code::TIMEOUT, format!("{message}; `ao session attach {id}` shows it")));
            }
            tokio::time::sleep(LOOK_EVERY * 4).await;
        }
    }
}

/// The question that is to be answered, if it can be.
fn question(id: &SessionId, seen: &RuntimeObservation, agent: &AgentObservation, reply: &Reply) -> Result<Ask> {
    let Some(ask) = &agent.ask else {
        return Err(Error::conflict(format!("`{id}` asks nothing now")));
    };
    if reply.ask.as_ref().is_some_and(|meant| *meant != ask.id) {
        return Err(Error::conflict(format!("`{id}` asks something else by now; `ao answer {id}` shows it")));
    }
    if let Some(who) = attended(seen, agent) {
        return Err(Error::unavailable(format!("somebody is at the agent's terminal ({who})")));
    }
    if ask.options.is_empty() {
        let message = format!("what `{id}` asks can only be answered at its terminal: `ao session attach {id}`");
        return Err(Error::unsupported(message));
    }
    if !ask.options.iter().any(|option| option.answer == reply.kind) {
        let kinds: Vec<_> = ask.options.iter().map(|option| format!("`{}`", option.answer)).collect();
        let message = format!("`{}` is no answer to what `{id}` asks; there are {}", reply.kind, kinds.join(", "));
        return Err(Error::invalid_input(message));
    }
    Ok(ask.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ao_core::slots::agent::{AskOption, Composer};

    #[test]
    fn only_what_is_asked_is_answered() {
        let id: SessionId = "app-1".parse().unwrap();
        let mut seen = RuntimeObservation::new(id.clone(), Liveness::Alive);
        let mut agent = AgentObservation::new(id.clone());
        let reply = |kind: &str, ask: Option<&str>| Reply { kind: kind.to_owned(), ask: ask.map(str::to_owned) };
        let code = |seen: &RuntimeObservation, agent: &AgentObservation, reply: &Reply| {
            question(&id, seen, agent, reply).map_err(|error| error.code)
        };
        assert_eq!(code(&seen, &agent, &reply("allow_once", None)), Err(Code::CONFLICT), "nothing is asked");
        let mut ask = Ask::new("a-1", "May I?");
        agent.ask = Some(ask.clone());
        assert_eq!(code(&seen, &agent, &reply("allow_once", None)), Err(Code::UNSUPPORTED), "nobody knows how");
        ask.options = vec![AskOption::new("allow_once", "Yes"), AskOption::new("reject_once", "No")];
        agent.ask = Some(ask.clone());
        assert_eq!(code(&seen, &agent, &reply("allow_once", Some("a-1"))), Ok(ask));
        assert_eq!(code(&seen, &agent, &reply("allow_once", Some("a-0"))), Err(Code::CONFLICT), "another question");
        let error = question(&id, &seen, &agent, &reply("maybe", None)).unwrap_err();
        assert_eq!((error.code, error.message.contains("`allow_once`, `reject_once`")), (Code::INVALID_INPUT, true));
        seen.attended = Some("tty1".to_owned());
        assert_eq!(code(&seen, &agent, &reply("allow_once", None)), Err(Code::UNAVAILABLE));
        agent.composer = Composer::None;
        assert!(code(&seen, &agent, &reply("allow_once", None)).is_ok(), "nothing is typed");
    }
}
