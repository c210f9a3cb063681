//! The host, as lists of sessions show it: whether one runs, and when one looked last.

use ao_core::lifecycle::Policy;
use ao_core::model::Timestamp;
use ao_host::host::{HostState, look};
use ao_host::store::Reader;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::Failure;
use crate::session_view::age;

/// The host, as its lock and the store show it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HostView {
    /// Whether one runs; absent when that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) running: Option<bool>,
    /// Its process, if it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<u32>,
    /// Since when it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// When the last look at all sessions began that has ended; absent before the last host's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) looked_at: Option<Timestamp>,
}

impl HostView {
    /// The host at this moment.
    pub(crate) fn now(edge: &Edge, reader: &(impl Reader + ?Sized)) -> Result<Self, Failure> {
        let (running, record) = match look(&edge.places) {
            HostState::Running(record) => (Some(true), record),
            HostState::NotRunning(_) => (Some(false), None),
            HostState::Unknown { .. } => (None, None),
        };
        let (record, row) = (record.as_ref(), reader.host().map_err(ao_core::Error::from)?);
        Ok(Self {
            running,
            pid: record.map(|record| record.process.pid),
            since: record.map(|record| record.started_at),
            looked_at: row.and_then(|row| row.looked_at),
        })
    }

    /// What there is to say where nobody keeps looking at sessions that live. Where a host does, there is nothing to say.
    pub(crate) fn complaint(&self, now: Timestamp) -> Option<String> {
        let looked = self.looked_at.map(|looked| format!("the last look was {} ago", age(now, looked)));
        match (self.running, self.looked_at) {
            (Some(true), Some(looked_at)) if Policy::default().is_stale(looked_at, now) => {
                let (pid, looked) = (self.pid.map(|pid| format!(" (pid {pid})")), looked.unwrap_or_default());
                let pid = pid.unwrap_or_default();
                Some(format!("the host{pid} does not get on: {looked}; `ao start --takeover` takes its place"))
            }
            (Some(false), _) => {
                let looked = looked.unwrap_or_else(|| "none has looked".to_owned());
                Some(format!("no host runs, so nobody keeps looking at these; {looked}; `ao start` keeps looking"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_is_said() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let view = |running, looked_at| HostView { running, pid: Some(7), since: None, looked_at };
        let said =
            |running, looked_at: Option<i64>| view(running, looked_at.map(at)).complaint(at(1000)).unwrap_or_default();
        assert_eq!(said(Some(true), Some(990)), "");
        assert_eq!(said(Some(true), None), "", "it has just been started");
        assert_eq!(said(None, None), "");
        assert!(said(Some(true), Some(700)).contains("(pid 7) does not get on: the last look was 5m ago"));
        assert!(said(Some(false), Some(700)).contains("nobody keeps looking at these; the last look was 5m ago;"));
        assert!(said(Some(false), None).contains("none has looked"));
    }
}
