//! Messages that were held back: tried again until they get through. What holds them back (a dialog, a draft, somebody at the
//! terminal) ends without telling anybody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ao_core::Result;
use ao_core::model::{DeliveryLevel, SessionId};

use super::{Done, Engine};
use crate::sessions::Undelivered;
use crate::store::Message;

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
        let waiting = sessions.store.waiting_messages()?;
        self.mail_at = (!waiting.is_empty()).then_some(now + TRY_EVERY);
        let waiting = self.without_errands(waiting)?;
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

    /// The sessions for which messages wait, but for those with nothing else than what a reaction wants to say and of which
    /// nothing was put in yet: whoever carries that out asks right before whether it is still wanted, and whether the session
    /// is held.
    fn without_errands(&self, waiting: Vec<Message>) -> Result<BTreeSet<SessionId>> {
        if waiting.is_empty() {
            return Ok(BTreeSet::new());
        }
        let open = self.context.sessions.store.open_intents()?;
        let effects: BTreeSet<_> = open.into_iter().filter_map(|entry| entry.effect).collect();
        let is_other = |message: &Message| message.level != DeliveryLevel::Queued || !effects.contains(&message.id);
        Ok(waiting.into_iter().filter(is_other).map(|message| message.session).collect())
    }
}
