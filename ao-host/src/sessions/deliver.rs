//! Delivering a message to an agent: stored first, then step by step, each level written before the step beyond it.

use std::time::Duration;

use ao_core::model::event::{EventData, MessageMoved, MessageQueued};
use ao_core::model::facts::{Operation, OperationKind, Session};
use ao_core::model::{DeliveryLevel, SessionId, Timestamp};
use ao_core::slots::agent::{ActivityState, Composer, ConfirmDelivery, DeliverMessage, DeliverPlan};
use ao_core::slots::common::Proof;
use ao_core::slots::runtime::{Input, Liveness, SendInput};
use ao_core::{Code, Error, Result};
use camino::Utf8PathBuf;
use serde_json::Value;
use tokio::time::Instant;

use super::observe::not_launched;
use super::steps::Step;
use super::{Crew, Sessions};
use crate::hash::sha256;
use crate::store::{Message, StoreError};
use crate::world::files::{self, PRIVATE_FILE};

/// Longer texts, in bytes, go into a file that the message names.
pub const INLINE_LIMIT: usize = 16 * 1024;

/// How long a new agent may take until it can be sent its prompt.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long a draft may take to show on the screen.
const DRAFT_WITHIN: Duration = Duration::from_millis(1500);
/// How long another message to the same agent is waited for.
const TURN_WITHIN: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// A message that was sent, as far as it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub message: String,
    /// The level that it reached.
    pub level: DeliveryLevel,
    /// The file with its text.
    pub file: Utf8PathBuf,
    /// What there is to say about it.
    pub detail: Option<String>,
}

impl Sessions {
    /// Sends a message to a session's agent.
    pub async fn send(&self, id: &SessionId, crew: &Crew, text: &str) -> Result<Sent> {
        let session = self.get(id)?;
        if let Some(end) = &session.end {
            return Err(Error::conflict(format!("the session `{id}` has ended: {}", end.reason)));
        }
        if session.runtime.is_none() {
            return Err(not_launched(id));
        }
        let operation = self.operation(OperationKind::Send, Step::IntentWrite.name())?;
        // The claim first: a message on its way without one is a dead sender's.
        self.take_turn(id, &operation).await?;
        let sent = match self.queue(id, text).await {
            Ok(message) => self.deliver(&message, crew, text).await,
            Err(error) => Err(error),
        };
        self.release(id, OperationKind::Send)?;
        sent
    }

    /// Sends a new session its prompt, once its agent is ready. The spawn's operation covers it.
    pub(super) async fn first_prompt(&self, id: &SessionId, crew: &Crew, text: &str) -> Result<Sent> {
        let message = self.queue(id, text).await?;
        if let Err(error) = self.wait_until_ready(id, crew).await {
            self.advance(&message, DeliveryLevel::Queued, DeliveryLevel::Failed)?;
            return Err(error);
        }
        self.deliver(&message, crew, text).await
    }

    /// Stores a message: its text in a file, a row that says how far it got.
    async fn queue(&self, id: &SessionId, text: &str) -> Result<Message> {
        if text.is_empty() {
            return Err(Error::invalid_input("the message is empty"));
        }
        self.between_failpoints(Step::IntentWrite, async {
            let key = self.world.ulid().to_string();
            let directory = self.session_directory(id)?.join("messages");
            let file = directory.join(format!("{key}.md"));
            files::private_directory(&directory)
                .and_then(|()| files::write_atomic(&file, text.as_bytes(), PRIVATE_FILE))
                .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot write `{file}`"), &error))?;
            let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
            let data = EventData::MessageQueued(MessageQueued::new(key.as_str(), bytes));
            let message = Message::new(key, id.clone(), file, sha256(text.as_bytes()), self.world.now());
            self.store.queue_message(&message, &[self.event(id, data)])?;
            Ok(message)
        })
        .await
    }

