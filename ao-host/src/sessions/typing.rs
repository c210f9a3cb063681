//! Typing one message: the text first, then, once the composer shows it, the key that submits; at last a look into the
//! agent's own record. Each level is written before the step that leads beyond it.

use std::time::Duration;

use ao_core::lifecycle::observe::Told;
use ao_core::lifecycle::{DraftSeen, draft_seen, hold};
use ao_core::model::draft::solid;
use ao_core::model::facts::Session;
use ao_core::model::{DeliveryLevel, SessionId};
use ao_core::slots::agent::{ActivityState, AgentObservation, Composer, ConfirmDelivery, DeliverMessage, DeliverPlan};
use ao_core::slots::common::Proof;
use ao_core::slots::runtime::{Input, Liveness, RuntimeHandle, SendInput};
use ao_core::text::one_line;
use ao_core::{Code, Error, Result};
use camino::Utf8PathBuf;
use serde_json::Value;
use tokio::time::Instant;

use super::deliver::{INLINE_LIMIT, Letter, UNTYPED_LIMIT, refuse_spent};
use super::observe::not_launched;
use super::steps::Step;
use super::{Crew, Sent, Sessions};
use crate::hash::sha256;
use crate::store::{Message, Origin};

/// How long a new agent may take until it can be sent its prompt.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long a draft may take to show on the screen of an agent whose composer nobody can tell.
pub(super) const DRAFT_WITHIN: Duration = Duration::from_millis(1500);
/// How long it may take to show in a composer: the agent may be busy.
const COMPOSER_WITHIN: Duration = Duration::from_secs(10);
/// How long an agent may take to write its record.
const RECORD_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Why a delivery stopped.
enum Stopped {
    /// It may go on later; nothing of it was put in.
    Held(Error),
    /// It cannot be delivered; nothing of it was put in.
    Refused(Error),
    /// After something may have been put in.
    Unclear(Error),
    /// What happened could not be written down.
    Broken(Error),
}

impl Stopped {
    /// A step that failed before anything was put in.
    fn before(error: Error) -> Self {
        if error.retryable() { Self::Held(error) } else { Self::Refused(error) }
    }
}

/// What was there before anything was typed.
struct Before {
    screen: String,
    composer: Composer,
    /// Where the agent's own record ended.
    record: Option<Value>,
    /// Of the agent's launch.
    directory: Option<Utf8PathBuf>,
}

/// The words with which a message is put in.
#[derive(Clone, Copy)]
enum Wording<'a> {
    /// As they are.
    As(&'a str),
    /// The text, or where that is too long for the agent, what names its file.
    Fitting { text: &'a str, by_name: &'a str },
}

impl<'a> Wording<'a> {
    fn fit(self, composer: &Composer) -> &'a str {
        match self {
            Self::As(words) => words,
            Self::Fitting { text, by_name } => {
                let most = if *composer == Composer::None { UNTYPED_LIMIT } else { INLINE_LIMIT };
                if text.len() > most { by_name } else { text }
            }
        }
    }
}

/// Whether an agent can be sent its prompt.
enum Readiness {
    Ready,
    /// It lives, and may be later.
    NotYet(Error),
}

impl Sessions {
    /// Sends a new session its prompt, once its agent is ready. The spawn's operation covers it.
    pub(super) async fn first_prompt(&self, id: &SessionId, crew: &Crew, text: &str) -> Result<Sent> {
        // An issue may hold what no terminal takes.
        let message = self.queue(id, &Letter { text, origin: Origin::File }).await?;
        match self.wait_until_ready(id, crew).await {
            Ok(Readiness::Ready) => self.deliver(&message, crew).await,
            Ok(Readiness::NotYet(why)) => self.held(&message, why),
            Err(error) => self.ends(&message, DeliveryLevel::Failed, Some(error)),
        }
    }

