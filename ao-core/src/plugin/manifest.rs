//! What a library says of itself, readable without making an instance of anything.

use schemars::JsonSchema;
use serde_json::Value;

use crate::model::PluginName;
use crate::record::record;
use crate::slots::Slot;

/// The version of the JSON that crosses the boundary: `major.minor`. A change that old readers survive raises the
/// minor number.
pub const WIRE_VERSION: &str = "1.0";

record! {
    /// A library's manifest.
    #[derive(Eq, JsonSchema)]
    pub struct Manifest {
        required {
            /// [`WIRE_VERSION`] of the SDK that built it.
            wire: String,
            /// The library itself.
            library: LibraryManifest,
            /// The plugins in it, sorted by slot and name.
            components: Vec<ComponentManifest>,
        }
    }

    /// Which library a manifest is of.
    #[derive(Eq, JsonSchema)]
    pub struct LibraryManifest {
        required {
            /// The crate's name, with `_`.
            name: String,
            /// The crate's version.
            version: String,
            /// The version of the SDK that it was built with.
            sdk: String,
        }
    }

    /// One plugin of a library.
    #[derive(Eq, JsonSchema)]
    pub struct ComponentManifest {
        required {
            /// The slot that it fills.
            slot: Slot,
            /// Its name within the slot.
            name: PluginName,
            /// The methods that it answers. The host uses a method's default for what is not listed.
            methods: Vec<String>,
            /// The JSON Schema (2020-12) of its configuration.
            config_schema: Value,
        }
        optional {
            /// One line on what it is for.
            summary: String,
        }
    }
}

impl Manifest {
    /// The plugin of this slot and name.
    #[must_use]
    pub fn component(&self, slot: Slot, name: &str) -> Option<&ComponentManifest> {
        self.components.iter().find(|component| component.slot == slot && component.name.as_str() == name)
    }
}
