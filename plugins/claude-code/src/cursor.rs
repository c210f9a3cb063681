//! What one look or hook leaves for the next. Instances keep nothing.

use ao_plugin_sdk::agent::life::Lasting;
use ao_plugin_sdk::agent::record::Position;
use ao_plugin_sdk::prelude::*;

use crate::evidence::Said;
use crate::transcript::Reading;

/// All that is remembered of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Cursor {
    /// Claude Code's configuration directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<Utf8PathBuf>,
    /// The conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<String>,
    /// The conversation's transcript.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transcript: Option<Utf8PathBuf>,
    /// What the hooks said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hook: Option<Said>,
    /// How far the transcript was read, and what came of it.
    #[serde(skip_serializing_if = "Reading::is_empty")]
    pub(crate) reading: Reading,
    /// Where the transcript ended at the last look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<Position>,
    /// What the last look reported, so that a state that only the screen tells has a beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<Lasting>,
}

impl Cursor {
    /// Reads a cursor; one that is not ours is none.
    pub(crate) fn of(value: Option<&Value>) -> Self {
        value.and_then(|value| Self::deserialize(value).ok()).unwrap_or_default()
    }

    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Goes over to another conversation of the same agent, as `/clear` begins one. What was used before, the host keeps.
    pub(crate) fn follow(&mut self, conversation: &str, transcript: Option<Utf8PathBuf>) {
        if self.conversation.as_deref() != Some(conversation) {
            self.conversation = Some(conversation.to_owned());
            self.reading = Reading::default();
            self.mark = None;
            self.transcript = None;
        }
        if transcript.is_some() {
            self.transcript = transcript;
        }
    }
}
