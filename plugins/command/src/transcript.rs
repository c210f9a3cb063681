//! The program's own record of what it was told: a file of JSON lines. A look remembers where it ends, and a message has
//! arrived when a line behind that holds it.

use ao_plugin_sdk::agent::record::{self, Position};
use ao_plugin_sdk::core::model::draft::normalised;
use ao_plugin_sdk::prelude::*;

use crate::template::{Placeholder, Template};

/// The name of a mark in an observation's cursor.
const MARK: &str = "record";

/// Where the record of every session is, and where in a line of it a message stands.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) path: Template,
    /// A JSON pointer (RFC 6901).
    pub(crate) text: String,
}

/// Where a record ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    path: Utf8PathBuf,
    #[serde(flatten)]
    position: Position,
}

impl Record {
    /// Adds to an observation where the session's record ends now. Reads the file's length.
    pub(crate) fn mark(&self, target: &AgentTarget, observation: &mut AgentObservation) {
        let Some(path) = self.path_of(target) else { return };
        // Without a mark nothing is ever confirmed.
        let Some(position) = Position::at_end_of(&path) else { return };
        let cursor = observation.cursor.get_or_insert_with(|| json!({}));
        if let Some(fields) = cursor.as_object_mut() {
            fields.insert(MARK.to_owned(), json!(Mark { path, position }));
        }
    }

    /// The file; relative to the worktree.
    fn path_of(&self, target: &AgentTarget) -> Option<Utf8PathBuf> {
        let path = self.path.expand(|placeholder| match placeholder {
            Placeholder::Session => Ok(target.session.as_str()),
            Placeholder::Workspace => Ok(target.workspace.as_str()),
            Placeholder::Directory => target.directory.as_deref().map(Utf8Path::as_str).ok_or(()),
            Placeholder::Prompt | Placeholder::PromptFile | Placeholder::Model => Err(()),
        });
        path.ok().map(|path| target.workspace.join(path))
    }

    /// Whether a message stands behind the mark of this cursor.
    pub(crate) fn find(&self, text: &str, cursor: Option<&Value>) -> Proof {
        let mark = cursor.and_then(|cursor| cursor.get(MARK)).cloned();
        let Some(mark) = mark.and_then(|mark| serde_json::from_value::<Mark>(mark).ok()) else {
            return Proof::Unknown;
        };
        let wanted = normalised(text);
        record::find(&mark.path, mark.position, |line| {
            let value = serde_json::from_slice::<Value>(line).ok();
            let said = value.as_ref().and_then(|value| value.pointer(&self.text)).and_then(Value::as_str);
            said.is_some_and(|said| normalised(said) == wanted)
        })
    }
}
