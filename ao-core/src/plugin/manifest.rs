//! What a library says of itself, readable without making an instance of anything.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::EffectClass;
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
            /// The plugins in it, sorted by slot and name. Those of a slot that this version does not know are left out.
            #[serde(deserialize_with = "known_components")]
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
            /// What becomes of a notification that is sent twice. It means nothing in other slots.
            effect: EffectClass,
        }
    }
}

/// Reads the components that this version knows; a library may have more.
fn known_components<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ComponentManifest>, D::Error> {
    let all = Vec::<Map<String, Value>>::deserialize(deserializer)?;
    let slot = |component: &Map<String, Value>| component.get("slot").and_then(|slot| Slot::deserialize(slot).ok());
    all.into_iter()
        .filter(|component| slot(component).is_some())
        .map(|component| serde_json::from_value(Value::Object(component)).map_err(de::Error::custom))
        .collect()
}

impl Manifest {
    /// The plugin of this slot and name.
    #[must_use]
    pub fn component(&self, slot: Slot, name: &str) -> Option<&ComponentManifest> {
        self.components.iter().find(|component| component.slot == slot && component.name.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_of_a_slot_of_the_future_does_not_hide_the_others() {
        let json = serde_json::json!({
            "wire": "1.7",
            "library": {"name": "acme", "version": "3.0.0", "sdk": "1.7.0", "signed": true},
            "components": [
                {"slot": "oracle", "name": "acme", "methods": [], "config_schema": {}},
                {"slot": "tracker", "name": "acme", "methods": ["get"], "config_schema": {}, "colour": "blue"},
            ],
        });
        let manifest: Manifest = serde_json::from_value(json).unwrap();
        assert_eq!(manifest.components.len(), 1);
        assert!(manifest.component(Slot::Tracker, "acme").is_some());
    }
}
