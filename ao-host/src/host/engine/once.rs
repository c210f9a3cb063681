//! One pass over everything, and its report.

use std::time::Duration;

use ao_core::{Error, Result};

use super::super::{CheckMode, HostContext, HostLock, OnceReport};
use super::Engine;
use crate::store::SessionFilter;

/// Looks at every session once. Checks that the host runs itself are left alone, or run to their end.
pub async fn once(context: HostContext, lock: HostLock, checks: CheckMode) -> Result<OnceReport> {
    let mut engine = Engine::start(context, checks, &mut |_| ())?;
    loop {
        engine.begin_calls()?;
        match engine.calls.join_next().await {
            Some(Ok(done)) => engine.finish(done)?,
            Some(Err(error)) => return Err(Error::other(format!("a look ended with a bug: {error}"))),
            // What came back last may have asked for a look at the checks, or at what is to be told.
            None if engine.has_asked() => {}
            None if engine.has_looked() && !engine.checking.is_awaited() => break,
            None => tokio::time::sleep(engine.sleep()).await,
        }
    }
    engine.end_round()?;
    let mut report = OnceReport::default();
    for session in engine.context.sessions.store.sessions(&SessionFilter::default())? {
        if engine.book.status(&session).name.needs_human() {
            report.needs_human.push(session.id);
        }
    }
    report.unavailable = engine.unavailable.values().cloned().collect();
    report.checks = engine.checking.open().to_vec();
    engine.tell_conditions()?;
    engine.archiving.finish().await;
    engine.stop("one pass")?;
    drop(lock);
    Ok(report)
}

impl Engine {
    /// When each of the engine's parts has something to do next.
    pub(super) fn asked(&self) -> impl Iterator<Item = Duration> {
        let Self { checking, telling, reacting, merging, budgeting, .. } = self;
        [checking.next(), telling.next(), reacting.next(), merging.next(), budgeting.next()].into_iter().flatten()
    }

    /// Whether something that is due can be begun now.
    fn has_asked(&self) -> bool {
        let now = self.elapsed();
        self.asked().any(|at| at <= now)
    }
}
