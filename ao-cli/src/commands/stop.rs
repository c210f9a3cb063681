//! `ao stop`: ends the host, and the agents only if that is asked for.

use std::process::ExitCode;

use ao_core::model::{ProcessId, SessionId, Timestamp};
use ao_host::host::{Patience, Stopped, stop};
use ao_host::sessions::overlay;
use ao_host::store::{Reader, SessionFilter};
use ao_host::world::{SystemProc, World};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::manager;
use crate::output::Page;
use crate::view::{Format, View};

/// End the host; agents go on, and the next host finds them
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// End every agent first; their worktrees stay
    #[arg(long)]
    kill_sessions: bool,
    #[command(flatten)]
    format: Format,
}

/// What was ended.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StopView {
    /// The host that was ended; absent when none ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<StoppedHost>,
    /// The sessions that were to be ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<StoppedSession>,
}

/// A host that was ended.
#[derive(Serialize, JsonSchema)]
struct StoppedHost {
    /// Its process.
    process: ProcessId,
    /// Since when it had run.
    since: Timestamp,
}

/// A session that was to be ended.
#[derive(Serialize, JsonSchema)]
struct StoppedSession {
    /// Its id.
    id: SessionId,
    /// Why its agent could not be ended, if it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Where its work is.
    #[serde(skip_serializing_if = "Option::is_none")]
    worktree: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let sessions = if self.kill_sessions { kill_all(edge)? } else { Vec::new() };
        let failed = sessions.iter().any(|session| session.error.is_some());
        let host = stop(&edge.places, &SystemProc::new(), Patience::default());
        let (host, failure) = match host {
            Ok(Stopped::NoHost) => (None, None),
            Ok(Stopped::Ended(record)) => {
                (Some(StoppedHost { process: record.process, since: record.started_at }), None)
            }
            Err(error) => (None, Some(Failure::from(error))),
        };
        // What became of the sessions is told in any case.
        if failure.is_none() || !sessions.is_empty() {
            self.format.show(&StopView { host, sessions })?;
        }
        match failure {
            Some(failure) => Err(failure),
            None if failed => Ok(ExitCode::FAILURE),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Ends the agent of every session that has one.
fn kill_all(edge: &Edge) -> Result<Vec<StoppedSession>, Failure> {
    let world = World::system();
    let stored = manager::reader(edge)?.sessions(&SessionFilter::default()).map_err(ao_core::Error::from)?;
    let live = stored.iter().map(|session| overlay(session, &world)).filter(|session| {
        let ended = session.runtime.as_ref().is_none_or(|runtime| runtime.exit.is_some());
        session.end.is_none() && session.failure.is_none() && (!ended || session.op.is_some())
    });
    let live: Vec<_> = live.collect();
    if live.is_empty() {
        return Ok(Vec::new());
    }
    let sessions = manager::open(edge)?;
    let killed = live.into_iter().map(|session| {
        let error = manager::kill(edge, &sessions, &session.id, "killed by `ao stop --kill-sessions`").err();
        StoppedSession {
            error: error.map(|error| error.message()),
            worktree: session.workspace.map(|workspace| workspace.path.into_string()),
            id: session.id,
        }
    });
    Ok(killed.collect())
}

impl View for StopView {
    fn write(&self, page: &mut Page) {
        for session in &self.sessions {
            let kept = session.worktree.as_ref().map(|path| format!("; its work is in {path}")).unwrap_or_default();
            match &session.error {
                None => page.line(format_args!("{} has ended{kept}", session.id)),
                Some(error) => page.line(format_args!("{} could not be ended: {error}", session.id)),
            }
        }
        match &self.host {
            Some(host) => page.line(format_args!("the host ({}, since {}) has ended", host.process, host.since)),
            None => page.line("no host runs"),
        }
    }
}
