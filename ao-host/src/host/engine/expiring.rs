//! What is due in the trash goes when a host starts and once a day, one thing after the other and beside the looks: the
//! engine does not wait for it.

use std::sync::Arc;

use ao_core::Result;
use ao_core::lifecycle::TrashPolicy;

use super::daily::Daily;
use super::{Done, Engine};
use crate::setup::Loaded;

/// When the trash was looked through last, and whether it is being.
#[derive(Debug, Default)]
pub(super) struct Expiring {
    daily: Daily,
    running: bool,
}

impl Expiring {
    /// It has been looked through.
    pub(super) fn ended(&mut self) {
        self.running = false;
    }
}

impl Engine {
    /// Begins to let go what is due, if it is time. What is interrupted stays due.
    pub(super) fn expire_if_due(&mut self) {
        let sessions = Arc::clone(&self.context.sessions);
        if self.expiring.running || !self.expiring.daily.is_due(sessions.world.now()) {
            return;
        }
        self.expiring.running = true;
        let due = self.trash_policy().and_then(|policy| sessions.due(policy));
        let due = due.unwrap_or_else(|error| {
            tracing::warn!("nothing goes out of the trash by itself: {error}");
            Vec::new()
        });
        let mut removals = Vec::new();
        for removal in due {
            let crew = sessions.get(&removal.session).and_then(|session| self.crews.of(&self.context, &session));
            match crew {
                Ok(crew) => removals.push((removal, crew)),
                Err(error) => tracing::warn!("what `{}` left in the trash stays there: {error}", removal.session),
            }
        }
        self.calls.spawn(async move {
            for (removal, crew) in removals {
                let (id, item) = (&removal.session, &removal.item);
                match sessions.let_go(&removal, &crew.workspace).await {
                    Ok(_) => tracing::info!("`{item}` of `{id}` went out of the trash: {:?}", removal.why),
                    Err(error) => tracing::warn!("`{item}` of `{id}` stays in the trash: {error}"),
                }
            }
            Done::Expired
        });
    }

    fn trash_policy(&self) -> Result<TrashPolicy> {
        let context = &self.context;
        let config = Loaded::in_force(context.files.clone(), &context.environment, &context.places)?;
        Ok(config.trash().policy())
    }
}
