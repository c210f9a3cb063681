//! What an agent is doing: its hooks, its transcript and its session file first, its screen where these say nothing or are
//! behind.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_plugin_sdk::agent::life::{Lasting, Life};
use ao_plugin_sdk::agent::record::Position;
use ao_plugin_sdk::core::model::draft;
use ao_plugin_sdk::prelude::*;

use crate::cursor::Cursor;
use crate::evidence::{Asked, Said, believed};
use crate::hooks::limit;
use crate::screen::{Dialog, Kind, Screen};
use crate::session_file::{self, SessionFile, SessionFiles};
use crate::transcript::A_LOOK;

/// How long what a hook said is believed against a screen that shows something else: the screen is a moment behind.
const SCREEN_LAGS: Duration = Duration::from_secs(2);
/// How much of a call's time is kept to answer.
const TO_ANSWER: Duration = Duration::from_secs(2);

/// Session files, by configuration directory, for the length of a call.
pub(crate) type Files = BTreeMap<Utf8PathBuf, SessionFiles>;

/// Looks at one agent. Reads files.
pub(crate) fn look(target: &AgentTarget, now: Timestamp, files: &mut Files) -> AgentObservation {
    let mut cursor = Cursor::of(target.cursor.as_ref());
    if cursor.conversation.is_none() {
        cursor.conversation.clone_from(&target.agent_session);
    }
    read_transcript(&mut cursor);
    let file = session_file(&cursor, target, files);
    let mut observation = AgentObservation::new(target.session.clone());
    observation.agent_session.clone_from(&cursor.conversation);
    observation.summary = cursor.reading.summary();
    observation.usage = cursor.reading.usage();
    let seen = match Life::of(&target.liveness) {
        Life::Alive => see(target, &cursor, file.as_ref(), now, &mut observation),
        Life::Ended { source, strength } => Some(Seen { state: ActivityState::Exited, source, strength, since: None }),
        Life::Unclear(why) => {
            observation.unknown = Some(why.to_owned());
            None
        }
    };
    if let Some(seen) = seen {
        let last = cursor.shown.filter(|shown| shown.since >= target.launched_at);
        let shown = Lasting::now(last, seen.state, seen.since, now);
        cursor.shown = Some(shown);
        observation.activity = Some(shown.activity(seen.source, seen.strength));
    }
    observation.cursor = Some(cursor.to_value());
    observation
}

/// A state, and who says so.
struct Seen {
    state: ActivityState,
    source: &'static str,
    strength: Strength,
    /// `None` where it is since it was first seen.
    since: Option<Timestamp>,
}

impl Seen {
    fn on_screen(state: ActivityState) -> Self {
        Self { state, source: "screen", strength: Strength::Weak, since: None }
    }
}

