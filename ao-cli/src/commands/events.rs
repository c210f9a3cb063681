//! `ao events`: the log, and what is added to it.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use ao_core::Error;
use ao_core::config::HumanDuration;
use ao_core::model::event::{Event, TypePattern};
use ao_core::model::{SessionId, Timestamp};
use ao_host::store::{Archives, EventFilter, EventLog, EventPage, Found, Reader, SqliteReader};
use ao_host::world::World;

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::following::{SLOW_LOOK, follow};
use crate::view::Format;
use crate::{completion, event_line, manager, output};

/// How many of the newest events are shown to who says neither how many nor since when.
const NEWEST: u32 = 50;

/// So much text is printed at once.
const AT_ONCE: usize = 32 * 1024;

/// Show what happened: the event log, the newest 50 unless something else is asked for
///
/// With `--json`, each line is one event.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Go on with what happens next, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Since a time such as `2026-01-31T12:00:00Z`, or for a while such as `90s`, `15m`, `2h` or `1d`
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Since>,
    /// Only these types, separated by commas; `session.` is all that begin so
    #[arg(short, long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<TypePattern>,
    /// Only what is about this session
    #[arg(short, long, value_name = "ID", add = completion::sessions())]
    session: Option<SessionId>,
    /// At most so many, the newest
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<u32>,
    #[command(flatten)]
    format: Format,
}

/// Since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    Time(Timestamp),
    Ago(Duration),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(time) = text.parse() {
        return Ok(Since::Time(time));
    }
    let ago = text.parse::<HumanDuration>().map(|ago| Since::Ago(ago.get()));
    ago.map_err(|why| format!("it {why}, and a time is written as `2026-01-31T12:00:00Z`"))
}

impl Since {
    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Time(time) => time,
            Self::Ago(ago) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(now.as_millis().saturating_sub(ago))
            }
        }
    }
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let mut reader = manager::reader(edge)?;
        let shower = Shower { archives: Archives::new(edge.places.events()), format: self.format };
        let mut filter = self.filter(World::system().now());
        if !self.follow {
            shower.show(&reader, &filter)?;
            return Ok(ExitCode::SUCCESS);
        }
        let look = async || -> Result<ControlFlow<()>, Failure> {
            if !reader.is_there() {
                reader = manager::reader(edge)?;
            }
            // Whatever is written from here on is shown by the next look, if not by this one.
            let end = reader.last_sequence().map_err(Error::from)?;
            let shown = shower.show(&reader, &filter)?;
            filter.after = filter.after.max(end).max(shown);
            (filter.since, filter.limit, filter.page) = (None, u32::MAX, EventPage::Oldest);
            Ok(ControlFlow::Continue(()))
        };
        block_on(follow(edge, SLOW_LOOK, look))??;
        Ok(ExitCode::SUCCESS)
    }

    fn filter(&self, now: Timestamp) -> EventFilter {
        let since = self.since.map(|since| since.before(now));
        let most = if since.is_some() { u32::MAX } else { NEWEST };
        // All since then are shown one after the other, without having them in memory first.
        let page = if since.is_some() && self.limit.is_none() { EventPage::Oldest } else { EventPage::Newest };
        EventFilter {
            session: self.session.clone(),
            kinds: self.types.iter().cloned().collect(),
            after: 0,
            since,
            limit: self.limit.unwrap_or(most),
            page,
        }
    }
}

/// Prints what is found in the log.
struct Shower {
    archives: Archives,
    format: Format,
}

impl Shower {
    /// Shows events; the place of the last one is the answer, 0 where there is none.
    fn show(&self, reader: &SqliteReader, filter: &EventFilter) -> Result<u64, Failure> {
        let log = EventLog::new(reader, self.archives.clone());
        let (mut text, mut last, mut printed) = (String::new(), 0, Ok(()));
        log.visit(filter, &mut |found| {
            match found {
                Found::Event(event) => {
                    last = event.sequence;
                    text.push_str(&self.line(&event));
                    text.push('\n');
                }
                Found::Damage(damage) => output::warning(format_args!(
                    "{}:{} cannot be read and is left out: {}",
                    damage.file, damage.line, damage.why
                )),
            }
            if text.len() >= AT_ONCE {
                printed = output::text(&std::mem::take(&mut text));
            }
            if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .map_err(Error::from)?;
        printed?;
        if !text.is_empty() {
            output::text(&text)?;
        }
        Ok(last)
    }

    fn line(&self, event: &Event) -> String {
        if self.format.is_json() {
            return serde_json::to_string(event).unwrap_or_default();
        }
        output::printable(&event_line::full(event)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_a_while() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let before = |text: &str| since(text).map(|since| since.before(now).to_string());
        assert_eq!(before("90m").unwrap(), "2026-01-01T22:30:00.000Z");
        assert_eq!(before("2026-01-01T01:00:00+01:00").unwrap(), "2026-01-01T00:00:00.000Z");
        assert_eq!(since("99999999d").unwrap().before(now), Timestamp::from_millis(i64::MIN));
        for wrong in ["yesterday", "5", "-5m", ""] {
            assert!(before(wrong).unwrap_err().contains("`2h`"), "{wrong}");
        }
    }
}
