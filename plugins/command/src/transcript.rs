//! The program's own record of what it was told: a file of JSON lines. A look remembers where it ends, and a message has
//! arrived when a line behind that holds it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};

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
    /// In bytes.
    offset: u64,
}

impl Record {
    /// Adds to an observation where the session's record ends now. Reads the file's length.
    pub(crate) fn mark(&self, target: &AgentTarget, observation: &mut AgentObservation) {
        let Some(path) = self.path_of(target) else { return };
        let offset = match std::fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            // Without a mark nothing is ever confirmed.
            Err(_) => return,
        };
        let cursor = observation.cursor.get_or_insert_with(|| json!({}));
        if let Some(fields) = cursor.as_object_mut() {
            fields.insert(MARK.to_owned(), json!(Mark { path, offset }));
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
        self.search(text, &mark).unwrap_or_else(|error| {
            tracing::warn!("cannot read the record `{}`: {error}", mark.path);
            Proof::Unknown
        })
    }

    fn search(&self, text: &str, mark: &Mark) -> io::Result<Proof> {
        let mut file = match File::open(&mark.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && mark.offset == 0 => return Ok(Proof::Absent),
            opened => opened?,
        };
        // One that was cut or begun anew may hold what was there before.
        if file.metadata()?.len() < mark.offset {
            return Ok(Proof::Unknown);
        }
        file.seek(SeekFrom::Start(mark.offset))?;
        let wanted = normalised(text);
        let (mut reader, mut line, mut at) = (BufReader::new(file), Vec::new(), mark.offset);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(Proof::Absent);
            }
            // A line that is being written is no JSON yet, and whole at the next look.
            let value = serde_json::from_slice::<Value>(&line).ok();
            let said = value.as_ref().and_then(|value| value.pointer(&self.text)).and_then(Value::as_str);
            if said.is_some_and(|said| normalised(said) == wanted) {
                return Ok(Proof::Found { reference: format!("{}:{at}", mark.path) });
            }
            at += length as u64;
        }
    }
}
