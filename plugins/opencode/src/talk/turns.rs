//! Prompts and turns: what is handed over, what a turn tells, how it ends.

use std::time::Duration;

use ao_agent_conversation::control::Reply;
use ao_agent_conversation::journal::{Event, How, Phase, Stopped};
use ao_agent_conversation::ledger::Taking;
use ao_plugin_sdk::core::model::draft::digest;
use ao_plugin_sdk::prelude::*;

use super::{Call, Depth, Ended, MOST_PARTS, Stage, Talk, Turn};
use crate::http::Problem;
use crate::wire::{Info, Look, Part, Status};

/// How long a turn may go on without a look, whatever the events say.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// How much of the time between two ticks counts for a turn: a machine that sleeps, or a clock that jumps, adds next to nothing.
const LONGEST_TICK: Duration = Duration::from_secs(20);
/// The name of OpenCode's error for a turn that was aborted, and ours for one whose server went away.
const ABORTED: &str = "MessageAbortedError";
const INTERRUPTED: &str = "interrupted";
/// The largest number that the time in a message's id can be: 48 bits of it.
const STAMPS: u64 = (1 << 48) - 1;

impl Talk {
    /// Takes a prompt, once for each key.
    pub(super) fn receive(&mut self, key: String, text: String) -> Reply {
        match self.ledger.taking(key, text) {
            Taking::New(_) if self.stage == Stage::Closed => {
                return Reply::refused(Code::CONFLICT, "the agent is being ended");
            }
            Taking::New(event) => self.note(event),
            Taking::Full(reply) => return reply,
            Taking::Known => {}
        }
        Reply::Taken
    }

    /// Hands the next prompt over, if one waits and no turn runs.
    pub(super) fn hand_over(&mut self) {
        if self.stage != Stage::Open || self.turn.is_some() || self.ledger.queue.held.is_some() {
            return;
        }
        let Some(letter) = self.ledger.queue.waiting.front().cloned() else { return };
        // Written down first: a prompt that may have been handed over is never handed over again.
        self.note(Event::Prompted { key: letter.key.clone() });
        let shown = self.transcript.prompt(&letter.text);
        self.show(shown);
        let message = message_id(self.now, &letter.key, &self.newest);
        self.newest.clone_from(&message);
        let mut body = json!({
            "messageID": message, "agent": self.launch.agent, "parts": [{"type": "text", "text": letter.text}],
        });
        if let Some(model) = &self.launch.model {
            body["model"] = json!({"providerID": model.provider, "modelID": model.name});
        }
        if let Some(instructions) = &self.instructions {
            body["system"] = json!(instructions);
        }
        self.call(Call::Prompt { id: self.session.clone(), body });
        self.begin(Some(letter.key), message);
    }

    fn begin(&mut self, key: Option<String>, message: String) {
        let since = self.now;
        self.looked_at = since;
        let worked = Duration::ZERO;
        self.turn = Some(Turn { key, message, worked, ticked_at: since, error: None, ended: None, was_lost: false });
    }

    pub(super) fn not_handed_over(&mut self, problem: &Problem) {
        match problem {
            Problem::Refused { .. } => {
                let error = ("refused".to_owned(), problem.words().to_owned());
                self.finish(Err(error));
            }
            // It may have arrived nevertheless, which a look tells.
            Problem::Unreachable(_) => {
                if let Some(turn) = &mut self.turn {
                    turn.was_lost = true;
                }
                self.look(Depth::Recent);
            }
        }
    }

    /// Stops the agent, once for each key: its turn is to end, and what waits is held until somebody says something more.
    pub(super) fn stop(&mut self, key: String) -> Reply {
        let stopped = self.ledger.queue.stopped(&key).unwrap_or_else(|| {
            let turn = if self.turn.is_some() { Stopped::Turn } else { Stopped::Nothing };
            self.note(Event::Interrupted { key, turn });
            self.cancel(Ended::Stopped);
            turn
        });
        stopped.into()
    }

