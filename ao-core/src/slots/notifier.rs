//! How a human is told.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Doctor, Finding};
use super::define::slots;
use crate::record::record;

slots! {
/// How a human is told.
slot notifier: trait Notifier {
    /// Tells. A receiver that can drop duplicates gets `id` to do so.
    [call 30s once] notify(request: Notification) -> Result<Notified>;
    /// Whether what the notifier needs is there.
    [call 10s idem] doctor(request: Doctor) -> Result<Vec<Finding>> { Ok(Vec::new()) }
}
}

record! {
    /// What a human is told.
    #[derive(Eq)]
    pub struct Notification {
        required {
            /// Names it: the same id is the same notification.
            id: String,
            /// How much it matters.
            priority: Priority,
            /// One line.
            title: String,
        }
        optional {
            /// The rest.
            body: String,
            /// Where to look, by name.
            links: BTreeMap<String, String>,
        }
    }

    /// A human was told, as far as can be known.
    #[derive(Eq)]
    pub struct Notified {
        optional {
            /// The receiver's name for it.
            reference: Option<String>,
        }
    }
}

/// How much a notification matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Priority {
    /// For the record.
    Info,
    /// Something may go wrong.
    Warning,
    /// A decision is wanted.
    Action,
    /// A decision is wanted now.
    Urgent,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}
