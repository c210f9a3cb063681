//! What a session's Codex is doing. Each source has its part:
//!
//! 1. That the process has ended, the runtime says.
//! 2. A dialog stands on the screen. It is believed strongly where a hook told of a permission.
//! 3. A hook that told of a permission is believed for a moment before its dialog shows.
//! 4. The record says when a turn began and how it ended. A turn that an earlier process began is over.
//! 5. Without any turn, the composer on the screen says that messages are taken.

use std::time::Duration;

use ao_plugin_sdk::agent::life::{Lasting, Life};
use ao_plugin_sdk::agent::record::Progress;
use ao_plugin_sdk::agent::settings::Settings;
use ao_plugin_sdk::prelude::*;

use crate::cursor::{Cursor, Said};
use crate::home;
use crate::hooks;
use crate::rollout::{self, Mark, Story, Turn, Wanted};
use crate::screen::{self, DialogKind, Screen};

/// The most that one call reads of records, in bytes.
const BUDGET: u64 = 64 * 1024 * 1024;
/// How long after its hook a dialog may take to show.
const DIALOG_WITHIN: Duration = Duration::from_secs(3);
const HOOK: &str = "hook";
const RECORD: &str = "record";
const SCREEN: &str = "screen";

/// Looks at many sessions. Reads files.
pub(crate) fn observe(settings: &Settings, request: &ObserveAgents) -> Vec<AgentObservation> {
    let mut budget = BUDGET;
    request.targets.iter().map(|target| one(settings, target, request.now, &mut budget)).collect()
}

fn one(settings: &Settings, target: &AgentTarget, now: Timestamp, budget: &mut u64) -> AgentObservation {
    let mut cursor = Cursor::read(target.cursor.as_ref());
    cursor.workspace = Some(target.workspace.clone());
    cursor.launched_at = Some(target.launched_at);
    cursor.home = cursor.home.or_else(|| home::of(settings, &std::collections::BTreeMap::new()));
    cursor.thread = cursor.thread.or_else(|| target.agent_session.clone());
    let read = read_record(&mut cursor, budget);
    let mut observation = conclude(target, now, &mut cursor, read);
    observation.agent_session.clone_from(&cursor.thread);
    observation.summary.clone_from(&cursor.story.about);
    observation.usage = cursor.story.usage();
    observation.cursor = cursor.write();
    observation
}

/// Reads on in the conversation's record, which is looked for first where it is not known.
fn read_record(cursor: &mut Cursor, budget: &mut u64) -> Progress {
    if cursor.mark.is_none()
        && let (Some(home), Some(workspace), Some(launched_at)) = (&cursor.home, &cursor.workspace, cursor.launched_at)
    {
        let wanted = Wanted { home, thread: cursor.thread.as_deref(), workspace, launched_at };
        cursor.mark = rollout::find(&wanted).map(Mark::beginning);
    }
    let Some(mark) = &mut cursor.mark else { return Progress::Complete };
    if cursor.thread.is_none() {
        cursor.thread = rollout::thread_of(&mark.path).map(str::to_owned);
    }
    match rollout::read_on(mark, &mut cursor.story, budget) {
        Ok(progress) => progress,
        Err(error) => {
            // Not there yet, or gone: it is looked for again.
            tracing::debug!("cannot read Codex's record `{}`: {error}", mark.path);
            if error.kind() == std::io::ErrorKind::NotFound && mark.position.inode != 0 {
                (cursor.mark, cursor.story) = (None, Story::default());
            }
            Progress::Complete
        }
    }
}

