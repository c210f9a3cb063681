//! Answering what an agent asks. Keys that miss their dialog would become a draft, or answer another question: so the
//! question is looked for right before, and has to be gone afterwards.

use std::time::Duration;

use ao_core::lifecycle::attended;
use ao_core::lifecycle::observe::Told;
use ao_core::model::SessionId;
use ao_core::model::event::{AgentAnswered, EventData};
use ao_core::model::facts::{OperationKind, Session};
use ao_core::slots::agent::{AgentObservation, AnswerAsk, Ask};
use ao_core::slots::runtime::{Liveness, RuntimeObservation};
use ao_core::text::one_line;
use ao_core::{Code, Error, Result};
use tokio::time::Instant;

use super::typing::LOOK_EVERY;
use super::{Crew, Sessions};

/// How long an agent may take to go on.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// How much of a question and of its answer the log tells, in characters.
const TOLD: usize = 200;

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
        let plan = crew.agent.instance.answer(answer).await?;
        self.enter(plan, runtime, crew, &key).await?;
        let event = self.event(id, EventData::AgentAnswered(answered(&ask, reply)));
        self.change_telling(id, |_| vec![event])?;
        self.wait_until_gone(&session, crew, &ask).await?;
        self.note_told(id, Told::Answer(&ask.id))?;
        Ok(Answered { ask, kind: reply.kind.clone() })
    }

    /// Only a look that tells what the agent does tells that it asks no more.
    async fn wait_until_gone(&self, session: &Session, crew: &Crew, ask: &Ask) -> Result<()> {
        let (id, give_up) = (&session.id, Instant::now() + GONE_WITHIN);
        let mut last = format!("it still asks the same after {} s", GONE_WITHIN.as_secs());
        loop {
            match self.look_closely(session, crew, None).await {
                Ok((seen, _)) if matches!(seen.liveness, Liveness::Dead { .. }) => return Ok(()),
                Ok((_, agent)) => match standing(&agent, ask) {
                    Standing::Gone => return Ok(()),
                    Standing::Asked => {}
                    Standing::Untold(why) => last = why,
                },
                // The answer is given; a machine that is busy for a moment changes nothing about that.
                Err(error) => last = error.to_string(),
            }
            if Instant::now() >= give_up {
                let message = format!("`{id}` was given the answer, and whether it took it is not known: {last}");
                return Err(Error::new(Code::TIMEOUT, format!("{message}; `ao session attach {id}` shows it")));
            }
            tokio::time::sleep(LOOK_EVERY * 4).await;
        }
    }
}

/// What the log says of an answer.
fn answered(ask: &Ask, reply: &Reply) -> AgentAnswered {
    let mut data = AgentAnswered::new(ask.id.as_str(), reply.kind.as_str());
    data.text = one_line(&ask.text, TOLD);
    let option = ask.options.iter().find(|option| option.answer == reply.kind);
    data.label = option.map(|option| one_line(&option.label, TOLD)).unwrap_or_default();
    data
}

/// What has become of a question.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Asked,
    Gone,
    /// The look does not tell.
    Untold(String),
}

fn standing(agent: &AgentObservation, ask: &Ask) -> Standing {
    match (&agent.ask, &agent.unknown) {
        (Some(now), _) if now.id == ask.id => Standing::Asked,
        (None, Some(why)) => Standing::Untold(why.clone()),
        (None, None) if agent.activity.is_none() => Standing::Untold("what the agent does cannot be told".to_owned()),
        (Some(_), _) | (None, None) => Standing::Gone,
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
    use ao_core::model::Timestamp;
    use ao_core::slots::agent::{Activity, ActivityState, AskOption, Composer, Strength};

    #[test]
    fn a_look_that_tells_nothing_does_not_tell_that_a_question_is_gone() {
        let id: SessionId = "app-1".parse().unwrap();
        let (ask, mut agent) = (Ask::new("a-1", "May I?"), AgentObservation::new(id));
        assert!(matches!(standing(&agent, &ask), Standing::Untold(_)), "nothing is known of it");
        agent.unknown = Some("no screen".to_owned());
        assert_eq!(standing(&agent, &ask), Standing::Untold("no screen".to_owned()));
        agent.unknown = None;
        agent.activity =
            Some(Activity::new(ActivityState::Active, "hook", Strength::Strong, Timestamp::from_millis(0)));
        assert_eq!(standing(&agent, &ask), Standing::Gone);
        agent.ask = Some(ask.clone());
        assert_eq!(standing(&agent, &ask), Standing::Asked);
        agent.ask = Some(Ask::new("a-2", "And now?"));
        assert_eq!(standing(&agent, &ask), Standing::Gone, "another one");
    }

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
