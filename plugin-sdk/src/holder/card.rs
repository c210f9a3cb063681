//! The card that `prepare` leaves in a session's directory: which runtime started it, under which key.

use ao_core::Result;
use ao_core::model::process::LAUNCH_DIRECTORY;
use ao_core::model::{PluginName, SessionId};
use ao_core::slots::common::Owner;
use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::records::{self, read_card};

/// The version of [`Card`]'s file.
pub(super) const CARD_VERSION: u32 = 1;

/// Whose session a directory is, so that `list` finds it when every other memory is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Card {
    /// The version of the file.
    pub version: u32,
    /// The runtime plugin.
    pub plugin: PluginName,
    /// The session.
    pub session: SessionId,
    /// The `key` of its `create`.
    pub key: String,
    /// The value of `AO_SESSION_MARKER` in every process of the session.
    pub marker: String,
    /// The boot in which it was started: nothing of it runs in any other.
    pub boot: String,
}

impl Card {
    pub(super) fn new(plugin: PluginName, session: SessionId, key: String, marker: String, boot: String) -> Self {
        Self { version: CARD_VERSION, plugin, session, key, marker, boot }
    }
}

/// What marks every process of a session: `<owner>/<session>`.
#[must_use]
pub fn marker(owner: &Owner, session: &SessionId) -> String {
    format!("{}/{session}", owner.id)
}

/// The marker of a process that serves sessions but is of none: a holder, a terminal server.
///
/// Such a process may be started by an agent (one that runs `ao spawn`), and must not end with that agent's session. No
/// session can be called `-`.
#[must_use]
pub fn outside_marker(owner: &Owner) -> String {
    format!("{}/-", owner.id)
}

/// The cards of a runtime in an owner's session directories, each with its directory, in the order of their names. A
/// session that was brought back has a directory in its own for each further launch.
///
/// A directory whose card cannot be read is skipped: it is not a session of this runtime, or is just being made.
pub fn cards(owner: &Owner, plugin: &str) -> Result<Vec<(Utf8PathBuf, Card)>> {
    let mut found = Vec::new();
    let mut directories = Vec::new();
    for session in records::subdirectories(&owner.state.join("sessions"))? {
        let launches = records::subdirectories(&session)?.into_iter();
        let launches = launches.filter(|path| path.file_name().is_some_and(|name| name.starts_with(LAUNCH_DIRECTORY)));
        directories.extend([session].into_iter().chain(launches));
    }
    for directory in directories {
        if let Ok(Some(card)) = read_card(&directory)
            && card.plugin.as_str() == plugin
        {
            found.push((directory, card));
        }
    }
    Ok(found)
}
