//! Once a day the database is copied and old events leave it, by a thread and connections of their own: the engine does
//! not wait for them.

use std::time::Duration;

use ao_core::config::EventLimits;
use ao_core::model::Timestamp;
use camino::Utf8PathBuf;
use tokio::task::JoinHandle;

use super::Engine;
use super::daily::Daily;
use crate::store::{Archived, Backups, Fence, Result, Retention, SqliteStore, Store};

/// When old events were moved last, and whether they are being moved.
#[derive(Debug, Default)]
pub(super) struct Archiving {
    daily: Daily,
    running: Option<JoinHandle<()>>,
}

impl Engine {
    /// Begins to move old events into files, if it is time. What is interrupted, the next host brings to its end.
    pub(super) fn archive_if_due(&mut self) {
        let now = self.context.sessions.world.now();
        let (database, directory) = (self.context.places.state_db(), self.context.places.events());
        let running = self.archiving.running.as_ref().is_some_and(|running| !running.is_finished());
        if running || !database.is_file() || !self.archiving.daily.is_due(now) {
            return;
        }
        let setup = self.crews.setup(&self.context, self.context.files.local.as_ref()).ok();
        let trusted = setup.filter(|setup| setup.require_trust().is_ok());
        let policy = retention(trusted.map(|setup| setup.loaded.config.events()).unwrap_or_default());
        let fence = Fence::Epoch(self.epoch);
        self.archiving.running = Some(tokio::task::spawn_blocking(move || {
            // What is about to leave is in the copy, too.
            if let Err(error) = Backups::of(&database).take_if_due(now) {
                tracing::warn!("the state database was not copied: {error}");
            }
            match archive(&database, &directory, fence, &policy, now) {
                Ok(Archived { files, rows }) if rows > 0 => {
                    tracing::info!("{rows} old events were moved into {} files of `{directory}`", files.len());
                }
                Ok(_) => {}
                Err(error) => tracing::warn!("old events stay in the database for now: {error}"),
            }
        }));
    }
}

impl Archiving {
    /// Waits until what was begun has come to its end.
    pub(super) async fn finish(&mut self) {
        if let Some(running) = self.running.take() {
            // What failed has been said.
            let _ = running.await;
        }
    }
}

fn archive(
    database: &Utf8PathBuf,
    directory: &Utf8PathBuf,
    fence: Fence,
    policy: &Retention,
    now: Timestamp,
) -> Result<Archived> {
    SqliteStore::open(database)?.archive_events(fence, directory, policy, now)
}

/// What is configured, and else the default.
fn retention(limits: EventLimits) -> Retention {
    let default = Retention::default();
    let days = |days: u32| Duration::from_hours(24 * u64::from(days));
    Retention { keep: limits.keep_days.map_or(default.keep, days), rows: limits.keep_rows.unwrap_or(default.rows) }
}
