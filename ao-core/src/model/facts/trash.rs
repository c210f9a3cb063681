//! What was moved out of the way of a session, and where it is.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::record::record;
use crate::slots::workspace::Receipt;

record! {
    /// One workspace in the trash.
    #[derive(Eq, JsonSchema)]
    pub struct TrashItem {
        required {
            /// Its id: a ULID.
            id: String,
            /// When it was asked to be moved.
            at: Timestamp,
            /// Where it stood.
            #[schemars(with = "String")]
            origin: Utf8PathBuf,
            /// Where its directory is in the trash, while there is one.
            #[schemars(with = "String")]
            place: Utf8PathBuf,
            /// How far it got.
            state: TrashState,
        }
        optional {
            /// What the workspace plugin has kept of it.
            receipt: Option<Receipt>,
            /// How much the directory holds, in bytes.
            bytes: u64,
            /// How much of that git ignores, in bytes.
            ignored_bytes: u64,
            /// A branch that went with it, because its work is in another one.
            branch_retired: bool,
        }
    }
}

/// How far something got on its way through the trash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrashState {
    /// It is being moved there.
    Storing,
    /// It is there, all of it.
    Stored,
    /// There was no directory any more: what was kept of it is its commits.
    Refs,
    /// It was taken out again.
    Restored,
    /// Its directory was removed for good; its commits and saved files are kept.
    Emptied,
    /// Nothing is kept of it any more.
    Expired,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

impl TrashState {
    /// Whether something can be had back.
    #[must_use]
    pub const fn is_kept(self) -> bool {
        matches!(self, Self::Storing | Self::Stored | Self::Refs | Self::Emptied)
    }
}
