//! Sessions as commands show them.

use std::fmt::Write as _;

use ao_core::lifecycle::{Policy, Status, StatusName, status};
use ao_core::model::Timestamp;
use ao_core::model::facts::{IssueFacts, Session};
use ao_core::slots::agent::Role;
use ao_host::sessions::overlay;
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use crate::usage_view::SpentView;

/// A session in a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Row {
    /// Its id.
    pub(crate) id: String,
    /// Its project.
    pub(crate) project: String,
    /// What it is for.
    pub(crate) role: Role,
    /// Its status, with what decided it.
    pub(crate) status: Status,
    /// The tracker's id of the issue that it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issue: Option<String>,
    /// What that issue was called when the session was spawned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issue_facts: Option<IssueFacts>,
    /// Its agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    /// Its branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    /// Its worktree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) worktree: Option<String>,
    /// What its conversation has used, in `ao status`; left out where that is nothing, or cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<SpentView>,
    /// When it was asked for.
    pub(crate) created_at: Timestamp,
}

/// A session with everything that is known of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Full {
    /// Its status, with what decided it.
    pub(crate) status: Status,
    /// The facts.
    pub(crate) session: Session,
}

impl Full {
    /// A session as the store, the holders' records and the process table show it now.
    pub(crate) fn now(stored: &Session, world: &World) -> Self {
        let session = overlay(stored, world);
        let status = status(&session, world.now(), &Policy::default());
        Self { status, session }
    }

    /// Its line in a list.
    pub(crate) fn row(&self) -> Row {
        let session = &self.session;
        let workspace = session.workspace.as_ref();
        Row {
            id: session.id.to_string(),
            project: session.project.to_string(),
            role: session.role,
            status: self.status.clone(),
            issue: session.issue.clone(),
            issue_facts: session.issue_facts.clone(),
            agent: session.agent.as_ref().map(|agent| agent.name.to_string()),
            branch: workspace.map(|workspace| workspace.branch.to_string()),
            worktree: workspace.map(|workspace| workspace.path.to_string()),
            usage: None,
            created_at: session.created_at,
        }
    }
}

impl Row {
    /// The session in one column: its id, and its role where that is not to work on something.
    pub(crate) fn name(&self) -> String {
        match self.role {
            Role::Orchestrator => format!("{} (orchestrator)", self.id),
            Role::Reviewer => format!("{} (reviewer)", self.id),
            _ => self.id.clone(),
        }
    }
}

/// The status in one column; a `?` behind it says that it is too old to be relied on.
pub(crate) fn status_word(status: &Status) -> String {
    let doubt = if status.stale { "?" } else { "" };
    format!("{}{doubt}", status.name)
}

/// What decided a status, and how old it is.
pub(crate) fn decided_by(status: &Status, now: Timestamp) -> String {
    format!("{}, seen {} ago", status.fact, age(now, status.observed_at))
}

/// Whether a list without `--all` leaves the session out.
pub(crate) fn is_over(name: StatusName) -> bool {
    matches!(name, StatusName::Killed | StatusName::Merged)
}

/// How long ago something was, in its largest unit.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.since(then).as_secs();
    let mut text = String::new();
    let (number, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3600 => (seconds / 60, "m"),
        3600..86400 => (seconds / 3600, "h"),
        _ => (seconds / 86400, "d"),
    };
    // Writing to a string cannot fail.
    let _ = write!(text, "{number}{unit}");
    text
}
