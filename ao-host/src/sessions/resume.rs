//! Messages whose sender was killed: what became of them is looked for before anything is done once more.

use ao_core::lifecycle::{DraftSeen, Resume, draft_seen, resume};
use ao_core::model::{DeliveryLevel, SessionId};
use ao_core::slots::agent::AgentObservation;
use ao_core::slots::common::Proof;
use ao_core::slots::runtime::{Attach, AttachPlan, RuntimeObservation};
use ao_core::{Error, Result};
use tokio::time::Instant;

use super::typing::{DRAFT_WITHIN, LOOK_EVERY, text_of};
use super::{Crew, Sent, Sessions};
use crate::store::Message;

/// What becomes of messages of which nothing was typed, where no others are delivered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// They have failed.
    Fail,
    /// They wait.
    Keep,
}

impl Sessions {
    /// Ends the messages of a session that are on their way, without a look at its agent, and says how far the newest got.
    /// Whether they arrived nobody can tell. The session's claim keeps other senders away.
    pub fn give_up_messages(&self, id: &SessionId, queued: Undelivered) -> Result<Option<DeliveryLevel>> {
        let mut newest = None;
        for message in self.store.messages(id)? {
            let level = match message.level {
                DeliveryLevel::Queued if queued == Undelivered::Fail => {
                    let why = Error::conflict("nothing is sent to this agent any more");
                    self.ends(&message, DeliveryLevel::Failed, Some(why))?.level
                }
                DeliveryLevel::Drafting | DeliveryLevel::Drafted | DeliveryLevel::Submitted => {
                    self.ends(&message, DeliveryLevel::Unconfirmed, Some(interrupted()))?.level
                }
                other => other,
            };
            newest = Some(level);
        }
        Ok(newest)
    }

    /// Goes on with a message whose sender was killed in the middle of it.
    pub(super) async fn resume_delivery(&self, message: &Message, crew: &Crew) -> Result<Sent> {
        let give_up = |why| self.ends(message, DeliveryLevel::Unconfirmed, Some(why));
        let line = match message.facts.line.clone().map_or_else(|| text_of(message), Ok) {
            Ok(line) => line,
            Err(error) => return give_up(error),
        };
        let proof = match message.level {
            // Its Enter may have been given just now.
            DeliveryLevel::Submitted => self.await_record(message, crew, &line).await,
            _ => self.look_into_record(message, crew, &line).await,
        };
        // A record that cannot be read is no proof of anything.
        let proof = proof.unwrap_or(Proof::Unknown);
        let (seen, agent) = match self.settled(message, crew, &line, &proof).await {
            Ok(looked) => looked,
            Err(error) if error.retryable() => return self.held(message, error),
            Err(error) => return give_up(error),
        };
        match resume(&proof, &seen, &agent, &line, message.facts.attempts) {
            Resume::Acked => self.ends(message, DeliveryLevel::Acked, None),
            Resume::Submit => self.submit_draft(message, crew, &line).await,
            Resume::PasteAgain if self.has_terminal(message, crew).await => {
                self.deliver_again(message, crew, &line).await
            }
            Resume::Wait(hold) => self.held(message, Error::unavailable(hold.to_string())),
            Resume::GiveUp | Resume::PasteAgain => give_up(interrupted()),
        }
    }

    /// The last of several looks: what was typed just before the sender died may not show yet, and what was submitted may
    /// show still.
    async fn settled(
        &self,
        message: &Message,
        crew: &Crew,
        line: &str,
        proof: &Proof,
    ) -> Result<(RuntimeObservation, AgentObservation)> {
        let session = self.get(&message.session)?;
        let give_up = Instant::now() + DRAFT_WITHIN;
        loop {
            let (seen, agent) = self.look_closely(&session, crew, Some(line)).await?;
            let is_settled = match draft_seen(&agent, line) {
                DraftSeen::Untold => true,
                DraftSeen::Ours => message.level != DeliveryLevel::Submitted,
                _ => message.level == DeliveryLevel::Submitted,
            };
            if is_settled || matches!(proof, Proof::Found { .. }) || Instant::now() >= give_up {
                return Ok((seen, agent));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether what an agent's composer holds can be seen at all: what was written into a pipe is not taken back.
    async fn has_terminal(&self, message: &Message, crew: &Crew) -> bool {
        let handle = self.get(&message.session).ok().and_then(|session| session.runtime).map(|runtime| runtime.handle);
        let Some(handle) = handle else { return false };
        let plan = crew.runtime.instance.attach(Attach::new(handle)).await;
        matches!(plan, Ok(AttachPlan::Exec { .. } | AttachPlan::Stream))
    }
}

fn interrupted() -> Error {
    Error::other("whoever sent it was killed in the middle of it; it may or may not have arrived, and is not repeated")
}
