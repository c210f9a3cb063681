//! Messages that were held back: tried again until they get through. What holds them back (a dialog, a draft, somebody at the
//! terminal) ends without telling anybody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ao_core::Result;
use ao_core::model::SessionId;

use super::{Done, Engine};
use crate::sessions::Undelivered;

/// How often messages that wait are tried.
const TRY_EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// Tries what waits, if it is time to.
    pub(super) fn deliver_mail(&mut self) -> Result<()> {
        let now = self.elapsed();
        if self.mail_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        let sessions = Arc::clone(&self.context.sessions);
        let waiting = sessions.store.waiting_messages()?.into_iter();
        // What a reaction wants to say is for who carries it out.
        let waiting = waiting.filter(|message| !message.waits_for_its_reaction());
        let waiting: BTreeSet<SessionId> = waiting.map(|message| message.session).collect();
        self.mail_at = (!waiting.is_empty()).then_some(now + TRY_EVERY);
        for id in waiting {
            let Some(session) = self.live.get(&id).cloned() else {
                if sessions.get(&id)?.end.is_some() {
                    sessions.give_up_messages(&id, Undelivered::Fail)?;
                }
                continue;
            };
            // Somebody acts on it; or acted, and was killed: then that is brought to its end first.
            if session.op.is_some() || session.runtime.is_none() || self.recovering.contains(&id) {
                continue;
            }
            let crew = match self.crews.of(&self.context, &session) {
                Ok(crew) => crew,
                Err(error) => {
                    tracing::debug!("messages to `{id}` wait: {error}");
                    continue;
                }
            };
            self.recovering.insert(id.clone());
            let sessions = Arc::clone(&sessions);
            self.calls.spawn(async move {
                let delivered = sessions.deliver_waiting(&id, &crew).await;
                Done::Recovered { id, error: delivered.err() }
            });
        }
        Ok(())
    }
}