    /// Delivers a message of which nothing was typed yet.
    pub(super) async fn deliver(&self, message: &Message, crew: &Crew) -> Result<Sent> {
        let text = match text_of(message) {
            Ok(text) => text,
            Err(error) => return self.ends(message, DeliveryLevel::Failed, Some(error)),
        };
        if message.facts.attempts > 0 && self.is_recorded(message, crew, &text).await {
            // An agent plugin that delivers by itself had done so when its caller was killed.
            return self.ends(message, DeliveryLevel::Acked, None);
        }
        let by_name = naming(message);
        let words = Wording::Fitting { text: &text, by_name: &by_name };
        let mut typed = Box::pin(self.type_in(message, crew, words)).await;
        // What no terminal takes is read from its file, if it came from one.
        if let Err(Stopped::Refused(error)) = &typed
            && (error.code == Code::INVALID_INPUT && message.facts.origin != Origin::Words)
        {
            typed = Box::pin(self.type_in(message, crew, Wording::As(&by_name))).await;
        }
        self.conclude(message, typed)
    }

    /// Puts a text in once more that provably did not arrive.
    pub(super) async fn deliver_again(&self, message: &Message, crew: &Crew, line: &str) -> Result<Sent> {
        let typed = Box::pin(self.type_in(message, crew, Wording::As(line))).await;
        self.conclude(message, typed)
    }

    /// Submits a draft that was seen, and confirms it.
    pub(super) async fn submit_draft(&self, message: &Message, crew: &Crew, line: &str) -> Result<Sent> {
        let submitted = match self.press_submit(message, crew).await {
            Ok(()) => self.confirm(message, crew, line).await,
            Err(stopped) => Err(stopped),
        };
        self.conclude(message, submitted)
    }

    fn conclude(&self, message: &Message, typed: Result<(DeliveryLevel, Option<Error>), Stopped>) -> Result<Sent> {
        match typed {
            Ok((level, why)) => self.ends(message, level, why),
            Err(Stopped::Held(why)) => self.held(message, why),
            Err(Stopped::Refused(error)) => self.ends(message, DeliveryLevel::Failed, Some(error)),
            Err(Stopped::Unclear(error)) => self.ends(message, DeliveryLevel::Unconfirmed, Some(error)),
            Err(Stopped::Broken(error)) => Err(error),
        }
    }

    async fn type_in(
        &self,
        message: &Message,
        crew: &Crew,
        words: Wording<'_>,
    ) -> Result<(DeliveryLevel, Option<Error>), Stopped> {
        let before = self.may_be_typed(&message.session, crew).await?;
        let line = words.fit(&before.composer);
        let mut facts = self.stored(&message.id).map_err(Stopped::Broken)?.facts;
        facts.attempts += 1;
        facts.cursor.clone_from(&before.record);
        facts.line = (sha256(line.as_bytes()) != message.sha256).then(|| line.to_owned());
        let mut plan = DeliverMessage::new(message.id.as_str(), message.session.clone(), line);
        (plan.cursor, plan.directory) = (before.record.clone(), before.directory.clone());
        let planned = self.between_failpoints(Step::LoadBuffer, async {
            self.store.note_message(&message.id, &facts)?;
            crew.agent.instance.deliver(plan).await
        });
        let inputs = match planned.await {
            Ok(DeliverPlan::Runtime { inputs }) => inputs,
            Ok(DeliverPlan::Done { level }) => {
                if let DeliveryLevel::Submitted | DeliveryLevel::Acked = level {
                    self.note_told(&message.session, Told::Message).map_err(Stopped::Broken)?;
                }
                return Ok((level, None));
            }
            Ok(_) => return Err(Stopped::Refused(Error::unsupported("this kind of delivery"))),
            Err(error) if error.outcome_unknown() => return Err(Stopped::Unclear(error)),
            Err(error) => return Err(Stopped::before(error)),
        };
        for input in inputs {
            match input {
                Input::Submit => self.press_submit(message, crew).await?,
                other => self.put_in(message, crew, other, &before).await?,
            }
        }
        self.confirm(message, crew, line).await
    }

