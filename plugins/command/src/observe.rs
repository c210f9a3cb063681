//! What a program is doing, told from what it prints: a pure function.
//!
//! The rule, first match wins:
//!
//! 1. The process ended: *exited*. It could not be looked at: nothing is told.
//! 2. The `ask` pattern matches the end of the screen: *waiting for input*, with what it matched as the question.
//! 3. The `ready` pattern matches the screen: *ready*, from now on *started*.
//! 4. Not started yet: *active*; without a pattern, [`START_QUIET`] without output after the launch means *ready*, and
//!    *started*.
//! 5. Started: *active* when the output changed within [`ACTIVE`], and since it was last ready; else *ready*.
//!
//! So a program gets its first message early, and one that prints every few seconds does not flicker. With a pattern
//! that never matches it is never ready. All of it is weak evidence except a recorded exit.
//!
//! Beside that, the `draft` pattern says what the composer holds; a question covers it. Without the pattern it cannot be told.
//!
//! When the output changed last is told from two clocks: the runtime's, which may count in whole seconds, and the
//! moment at which the screen was first seen as it is, kept in the cursor.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use ao_plugin_sdk::agent::life::Life;
use ao_plugin_sdk::prelude::*;
use regex::Regex;

use crate::answer::Answer;
use crate::composer::composer;

/// How long a program counts as active after output.
pub const ACTIVE: Duration = Duration::from_secs(5);
/// The quiet after which a program without a pattern takes its first message.
pub const START_QUIET: Duration = Duration::from_millis(500);
/// The coarsest clock of a runtime: tmux counts in seconds.
const RESOLUTION: Duration = Duration::from_secs(1);

/// What to look for on a screen.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    /// The program takes messages.
    pub ready: Option<Regex>,
    /// The program asks a human.
    pub ask: Option<Regex>,
    /// Its composer.
    pub draft: Option<Regex>,
    /// How its questions are answered.
    pub answers: Vec<Answer>,
}

/// What the last look left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// Of which launch.
    launched_at: Timestamp,
    /// Tells screens apart.
    screen: String,
    /// When this screen was first seen.
    seen_at: Timestamp,
    /// Whether the program was ready once.
    started: bool,
    /// What it was doing.
    state: ActivityState,
    /// Since when.
    since: Timestamp,
}

/// Looks at one program.
#[must_use]
pub fn observe(target: &AgentTarget, patterns: &Patterns, now: Timestamp) -> AgentObservation {
    let mut observation = AgentObservation::new(target.session.clone());
    let last = target.cursor.clone().and_then(|cursor| serde_json::from_value::<Cursor>(cursor).ok());
    let last = last.filter(|last| last.launched_at == target.launched_at);
    match Life::of(&target.liveness) {
        Life::Alive => {}
        Life::Ended { source, strength } => {
            let known = last.as_ref().filter(|last| last.state == ActivityState::Exited);
            let since = known.map_or(now, |last| last.since);
            observation.activity = Some(Activity::new(ActivityState::Exited, source, strength, since));
            let seen_at = last.as_ref().map_or(now, |last| last.seen_at);
            let started = last.as_ref().is_some_and(|last| last.started);
            let cursor = Cursor { state: ActivityState::Exited, since, ..cursor(target, seen_at, started) };
            observation.cursor = serde_json::to_value(cursor).ok();
            return observation;
        }
        Life::Unclear(why) => return untold(observation, target, why.to_owned()),
    }
    let ready = patterns.ready.as_ref();
    let needs_screen = ready.is_some() || patterns.ask.is_some();
    if target.screen.is_none() && (needs_screen || target.last_output_at.is_none()) {
        return untold(observation, target, "the runtime shows no screen to tell it from".into());
    }
    if let (Some(draft), Some(screen)) = (&patterns.draft, &target.screen) {
        observation.composer = composer(draft, screen);
    }
    if let Some(asked) = patterns.ask.as_ref().and_then(|ask| question(ask, target.screen.as_deref()?)) {
        if patterns.draft.is_some() {
            observation.composer = Composer::Dialog;
        }
        let next = asking(target, last.as_ref(), now);
        observation.activity = Some(Activity::new(ActivityState::WaitingInput, "pattern", Strength::Weak, next.since));
        observation.ask = Some(ask(patterns, asked));
        observation.cursor = serde_json::to_value(next).ok();
        return observation;
    }
    let (next, source) = look(target, ready, last.as_ref(), now);
    observation.activity = Some(Activity::new(next.state, source, Strength::Weak, next.since));
    observation.cursor = serde_json::to_value(next).ok();
    observation
}

