//! Waking the host when it would be told something new. A hint: what it is stands in the journal.

use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use tokio::task::JoinSet;

use crate::HOOK;
use crate::journal::{Phase, View};

/// How long the hook may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The host's hook, one call at a time.
pub struct Wake {
    hook: Vec<String>,
    told: Option<(Phase, Option<String>)>,
    calls: JoinSet<()>,
    again: Option<Value>,
}

impl Wake {
    /// Calls this program; none where there is none.
    pub fn new(hook: Vec<String>) -> Self {
        Self { hook, told: None, calls: JoinSet::new(), again: None }
    }

    /// Wakes the host, if what it would be told has changed.
    pub fn look(&mut self, view: &View) {
        let now = (view.phase, view.questions.first().map(|(_, question)| question.id.clone()));
        if self.told.as_ref() == Some(&now) || self.hook.is_empty() {
            return;
        }
        let payload = json!({"phase": now.0, "ask": now.1});
        self.told = Some(now);
        if self.calls.is_empty() { self.call(&payload) } else { self.again = Some(payload) }
    }

    /// Goes on once a call has ended. Never ends where there is none.
    pub async fn went(&mut self) {
        if self.calls.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
        if let Some(payload) = self.again.take() {
            self.call(&payload);
        }
    }

    /// Waits until the last call has ended.
    pub async fn finish(&mut self) {
        while !self.calls.is_empty() {
            self.went().await;
        }
    }

    fn call(&mut self, payload: &Value) {
        let Some((program, arguments)) = self.hook.split_first() else { return };
        let call = command(program).args(arguments).arg(HOOK).input(payload.to_string()).timeout(WITHIN);
        self.calls.spawn(async move {
            if let Err(error) = call.run().await {
                tracing::warn!("cannot wake the host: {error}");
            }
        });
    }
}