    /// Puts in a text, and waits until it shows.
    async fn put_in(&self, message: &Message, crew: &Crew, input: Input, before: &Before) -> Result<(), Stopped> {
        let failpoint = |side| format!("{}.{side}", Step::Paste.label());
        self.failpoints.pass(&failpoint("before")).map_err(Stopped::Refused)?;
        let session = self.get(&message.session).map_err(Stopped::Broken)?;
        let level = self.stored(&message.id).map_err(Stopped::Broken)?.level;
        self.move_to(message, DeliveryLevel::Drafting).map_err(Stopped::Broken)?;
        let draft = if let Input::Text { text } = &input { text.clone() } else { String::new() };
        let handle = handle_of(&session)?;
        let send = SendInput::new(message.id.as_str(), handle, input);
        let taken = match crew.runtime.instance.send(send).await {
            Ok(taken) => taken,
            // Until the first input is taken, a clear refusal means that nothing happened.
            Err(error) if level == DeliveryLevel::Queued && !error.outcome_unknown() => {
                self.move_to(message, level).map_err(Stopped::Broken)?;
                return Err(Stopped::before(error));
            }
            Err(error) => return Err(Stopped::Unclear(error)),
        };
        // A runtime without a screen says at once that the text is in.
        if taken.level != DeliveryLevel::Drafted {
            self.wait_for_draft(&session, crew, &draft, before).await.map_err(Stopped::Unclear)?;
        }
        self.failpoints.pass(&failpoint("after")).map_err(Stopped::Unclear)?;
        self.move_to(message, DeliveryLevel::Drafted).map_err(Stopped::Broken)
    }

    /// Presses the key that submits. Whoever calls this has just seen the draft, or cannot see any.
    async fn press_submit(&self, message: &Message, crew: &Crew) -> Result<(), Stopped> {
        let failpoint = |side| format!("{}.{side}", Step::Enter.label());
        self.failpoints.pass(&failpoint("before")).map_err(Stopped::Unclear)?;
        if self.stored(&message.id).map_err(Stopped::Broken)?.level == DeliveryLevel::Queued {
            return Err(Stopped::Refused(Error::invalid_input(
                "the agent's plugin would submit what it does not type",
            )));
        }
        let session = self.get(&message.session).map_err(Stopped::Broken)?;
        let send = SendInput::new(message.id.as_str(), handle_of(&session)?, Input::Submit);
        self.move_to(message, DeliveryLevel::Submitted).map_err(Stopped::Broken)?;
        crew.runtime.instance.send(send).await.map_err(Stopped::Unclear)?;
        self.note_told(&message.session, Told::Message).map_err(Stopped::Broken)?;
        self.failpoints.pass(&failpoint("after")).map_err(Stopped::Unclear)?;
        let mut facts = self.stored(&message.id).map_err(Stopped::Broken)?.facts;
        facts.entered = true;
        self.store.note_message(&message.id, &facts).map_err(|error| Stopped::Broken(error.into()))
    }

    /// An agent that shows a dialog, or holds somebody else's draft, or somebody sits at, is not typed to: an Enter would
    /// answer for a human.
    async fn may_be_typed(&self, id: &SessionId, crew: &Crew) -> Result<Before, Stopped> {
        let session = self.get(id).map_err(Stopped::Broken)?;
        refuse_spent(&session).map_err(Stopped::Held)?;
        let (seen, agent) = self.look_closely(&session, crew, None).await.map_err(Stopped::before)?;
        if let Liveness::Dead { .. } = seen.liveness {
            let ended = format!("the agent of `{id}` has ended; `ao session logs {id}` shows its last words");
            return Err(Stopped::Refused(Error::conflict(ended)));
        }
        if let Some(hold) = hold(&seen, &agent) {
            return Err(Stopped::Held(Error::unavailable(hold.to_string())));
        }
        let directory = session.runtime.map(|runtime| runtime.directory);
        let AgentObservation { composer, cursor, .. } = agent;
        Ok(Before { screen: seen.screen.unwrap_or_default(), composer, record: cursor, directory })
    }

