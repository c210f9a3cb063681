//! `ao send`: a message to an agent.

use std::process::ExitCode;

use ao_core::model::{DeliveryLevel, SessionId};
use ao_host::sessions::{Crew, Letter, Sent, Sessions};
use ao_host::store::Origin;
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::output::{self, Page};
use crate::view::{Format, View};
use crate::{completion, expiring, input, manager};

/// Send a message to a session's agent
///
/// Options stand before the session: everything behind it is the message, whatever it begins with. A message that cannot be
/// typed now, because a dialog or somebody's draft is in the way or somebody is at the agent's terminal, stays queued (exit
/// code 75): the host delivers it when it can, and so does the same command, or the next message. It is never sent twice.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A file with the message; `-` is standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "message")]
    file: Option<Utf8PathBuf>,
    /// Wait while the message is held back, as long as it takes
    #[arg(short, long)]
    wait: bool,
    #[command(flatten)]
    format: Format,
    /// The session
    #[arg(add = completion::running())]
    session: SessionId,
    /// The message; from standard input if this is `-`, or if there is neither this nor a file
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
    /// How far it got. One that is `queued` is held back, and delivered later.
    level: DeliveryLevel,
    /// The file that holds its text.
    file: String,
    /// Why it got no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let (text, origin) = self.text(edge)?;
        let sessions = manager::open(edge)?;
        let session = manager::session(&sessions, &self.session)?;
        let crew = Crew::for_session(&manager::setup_for(edge, &session)?, &session)?;
        let sent = block_on(self.send(&sessions, &crew, &Letter { text: &text, origin }))??;
        let why = sent.why.clone();
        let view = SentView::of(&self.session, sent);
        if !self.format.is_json() {
            match (view.level, &why) {
                (DeliveryLevel::Failed, Some(error)) => return Err(Failure::from(error.clone())),
                (_, Some(why)) => view.tell(&why.to_string()),
                _ => {}
            }
        }
        self.format.show(&view)?;
        expiring::one_more(edge, &sessions);
        Ok(match (view.level, why) {
            (DeliveryLevel::Failed, Some(error)) => ExitCode::from(error.code.exit_code()),
            (level, _) if level.is_final() => ExitCode::SUCCESS,
            _ => ExitCode::from(ao_core::Code::UNAVAILABLE.exit_code()),
        })
    }

    /// The message, and where it comes from.
    fn text(&self, edge: &Edge) -> Result<(String, Origin), Failure> {
        let from_stdin = self.message.is_empty() || self.message == ["-"];
        Ok(match &self.file {
            Some(file) if file == "-" => (input::stdin()?, Origin::File),
            Some(file) => (input::file(&edge.absolute(file))?, Origin::File),
            None if from_stdin => (input::stdin()?, Origin::Words),
            None => (self.message.join(" "), Origin::Words),
        })
    }

    async fn send(&self, sessions: &Sessions, crew: &Crew, letter: &Letter<'_>) -> ao_core::Result<Sent> {
        let sent = sessions.send(&self.session, crew, letter).await?;
        if sent.level.is_final() || !self.wait {
            return Ok(sent);
        }
        if let Some(why) = sent.why.as_ref().filter(|_| !self.format.is_json()) {
            output::note(format_args!("held back: {why}; waiting"));
        }
        sessions.wait_for(&self.session, crew, &sent.message).await
    }
}

impl SentView {
    fn of(session: &SessionId, sent: Sent) -> Self {
        let Sent { message, level, file, why } = sent;
        let detail = why.map(|why| why.to_string());
        Self { session: session.to_string(), message, level, file: file.into_string(), detail }
    }

    /// What a person is told beside the data.
    fn tell(&self, why: &str) {
        if self.level.is_final() {
            return output::note(why);
        }
        output::note(format_args!("held back: {why}; the host delivers it when it can, or say the same with `--wait`"));
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