    /// Claims the session; another message's delivery is waited for.
    async fn take_turn(&self, id: &SessionId, operation: &Operation) -> Result<()> {
        let give_up = Instant::now() + TURN_WITHIN;
        let claim = loop {
            match self.store.claim(id, operation, &*self.world.proc) {
                Ok(claim) => break claim,
                Err(StoreError::Held { kind: OperationKind::Send, .. }) if Instant::now() < give_up => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        if claim.interrupted.as_ref().is_some_and(|op| op.kind == OperationKind::Send) {
            self.settle_messages(id)?;
        }
        self.refuse_interrupted(claim, OperationKind::Send).map(drop)
    }

    async fn deliver(&self, message: &Message, crew: &Crew, text: &str) -> Result<Sent> {
        let id = &message.session;
        let line = shown(message, text);
        let before = match self.may_be_typed(id, crew).await {
            Ok(before) => before,
            Err(error) => return self.failed(message, DeliveryLevel::Queued, error),
        };
        let plan = DeliverMessage::new(message.id.as_str(), id.clone(), line.as_str());
        let inputs = match crew.agent.instance.deliver(plan).await {
            Ok(DeliverPlan::Runtime { inputs }) => inputs,
            Ok(DeliverPlan::Done { level }) => return self.sent(message, DeliveryLevel::Queued, level, None),
            Ok(_) => return self.failed(message, DeliveryLevel::Queued, Error::unsupported("this kind of delivery")),
            Err(error) if error.outcome_unknown() => {
                return self.sent(message, DeliveryLevel::Queued, DeliveryLevel::Unconfirmed, Some(error.to_string()));
            }
            Err(error) => return self.failed(message, DeliveryLevel::Queued, error),
        };
        let mut level = DeliveryLevel::Queued;
        for input in inputs {
            level = match self.put_in(message, crew, input, level, &before).await {
                Ok(level) => level,
                Err(Stopped::Refused(error)) => return self.failed(message, self.level_of(message)?, error),
                Err(Stopped::Unclear(error)) => {
                    let level = self.level_of(message)?;
                    return self.sent(message, level, DeliveryLevel::Unconfirmed, Some(error.to_string()));
                }
            };
        }
        self.confirm(message, crew, &line, level, &before).await
    }

    /// Puts in one step of a delivery. The level is written before the step.
    async fn put_in(
        &self,
        message: &Message,
        crew: &Crew,
        input: Input,
        level: DeliveryLevel,
        before: &Before,
    ) -> Result<DeliveryLevel, Stopped> {
        let (step, during, after) = match &input {
            Input::Submit => (Step::Enter, level, DeliveryLevel::Submitted),
            _ => (Step::Paste, DeliveryLevel::Drafting, DeliveryLevel::Drafted),
        };
        if during != level {
            self.advance(message, level, during).map_err(Stopped::Refused)?;
        }
        let draft = match &input {
            Input::Text { text } => Some(text.clone()),
            _ => None,
        };
        // Until the first input is taken, a clear refusal means that nothing happened.
        let first = level == DeliveryLevel::Queued;
        self.failpoints.pass(&format!("{}.before", step.label())).map_err(Stopped::Refused)?;
        let session = self.get(&message.session).map_err(Stopped::Refused)?;
        let handle =
            session.runtime.as_ref().ok_or_else(|| Stopped::Refused(not_launched(&session.id)))?.handle.clone();
        let send = SendInput::new(message.id.as_str(), handle, input);
        let taken = crew.runtime.instance.send(send).await.map_err(|error| {
            if first && !error.outcome_unknown() { Stopped::Refused(error) } else { Stopped::Unclear(error) }
        })?;
        // A runtime without a screen says at once that the text is in.
        if let Some(draft) = draft.filter(|_| taken.level != DeliveryLevel::Drafted) {
            self.wait_for_draft(&session, crew, &draft, before).await.map_err(Stopped::Unclear)?;
        }
        self.failpoints.pass(&format!("{}.after", step.label())).map_err(Stopped::Unclear)?;
        self.advance(message, during, after).map_err(Stopped::Unclear)?;
        Ok(after)
    }

    /// An agent that shows a dialog, or holds somebody else's draft, is not typed to: an Enter would answer for a human.
    async fn may_be_typed(&self, id: &SessionId, crew: &Crew) -> Result<Before> {
        let session = self.get(id)?;
        let (seen, agent) = self.look_closely(&session, crew).await?;
        if let Liveness::Dead { .. } = seen.liveness {
            return Err(Error::conflict(format!(
                "the agent of `{id}` has ended; `ao session logs {id}` shows its last words"
            )));
        }
        match agent.composer {
            Composer::Dialog => {
                Err(Error::unavailable(format!("the agent of `{id}` waits for a decision; answer it first")))
            }
            Composer::Draft { .. } => Err(Error::unavailable(format!(
                "somebody is typing to the agent of `{id}`; send again when they are done"
            ))),
            _ => Ok(Before { screen: seen.screen.unwrap_or_default(), record: agent.cursor }),
        }
    }

    /// Waits until a draft shows. A receiver that never shows it gets one attempt all the same, unless its agent plugin
    /// can tell that the composer is empty.
    async fn wait_for_draft(&self, session: &Session, crew: &Crew, draft: &str, before: &Before) -> Result<()> {
        let give_up = Instant::now() + DRAFT_WITHIN;
        loop {
            let (seen, agent) = self.look_closely(session, crew).await?;
            if agent.composer == Composer::Dialog {
                let id = &session.id;
                return Err(Error::new(Code::CANCELLED, format!("a dialog of the agent of `{id}` took the message")));
            }
            let on_screen = seen.screen.is_none_or(|screen| shows(&screen, draft) > shows(&before.screen, draft));
            if on_screen || matches!(agent.composer, Composer::Draft { .. }) {
                return Ok(());
            }
            if Instant::now() >= give_up {
                // An Enter without our own draft in the composer would submit, or approve, something else.
                let lost = || Error::new(Code::CANCELLED, "the message did not show in the agent's composer");
                return if agent.composer == Composer::Empty { Err(lost()) } else { Ok(()) };
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The level that is stored for a message.
    fn level_of(&self, message: &Message) -> Result<DeliveryLevel> {
        let stored = self.store.message(&message.id)?;
        stored.map(|message| message.level).ok_or_else(|| StoreError::NoMessage(message.id.clone()).into())
    }

    async fn confirm(
        &self,
        message: &Message,
        crew: &Crew,
        line: &str,
        level: DeliveryLevel,
        before: &Before,
    ) -> Result<Sent> {
        let mut request = ConfirmDelivery::new(message.id.as_str(), message.session.clone(), line);
        request.cursor.clone_from(&before.record);
        let proof = self.between_failpoints(Step::AckWrite, crew.agent.instance.confirm(request)).await;
        match proof {
            Ok(Proof::Found { .. }) => self.sent(message, level, DeliveryLevel::Acked, None),
            Ok(Proof::Absent | Proof::Unknown) => {
                let detail = "submitted; the agent keeps no record in which its arrival could be seen";
                self.sent(message, level, DeliveryLevel::Unconfirmed, Some(detail.to_owned()))
            }
            Err(error) => self.sent(message, level, DeliveryLevel::Unconfirmed, Some(error.to_string())),
        }
    }

    async fn wait_until_ready(&self, id: &SessionId, crew: &Crew) -> Result<()> {
        let give_up = Instant::now() + READY_WITHIN;
        let mut session = self.get(id)?;
        loop {
            let (seen, agent) = self.look_closely(&session, crew).await?;
            if let Liveness::Dead { .. } = seen.liveness {
                return Err(Error::conflict(format!("the agent of `{id}` ended before it could be sent its prompt")));
            }
            let state = agent.activity.as_ref().map(|activity| activity.state);
            if matches!(state, Some(ActivityState::Ready | ActivityState::Idle)) {
                return Ok(());
            }
            if Instant::now() >= give_up {
                let seconds = READY_WITHIN.as_secs();
                let message = format!("the agent of `{id}` was not ready for its prompt within {seconds} s");
                return Err(Error::unavailable(message));
            }
            // What the agent plugin remembers between two looks.
            if let Some(facts) = &mut session.agent {
                facts.cursor = agent.cursor;
            }
            tokio::time::sleep(LOOK_EVERY * 4).await;
        }
    }

    fn failed(&self, message: &Message, level: DeliveryLevel, error: Error) -> Result<Sent> {
        self.advance(message, level, DeliveryLevel::Failed)?;
        Err(error)
    }

    fn sent(&self, message: &Message, from: DeliveryLevel, to: DeliveryLevel, detail: Option<String>) -> Result<Sent> {
        if from != to {
            self.advance(message, from, to)?;
        }
        Ok(Sent { message: message.id.clone(), level: to, file: message.file.clone(), detail })
    }

    pub(super) fn advance(&self, message: &Message, from: DeliveryLevel, to: DeliveryLevel) -> Result<()> {
        let data = MessageMoved::new(message.id.as_str(), to);
        let data = match to {
            DeliveryLevel::Drafted => Some(EventData::MessageDrafted(data)),
            DeliveryLevel::Submitted => Some(EventData::MessageSubmitted(data)),
            DeliveryLevel::Acked => Some(EventData::MessageAcked(data)),
            DeliveryLevel::Unconfirmed => Some(EventData::MessageUnconfirmed(data)),
            DeliveryLevel::Failed => Some(EventData::MessageFailed(data)),
            _ => None,
        };
        let events: Vec<_> = data.map(|data| self.event(&message.session, data)).into_iter().collect();
        let now: Timestamp = self.world.now();
        self.store.advance_message(&message.id, from, to, now, &events)?;
        Ok(())
    }
}

/// What the agent gets to read: the text, or one line that names its file.
fn shown(message: &Message, text: &str) -> String {
    if text.len() <= INLINE_LIMIT {
        return text.to_owned();
    }
    format!("Read the file {} and do what it says.", message.file)
}

/// What was there before anything was typed.
struct Before {
    screen: String,
    /// Where the agent's own record ended.
    record: Option<Value>,
}

/// Why a delivery stopped.
enum Stopped {
    /// Before anything was put in.
    Refused(Error),
    /// After something may have been.
    Unclear(Error),
}

/// How often a screen shows the end of a draft. Line breaks are the screen's own, so white space does not count.
fn shows(screen: &str, draft: &str) -> usize {
    const ENOUGH: usize = 24;
    let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<_>>();
    let (screen, draft) = (solid(screen), solid(draft));
    let end = &draft[draft.len().saturating_sub(ENOUGH)..];
    if end.is_empty() {
        return 0;
    }
    screen.windows(end.len()).filter(|window| *window == end).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_draft_is_seen() {
        assert_eq!(shows("> fix the pars\ner and run the tests", "fix the parser and run the tests"), 1);
        assert_eq!(shows("$ ", "fix the parser"), 0);
        assert_eq!(shows("> y\n> y", "y"), 2, "another one than before has to show");
        assert_eq!(shows("anything", " \n "), 0);
    }
}
