//! `ao send`: a message to an agent.

use std::process::ExitCode;

use ao_core::model::{DeliveryLevel, SessionId};
use ao_host::sessions::{Crew, Sent};
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output::{self, Page};
use crate::view::{Format, View};
use crate::{completion, expiring, input, manager};

/// Send a message to a session's agent
///
/// Options stand before the session: everything behind it is the message, whatever it begins with.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A file with the message
    #[arg(short, long, value_name = "FILE", conflicts_with = "message")]
    file: Option<Utf8PathBuf>,
    #[command(flatten)]
    format: Format,
    /// The session
    #[arg(add = completion::running())]
    session: SessionId,
    /// The message; from standard input if there is neither this nor a file
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    message: Vec<String>,
}

/// A message that was sent.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SentView {
    /// The session.
    session: String,
    /// The message's id.
    message: String,
    /// How far it got.
    level: DeliveryLevel,
    /// The file that holds its text.
    file: String,
    /// What there is to say about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let text = match &self.file {
            Some(file) => input::file(&edge.absolute(file))?,
            None if self.message.is_empty() => input::stdin()?,
            None => self.message.join(" "),
        };
        let sessions = manager::open(edge)?;
        let session = manager::session(&sessions, &self.session)?;
        let crew = Crew::for_session(&manager::setup_for(edge, &session)?, &session)?;
        let sent = block_on(sessions.send(&self.session, &crew, &text))??;
        let view = SentView::of(&self.session, sent);
        if let Some(detail) = view.detail.as_ref().filter(|_| !self.format.is_json()) {
            output::note(detail);
        }
        self.format.show(&view)?;
        expiring::one_more(edge, &sessions);
        Ok(ExitCode::SUCCESS)
    }
}

impl SentView {
    fn of(session: &SessionId, sent: Sent) -> Self {
        let Sent { message, level, file, detail } = sent;
        Self { session: session.to_string(), message, level, file: file.into_string(), detail }
    }
}

impl View for SentView {
    fn write(&self, page: &mut Page) {
        match self.level {
            // For most agents that is all that can be known, and no failure.
            DeliveryLevel::Unconfirmed => page.line("sent, unconfirmed"),
            level => page.line(level),
        }
    }
}
