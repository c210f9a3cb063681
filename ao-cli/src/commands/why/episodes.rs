//! What rules did about a session, as the log tells it.

use std::collections::BTreeMap;

use ao_core::model::event::{DeedKind, Event, EventData, EventKind, IntentMoved};
use ao_core::model::{ReactionKey, RulePlace, Timestamp};
use ao_core::text::one_line;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Page;

/// How many of an episode's intents are shown, the newest.
const MOST_INTENTS: usize = 5;
/// How many episodes are shown that are over, the newest.
const MOST_CLOSED: usize = 3;
/// How much of others' words a line shows, in characters.
const COLUMNS: usize = 200;

/// A condition that a rule reacts to, and what was done about it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Episode {
    /// Its key.
    key: String,
    /// The rule.
    reaction: ReactionKey,
    /// Whether it is there now.
    open: bool,
    /// Since when; absent where the log no longer tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// When it was over; absent where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Timestamp>,
    /// What is so, in a few words.
    reason: String,
    /// Whether a human was told that it took too long.
    escalated: bool,
    /// Where the rule was written when it began; absent where the default held.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<RulePlace>,
    /// What was to be done, the newest last.
    intents: Vec<Step>,
    #[serde(skip)]
    sequence: u64,
}

/// Something that was to be done, and how far it is.
#[derive(Debug, Serialize, JsonSchema)]
struct Step {
    /// How far it is: the type of its last event, or how it ended.
    state: &'static str,
    /// When that was.
    at: Timestamp,
    /// What is to be done, and what decided it, as it was decided.
    #[serde(flatten)]
    intent: IntentMoved,
    #[serde(skip)]
    sequence: u64,
}

/// What the events of a session about its rules come to: what is open first, then what was last over.
pub(super) fn episodes(mut events: Vec<Event>) -> Vec<Episode> {
    events.sort_by_key(|event| event.sequence);
    let mut episodes: BTreeMap<String, Episode> = BTreeMap::new();
    for event in &events {
        let Some(data) = event.typed() else { continue };
        match data {
            EventData::ReactionOpened(data) => {
                let episode = entry(&mut episodes, &data.key, data.reaction, event);
                if !data.again {
                    episode.intents.clear();
                    episode.since = Some(event.timestamp);
                }
                (episode.open, episode.closed_at, episode.escalated) = (true, None, data.escalated);
                (episode.reason, episode.rule) = (data.reason, data.rule);
            }
            EventData::ReactionClosed(data) => {
                let episode = entry(&mut episodes, &data.key, data.reaction, event);
                (episode.open, episode.closed_at) = (false, Some(event.timestamp));
            }
            EventData::ReactionEscalated(data) => {
                entry(&mut episodes, &data.key, data.reaction, event).escalated = true;
            }
            EventData::IntentPlanned(data)
            | EventData::IntentClaimed(data)
            | EventData::IntentHeld(data)
            | EventData::IntentSuperseded(data)
            | EventData::IntentDone(data)
            | EventData::IntentFailed(data) => {
                entry(&mut episodes, &data.episode.clone(), data.reaction, event).moved(data, event);
            }
            _ => {}
        }
    }
    let mut episodes: Vec<_> = episodes.into_values().collect();
    for episode in &mut episodes {
        let surplus = episode.intents.len().saturating_sub(MOST_INTENTS);
        episode.intents.drain(..surplus);
    }
    episodes.sort_by_key(|episode| (!episode.open, std::cmp::Reverse(episode.sequence)));
    let open = episodes.iter().filter(|episode| episode.open).count();
    episodes.truncate(open + MOST_CLOSED);
    episodes
}

fn entry<'a>(
    episodes: &'a mut BTreeMap<String, Episode>,
    key: &str,
    reaction: ReactionKey,
    event: &Event,
) -> &'a mut Episode {
    let episode = episodes.entry(key.to_owned()).or_insert_with(|| Episode {
        key: key.to_owned(),
        reaction,
        open: true,
        since: None,
        closed_at: None,
        reason: String::new(),
        escalated: false,
        rule: None,
        intents: Vec::new(),
        sequence: 0,
    });
    episode.sequence = event.sequence;
    episode
}

impl Episode {
    /// One of its intents got further.
    fn moved(&mut self, data: IntentMoved, event: &Event) {
        let known = self.intents.iter().position(|step| step.intent.key == data.key);
        let before = known.map(|at| self.intents.remove(at));
        let mut step =
            Step { state: state(event.kind, &data), at: event.timestamp, intent: data, sequence: event.sequence };
        // What was in force when it was decided counts, whatever later events say.
        if let Some(before) = before {
            step.intent.rule = before.intent.rule;
            step.sequence = before.sequence;
        }
        if self.reason.is_empty() {
            self.reason.clone_from(&step.intent.reason);
        }
        self.intents.push(step);
        self.intents.sort_by_key(|step| step.sequence);
    }

    pub(super) fn write(&self, page: &mut Page) {
        let when = match (self.closed_at, self.since) {
            (Some(closed), _) => format!("over since {closed}"),
            (None, Some(since)) => format!("open since {since}"),
            (None, None) => "open".to_owned(),
        };
        let reason =
            if self.reason.is_empty() { String::new() } else { format!(": {}", one_line(&self.reason, COLUMNS)) };
        page.line(format_args!("{}, {when}{reason}", self.reaction));
        for step in &self.intents {
            page.line(format_args!("  - {}", step.line()));
            page.line(format_args!("    {}", step.because()));
        }
    }
}

fn state(kind: EventKind, data: &IntentMoved) -> &'static str {
    match (data.outcome, kind) {
        (Some(outcome), _) => outcome.as_str(),
        (None, EventKind::IntentClaimed) => "claimed",
        (None, EventKind::IntentHeld) => "held",
        (None, _) => "planned",
    }
}

impl Step {
    /// What is done, and how far that is.
    fn line(&self) -> String {
        let IntentMoved { what, why, .. } = &self.intent;
        let why = if why.is_empty() { String::new() } else { format!(": {}", one_line(why, COLUMNS)) };
        format!("{}{}, {} at {}{why}", one_line(what, COLUMNS), self.intent.count(), self.state, self.at)
    }

    /// What decided it.
    fn because(&self) -> String {
        let by = match &self.intent.rule {
            Some(rule) => format!("because {rule} says so"),
            None => "by default".to_owned(),
        };
        let next = match (&self.intent.escalates_after, self.intent.deed) {
            (_, DeedKind::Escalate) | (None, _) => String::new(),
            (Some(after), _) => format!("; a human hears of it after {after}"),
        };
        format!("{by}{next}")
    }
}