/// What a program asks.
fn ask(patterns: &Patterns, asked: &str) -> Ask {
    let mut ask = Ask::new(fingerprint(asked), asked);
    ask.options = patterns.answers.iter().map(Answer::option).collect();
    ask
}

/// How a question is answered that is on the screen now; another one is a conflict.
pub(crate) fn answer(patterns: &Patterns, request: &AnswerAsk) -> Result<DeliverPlan> {
    let screen = request.screen.as_deref();
    let asked = patterns.ask.as_ref().and_then(|ask| question(ask, screen?)).map(fingerprint);
    if asked.as_ref() != Some(&request.ask) {
        return Err(Error::conflict("the program does not ask that any more"));
    }
    let Some(answer) = patterns.answers.iter().find(|answer| answer.name() == request.answer) else {
        let message = format!("`answers` of the agent says nothing of `{}`", request.answer);
        return Err(Error::invalid_input(message));
    };
    Ok(DeliverPlan::Runtime { inputs: answer.inputs() })
}

/// Nothing is told; what was known is kept.
fn untold(mut observation: AgentObservation, target: &AgentTarget, why: String) -> AgentObservation {
    observation.unknown = Some(why);
    observation.cursor.clone_from(&target.cursor);
    observation
}

/// Rule 2: what the pattern matches at the end of a screen. A question that was answered has something below it.
fn question<'a>(ask: &Regex, screen: &'a str) -> Option<&'a str> {
    let screen = screen.trim_end();
    let last_line = screen.rfind('\n').map_or(0, |at| at + 1);
    let found = ask.find_iter(screen).last().filter(|found| found.end() > last_line && !found.is_empty())?;
    Some(found.as_str().trim())
}

fn asking(target: &AgentTarget, last: Option<&Cursor>, now: Timestamp) -> Cursor {
    let since = last.filter(|last| last.state == ActivityState::WaitingInput).map_or(now, |last| last.since);
    let started = last.is_some_and(|last| last.started);
    Cursor { state: ActivityState::WaitingInput, since, ..cursor(target, now, started) }
}

/// Rules 3 to 5.
fn look(target: &AgentTarget, ready: Option<&Regex>, last: Option<&Cursor>, now: Timestamp) -> (Cursor, &'static str) {
    let screen = target.screen.as_deref().unwrap_or_default();
    let seen_at = match last {
        Some(last) if last.screen == fingerprint(screen) => last.seen_at,
        // Nothing has been printed yet: it is quiet since the launch.
        None if screen.trim().is_empty() => target.launched_at,
        _ => now,
    };
    let changed_at = changed_at(target, seen_at, now);
    let quiet = now.since(changed_at);
    let matches = ready.is_some_and(|ready| ready.is_match(screen));
    let started = last.is_some_and(|last| last.started);
    let still_ready = last.is_some_and(|last| last.state == ActivityState::Ready && changed_at <= last.since);
    let (state, source) = match (started, ready) {
        _ if matches => (ActivityState::Ready, "pattern"),
        (true, _) if quiet >= ACTIVE || still_ready => (ActivityState::Ready, "silence"),
        (false, None) if quiet >= START_QUIET => (ActivityState::Ready, "silence"),
        (false, Some(_)) => (ActivityState::Active, "launch"),
        _ => (ActivityState::Active, "output"),
    };
    let lasted = last.filter(|last| last.state == state).map(|last| last.since);
    let since = match source {
        "pattern" => lasted.unwrap_or(now),
        "launch" => target.launched_at.min(now),
        "output" => lasted.unwrap_or(changed_at),
        _ => changed_at,
    };
    let started = started || state == ActivityState::Ready;
    (Cursor { state, since, ..cursor(target, seen_at, started) }, source)
}

/// When the output changed last. The runtime's time may be that of the second's begin; the screen's is that of the
/// first look at it.
fn changed_at(target: &AgentTarget, seen_at: Timestamp, now: Timestamp) -> Timestamp {
    let changed_at = match target.last_output_at {
        Some(printed_at) => seen_at.clamp(printed_at, printed_at.after(RESOLUTION)),
        None => seen_at,
    };
    changed_at.max(target.launched_at).min(now)
}

fn cursor(target: &AgentTarget, seen_at: Timestamp, started: bool) -> Cursor {
    let screen = fingerprint(target.screen.as_deref().unwrap_or_default());
    let state = ActivityState::Unknown;
    Cursor { launched_at: target.launched_at, screen, seen_at, started, state, since: seen_at }
}

/// Tells screens apart. Another version of Rust may hash otherwise: then a screen looks new once.
fn fingerprint(screen: &str) -> String {
    let mut hasher = DefaultHasher::new();
    screen.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
