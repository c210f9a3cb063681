//! `ao trash list`: everything that can be had back.

use std::process::ExitCode;

use ao_core::model::facts::{Session, TrashItem, TrashState};
use ao_core::model::{SessionId, Timestamp};
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::session_view::age;
use crate::view::{Format, View};
use crate::{expiring, manager};

/// List what is in the trash, and how much it takes
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    format: Format,
}

/// What is in the trash.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TrashList {
    /// Oldest first.
    items: Vec<Row>,
    /// How much all of it takes, in bytes.
    bytes: u64,
    /// How much it may take, in bytes.
    quota: u64,
    /// When this was put together.
    at: Timestamp,
}

/// One workspace in the trash.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Row {
    /// Its id.
    pub(crate) item: String,
    /// Whose it is.
    pub(crate) session: SessionId,
    /// How far it got.
    pub(crate) state: TrashState,
    /// When it was moved.
    pub(crate) moved_at: Timestamp,
    /// When it goes for good.
    pub(crate) expires_at: Timestamp,
    /// Where it stood.
    #[schemars(with = "String")]
    pub(crate) origin: Utf8PathBuf,
    /// Where it is.
    #[schemars(with = "String")]
    pub(crate) place: Utf8PathBuf,
    /// How much it takes, in bytes.
    pub(crate) bytes: u64,
    /// How much of that git ignores, in bytes.
    pub(crate) ignored_bytes: u64,
}

impl Row {
    pub(crate) fn new(session: &Session, item: TrashItem, keep: std::time::Duration) -> Self {
        Self {
            session: session.id.clone(),
            state: item.state,
            moved_at: item.at,
            expires_at: item.at.after(keep),
            origin: item.origin,
            place: item.place,
            bytes: item.bytes,
            ignored_bytes: item.ignored_bytes,
            item: item.id,
        }
    }
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let policy = expiring::shown_policy(edge);
        let items: Vec<_> =
            sessions.trash()?.into_iter().map(|(session, item)| Row::new(&session, item, policy.keep)).collect();
        let bytes = items.iter().map(|item| item.bytes).sum();
        self.format.show(&TrashList { items, bytes, quota: policy.quota, at: sessions.world.now() })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View for TrashList {
    fn write(&self, page: &mut Page) {
        if self.items.is_empty() {
            return page.line("the trash is empty");
        }
        let row = |row: &Row| {
            [
                row.session.to_string(),
                age(self.at, row.moved_at),
                age(row.expires_at, self.at),
                size(row.bytes),
                what(row.state).to_owned(),
                row.place.to_string(),
            ]
        };
        let rows: Vec<_> = self.items.iter().map(row).collect();
        page.table(["SESSION", "MOVED", "GOES IN", "SIZE", "WHAT", "PLACE"], &rows);
        page.line(format_args!(
            "{} of {}; `ao trash restore SESSION` brings one back",
            size(self.bytes),
            size(self.quota)
        ));
    }
}

/// What there is of an item.
pub(crate) fn what(state: TrashState) -> &'static str {
    match state {
        TrashState::Storing => "being moved",
        TrashState::Stored => "everything",
        TrashState::Refs | TrashState::Emptied => "commits and saved files",
        _ => "nothing",
    }
}

/// A number of bytes for a person.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut part, mut unit) = (bytes, 0, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        part = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    if unit == 0 { format!("{whole} B") } else { format!("{whole}.{part} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let table = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_600_000, "1.5 MiB"), (10 << 30, "10.0 GiB")];
        for (bytes, expected) in table {
            assert_eq!(size(bytes), expected);
        }
    }
}
