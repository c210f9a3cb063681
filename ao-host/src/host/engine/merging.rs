//! Sessions whose pull requests are merged: their agents are ended, and their worktrees put away, one after the other and
//! beside the looks. What is left to do is read from the facts, each time anew: whoever merged it, and wherever a killed host
//! stopped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ao_core::config::AfterMerge;
use ao_core::lifecycle::{MergedStep, merged_step};
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_core::{Code, Error, Result};

use super::super::HostContext;
use super::crews::Crews;
use super::{Done, Engine, TOGETHER};
use crate::sessions::Finished;
use crate::store::SessionFilter;

/// How often ended sessions are looked through for what a killed host left half done, and what keeps a worktree in its place
/// is looked at again.
const AGAIN: Duration = Duration::from_mins(5);
/// The first wait after a failure; it doubles with each further one, up to [`AGAIN`].
const FIRST_WAIT: Duration = Duration::from_secs(15);

/// What the engine keeps about merged sessions. Nothing of it is needed after a start.
#[derive(Debug, Default)]
pub(super) struct Merging {
    /// When they are looked at next.
    at: Option<Duration>,
    /// When ended sessions are looked through next.
    ended_at: Duration,
    /// Sessions that are not tried again before this time, and how often they failed.
    not_before: BTreeMap<SessionId, (Duration, u32)>,
}

impl Merging {
    /// Asks for a look.
    pub(super) fn ask(&mut self, at: Duration) {
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }

    /// When the next look is due.
    pub(super) const fn next(&self) -> Option<Duration> {
        self.at
    }

    fn waits(&self, id: &SessionId) -> Option<Duration> {
        self.not_before.get(id).map(|(at, _)| *at)
    }
}

impl Engine {
    /// Ends what is to be ended, if it is time to look.
    pub(super) fn tend_merged(&mut self) -> Result<()> {
        let now = self.elapsed();
        if self.merging.at.is_none_or(|at| at > now) {
            return Ok(());
        }
        self.merging.at = None;
        let mut merged: Vec<Session> = self.live.values().filter(|session| session.pull.is_some()).cloned().collect();
        if now >= self.merging.ended_at {
            self.merging.ended_at = now + AGAIN;
            let all = self.context.sessions.store.sessions(&SessionFilter::default())?;
            merged.extend(all.into_iter().filter(|session| session.end.is_some()));
        }
        for session in merged {
            self.finish_if_merged(&session);
        }
        Ok(())
    }

    fn finish_if_merged(&mut self, session: &Session) {
        let (id, now) = (&session.id, self.elapsed());
        // Most are not merged, and need no configuration.
        let time = self.context.sessions.world.now();
        if merged_step(session, Duration::ZERO, time) == MergedStep::Nothing {
            return;
        }
        let Some(AfterMerge::CleanUp { grace }) = self.crews.after_merge(&self.context, session) else { return };
        match merged_step(session, grace, time) {
            MergedStep::Nothing => {}
            MergedStep::Wait(left) => self.merging.ask(now + left.min(AGAIN) + TOGETHER),
            MergedStep::Finish if self.recovering.contains(id) => {}
            MergedStep::Finish => self.finish_merged(session),
        }
    }

    fn finish_merged(&mut self, session: &Session) {
        let (id, now) = (&session.id, self.elapsed());
        if let Some(at) = self.merging.waits(id).filter(|at| *at > now) {
            return self.merging.ask(at);
        }
        match self.crews.of(&self.context, session) {
            Ok(crew) => {
                self.recovering.insert(id.clone());
                let (sessions, id) = (Arc::clone(&self.context.sessions), id.clone());
                self.calls.spawn(async move {
                    let finished = sessions.finish_merged(&id, &crew.runtime, &crew.workspace).await;
                    Done::MergedFinished { id, finished }
                });
            }
            Err(error) => self.try_merged_later(id, &error),
        }
    }

    /// A merged session was ended, or could not be.
    pub(super) fn merged_finished(&mut self, id: &SessionId, finished: Result<Finished>) -> Result<()> {
        self.recovering.remove(id);
        match finished {
            Ok(Finished::CleanedUp) => {
                tracing::info!("`{id}` has ended and is put away: its pull request is merged");
                self.merging.not_before.remove(id);
            }
            Ok(Finished::Stays { why }) => {
                tracing::info!("`{id}` has ended: its pull request is merged; its worktree stays: {why}");
                self.merging.not_before.insert(id.clone(), (self.elapsed() + AGAIN, 0));
            }
            Err(error) => self.try_merged_later(id, &error),
        }
        self.read_store()
    }

    fn try_merged_later(&mut self, id: &SessionId, error: &Error) {
        let now = self.elapsed();
        let failures = self.merging.not_before.get(id).map_or(0, |(_, failures)| *failures);
        let wait = FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(AGAIN);
        self.merging.not_before.insert(id.clone(), (now + wait, failures + 1));
        self.merging.ask(now + wait);
        // It may have ended, and its worktree may not be put away yet.
        self.merging.ended_at = self.merging.ended_at.min(now + wait);
        // Somebody who acts on it just now is no failure to speak of.
        if error.code == Code::CONFLICT {
            tracing::debug!("`{id}` is merged and not put away yet: {error}");
        } else {
            tracing::warn!("`{id}` is merged and could not be put away: {error}; tried again in {} s", wait.as_secs());
        }
    }
}

impl Crews {
    /// What is said of merged sessions of this one's project. Where the configuration cannot be used, is not trusted, or has
    /// the project no more, nothing is done.
    fn after_merge(&mut self, context: &HostContext, session: &Session) -> Option<AfterMerge> {
        let setup = self.setup(context, session.config_file.as_ref()).ok()?;
        setup.require_trust().ok()?;
        Some(setup.loaded.config.project(&session.project).ok()?.after_merge)
    }
}
