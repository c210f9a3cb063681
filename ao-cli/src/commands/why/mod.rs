//! `ao why`: what led to something, and what rules do about it.

mod episodes;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::str::FromStr;

use ao_core::Error;
use ao_core::lifecycle::Status;
use ao_core::model::event::{Event, EventData, EventKind, TypePattern};
use ao_core::model::{SessionId, Timestamp};
use ao_host::store::{Archives, EventFilter, EventLog, EventPage, Link, Part, Reader, SqliteReader, StoreError, chain};
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use episodes::{Episode, episodes};

use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::output::Page;
use crate::session_view::{Full, decided_by, status_word};
use crate::view::{Format, View};
use crate::{completion, event_line, manager};

/// How many events are shown of a session whose status nothing in the log tells of.
const RECENT: u32 = 10;

/// How many events about rules are looked at.
const MOST_MOVES: u32 = 500;

/// How many characters a ULID has.
const ULID: usize = 26;

/// Show what led to a session's status, or to an event
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A session, or an event by its id or by its number in the log
    #[arg(value_name = "SESSION|EVENT", add = completion::sessions())]
    what: Subject,
    #[command(flatten)]
    format: Format,
}

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Session(SessionId),
    Event(String),
    Sequence(u64),
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('#').unwrap_or(text);
        if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            return number.parse().map(Self::Sequence).map_err(|error| error.to_string());
        }
        // A session's id has a dash in it.
        if text.len() == ULID && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Self::Event(text.to_ascii_uppercase()));
        }
        text.parse().map(Self::Session).map_err(|error: ao_core::model::InvalidName| error.to_string())
    }
}

/// What led to something.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WhyView {
    /// The session, where one was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<WhySession>,
    /// The events, each below one that led to it, oldest first.
    chain: Vec<WhyLink>,
    /// What rules did about the session: what is open first, then what was last over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<Episode>,
    /// Whether there are more events than are shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    /// When this was put together.
    at: Timestamp,
}

/// A session and its status now.
#[derive(Serialize, JsonSchema)]
struct WhySession {
    /// Its id.
    id: String,
    /// Its status, with what decided it.
    status: Status,
}

/// One event of a chain.
#[derive(Serialize, JsonSchema)]
struct WhyLink {
    /// How far it is from an event that nothing led to.
    depth: u32,
    /// What it is to the one that was asked for.
    part: WhyPart,
    /// Its id.
    id: String,
    /// The event; absent where it is not in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
}

/// What an event is to the one that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WhyPart {
    /// It led to it.
    Cause,
    /// It is the one: the session's last change of status, or the event that was named.
    Asked,
    /// It came of it, or of something that led to it.
    Effect,
    /// It stands further up with all that it led to.
    Repeated,
    /// An event names it, and it is not in the log.
    Missing,
    /// One of the session's newest events: nothing in the log tells of its status.
    Recent,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let reader = manager::reader(edge)?;
        let log = EventLog::new(&reader, Archives::new(edge.places.events()));
        let world = World::system();
        let view = match &self.what {
            Subject::Session(id) => of_session(&reader, &log, id, &world)?,
            Subject::Event(id) => {
                let event = log.event(id).map_err(Error::from)?;
                of_event(&log, event.ok_or_else(|| unknown(&format!("with the id `{id}`")))?, &world)?
            }
            Subject::Sequence(number) => {
                let event = log.at(*number).map_err(Error::from)?;
                of_event(&log, event.ok_or_else(|| unknown(&format!("number {number}")))?, &world)?
            }
        };
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn unknown(which: &str) -> Error {
    Error::not_found(format!("there is no event {which} in the log; `ao events` shows the newest"))
}

fn of_event(log: &EventLog<'_>, event: Event, world: &World) -> Result<WhyView, Failure> {
    let chain = chain(log, event).map_err(Error::from)?;
    let links = chain.links.into_iter().map(WhyLink::of).collect();
    Ok(WhyView { session: None, chain: links, reactions: Vec::new(), cut: chain.cut, at: world.now() })
}

