//! What is remembered between two looks at a session.

use ao_plugin_sdk::agent::life::Lasting;
use ao_plugin_sdk::prelude::*;

use crate::rollout::{Mark, Story};

/// All that outlasts the process: the plugin itself keeps no state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cursor {
    /// Codex's own directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) home: Option<Utf8PathBuf>,
    /// The session's worktree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workspace: Option<Utf8PathBuf>,
    /// When the program was launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) launched_at: Option<Timestamp>,
    /// Codex's id of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thread: Option<String>,
    /// How far the record was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<Mark>,
    /// What it told up to there.
    pub(crate) story: Story,
    /// What a hook said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heard: Option<Heard>,
    /// The dialog that the last look saw, by its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dialog: Option<String>,
    /// What the last look found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<Lasting>,
}

/// What a hook said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub(crate) at: Timestamp,
    pub(crate) said: Said,
}

/// In one word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Said {
    /// A conversation began, or went on.
    Began,
    /// It was given a message.
    Prompted,
    /// It asks for permission.
    Asked {
        /// For what.
        text: String,
    },
    /// A turn ended, or was ended.
    Stopped,
}

impl Cursor {
    /// One that is not ours, or of a version that kept other things, begins anew.
    pub(crate) fn read(cursor: Option<&Value>) -> Self {
        cursor.and_then(|cursor| Self::deserialize(cursor).ok()).unwrap_or_default()
    }

    /// What is handed to the host.
    pub(crate) fn write(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }

    /// Turns to a conversation, with its record where that is known. What another one told is forgotten.
    pub(crate) fn follow(&mut self, thread: String, record: Option<Utf8PathBuf>) {
        let is_new = self.thread.as_deref() != Some(&thread);
        self.thread = Some(thread);
        if is_new || self.mark.is_none() {
            self.mark = record.map(Mark::beginning);
            self.story = Story::default();
        }
    }
}