    /// Waits until a draft shows. A receiver whose composer nobody can tell gets one attempt all the same.
    async fn wait_for_draft(&self, session: &Session, crew: &Crew, draft: &str, before: &Before) -> Result<()> {
        let began = Instant::now();
        loop {
            let (seen, agent) = match self.look_closely(session, crew, Some(draft)).await {
                // A machine that is busy for a moment is no reason to leave a draft behind.
                Err(error) if error.retryable() && began.elapsed() < COMPOSER_WITHIN => {
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
                looked => looked?,
            };
            let found = draft_seen(&agent, draft);
            match found {
                DraftSeen::Ours => return Ok(()),
                DraftSeen::Untold => {
                    let on_screen =
                        seen.screen.is_none_or(|screen| shows(&screen, draft) > shows(&before.screen, draft));
                    if on_screen || began.elapsed() >= DRAFT_WITHIN {
                        return Ok(());
                    }
                }
                // An Enter without our own draft in the composer would submit, or approve, something else.
                _ if began.elapsed() >= COMPOSER_WITHIN => return Err(not_shown(found)),
                _ => {}
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn confirm(
        &self,
        message: &Message,
        crew: &Crew,
        line: &str,
    ) -> Result<(DeliveryLevel, Option<Error>), Stopped> {
        let proof = self.between_failpoints(Step::AckWrite, self.await_record(message, crew, line)).await;
        let unconfirmed = |why: Error| Ok((DeliveryLevel::Unconfirmed, Some(why)));
        match proof {
            Ok(Proof::Found { .. }) => Ok((DeliveryLevel::Acked, None)),
            Ok(Proof::Absent) => {
                let seconds = RECORD_WITHIN.as_secs();
                unconfirmed(Error::other(format!(
                    "submitted; the agent's own record did not show it within {seconds} s"
                )))
            }
            Ok(Proof::Unknown) => {
                unconfirmed(Error::other("submitted; the agent keeps no record in which its arrival could be seen"))
            }
            Err(error) => unconfirmed(error),
        }
    }

    /// Whether a message stands in the agent's record. One that is not there yet is waited for.
    pub(super) async fn await_record(&self, message: &Message, crew: &Crew, line: &str) -> Result<Proof> {
        let give_up = Instant::now() + RECORD_WITHIN;
        loop {
            let proof = self.look_into_record(message, crew, line).await;
            let may_come = match &proof {
                Ok(proof) => *proof == Proof::Absent,
                // A record that is not there yet is no failure of the plugin's, or the fifth would keep it from being asked.
                Err(error) => error.retryable() || error.code == Code::NOT_FOUND,
            };
            if !may_come || Instant::now() >= give_up {
                return proof;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether a message stands in the agent's record now, behind what was there when it was begun.
    pub(super) async fn look_into_record(&self, message: &Message, crew: &Crew, line: &str) -> Result<Proof> {
        let mut request = ConfirmDelivery::new(message.id.as_str(), message.session.clone(), line);
        request.cursor = self.stored(&message.id)?.facts.cursor;
        request.directory = self.get(&message.session)?.runtime.map(|runtime| runtime.directory);
        crew.agent.instance.confirm(request).await
    }

    async fn is_recorded(&self, message: &Message, crew: &Crew, text: &str) -> bool {
        let line = message.facts.line.as_deref().unwrap_or(text);
        matches!(self.look_into_record(message, crew, line).await, Ok(Proof::Found { .. }))
    }

    async fn wait_until_ready(&self, id: &SessionId, crew: &Crew) -> Result<Readiness> {
        let give_up = Instant::now() + READY_WITHIN;
        let mut session = self.get(id)?;
        loop {
            let (seen, agent) = match self.look_closely(&session, crew, None).await {
                // A machine that is busy for a moment is no reason to give its prompt up.
                Err(error) if error.retryable() && Instant::now() < give_up => {
                    tokio::time::sleep(LOOK_EVERY * 4).await;
                    continue;
                }
                looked => looked?,
            };
            if let Liveness::Dead { .. } = seen.liveness {
                return Err(Error::conflict(format!("the agent of `{id}` ended before it could be sent its prompt")));
            }
            if is_ready(&agent) {
                return Ok(Readiness::Ready);
            }
            // Nothing but a human makes it ready.
            if let Some(ask) = agent.ask.filter(|_| agent.composer == Composer::Dialog) {
                let why = format!("the agent of `{id}` asks before it takes its prompt: {}", one_line(&ask.text, 200));
                return Ok(Readiness::NotYet(Error::unavailable(why)));
            }
            if Instant::now() >= give_up {
                let seconds = READY_WITHIN.as_secs();
                let why = format!("the agent of `{id}` was not ready for its prompt within {seconds} s");
                return Ok(Readiness::NotYet(Error::unavailable(why)));
            }
            // What the agent plugin remembers between two looks.
            if let Some(facts) = &mut session.agent {
                facts.cursor = agent.cursor;
            }
            tokio::time::sleep(LOOK_EVERY * 4).await;
        }
    }
}

/// Whether an agent waits for what it is told.
pub(super) fn is_ready(agent: &AgentObservation) -> bool {
    let state = agent.activity.as_ref().map(|activity| activity.state);
    matches!(state, Some(ActivityState::Ready | ActivityState::Idle))
}

fn handle_of(session: &Session) -> Result<RuntimeHandle, Stopped> {
    let runtime = session.runtime.as_ref().ok_or_else(|| Stopped::Refused(not_launched(&session.id)))?;
    Ok(runtime.handle.clone())
}

/// A message's text, as it was when it was stored.
pub(super) fn text_of(message: &Message) -> Result<String> {
    let file = &message.file;
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::wrap(Code::NOT_FOUND, format!("cannot read the message in `{file}`"), &error))?;
    if sha256(text.as_bytes()) != message.sha256 {
        return Err(Error::conflict(format!("the message in `{file}` was changed after it was sent")));
    }
    Ok(text)
}

/// What the agent gets to read of a text that is not typed itself.
fn naming(message: &Message) -> String {
    format!("Read the file {} and do what it says.", message.file)
}

/// Why no Enter follows a text.
fn not_shown(found: DraftSeen) -> Error {
    let what = match found {
        DraftSeen::Covered => "a dialog covers the agent's composer",
        DraftSeen::Other => "the agent's composer holds something else",
        _ => "the message did not show in the agent's composer",
    };
    Error::new(Code::CANCELLED, format!("{what}; the message was put in, and not submitted"))
}

/// How often a screen shows the end of a draft. Line breaks are the screen's own, so white space does not count.
fn shows(screen: &str, draft: &str) -> usize {
    const ENOUGH: usize = 24;
    let solid = |text: &str| solid(text).chars().collect::<Vec<_>>();
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
    fn a_long_text_is_named_where_it_would_have_to_be_typed() {
        for (length, typed, untyped) in [
            (INLINE_LIMIT, "text", "text"),
            (INLINE_LIMIT + 1, "name", "text"),
            (UNTYPED_LIMIT, "name", "text"),
            (UNTYPED_LIMIT + 1, "name", "name"),
        ] {
            let text = "x".repeat(length);
            let words = Wording::Fitting { text: &text, by_name: "name" };
            let fit = |composer: &Composer| if words.fit(composer) == "name" { "name" } else { "text" };
            assert_eq!((fit(&Composer::Empty), fit(&Composer::None)), (typed, untyped), "{length}");
        }
    }

    #[test]
    fn a_wrapped_draft_is_seen() {
        assert_eq!(shows("> fix the pars\ner and run the tests", "fix the parser and run the tests"), 1);
        assert_eq!(shows("$ ", "fix the parser"), 0);
        assert_eq!(shows("> y\n> y", "y"), 2, "another one than before has to show");
        assert_eq!(shows("anything", " \n "), 0);
    }
}