fn of_session(reader: &SqliteReader, log: &EventLog<'_>, id: &SessionId, world: &World) -> Result<WhyView, Failure> {
    let stored = reader.session(id).map_err(Error::from)?;
    let stored = stored.ok_or_else(|| Error::from(StoreError::NoSession(id.clone())))?;
    let changed = reader.latest_event(id, EventKind::SessionStatusChanged).map_err(Error::from)?;
    let status = Full::now(&stored, world).status;
    // Nobody may have looked since: then the last change of status that was told of explains another one.
    let is_this =
        |event: &Event| matches!(event.typed(), Some(EventData::SessionStatusChanged(told)) if told.to == status.name);
    let mut view = if let Some(event) = changed.filter(is_this) {
        of_event(log, event, world)?
    } else {
        let chain = recent(log, id)?;
        WhyView { session: None, chain, reactions: Vec::new(), cut: false, at: world.now() }
    };
    view.reactions = reactions(log, id)?;
    view.session = Some(WhySession { id: id.to_string(), status });
    Ok(view)
}

/// A session's newest events.
fn recent(log: &EventLog<'_>, id: &SessionId) -> Result<Vec<WhyLink>, Failure> {
    let links = newest(log, id, RECENT, BTreeSet::new())?.into_iter();
    let link = |event: Event| WhyLink { depth: 0, part: WhyPart::Recent, id: event.id.clone(), event: Some(event) };
    Ok(links.map(link).collect())
}

/// What rules did about a session.
fn reactions(log: &EventLog<'_>, id: &SessionId) -> Result<Vec<Episode>, Failure> {
    let kinds = ["reaction.", "intent."].map(|group| TypePattern::Group(group.to_owned()));
    Ok(episodes(newest(log, id, MOST_MOVES, kinds.into())?))
}

/// A session's newest events of some types; of all where none is named.
fn newest(log: &EventLog<'_>, id: &SessionId, limit: u32, kinds: BTreeSet<TypePattern>) -> Result<Vec<Event>, Failure> {
    let filter =
        EventFilter { session: Some(id.clone()), limit, kinds, page: EventPage::Newest, ..EventFilter::default() };
    let mut events = Vec::new();
    log.visit(&filter, &mut |found| {
        if let ao_host::store::Found::Event(event) = found {
            events.push(event);
        }
        std::ops::ControlFlow::Continue(())
    })
    .map_err(Error::from)?;
    Ok(events)
}

impl WhyLink {
    fn of(link: Link) -> Self {
        let part = match link.part {
            Part::Cause => WhyPart::Cause,
            Part::Asked => WhyPart::Asked,
            Part::Effect => WhyPart::Effect,
            Part::Repeated => WhyPart::Repeated,
            Part::Missing => WhyPart::Missing,
        };
        Self { depth: link.depth, part, id: link.id, event: link.event }
    }

    /// The event in a line, with its place in the tree in front.
    fn line(&self) -> String {
        let indent = "  ".repeat(usize::try_from(self.depth).unwrap_or_default());
        let mark = if self.part == WhyPart::Asked { "> " } else { "- " };
        let Some(event) = &self.event else {
            return format!("{indent}{mark}{} is not in the log", self.id);
        };
        let head = format!("{indent}{mark}#{} {}", event.sequence, event.kind);
        if self.part == WhyPart::Repeated {
            return format!("{head} (see above)");
        }
        let details = event_line::details(event);
        let colon = if details.is_empty() { "" } else { ": " };
        format!("{head} at {}{colon}{details}", event.timestamp)
    }
}

impl View for WhyView {
    fn write(&self, page: &mut Page) {
        if let Some(WhySession { id, status }) = &self.session {
            page.line(format_args!("{id} is {}, {}", status_word(status), status.reason));
            page.line(format_args!("decided by {}", decided_by(status, self.at)));
            page.gap();
            if self.chain.iter().all(|link| link.part == WhyPart::Recent) {
                page.line("what led to this status is not in the log; its newest events:");
            }
        }
        self.chain.iter().for_each(|link| page.line(link.line()));
        if self.cut {
            page.line("(there is more)");
        }
        if !self.reactions.is_empty() {
            page.gap();
            page.line("what rules do about it:");
            self.reactions.iter().for_each(|episode| episode.write(page));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_about() {
        let subject = |text: &str| text.parse::<Subject>();
        assert_eq!(subject("12"), Ok(Subject::Sequence(12)));
        assert_eq!(subject("#12"), Ok(Subject::Sequence(12)));
        assert_eq!(subject("app-12"), Ok(Subject::Session("app-12".parse().unwrap())));
        let id = "01kdvmhe00krahvmb4gf0kp1f2";
        assert_eq!(subject(id), Ok(Subject::Event(id.to_ascii_uppercase())));
        for wrong in ["", "#", "../x", "99999999999999999999999"] {
            assert!(subject(wrong).is_err(), "{wrong}");
        }
    }
}