    /// Tells the agent to end its turn, and withdraws what it asks.
    pub(super) fn cancel(&mut self, why: Ended) {
        let Some(turn) = &mut self.turn else { return };
        turn.ended = Some(why);
        if self.stage != Stage::Open {
            // Its server is gone, and the turn with it.
            return;
        }
        self.show_line("# the turn is cancelled");
        self.call(Call::Abort { id: self.session.clone() });
        self.withdraw_questions();
        self.look(Depth::Recent);
    }

    pub(super) fn status(&mut self, status: &Status) {
        match status {
            Status::Idle if self.turn.is_some() => self.look(Depth::Recent),
            Status::Idle => {}
            working => self.works(working),
        }
    }

    /// It works, or waits for its provider; maybe on what somebody else has begun.
    fn works(&mut self, status: &Status) {
        if self.turn.is_none() {
            self.note(Event::Begun);
            self.begin(None, String::new());
        }
        match status {
            Status::Retry { why, until } => {
                let view = self.view();
                if view.why.as_ref() != Some(why) || view.until != *until {
                    self.show_line(&format!("# it waits: {why}"));
                    self.note(Event::Waits { why: why.clone(), until: *until });
                }
            }
            _ if self.view().limited => self.note(Event::GoesOn),
            _ => {}
        }
    }

    pub(super) fn failed(&mut self, error: (String, String)) {
        if let Some(turn) = &mut self.turn {
            turn.error = Some(error);
            self.look(Depth::Recent);
        }
    }

    /// Takes in what a look found.
    pub(super) fn looked(&mut self, found: Result<Look, Problem>) {
        self.is_looking = false;
        self.looked_at = self.now;
        let look = match found {
            Ok(look) => look,
            Err(Problem::Refused { words, .. }) if self.stage == Stage::Opening => {
                return self.end(format!("cannot read the conversation: {words}"));
            }
            // Whoever listens to the events hears of it, or time tells.
            Err(_) => return,
        };
        for (id, messages) in &look.relatives {
            self.family.insert(id.clone());
            self.count(messages);
        }
        self.count(&look.messages);
        let ids = look.messages.iter().map(|info| &info.id).chain([&self.newest]);
        self.newest = ids.max().cloned().unwrap_or_default();
        match self.stage {
            Stage::Opening => self.open(self.session.clone(), How::Resumed),
            Stage::Away => {
                self.stage = Stage::Open;
                self.show_line("# it goes on with another server");
            }
            Stage::Open | Stage::Closed => {}
        }
        match &look.status {
            Status::Idle => self.may_be_over(&look.messages),
            working => self.works(working),
        }
        self.compare_questions(look.asked);
    }

    /// A session that is idle has ended its turn, if that had begun: a prompt that was just taken shows a moment later.
    fn may_be_over(&mut self, messages: &[Info]) {
        let Some(turn) = &self.turn else { return };
        let answer = messages.iter().rev().find(|info| info.is_assistant && info.id > turn.message);
        let outcome = match (answer, &turn.error) {
            (Some(Info { error: Some(error), .. }), _) | (None, Some(error)) => Err(error.clone()),
            (Some(info), _) if !info.is_complete => Err(interrupted()),
            (Some(info), _) => Ok(info.finish.clone().unwrap_or_default()),
            (None, None) if turn.was_lost => Err(interrupted()),
            (None, None) if turn.key.is_none() || turn.ended.is_some() => Ok(String::new()),
            (None, None) => return,
        };
        self.finish(outcome);
    }

