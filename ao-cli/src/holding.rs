//! What `pause` and `resume` share: whom they mean, and how they tell what they did.

use ao_core::model::facts::Session;
use ao_core::model::{ProjectName, SessionId};
use ao_core::{Error, Result};
use ao_host::sessions::{Held, Sessions};
use ao_host::store::SessionFilter;
use schemars::JsonSchema;
use serde::Serialize;

use crate::completion;
use crate::output::Page;
use crate::view::View;

/// Whom it is about.
#[derive(clap::Args)]
pub(crate) struct Whom {
    /// Sessions, or projects: all sessions of those
    #[arg(value_name = "SESSION|PROJECT", required_unless_present = "all", add = completion::running_or_projects())]
    names: Vec<String>,
    /// Every session
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

/// What became of the holds.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HeldView {
    /// By session.
    sessions: Vec<One>,
}

/// What became of one session's hold.
#[derive(Serialize, JsonSchema)]
struct One {
    /// The session.
    session: SessionId,
    /// What was done.
    action: Action,
    /// Why nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// What is done with a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It is put in place.
    Paused,
    /// It is lifted.
    Resumed,
    /// It stays as it was.
    Unchanged,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Whom {
    /// The sessions that are meant. Of a project, and of everything, those that have not ended.
    fn sessions(&self, sessions: &Sessions) -> Result<Vec<SessionId>> {
        let all = sessions.store.sessions(&SessionFilter::default())?;
        let is_live = |session: &&Session| session.end.is_none() && session.failure.is_none();
        if self.all {
            return Ok(all.iter().filter(is_live).map(|session| session.id.clone()).collect());
        }
        let mut meant = Vec::new();
        for name in &self.names {
            if let Some(session) = all.iter().find(|session| session.id.as_str() == name) {
                meant.push(session.id.clone());
                continue;
            }
            let of_project = |session: &&Session| session.project.as_str() == name;
            if !all.iter().any(|session| of_project(&session)) {
                // A name that cannot be one says what is wrong with it.
                name.parse::<ProjectName>().map_err(|error| Error::invalid_input(error.to_string()))?;
                let message = format!("there is neither a session nor a project with sessions that is called `{name}`");
                return Err(Error::not_found(message));
            }
            meant.extend(all.iter().filter(of_project).filter(is_live).map(|session| session.id.clone()));
        }
        Ok(meant)
    }

    /// Does it to each; `done` is what that is.
    pub(crate) fn each(
        &self,
        sessions: &Sessions,
        done: Action,
        change: impl Fn(&SessionId) -> Result<Held>,
    ) -> Result<HeldView> {
        let mut shown = Vec::new();
        for session in self.sessions(sessions)? {
            let (action, why) = match change(&session)? {
                Held::Changed => (done, None),
                Held::Unchanged { why } => (Action::Unchanged, Some(why)),
            };
            shown.push(One { session, action, why });
        }
        Ok(HeldView { sessions: shown })
    }
}

impl View for HeldView {
    fn write(&self, page: &mut Page) {
        if self.sessions.is_empty() {
            return page.line("no session is running");
        }
        for One { session, action, why } in &self.sessions {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            page.line(format_args!("{session}: {}{why}", action.as_str()));
        }
    }
}
