//! What a conversation has used: each message counts once, however often it is told.

use std::collections::BTreeMap;

use ao_agent_conversation::journal::{Event, Used};

use super::Talk;
use crate::wire::Info;

/// What each message has used, and what it has cost, in millionths of a US dollar.
#[derive(Debug, Default)]
pub(super) struct Usage {
    messages: BTreeMap<String, (Used, u64)>,
}

impl Usage {
    /// Takes a message in, or what is new of it.
    fn take(&mut self, info: &Info) {
        if info.is_assistant && (!info.used.is_nothing() || info.cost > 0) {
            self.messages.insert(info.id.clone(), (info.used.clone(), info.cost));
        }
    }

    /// The sums, one entry a model.
    fn sums(&self) -> (Vec<Used>, u64) {
        let mut sums: Vec<Used> = Vec::new();
        for (used, _) in self.messages.values().filter(|(used, _)| !used.is_nothing()) {
            match sums.iter_mut().find(|known| known.model == used.model) {
                Some(known) => known.add(used),
                None => sums.push(used.clone()),
            }
        }
        (sums, self.messages.values().map(|(_, cost)| *cost).sum())
    }
}

impl Talk {
    /// Counts messages, and notes what has changed by them.
    pub(super) fn count(&mut self, infos: &[Info]) {
        for info in infos {
            self.usage.take(info);
        }
        let model = infos.iter().rev().find(|info| info.is_assistant).map(|info| info.used.model.clone());
        if let Some(id) = model.filter(|id| self.view().model.as_ref() != Some(id)) {
            self.note(Event::Model { id });
        }
        let (used, cost) = self.usage.sums();
        if !used.is_empty() && used != self.view().used {
            self.note(Event::Usage { used });
        }
        // Without a price OpenCode says 0, and whoever has one may count.
        if cost > 0 && self.view().cost != Some(cost) {
            self.note(Event::Cost { micros: cost });
        }
    }
}