    /// Ends the turn, by how it finished, or what failed in it.
    fn finish(&mut self, outcome: Result<String, (String, String)>) {
        self.withdraw_questions();
        self.replied.clear();
        let Some(turn) = self.turn.take() else { return };
        let key = turn.key.unwrap_or_default();
        let stopped = |stop: &str| Event::Turn { key: key.clone(), stop: stop.to_owned(), used: Vec::new() };
        let event = match (outcome, turn.ended) {
            (Ok(_), Some(Ended::Cancelled | Ended::Stopped)) => stopped("cancelled"),
            (Err((name, _)), Some(Ended::Cancelled | Ended::Stopped)) if [ABORTED, INTERRUPTED].contains(&&*name) => {
                stopped("cancelled")
            }
            (_, Some(Ended::TooLong)) => {
                let minutes = self.launch.turn_limit.unwrap_or_default() / 60;
                let why = format!("the turn was aborted after {minutes} minutes, as `turnMinutes` says");
                Event::Failed { key, why, limited: false }
            }
            (Err((name, _)), _) if name == ABORTED => stopped("cancelled"),
            // The next one may go well: there is another server, or it has begun again.
            (Err((name, why)), _) if name == INTERRUPTED => Event::Cut { key, why },
            (Err((name, words)), _) => {
                let limited = is_limit(&name, &words);
                Event::Failed { key, why: words, limited }
            }
            (Ok(finish), None) if finish == "length" => stopped("max_tokens"),
            (Ok(_), None) => stopped("end_turn"),
        };
        let shown = match &event {
            Event::Failed { why, .. } | Event::Cut { why, .. } => format!("# the turn failed: {why}"),
            Event::Turn { stop, .. } => format!("# {}", stop.replace('_', " ")),
            _ => String::new(),
        };
        self.show_line(&shown);
        self.note(event);
    }

    pub(super) fn part(&mut self, part: Part) {
        let (key, state) = match &part {
            Part::Text { id } => (id.clone(), "text".to_owned()),
            Part::Tool { call, title, state } => (call.clone(), format!("{state} {title}")),
            Part::Other => return,
        };
        if self.parts.iter().any(|known| *known == (key.clone(), state.clone())) {
            return;
        }
        if self.parts.len() >= MOST_PARTS {
            self.parts.pop_front();
        }
        self.parts.push_back((key, state));
        if let Part::Tool { title, state, .. } = part {
            match state.as_str() {
                "running" => self.show_line(&format!("* {title}")),
                "completed" | "error" => self.show_line(&format!("  {state}: {title}")),
                _ => {}
            }
        }
    }

    pub(super) fn piece(&mut self, part: &str, text: &str) {
        if self.parts.iter().any(|(id, kind)| id == part && kind == "text") {
            let shown = self.transcript.piece(text);
            self.show(shown);
        }
    }

    /// Looks at a turn that goes on, and aborts one that takes too long: also one that its provider lets wait.
    pub(super) fn tick(&mut self) {
        let (now, waits) = (self.now, !self.questions.is_empty());
        let Some(turn) = self.turn.as_mut().filter(|_| self.stage == Stage::Open) else { return };
        // A human takes their own time: it is none of the turn's.
        if !waits {
            turn.worked += now.since(turn.ticked_at).min(LONGEST_TICK);
        }
        turn.ticked_at = now;
        let is_over = self.launch.turn_limit.is_some_and(|limit| turn.worked.as_secs() >= limit);
        if is_over && !waits && turn.ended.is_none() && self.view().phase == Phase::Working {
            self.cancel(Ended::TooLong);
        } else if self.now.since(self.looked_at) >= LOOK_EVERY {
            self.looked_at = self.now;
            self.look(Depth::Recent);
        }
    }
}

fn interrupted() -> (String, String) {
    (INTERRUPTED.to_owned(), "OpenCode's server ended in the middle of the turn, which is not repeated".to_owned())
}

/// Whether an error is a provider's that lets the agent wait.
fn is_limit(name: &str, words: &str) -> bool {
    let words = words.to_lowercase();
    name == "APIError"
        && ["rate limit", "rate_limit", "too many requests", "429", "overloaded", "quota", "usage limit"]
            .iter()
            .any(|sign| words.contains(sign))
}

/// An id for a prompt's message. OpenCode orders messages by their ids, which begin with the time: with another one, a prompt
/// would stand before what was said last, and be taken for answered. So it comes behind `newest`, whatever the clock says.
pub(super) fn message_id(now: Timestamp, key: &str, newest: &str) -> String {
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    let behind = newest.strip_prefix("msg_").and_then(|id| u64::from_str_radix(id.get(..12)?, 16).ok());
    let stamp = (millis.wrapping_mul(0x1000) & STAMPS).max(behind.unwrap_or_default()).saturating_add(1).min(STAMPS);
    let salt: String = digest(key).chars().take(14).collect();
    format!("msg_{stamp:012x}{salt}")
}
