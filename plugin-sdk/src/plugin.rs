//! The one trait that every plugin implements besides its slot's.

use ao_core::slots::{Instance, IntoInstance};
use ao_core::{Code, Error, Result};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A plugin: made from its configuration, then used as its slot's trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported, but is no plugin",
    label = "`Plugin` is not implemented for this type",
    note = "write `impl Plugin for {Self}`, with its `Config` and a `new` that makes it from one"
)]
pub trait Plugin: Sized + Send + Sync + 'static {
    /// What stands under the plugin's block in the configuration file. Its JSON Schema is checked before `new` is
    /// called; derive it with `#[serde(deny_unknown_fields)]`, so that a typo is an error.
    type Config: DeserializeOwned + JsonSchema;

    /// Makes an instance. No I/O: equal configurations share one instance, and it may be made long before its use.
    fn new(config: Self::Config) -> Result<Self>;
}

/// The JSON Schema of a plugin's configuration.
#[must_use]
pub fn config_schema<P: Plugin>() -> Value {
    schemars::schema_for!(P::Config).into()
}

/// Makes an instance from JSON.
pub fn create<P: Plugin + IntoInstance<Marker>, Marker>(config: Value) -> Result<Instance> {
    let config: P::Config = serde_json::from_value(config)
        .map_err(|error| Error::wrap(Code::INVALID_INPUT, "the plugin cannot read its configuration", &error))?;
    Ok(P::new(config)?.into_instance())
}
