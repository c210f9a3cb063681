//! Messages to a session's agent: stored first, then delivered in their order, one at a time, by whoever holds the session's
//! turn: the command that sent them, a later one, or the host. How one is typed is in `typing`, how one goes on whose sender
//! has died is in `resume`.

use std::time::Duration;

use ao_core::lifecycle::hold;
use ao_core::model::event::{EventData, MessageMoved, MessageQueued};
use ao_core::model::facts::{HoldReason, Operation, OperationKind, Session};
use ao_core::model::{DeliveryLevel, MESSAGES_DIRECTORY, SessionId};
use ao_core::slots::agent::AgentObservation;
use ao_core::slots::runtime::{Liveness, RuntimeObservation};
use ao_core::{Code, Error, Result};
use camino::Utf8PathBuf;
use tokio::time::Instant;

use super::observe::not_launched;
use super::steps::Step;
use super::typing::is_ready;
use super::{Crew, Sessions, Undelivered};
use crate::hash::sha256;
use crate::store::{Message, Origin, StoreError};
use crate::world::files::{self, PRIVATE_FILE};

/// Longer texts, in bytes, are not typed: the agent is told to read the message's file.
pub const INLINE_LIMIT: usize = 16 * 1024;
/// The same for an agent that is not typed to.
pub(super) const UNTYPED_LIMIT: usize = 1024 * 1024;

/// How long another message to the same agent is waited for.
const TURN_WITHIN: Duration = Duration::from_mins(1);
/// How often somebody who waits for a turn looks.
const TURN_EVERY: Duration = Duration::from_millis(15);
/// How often somebody who waits for a message that is held back tries.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// Its text.
    pub text: &'a str,
    /// Where that came from.
    pub origin: Origin,
}

impl<'a> Letter<'a> {
    /// Of words that were said to `ao`.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        Self { text, origin: Origin::Words }
    }
}

/// A message that was sent, as far as it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub message: String,
    /// The level that it reached. One that is not final is delivered later, by the host or by who sends next.
    pub level: DeliveryLevel,
    /// The file with its text.
    pub file: Utf8PathBuf,
    /// Why it got no further.
    pub why: Option<Error>,
}

impl Sent {
    fn of(message: Message) -> Self {
        let Message { id, level, file, facts, .. } = message;
        Self { message: id, level, file, why: facts.detail.map(Error::other) }
    }
}

impl Sessions {
    /// Sends a message to a session's agent, behind those that wait already. One that is held back stays stored; the same
    /// text sent again meanwhile is the same message.
    pub async fn send(&self, id: &SessionId, crew: &Crew, letter: &Letter<'_>) -> Result<Sent> {
        self.refuse_unreachable(id)?;
        refuse_blank(letter.text)?;
        // The claim first: a message on its way without one is a dead sender's.
        self.take_turn(id).await?;
        let sent = self.send_in_turn(id, crew, letter).await;
        self.release(id, OperationKind::Send)?;
        sent
    }

    /// The same, under an id that the sender chose and stored before: whoever comes again with it sends nothing twice.
    /// When its turn has come, `is_wanted` is asked once more; it is nobody else's to deliver.
    pub async fn send_as(
        &self,
        message: &str,
        id: &SessionId,
        crew: &Crew,
        letter: &Letter<'_>,
        is_wanted: &(dyn Fn(&Session) -> Result<()> + Sync),
    ) -> Result<Sent> {
        self.refuse_unreachable(id)?;
        refuse_blank(letter.text)?;
        self.take_turn(id).await?;
        let sent = match self.get(id).and_then(|session| is_wanted(&session)) {
            Ok(()) => self.send_in_turn_as(message, id, crew, letter).await,
            Err(error) => Err(error),
        };
        self.release(id, OperationKind::Send)?;
        sent
    }

    /// Takes back a message of which nothing was put in yet; one that is on its way is a conflict.
    pub fn withdraw(&self, message: &Message, why: &str) -> Result<()> {
        self.note_detail(message, Some(&Error::other(why)))?;
        let (queued, withdrawn) = (DeliveryLevel::Queued, DeliveryLevel::Withdrawn);
        self.store.advance_message(&message.id, queued, withdrawn, self.world.now(), &[])?;
        Ok(())
    }

    pub(super) fn refuse_unreachable(&self, id: &SessionId) -> Result<()> {
        let session = self.get(id)?;
        if let Some(end) = &session.end {
            return Err(Error::conflict(format!("the session `{id}` has ended: {}", end.reason)));
        }
        if session.runtime.is_none() { Err(not_launched(id)) } else { Ok(()) }
    }

    /// Delivers what waits for a session's agent, in its order, up to the first that is held back. What a sender has left
    /// that was killed is looked at first, and nothing that may have arrived is repeated.
    pub async fn deliver_waiting(&self, id: &SessionId, crew: &Crew) -> Result<Vec<Sent>> {
        if self.is_held_back(id, crew).await? {
            return Ok(Vec::new());
        }
        self.take_turn(id).await?;
        let sent = self.work_off(id, crew, None).await;
        self.release(id, OperationKind::Send)?;
        sent
    }

