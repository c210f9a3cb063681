//! Whether an effect may be repeated when nobody knows whether it happened.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether an effect may be repeated when nobody knows whether it happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EffectClass {
    /// It is found in the world: look, then repeat.
    Lookup,
    /// Its receiver drops what has a known id: repeat with the same id.
    Keyed,
    /// One attempt; what is uncertain is told and never repeated.
    #[default]
    Blind,
    /// One that this version does not know: as blind.
    #[serde(other)]
    Unknown,
}
