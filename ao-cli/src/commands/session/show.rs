//! `ao session show`: everything that is known of a session.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::{DeliveryLevel, SessionId, Timestamp};
use ao_host::store::{Message, Reader, SessionFilter, StoreError};
use ao_host::world::World;
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::session_view::{Full, age, decided_by, status_word};
use crate::sightings::sightings;
use crate::usage_view::{ProjectUsage, SpentView, Tariffs};
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
    /// Messages to its agent that have not ended, in the order in which they were queued.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Waiting>,
    /// What its conversation has used; left out where that is nothing, or cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<SpentView>,
    /// What all sessions of its project have used together, ended ones too; left out where that is nothing, or cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    project_usage: Option<ProjectUsage>,
    /// When this was put together.
    at: Timestamp,
}

/// A message that has not ended.
#[derive(Serialize, JsonSchema)]
struct Waiting {
    /// Its id.
    message: String,
    /// How far it got.
    level: DeliveryLevel,
    /// The file with its text.
    #[schemars(with = "String")]
    file: Utf8PathBuf,
    /// Why it got no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// When it was queued.
    queued_at: Timestamp,
}

impl From<Message> for Waiting {
    fn from(message: Message) -> Self {
        let Message { id, level, file, queued_at, facts, .. } = message;
        Self { message: id, level, file, why: facts.detail, queued_at }
    }
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let world = World::system();
        let reader = manager::reader(edge)?;
        let stored = reader.session(&self.session).map_err(Error::from)?;
        let stored = stored.ok_or_else(|| Error::from(StoreError::NoSession(self.session.clone())))?;
        let messages = reader.messages(&self.session).map_err(Error::from)?;
        let messages = messages.into_iter().filter(|message| !message.level.is_final()).map(Waiting::from).collect();
        let mut tariffs = Tariffs::new(edge);
        let usage = tariffs.session(&stored);
        let (project, project_path) = (Some(stored.project.clone()), Some(stored.project_path.clone()));
        let there = reader.sessions(&SessionFilter { project, project_path }).map_err(Error::from)?;
        let project_usage = tariffs.project(&stored, &there);
        let view = ShowView { full: Full::now(&stored, &world), messages, usage, project_usage, at: world.now() };
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
        fields.extend(self.usage.as_ref().map(|usage| ("used", usage.long())));
        if let Some(project) = &self.project_usage {
            fields.push(("project used", project.spent().long()));
            let none = project.spent().without_price().map(|none| format!("; {none}")).unwrap_or_default();
            fields.push(("prices", format!("of {}{none}", project.prices())));
        }
        for waiting in &self.messages {
            let why = waiting.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let told = format!("{} ({}), queued {}{why}", waiting.file, waiting.level, ago(waiting.queued_at));
            fields.push(("message", told));
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