    /// Waits until a message that is held back has been delivered, whoever does so, and tries it meanwhile.
    pub async fn wait_for(&self, id: &SessionId, crew: &Crew, message: &str) -> Result<Sent> {
        loop {
            let stored = self.stored(message)?;
            if stored.level.is_final() {
                return Ok(Sent::of(stored));
            }
            match self.deliver_waiting(id, crew).await {
                // Somebody else does something to the session.
                Err(error) if error.code == Code::CONFLICT => {}
                tried => drop(tried?),
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }

    /// Whether what waits first is held back now. Who tries again and again does not claim the session for that: a command
    /// that does something to it would be refused meanwhile.
    async fn is_held_back(&self, id: &SessionId, crew: &Crew) -> Result<bool> {
        let session = self.get(id)?;
        let waiting = self.waiting(id)?;
        let first = waiting.iter().find(|message| !message.waits_for_its_reaction());
        let is_queued = first.is_some_and(|first| first.level == DeliveryLevel::Queued);
        if !is_queued || session.end.is_some() || session.runtime.is_none() {
            return Ok(false);
        }
        if refuse_spent(&session).is_err() {
            return Ok(true);
        }
        let looked = self.look_closely(&session, crew, None).await;
        let is_prompt = first.is_some_and(|first| is_prompt_of(&session, first));
        let is_early = |seen: &RuntimeObservation, agent: &AgentObservation| is_prompt && !takes_prompt(seen, agent);
        Ok(looked.is_ok_and(|(seen, agent)| hold(&seen, &agent).is_some() || is_early(&seen, &agent)))
    }

    /// Whether a message is the prompt of an agent that takes none yet.
    async fn is_early(&self, message: &Message, crew: &Crew) -> Result<bool> {
        let session = self.get(&message.session)?;
        if !is_prompt_of(&session, message) {
            return Ok(false);
        }
        let looked = self.look_closely(&session, crew, None).await;
        Ok(!looked.is_ok_and(|(seen, agent)| takes_prompt(&seen, &agent)))
    }

    async fn send_in_turn(&self, id: &SessionId, crew: &Crew, letter: &Letter<'_>) -> Result<Sent> {
        let message = match self.same_waiting(id, letter)? {
            Some(waiting) => waiting,
            None => self.queue(id, letter).await?,
        };
        self.work_off_to(&message, crew).await
    }

    async fn send_in_turn_as(&self, key: &str, id: &SessionId, crew: &Crew, letter: &Letter<'_>) -> Result<Sent> {
        let message = match self.store.message(key)? {
            Some(known) if known.level.is_final() => return Ok(Sent::of(known)),
            Some(known) => known,
            None => self.queue_as(key, id, letter).await?,
        };
        self.work_off_to(&message, crew).await
    }

    /// Works off what waits, this message with it.
    async fn work_off_to(&self, message: &Message, crew: &Crew) -> Result<Sent> {
        let mut sent = self.work_off(&message.session, crew, Some(&message.id)).await?;
        if let Some(own) = sent.iter().position(|sent| sent.message == message.id) {
            return Ok(sent.swap_remove(own));
        }
        let first = sent.pop().and_then(|sent| sent.why).map_or_else(String::new, |why| format!(": {why}"));
        let why = Error::unavailable(format!("a message before it is not delivered yet{first}"));
        self.held(message, why)
    }

    /// A message with this text that waits and was not begun: the same command came before.
    fn same_waiting(&self, id: &SessionId, letter: &Letter<'_>) -> Result<Option<Message>> {
        let digest = sha256(letter.text.as_bytes());
        let is_same = |message: &Message| {
            message.level == DeliveryLevel::Queued && message.sha256 == digest && message.facts.origin == letter.origin
        };
        Ok(self.waiting(id)?.into_iter().find(is_same))
    }

    /// The messages of a session that have not ended.
    fn waiting(&self, id: &SessionId) -> Result<Vec<Message>> {
        let waiting = self.store.waiting_messages()?;
        Ok(waiting.into_iter().filter(|message| message.session == *id).collect())
    }

    /// Works off what waits. Whoever calls this has the session's turn.
    ///
    /// What a reaction wants to say is passed over, but for `own`: who carries it out asks right before whether it is still
    /// wanted.
    async fn work_off(&self, id: &SessionId, crew: &Crew, own: Option<&str>) -> Result<Vec<Sent>> {
        let mut done = Vec::new();
        if self.get(id)?.end.is_some() {
            self.give_up_messages(id, Undelivered::Fail)?;
            return Ok(done);
        }
        for message in self.waiting(id)? {
            if message.waits_for_its_reaction() && own != Some(&message.id) {
                continue;
            }
            let sent = match message.level {
                DeliveryLevel::Queued if self.is_early(&message, crew).await? => {
                    self.held(&message, Error::unavailable("the agent is not ready for its prompt yet"))?
                }
                DeliveryLevel::Queued => self.deliver(&message, crew).await?,
                _ => self.resume_delivery(&message, crew).await?,
            };
            self.note_prompt(&message, sent.level)?;
            let is_final = sent.level.is_final();
            done.push(sent);
            if !is_final {
                break;
            }
        }
        Ok(done)
    }

    /// Stores a message: its text in a file, a row that says how far it got.
    pub(super) async fn queue(&self, id: &SessionId, letter: &Letter<'_>) -> Result<Message> {
        refuse_blank(letter.text)?;
        self.queue_as(&self.world.ulid().to_string(), id, letter).await
    }

    async fn queue_as(&self, key: &str, id: &SessionId, letter: &Letter<'_>) -> Result<Message> {
        self.between_failpoints(Step::IntentWrite, async {
            let directory = self.session_directory(id)?.join(MESSAGES_DIRECTORY);
            let (file, bytes) = (directory.join(format!("{key}.md")), letter.text.as_bytes());
            files::private_directory(&directory)
                .and_then(|()| files::write_atomic(&file, bytes, PRIVATE_FILE))
                .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot write `{file}`"), &error))?;
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let data = EventData::MessageQueued(MessageQueued::new(key, length));
            let mut message = Message::new(key, id.clone(), file, sha256(bytes), self.world.now());
            message.facts.origin = letter.origin;
            self.store.queue_message(&message, &[self.event(id, data)])?;
            Ok(message)
        })
        .await
    }

    /// Claims the session; another message's delivery is waited for.
    pub(super) async fn take_turn(&self, id: &SessionId) -> Result<()> {
        let operation: Operation = self.operation(OperationKind::Send, Step::IntentWrite.name())?;
        let give_up = Instant::now() + TURN_WITHIN;
        let claim = loop {
            match self.store.claim(id, &operation, &*self.world.proc) {
                Ok(claim) => break claim,
                Err(StoreError::Held { kind: OperationKind::Send, .. }) if Instant::now() < give_up => {
                    tokio::time::sleep(TURN_EVERY).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        self.refuse_interrupted(claim, OperationKind::Send).map(drop)
    }

    /// The message as it is stored now.
    pub(super) fn stored(&self, message: &str) -> Result<Message> {
        self.store.message(message)?.ok_or_else(|| StoreError::NoMessage(message.to_owned()).into())
    }

    /// Writes down that a message ends, or waits, at a level, and why it got no further.
    pub(super) fn ends(&self, message: &Message, level: DeliveryLevel, why: Option<Error>) -> Result<Sent> {
        self.note_detail(message, why.as_ref())?;
        self.move_to(message, level)?;
        Ok(Sent { message: message.id.clone(), level, file: message.file.clone(), why })
    }

    /// A message that cannot be typed now stays where it is.
    pub(super) fn held(&self, message: &Message, why: Error) -> Result<Sent> {
        let level = self.stored(&message.id)?.level;
        self.ends(message, level, Some(why))
    }

    /// Whoever tries every second has nothing new to say every second.
    fn note_detail(&self, message: &Message, why: Option<&Error>) -> Result<()> {
        let mut facts = self.stored(&message.id)?.facts;
        let detail = why.map(ToString::to_string);
        if facts.detail != detail {
            facts.detail = detail;
            self.store.note_message(&message.id, &facts)?;
        }
        Ok(())
    }

    /// Takes a message to a level, from whichever it has.
    pub(super) fn move_to(&self, message: &Message, to: DeliveryLevel) -> Result<()> {
        let from = self.stored(&message.id)?.level;
        if from == to {
            return Ok(());
        }
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
        self.store.advance_message(&message.id, from, to, self.world.now(), &events)?;
        Ok(())
    }

    /// A prompt that was held back and gets there later is known to have got there.
    fn note_prompt(&self, message: &Message, level: DeliveryLevel) -> Result<()> {
        let session = self.get(&message.session)?;
        if is_prompt_of(&session, message) && session.prompt.is_some_and(|prompt| prompt.delivery != level) {
            self.change(&message.session, |session| {
                if let Some(prompt) = &mut session.prompt {
                    prompt.delivery = level;
                }
            })?;
        }
        Ok(())
    }
}

/// Whether a prompt can be delivered now. To one that is gone it can: it fails at once, instead of waiting for ever.
fn takes_prompt(seen: &RuntimeObservation, agent: &AgentObservation) -> bool {
    is_ready(agent) || matches!(seen.liveness, Liveness::Dead { .. })
}

/// Whether a message is the prompt of its session, which has not got there yet.
fn is_prompt_of(session: &Session, message: &Message) -> bool {
    session.prompt.as_ref().is_some_and(|prompt| prompt.sha256 == message.sha256 && !prompt.delivery.is_final())
}

/// A message begins a turn, and one more turn is what a budget that is used up forbids.
pub(super) fn refuse_spent(session: &Session) -> Result<()> {
    if session.hold.as_ref().is_none_or(|hold| hold.reason != HoldReason::Budget) {
        return Ok(());
    }
    let id = &session.id;
    Err(Error::unavailable(format!(
        "its budget is used up; raise it, and it is sent (`ao session show {id}` says which)"
    )))
}

/// A message of white space cannot be seen in a composer, so its Enter would be one without a draft.
fn refuse_blank(text: &str) -> Result<()> {
    if text.trim().is_empty() { Err(Error::invalid_input("the message is empty")) } else { Ok(()) }
}
