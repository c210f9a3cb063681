//! Telling the agent: a message with an id of its own, which is found again after a crash.

use std::time::Duration;

use ao_core::lifecycle::decide::{Deed, Outcome};
use ao_core::model::DeliveryLevel;
use ao_core::model::facts::Session;
use ao_core::{Code, Error, Result};

use super::{Errand, LATER, SOON, Turn};
use crate::sessions::Letter;
use crate::store::{Message, Origin};

/// How soon a message is tried again that the agent's terminal has no room for.
const HELD_BACK: Duration = Duration::from_secs(15);

impl Errand {
    /// Sends it.
    pub(super) async fn send(&mut self, text: &str) -> Result<Turn> {
        let (Some(id), Some(crew)) = (&self.entry.intent.session, &self.crew) else {
            return Ok(Turn::Over(Outcome::Refused { why: "there is no agent to tell".to_owned() }));
        };
        let key = self.effect()?.to_owned();
        let letter = Letter { text, origin: Origin::Reaction };
        let is_wanted = |session: &Session| self.is_wanted(session);
        match self.sessions.send_as(&key, id, crew, &letter, &is_wanted).await {
            Ok(_) => {
                let message = self.sessions.store.message(&key)?;
                Ok(message
                    .map_or_else(|| Turn::Wait(SOON, "it waits its turn".to_owned()), |message| standing(&message)))
            }
            Err(error) => Ok(refused(&error)),
        }
    }

    /// How the message stands that an earlier attempt has stored; nothing where there is none, or where it waits: then it is
    /// asked once more whether it is wanted.
    pub(super) fn find_message(&self) -> Result<Option<Turn>> {
        let Some(message) =
            self.entry.effect.as_ref().map(|key| self.sessions.store.message(key)).transpose()?.flatten()
        else {
            return Ok(None);
        };
        Ok((message.level != DeliveryLevel::Queued).then(|| standing(&message)))
    }

    /// Ends it without its effect. A message of which nothing was typed is taken back; one whose delivery has begun goes on.
    pub(super) fn give_up(&self, outcome: Outcome) -> Result<Turn> {
        let message = self.entry.effect.as_ref().filter(|_| matches!(self.entry.intent.deed, Deed::Send));
        let message = message.map(|key| self.sessions.store.message(key)).transpose()?.flatten();
        let Some(message) = message.filter(|message| message.level != DeliveryLevel::Withdrawn) else {
            return Ok(Turn::Over(outcome));
        };
        match self.sessions.withdraw(&message, outcome.words().1) {
            Ok(()) => Ok(Turn::Over(outcome)),
            Err(error) if error.code == Code::CONFLICT => Ok(Turn::UnderWay(SOON)),
            Err(error) => Err(error),
        }
    }
}

/// What a message's level says of its intent.
fn standing(message: &Message) -> Turn {
    let why = || message.facts.detail.clone().unwrap_or_else(|| "nobody knows why".to_owned());
    match message.level {
        DeliveryLevel::Acked => Turn::Over(Outcome::Done),
        // Most agents keep no record that could show it.
        DeliveryLevel::Unconfirmed if message.facts.entered => Turn::Over(Outcome::Done),
        DeliveryLevel::Failed => Turn::Over(Outcome::Failed { why: why() }),
        DeliveryLevel::Withdrawn => Turn::Over(Outcome::Superseded { why: why() }),
        // Each try asks the forge whether it is still wanted.
        DeliveryLevel::Queued => Turn::Wait(HELD_BACK, why()),
        DeliveryLevel::Drafting | DeliveryLevel::Drafted | DeliveryLevel::Submitted => Turn::UnderWay(SOON),
        _ => Turn::Over(Outcome::Uncertain { why: why() }),
    }
}

/// A message that could not even be stored.
fn refused(error: &Error) -> Turn {
    if error.retryable() || error.code == Code::CONFLICT {
        return Turn::Wait(LATER, error.to_string());
    }
    Turn::Over(Outcome::Failed { why: error.to_string() })
}
