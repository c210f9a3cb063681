//! `ao session claim-pr`: a session takes a pull request over.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::{PullName, SessionId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::pr;
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::view::{Format, View};
use crate::{completion, manager};

/// Give an open pull request to a session: its worktree goes on on that branch
///
/// Nothing in the worktree may be uncommitted. A session that had the pull request has none then, and its worktree stands on a
/// branch of its own, at the same commit. An orchestrator takes none over.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Its number or its address
    #[arg(value_name = "NUMBER|URL", add = completion::pulls())]
    pull: PullName,
    /// The session; `AO_SESSION_ID` says which one is an agent's own
    #[arg(value_name = "SESSION", add = completion::running())]
    session: Option<SessionId>,
    #[command(flatten)]
    format: Format,
}

/// A pull request that was taken over.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClaimView {
    /// The session that has it.
    session: SessionId,
    /// Its number.
    number: u64,
    /// The session's branch now.
    branch: String,
    /// The sessions that had it.
    from: Vec<SessionId>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let own = || edge.environment.variable("AO_SESSION_ID").and_then(|id| id.parse().ok());
        let Some(id) = self.session.or_else(own) else {
            return Err(Error::invalid_input("which session is to have it? Name it behind the pull request").into());
        };
        let sessions = manager::open(edge)?;
        let number = self.pull.number;
        let claimed = pr::take_over(edge, &sessions, &id, number)?;
        if !self.format.is_json() {
            pr::tell(&claimed, number);
        }
        let branch = claimed.session.workspace.map(|facts| facts.branch.to_string()).unwrap_or_default();
        self.format.show(&ClaimView { session: id, number, branch, from: claimed.from })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View for ClaimView {
    fn write(&self, page: &mut Page) {
        page.line(format_args!("{} has #{}, and stands on {}", self.session, self.number, self.branch));
    }
}
