//! Old runs of checks and half-written files go when a host starts and once a day, beside the looks: the engine does not
//! wait for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ao_core::Result;
use ao_core::model::CheckRun;

use super::daily::Daily;
use super::{Done, Engine};
use crate::checks::retire::retire;
use crate::store::Fence;
use crate::world::leftovers;

/// When old runs were looked for last, and whether they are being.
#[derive(Debug, Default)]
pub(super) struct Retiring {
    daily: Daily,
    running: bool,
}

impl Engine {
    /// Begins to let old runs go, if it is time. What is interrupted stays due.
    pub(super) fn retire_checks_if_due(&mut self) -> Result<()> {
        let (now, places) = (self.context.sessions.world.now(), self.context.places.clone());
        if self.retiring.running || !self.retiring.daily.is_due(now) {
            return Ok(());
        }
        let runs = self.context.sessions.store.check_runs()?;
        self.retiring.running = true;
        let proc = Arc::clone(&self.context.sessions.world.proc);
        let heads: BTreeSet<_> = self
            .live
            .values()
            .filter_map(|session| Some((session.project_path.clone(), session.pull.as_ref()?.snapshot.head.clone())))
            .collect();
        self.calls.spawn(async move {
            let of_head = move |run: &CheckRun| heads.contains(&(run.directory.clone(), run.commit.clone()));
            let retired = tokio::task::spawn_blocking(move || {
                leftovers::sweep(&places, proc.as_ref());
                retire(&places, &runs, of_head, now)
            })
            .await;
            let gone = match retired {
                Ok(gone) => gone,
                Err(error) => {
                    tracing::warn!("old logs of checks stay, by a bug: {error}");
                    Vec::new()
                }
            };
            Done::ChecksRetired { gone }
        });
        Ok(())
    }

    /// Forgets runs whose logs are gone.
    pub(super) fn checks_retired(&mut self, gone: &[String]) -> Result<()> {
        self.retiring.running = false;
        let forget = |id: &String| self.context.sessions.store.forget_check_run(Fence::Epoch(self.epoch), id);
        gone.iter().try_for_each(forget)?;
        Ok(())
    }
}
