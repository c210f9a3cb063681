//! The whole log, as one: the archives first, then the database.

use std::ops::ControlFlow;

use ao_core::model::Timestamp;
use ao_core::model::event::Event;
use fs_err as fs;

use super::archive::{ArchiveFile, Archives, Damage, matches};
use super::{EventFilter, EventPage, Reader, Result};

/// Events that are read from the database at once.
const AT_ONCE: u32 = 1000;

/// The whole log of a state directory.
pub struct EventLog<'a> {
    reader: &'a dyn Reader,
    archives: Archives,
}

/// What is found in the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// An event.
    Event(Event),
    /// Something that cannot be read, where events were.
    Damage(Damage),
}

/// What somebody who reads the log does with each thing in it, and whether to go on.
pub type Visitor<'a> = dyn FnMut(Found) -> ControlFlow<()> + 'a;

impl<'a> EventLog<'a> {
    /// Of this database and these archives.
    pub fn new(reader: &'a dyn Reader, archives: Archives) -> Self {
        Self { reader, archives }
    }

    /// Shows the events of a filter in the order of the log, each once.
    pub fn visit(&self, filter: &EventFilter, visitor: &mut Visitor<'_>) -> Result<()> {
        match filter.page {
            EventPage::Oldest => self.forwards(filter, visitor),
            EventPage::Newest => {
                let _ = self.newest(filter)?.into_iter().try_for_each(visitor);
                Ok(())
            }
        }
    }

    fn forwards(&self, filter: &EventFilter, visitor: &mut Visitor<'_>) -> Result<()> {
        let mut filter = filter.clone();
        let mut left = filter.limit;
        loop {
            let after = filter.after;
            for file in self.archives.files()?.into_iter().filter(|file| file.last > after) {
                for found in relevant(&file, &filter)? {
                    if matches!(found, Found::Event(_)) {
                        let Some(rest) = left.checked_sub(1) else { return Ok(()) };
                        left = rest;
                    }
                    if visitor(found).is_break() {
                        return Ok(());
                    }
                }
                filter.after = file.last;
            }
            filter.limit = left.min(AT_ONCE);
            if filter.limit == 0 {
                return Ok(());
            }
            let page = self.reader.events(&filter)?;
            // Rows leave the database after their file is there. If there is one now that was not there before, some of
            // the rows may have been gone already.
            if self.archives.last()? > filter.after {
                continue;
            }
            let Some(last) = page.last() else { return Ok(()) };
            filter.after = last.sequence;
            left -= u32::try_from(page.len()).unwrap_or(left);
            for event in page {
                if visitor(Found::Event(event)).is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// The newest, in the order of the log: from the database, and from as many archives as it takes.
    fn newest(&self, filter: &EventFilter) -> Result<Vec<Found>> {
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let (mut files, page) = loop {
            let files = self.archives.files()?;
            let archived = files.last().map_or(0, |file| file.last);
            let filter = EventFilter { after: filter.after.max(archived), ..filter.clone() };
            let page = self.reader.events(&filter)?;
            if self.archives.last()? == archived {
                break (files, page);
            }
        };
        let mut count = page.len();
        let mut found: Vec<_> = page.into_iter().map(Found::Event).collect();
        while let Some(file) = files.pop().filter(|file| count < limit && file.last > filter.after) {
            let mut older = relevant(&file, filter)?;
            let events = older.iter().filter(|found| matches!(found, Found::Event(_))).count();
            let mut too_many = (count + events).saturating_sub(limit);
            older.retain(|found| match found {
                Found::Event(_) if too_many > 0 => {
                    too_many -= 1;
                    false
                }
                _ => true,
            });
            count += events;
            older.append(&mut found);
            found = older;
        }
        Ok(found)
    }

    /// One event, by its id, wherever it is.
    pub fn event(&self, id: &str) -> Result<Option<Event>> {
        if let Some(event) = self.reader.event(id)? {
            return Ok(Some(event));
        }
        for file in self.archives.files()?.iter().rev() {
            if let Some(event) = file.events()?.flatten().find(|event| event.id == id) {
                return Ok(Some(event));
            }
        }
        // It may have been on its way.
        self.reader.event(id)
    }

    /// One event, by its place in the log.
    pub fn at(&self, sequence: u64) -> Result<Option<Event>> {
        let Some(after) = sequence.checked_sub(1) else { return Ok(None) };
        let mut event = None;
        self.visit(&EventFilter { after, limit: 1, ..EventFilter::default() }, &mut |found| match found {
            Found::Event(found) => {
                event = Some(found).filter(|event| event.sequence == sequence);
                ControlFlow::Break(())
            }
            Found::Damage(_) => ControlFlow::Continue(()),
        })?;
        Ok(event)
    }

    /// What an event led to, as far as it is in the database, at most so many.
    pub fn effects(&self, id: &str, limit: u32) -> Result<Vec<Event>> {
        self.reader.effects(id, limit)
    }
}

/// What a file has for a filter.
fn relevant(file: &ArchiveFile, filter: &EventFilter) -> Result<Vec<Found>> {
    if filter.since.is_some_and(|since| is_older(file, since)) {
        return Ok(Vec::new());
    }
    let found = file.events()?.filter_map(|event| match event {
        Ok(event) => matches(filter, &event).then_some(Found::Event(event)),
        Err(damage) => Some(Found::Damage(damage)),
    });
    Ok(found.collect())
}

/// Whether a file was written before a time, so that all in it happened before.
fn is_older(file: &ArchiveFile, since: Timestamp) -> bool {
    let written = fs::metadata(&file.path).and_then(|metadata| metadata.modified()).ok();
    let millis = written.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let millis = millis.and_then(|time| i64::try_from(time.as_millis()).ok());
    millis.is_some_and(|millis| Timestamp::from_millis(millis) < since)
}
