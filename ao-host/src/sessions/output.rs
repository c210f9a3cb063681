//! What an agent printed, while its runtime has it and after.

use ao_core::model::facts::Session;
use ao_core::slots::Runtime;
use ao_core::slots::runtime::ReadOutput;
use ao_core::{Code, Error, Result};

use super::observe::not_launched;
use super::{Bound, Sessions};
use crate::world::files::{self, PRIVATE_FILE};

/// The file in a session's directory that keeps what its agent printed before it was ended.
const KEPT_OUTPUT: &str = "output.txt";
/// How much of it is kept, in bytes.
const KEPT_BYTES: u64 = 4 * 1024 * 1024;

/// What an agent printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// As text, without what the terminal made of it.
    pub text: String,
    /// Where the next read continues; none when the runtime is gone and nothing will follow.
    pub cursor: Option<u64>,
    /// Whether something older was left out.
    pub truncated: bool,
}

impl Sessions {
    /// What a session's agent printed: the newest `max_bytes`, or what follows a former cursor.
    pub async fn logs(
        &self,
        session: &Session,
        runtime: &Bound<dyn Runtime>,
        cursor: Option<u64>,
        max_bytes: u64,
    ) -> Result<Logs> {
        let facts = session.runtime.as_ref().ok_or_else(|| not_launched(&session.id))?;
        let kept = facts.directory.join(KEPT_OUTPUT);
        if session.end.is_some() && kept.exists() {
            let text = std::fs::read(&kept)
                .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot read `{kept}`"), &error))?;
            let limit = usize::try_from(max_bytes).unwrap_or(usize::MAX);
            let newest = &text[text.len().saturating_sub(limit)..];
            let truncated = newest.len() < text.len();
            return Ok(Logs { text: String::from_utf8_lossy(newest).into_owned(), cursor: None, truncated });
        }
        let mut request = ReadOutput::new(facts.handle.clone(), max_bytes);
        request.cursor = cursor;
        let output = runtime.instance.output(request).await?;
        Ok(Logs { text: output.text, cursor: Some(output.cursor), truncated: output.truncated })
    }

    /// Keeps what an agent printed, as its runtime may forget it. Does what it can: an output that cannot be kept must
    /// not keep the session alive.
    pub(super) async fn keep_output(&self, session: &Session, runtime: &Bound<dyn Runtime>) {
        let Some(facts) = &session.runtime else { return };
        let read = runtime.instance.output(ReadOutput::new(facts.handle.clone(), KEPT_BYTES)).await;
        let kept = read.map_err(|error| error.to_string()).and_then(|output| {
            let path = facts.directory.join(KEPT_OUTPUT);
            files::write_atomic(&path, output.text.as_bytes(), PRIVATE_FILE).map_err(|error| error.to_string())
        });
        if let Err(why) = kept {
            tracing::warn!(session = %session.id, "the agent's output could not be kept: {why}");
        }
    }
}
