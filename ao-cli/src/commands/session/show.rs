//! `ao session show`: everything that is known of a session.

use std::process::ExitCode;

use ao_core::model::{SessionId, Timestamp};
use ao_host::store::{Reader, StoreError};
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::session_view::{Full, age, decided_by, status_word};
use crate::sightings::sightings;
use crate::view::{Format, View};
use crate::{completion, manager};

/// Show everything that is known of a session
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The session
    #[arg(add = completion::sessions())]
    session: SessionId,
    #[command(flatten)]
    format: Format,
}

/// Everything that is known of a session.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ShowView {
    /// Its status and its facts.
    #[serde(flatten)]
    full: Full,
    /// When this was put together.
    at: Timestamp,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let world = World::system();
        let stored = manager::reader(edge)?.session(&self.session).map_err(ao_core::Error::from)?;
        let stored = stored.ok_or_else(|| ao_core::Error::from(StoreError::NoSession(self.session.clone())))?;
        let view = ShowView { full: Full::now(&stored, &world), at: world.now() };
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View for ShowView {
    fn write(&self, page: &mut Page) {
        let (session, status) = (&self.full.session, &self.full.status);
        let ago = |then| format!("{} ago", age(self.at, then));
        let mut fields = vec![
            ("session", session.id.to_string()),
            ("project", format!("{} ({})", session.project, session.project_path)),
            ("status", format!("{}, {}", status_word(status), status.reason)),
            ("decided by", decided_by(status, self.at)),
            ("created", ago(session.created_at)),
        ];
        if let Some(issue) = &session.issue_facts {
            let url = issue.url.as_ref().map(|url| format!(" ({url})")).unwrap_or_default();
            fields.push(("issue", format!("{}{url}", issue.name())));
        }
        if let Some(agent) = &session.agent {
            fields.push(("agent", format!("{} ({})", agent.name, agent.plugin)));
        }
        if let Some(workspace) = &session.workspace {
            fields.push(("branch", workspace.branch.to_string()));
            fields.push(("worktree", workspace.path.to_string()));
        }
        if let Some(prompt) = &session.prompt {
            fields.push(("prompt", format!("{} ({})", prompt.file, prompt.delivery)));
        }
        if let Some(runtime) = &session.runtime {
            let process = runtime.child.as_ref().map(|child| format!(", {child}")).unwrap_or_default();
            fields.push((
                "runtime",
                format!("{}{process}, launched {}", runtime.handle.plugin, ago(runtime.launched_at)),
            ));
            if let Some(exit) = &runtime.exit {
                fields.push(("exit", format!("{}, {}", exit.status, ago(exit.at))));
            }
        }
        fields.extend(sightings(session, self.at));
        if let Some(failure) = &session.failure {
            fields.push(("failed at", failure.step.clone()));
            fields.push(("why", failure.message.clone()));
            fields.extend(failure.kept.clone().map(|kept| ("not taken back", kept)));
        }
        page.fields(fields);
        if let Some(output) =
            session.failure.as_ref().map(|failure| &failure.output).filter(|output| !output.is_empty())
        {
            page.gap();
            page.line(output);
        }
    }
}
