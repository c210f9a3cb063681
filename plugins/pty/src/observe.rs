//! Looking at many sessions at once: the records for life and death, the holders for what their screens show.

use std::time::{Duration, UNIX_EPOCH};

use ao_plugin_sdk::core::model::output_log::last_screen;
use ao_plugin_sdk::core::model::terminal::{TerminalReply, TerminalRequest};
use ao_plugin_sdk::holder;
use ao_plugin_sdk::prelude::*;
use futures_util::stream::{self, StreamExt};

use crate::connection::{Connection, Unreachable, strange};
use crate::output;
use crate::place::Place;

/// How long one holder may take. One that is stopped makes its own session unknown, and no other.
const PATIENCE: Duration = Duration::from_millis(800);

/// How long after a key press somebody is taken to be typing.
const TYPING: Duration = Duration::from_secs(10);

/// How many holders are asked at once: each takes a descriptor.
const AT_ONCE: usize = 256;

/// What the records say.
struct Recorded {
    place: Option<Place>,
    observation: RuntimeObservation,
}

/// Observes every session of the request.
pub(crate) async fn all(request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
    let lines = request.screen_lines;
    let recorded =
        blocking(move || Ok(request.handles.iter().map(|handle| recorded(handle, lines)).collect::<Vec<_>>())).await?;
    Ok(stream::iter(recorded).map(|recorded| seen(recorded, lines)).buffered(AT_ONCE).collect().await)
}

fn recorded(handle: &RuntimeHandle, lines: u32) -> Recorded {
    let place = match Place::of(handle) {
        Ok(place) => place,
        Err(error) => {
            let unknown = Liveness::Unknown { why: error.to_string() };
            return Recorded { place: None, observation: RuntimeObservation::new(handle.session.clone(), unknown) };
        }
    };
    let liveness = holder::liveness(&place.directory);
    let is_alive = liveness == Liveness::Alive;
    let mut observation = RuntimeObservation::new(handle.session.clone(), liveness);
    observation.root = holder::read_record(&place.directory).ok().flatten().and_then(|record| record.child);
    observation.last_output_at = printed_at(&place);
    if !is_alive && lines > 0 {
        observation.screen = kept_screen(&place, lines);
    }
    Recorded { place: Some(place).filter(|_| is_alive), observation }
}

/// Asks the holder of one that lives.
async fn seen(recorded: Recorded, lines: u32) -> RuntimeObservation {
    let Recorded { place, mut observation } = recorded;
    let Some(place) = place else { return observation };
    match tokio::time::timeout(PATIENCE, shown(&place, lines)).await {
        Ok(Ok(shown)) => {
            observation.screen = Some(shown.text).filter(|_| lines > 0);
            observation.last_output_at = shown.printed_at.or(observation.last_output_at);
            observation.attended = shown.typed_ago.and_then(attended);
        }
        // The agent's process runs, though its holder was killed. Its terminal is gone, and it may not know yet.
        Ok(Err(Unreachable::Gone)) => {}
        Ok(Err(Unreachable::Silent(error))) => {
            observation.liveness = Liveness::Unknown { why: format!("its process runs, but {}", error.message) };
        }
        Err(_) => {
            let why = "its process runs, but its holder, which owns its terminal, does not answer; is it stopped?";
            observation.liveness = Liveness::Unknown { why: why.to_owned() };
        }
    }
    observation
}

/// What a holder shows.
struct Shown {
    text: String,
    printed_at: Option<Timestamp>,
    typed_ago: Option<Duration>,
}

/// Who only looks on is not in the way; who types is, and for a moment after.
fn attended(ago: Duration) -> Option<String> {
    (ago < TYPING).then(|| format!("somebody who is attached typed {} s ago", ago.as_secs()))
}

async fn shown(place: &Place, lines: u32) -> Result<Shown, Unreachable> {
    let mut connection = Connection::open(&place.socket, PATIENCE).await?;
    match connection.ask(&TerminalRequest::Screen { lines }, PATIENCE).await {
        Ok(TerminalReply::Screen { text, last_output_at, typed_ms_ago, .. }) => {
            Ok(Shown { text, printed_at: last_output_at, typed_ago: typed_ms_ago.map(Duration::from_millis) })
        }
        Ok(_) => Err(Unreachable::Silent(strange())),
        Err(error) => Err(Unreachable::Silent(error)),
    }
}

/// The last screen of an agent that has ended.
fn kept_screen(place: &Place, lines: u32) -> Option<String> {
    let text = std::fs::read_to_string(last_screen(&place.log())).ok()?;
    let all: Vec<&str> = text.lines().collect();
    Some(all.get(all.len().saturating_sub(lines as usize)..)?.join("\n"))
}

/// When the log last grew.
fn printed_at(place: &Place) -> Option<Timestamp> {
    let newest = output::newest_part(&place.log())?;
    let modified = newest.metadata().ok()?.modified().ok()?;
    let millis = modified.duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(Timestamp::from_millis(i64::try_from(millis).ok()?))
}