/// A living agent's state. Adds to the observation what is asked, what the composer holds, and a limit.
fn see(
    target: &AgentTarget,
    cursor: &Cursor,
    file: Option<&SessionFile>,
    now: Timestamp,
    observation: &mut AgentObservation,
) -> Option<Seen> {
    // What was said before the launch was said of another process.
    let of_launch = |said: &&Said| said.at >= target.launched_at;
    let transcript = cursor.reading.said().filter(of_launch);
    // A hook of an earlier launch is in no cursor of this one.
    let believed = believed(cursor.hook.as_ref(), transcript, file);
    let strong = |(said, source): (Said, crate::evidence::Source)| Seen {
        state: said.state,
        source: source.name(),
        strength: Strength::Strong,
        since: Some(said.at),
    };
    let Some(screen) = target.screen.as_deref().map(Screen::read) else {
        let asked = believed.as_ref().and_then(|(said, _)| asked_of(said));
        observation.ask = asked.map(|asked| told(asked, asked.options.clone()));
        observation.limit = believed.as_ref().and_then(|(said, _)| said.limit.as_deref()).map(limit);
        if believed.is_none() {
            observation.unknown = Some("no hook has called, and the runtime shows no screen".to_owned());
        }
        return believed.map(strong);
    };
    observation.composer = screen.holds();
    observation.draft_digest = target.draft.as_deref().and_then(|draft| screen.composer.as_ref()?.digest(draft));
    observation.limit = screen.retry.as_deref().map(RateLimit::new);
    if let Some(dialog) = &screen.dialog {
        let asked = cursor.hook.as_ref().and_then(|said| said.asked.as_ref()).filter(|asked| is_about(dialog, asked));
        observation.ask = Some(ask(dialog, asked));
        let waits = believed.filter(|(said, _)| said.state == ActivityState::WaitingInput);
        return Some(waits.map_or(Seen::on_screen(ActivityState::WaitingInput), strong));
    }
    if screen.is_logged_out {
        let text = "Claude Code is not logged in: attach to it and use `/login`";
        observation.ask = Some(Ask::new("login", text));
        return Some(Seen::on_screen(ActivityState::WaitingInput));
    }
    let Some((said, source)) = believed else {
        // Without a composer it is starting.
        let is_ready = screen.composer.is_some() && !screen.is_working;
        return Some(Seen::on_screen(if is_ready { ActivityState::Ready } else { ActivityState::Active }));
    };
    // What is ahead of the clock was said before that was set back.
    let is_settled = now.since(said.at) > SCREEN_LAGS || said.at.since(now) > SCREEN_LAGS;
    let shows = screen.composer.as_ref().map(|_| screen.is_working);
    let on_screen = match (said.state, shows) {
        // The dialog has gone, and nothing has told how.
        (ActivityState::WaitingInput, Some(true)) if is_settled => Some(ActivityState::Active),
        (ActivityState::WaitingInput, Some(false)) if is_settled => Some(ActivityState::Ready),
        // Stopped before there was anything to write down.
        (ActivityState::Active, Some(false)) if is_settled && file.is_none() => Some(ActivityState::Ready),
        // It has started, and shows nothing yet to type into.
        (ActivityState::Ready, None) if transcript.is_none() => Some(ActivityState::Active),
        _ => None,
    };
    if let Some(state) = on_screen {
        return Some(Seen::on_screen(state));
    }
    observation.ask = asked_of(&said).map(|asked| told(asked, asked.options.clone()));
    if observation.limit.is_none() {
        observation.limit = said.limit.as_deref().map(limit);
    }
    Some(strong((said, source)))
}

/// The question of an agent that waits for its answer.
fn asked_of(said: &Said) -> Option<&Asked> {
    said.asked.as_ref().filter(|_| said.state == ActivityState::WaitingInput)
}

/// Whether a dialog asks what a hook told of.
pub(crate) fn is_about(dialog: &Dialog, asked: &Asked) -> bool {
    !asked.shows.is_empty() && dialog.kind != Kind::StartUp && draft::solid(&dialog.body).contains(&asked.shows)
}

/// The question of a dialog, under the name that a hook gave it where one did.
pub(crate) fn ask(dialog: &Dialog, asked: Option<&Asked>) -> Ask {
    if let Some(asked) = asked {
        return told(asked, dialog.options());
    }
    let mut ask = Ask::new(dialog.id(), dialog.text());
    ask.options = dialog.options();
    ask
}

fn told(asked: &Asked, options: Vec<AskOption>) -> Ask {
    let mut ask = Ask::new(asked.id.as_str(), asked.text.as_str());
    ask.options = options;
    ask
}

fn read_transcript(cursor: &mut Cursor) {
    let Some(path) = cursor.transcript.clone() else { return };
    if deadline().is_some_and(|left| left < TO_ANSWER) {
        return;
    }
    if let Err(error) = cursor.reading.read_on(&path, A_LOOK) {
        tracing::warn!("cannot read the transcript `{path}`: {error}");
    }
    cursor.mark = Position::at_end_of(&path);
}

fn session_file(cursor: &Cursor, target: &AgentTarget, files: &mut Files) -> Option<SessionFile> {
    let config = cursor.config.clone()?;
    let found = files.entry(config.clone()).or_insert_with(|| session_file::read(&config));
    let file = found.get(cursor.conversation.as_deref()?).copied()?;
    // A process that was killed leaves its file behind.
    Some(file).filter(|file| file.since >= target.launched_at)
}