fn conclude(target: &AgentTarget, now: Timestamp, cursor: &mut Cursor, read: Progress) -> AgentObservation {
    let mut observation = AgentObservation::new(target.session.clone());
    match Life::of(&target.liveness) {
        Life::Alive => {}
        Life::Ended { source, strength } => {
            let found = Lasting::now(cursor.found, ActivityState::Exited, None, now);
            cursor.found = Some(found);
            observation.activity = Some(found.activity(source, strength));
            return observation;
        }
        Life::Unclear(why) => {
            observation.unknown = Some(why.to_owned());
            return observation;
        }
    }
    let screen = target.screen.as_deref().map(screen::read);
    cursor.dialog = None;
    match &screen {
        Some(Screen::Dialog(dialog)) => {
            observation.composer = Composer::Dialog;
            cursor.dialog = Some(dialog.id());
        }
        Some(Screen::Composer { draft, .. }) => {
            (observation.composer, observation.draft_digest) = screen::held(draft, target.draft.as_deref());
        }
        Some(Screen::Other) | None => {}
    }
    let turn = present_turn(cursor, target.launched_at);
    if let Turn::Failed { why, .. } = &turn
        && why.limited
    {
        let mut limit = RateLimit::new(why.text.as_str());
        limit.until = cursor.story.limited_until;
        observation.limit = Some(limit);
    }
    if let (Turn::Running { .. }, Some(Screen::Composer { working: true, .. })) = (&turn, &screen) {
        observation.limit = target.screen.as_deref().and_then(screen::retry).map(RateLimit::new);
    }
    let waiting = waiting(cursor, screen.as_ref(), now);
    let (state, source, strength, at) = match (&waiting, &turn, &screen) {
        (Some(waiting), ..) => (ActivityState::WaitingInput, waiting.source, waiting.strength, waiting.at),
        _ if read == Progress::Behind => {
            observation.unknown = Some("Codex's record is long, and not read to its end yet".to_owned());
            return observation;
        }
        (None, Turn::Running { since }, _) => (ActivityState::Active, RECORD, Strength::Strong, *since),
        (None, _, Some(Screen::Composer { working: true, .. })) => {
            (ActivityState::Active, SCREEN, Strength::Weak, None)
        }
        (None, Turn::Over { since }, _) => (ActivityState::Ready, RECORD, Strength::Strong, *since),
        (None, Turn::Failed { since, .. }, _) => (ActivityState::Blocked, RECORD, Strength::Strong, *since),
        (None, Turn::None, Some(Screen::Composer { .. })) => (ActivityState::Ready, SCREEN, Strength::Weak, None),
        (None, Turn::None, Some(_)) => (ActivityState::Active, "launch", Strength::Weak, Some(target.launched_at)),
        (None, Turn::None, None) => {
            observation.unknown = Some("Codex has no record yet, and the runtime shows no screen".to_owned());
            return observation;
        }
    };
    let found = Lasting::now(cursor.found, state, at, now);
    cursor.found = Some(found);
    observation.activity = Some(found.activity(source, strength));
    observation.ask = waiting.map(|waiting| waiting.ask);
    observation
}

/// A question that a human has to answer.
struct Waiting {
    ask: Ask,
    source: &'static str,
    strength: Strength,
    at: Option<Timestamp>,
}

fn waiting(cursor: &Cursor, screen: Option<&Screen>, now: Timestamp) -> Option<Waiting> {
    let asked = cursor.heard.as_ref().and_then(|heard| match &heard.said {
        Said::Asked { text } => Some((heard.at, text)),
        _ => None,
    });
    // The record goes on once the question was answered.
    let asked = asked.filter(|(at, _)| cursor.story.last_at.is_none_or(|last| last <= at.after(DIALOG_WITHIN)));
    match (screen, asked) {
        (Some(Screen::Dialog(dialog)), asked) => {
            let asked = asked.filter(|_| dialog.kind == DialogKind::Permission);
            let id = asked.map_or_else(|| dialog.id(), |(at, text)| hooks::ask(text, at).id);
            let mut ask = Ask::new(id, dialog.text.as_str());
            ask.options = dialog.options();
            let (source, strength) = if asked.is_some() { (HOOK, Strength::Strong) } else { (SCREEN, Strength::Weak) };
            Some(Waiting { ask, source, strength, at: asked.map(|(at, _)| at) })
        }
        // What is ahead of the clock was said before that was set back.
        (screen, Some((at, text))) if screen.is_none() || now.since(at).max(at.since(now)) <= DIALOG_WITHIN => {
            Some(Waiting { ask: hooks::ask(text, at), source: HOOK, strength: Strength::Strong, at: Some(at) })
        }
        _ => None,
    }
}

/// The last turn, as far as it is this process's, and with what hooks told of it sooner than the record.
fn present_turn(cursor: &Cursor, launched_at: Timestamp) -> Turn {
    let turn = match &cursor.story.turn {
        Turn::Running { since } | Turn::Over { since } | Turn::Failed { since, .. }
            if since.is_none_or(|since| since < launched_at) =>
        {
            Turn::None
        }
        turn => turn.clone(),
    };
    let is_news = |at: Timestamp| at >= launched_at && cursor.story.last_at.is_none_or(|last| last <= at);
    let Some(heard) = cursor.heard.as_ref().filter(|heard| is_news(heard.at)) else { return turn };
    match (&heard.said, turn) {
        // Its last line follows within a moment, unless another hook has it go on.
        (Said::Stopped, Turn::Running { .. }) => Turn::Over { since: Some(heard.at) },
        (Said::Began | Said::Prompted, turn) if !matches!(turn, Turn::Running { .. }) => {
            Turn::Running { since: Some(heard.at) }
        }
        (_, turn) => turn,
    }
}
