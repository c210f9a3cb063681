//! Delivering a message to an agent: stored first, then step by step, each level written before the step beyond it.

use std::time::Duration;

use ao_core::model::event::EventKind;
use ao_core::model::facts::{OperationKind, Session};
use ao_core::model::{DeliveryLevel, SessionId, Timestamp};
use ao_core::slots::agent::{ActivityState, Composer, ConfirmDelivery, DeliverMessage, DeliverPlan};
use ao_core::slots::common::Proof;
use ao_core::slots::runtime::{Input, Liveness, SendInput};
use ao_core::{Code, Error, Result};
use camino::Utf8PathBuf;
use serde_json::json;

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
        self.release(id)?;
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
            let data = json!({"message": key, "bytes": text.len()});
            let message = Message::new(key, id.clone(), file, sha256(text.as_bytes()), self.world.now());
            self.store.queue_message(&message, &[self.event(EventKind::MessageQueued, id, data)])?;
            Ok(message)
        })
        .await
    }

    /// Claims the session; another message's delivery is waited for.
    async fn take_turn(&self, id: &SessionId, operation: &ao_core::model::facts::Operation) -> Result<()> {
        let give_up = self.world.now().after(TURN_WITHIN);
        loop {
            match self.store.claim(id, operation, &*self.world.proc) {
                Ok(_) => return Ok(()),
                Err(StoreError::Held { kind: OperationKind::Send, .. }) if self.world.now() < give_up => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn deliver(&self, message: &Message, crew: &Crew, text: &str) -> Result<Sent> {
        let id = &message.session;
        let line = shown(message, text);
        let plan = DeliverMessage::new(message.id.as_str(), id.clone(), line.as_str());
        let inputs = match crew.agent.instance.deliver(plan).await {
            Ok(DeliverPlan::Runtime { inputs }) => inputs,
            Ok(DeliverPlan::Done { level }) => return self.sent(message, DeliveryLevel::Queued, level, None),
            Ok(_) => return self.failed(message, DeliveryLevel::Queued, Error::unsupported("this kind of delivery")),
            Err(error) => return self.failed(message, DeliveryLevel::Queued, error),
        };
        if let Err(error) = self.may_be_typed(id, crew).await {
            return self.failed(message, DeliveryLevel::Queued, error);
        }
        let mut level = DeliveryLevel::Queued;
        for input in inputs {
            level = match self.put_in(message, crew, input, level).await {
                Ok(level) => level,
                Err((level, error)) if error.outcome_unknown() => {
                    return self.sent(message, level, DeliveryLevel::Unconfirmed, Some(error.to_string()));
                }
                Err((level, error)) => return self.failed(message, level, error),
            };
        }
        self.confirm(message, crew, &line, level).await
    }

    /// Puts in one step of a delivery. The level is written before the step.
    async fn put_in(
        &self,
        message: &Message,
        crew: &Crew,
        input: Input,
        level: DeliveryLevel,
    ) -> Result<DeliveryLevel, (DeliveryLevel, Error)> {
        let (step, during, after) = match &input {
            Input::Submit => (Step::Enter, level, DeliveryLevel::Submitted),
            _ => (Step::Paste, DeliveryLevel::Drafting, DeliveryLevel::Drafted),
        };
        if during != level {
            self.advance(message, level, during).map_err(|error| (level, error))?;
        }
        let draft = match &input {
            Input::Text { text } => Some(text.clone()),
            _ => None,
        };
        let put = async {
            let session = self.get(&message.session)?;
            let handle = session.runtime.as_ref().ok_or_else(|| not_launched(&session.id))?.handle.clone();
            crew.runtime.instance.send(SendInput::new(message.id.as_str(), handle, input)).await?;
            match draft {
                Some(draft) => self.wait_for_draft(&session, crew, &draft).await,
                None => Ok(()),
            }
        };
        self.between_failpoints(step, put).await.map_err(|error| (during, error))?;
        self.advance(message, during, after).map_err(|error| (during, error))?;
        Ok(after)
    }

    /// An agent that shows a dialog, or holds somebody else's draft, is not typed to: an Enter would answer for a human.
    async fn may_be_typed(&self, id: &SessionId, crew: &Crew) -> Result<()> {
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
            _ => Ok(()),
        }
    }

    /// Waits until a draft shows, where it can show. A receiver whose screen never shows it gets one attempt.
    async fn wait_for_draft(&self, session: &Session, crew: &Crew, draft: &str) -> Result<()> {
        let give_up = self.world.now().after(DRAFT_WITHIN);
        loop {
            let (seen, agent) = self.look_closely(session, crew).await?;
            if agent.composer == Composer::Dialog {
                let id = &session.id;
                return Err(Error::new(Code::CANCELLED, format!("a dialog of the agent of `{id}` took the message")));
            }
            // Where there is no screen, as with a pipe, nothing that is typed can be seen.
            let on_screen = seen.screen.as_ref().is_none_or(|screen| shows(screen, draft));
            if on_screen || matches!(agent.composer, Composer::Draft { .. }) {
                return Ok(());
            }
            if self.world.now() >= give_up {
                // An Enter without our own draft in the composer would submit, or approve, something else.
                let lost = || Error::new(Code::CANCELLED, "the message did not show in the agent's composer");
                return if agent.composer == Composer::Empty { Err(lost()) } else { Ok(()) };
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn confirm(&self, message: &Message, crew: &Crew, line: &str, level: DeliveryLevel) -> Result<Sent> {
        let request = ConfirmDelivery::new(message.id.as_str(), message.session.clone(), line);
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
        let give_up = self.world.now().after(READY_WITHIN);
        loop {
            let session = self.get(id)?;
            let (seen, agent) = self.look_closely(&session, crew).await?;
            if let Liveness::Dead { .. } = seen.liveness {
                return Err(Error::conflict(format!("the agent of `{id}` ended before it could be sent its prompt")));
            }
            let state = agent.activity.as_ref().map(|activity| activity.state);
            if matches!(state, Some(ActivityState::Ready | ActivityState::Idle)) {
                return Ok(());
            }
            if self.world.now() >= give_up {
                let seconds = READY_WITHIN.as_secs();
                let message = format!("the agent of `{id}` was not ready for its prompt within {seconds} s");
                return Err(Error::unavailable(message));
            }
            // What the agent plugin remembers between two looks.
            self.change(id, |session| {
                if let Some(facts) = &mut session.agent {
                    facts.cursor = agent.cursor;
                }
            })?;
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
        let data = json!({"message": message.id, "level": to});
        let kind = match to {
            DeliveryLevel::Drafted => Some(EventKind::MessageDrafted),
            DeliveryLevel::Submitted => Some(EventKind::MessageSubmitted),
            DeliveryLevel::Acked => Some(EventKind::MessageAcked),
            DeliveryLevel::Unconfirmed => Some(EventKind::MessageUnconfirmed),
            DeliveryLevel::Failed => Some(EventKind::MessageFailed),
            _ => None,
        };
        let events: Vec<_> = kind.map(|kind| self.event(kind, &message.session, data)).into_iter().collect();
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

/// Whether a screen shows the end of a draft. Line breaks are the screen's own, so white space does not count.
fn shows(screen: &str, draft: &str) -> bool {
    const ENOUGH: usize = 24;
    let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<_>>();
    let (screen, draft) = (solid(screen), solid(draft));
    let end = &draft[draft.len().saturating_sub(ENOUGH)..];
    end.is_empty() || screen.windows(end.len()).any(|window| window == end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_draft_is_seen() {
        assert!(shows(
            "│ > fix the pars │\n│er and run the tests".replace('│', "").as_str(),
            "fix the parser and run the tests"
        ));
        assert!(!shows("$ ", "fix the parser"));
        assert!(shows("anything", " \n "));
    }
}
