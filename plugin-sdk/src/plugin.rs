//! The one trait that every plugin implements besides its slot's.

use std::sync::Arc;

use ao_core::plugin::{Created, EffectClass, Health, Life};
use ao_core::slots::IntoInstance;
use ao_core::{Code, Error, Result};
use async_trait::async_trait;
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

    /// Of a notifier: what becomes of a notification that is sent twice. [`EffectClass::Keyed`] where the receiver drops what
    /// has an id that it knows, so that one whose outcome nobody knows is sent again; else it never is.
    const EFFECT: EffectClass = EffectClass::Blind;

    /// Makes an instance. No I/O: equal configurations share one instance, and it may be made long before its use.
    fn new(config: Self::Config) -> Result<Self>;

    /// How the instance is, for whoever looks after plugins. Answer from what is known: this is asked when calls go
    /// wrong, with a second to answer in. Written as `async fn health(&self) -> Result<Health>`.
    fn health(&self) -> impl Future<Output = Result<Health>> + Send {
        std::future::ready(Ok(Health::default()))
    }

    /// The instance will not be called again: flush and close what cannot wait for the drop. It has five seconds.
    /// Written as `async fn shutdown(&self) -> Result<()>`.
    fn shutdown(&self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}

/// A plugin's own answers to the reserved methods.
struct Own<P>(Arc<P>);

#[async_trait]
impl<P: Plugin> Life for Own<P> {
    async fn health(&self) -> Result<Health> {
        self.0.health().await
    }

    async fn shutdown(&self) -> Result<()> {
        self.0.shutdown().await
    }
}

/// The JSON Schema of a plugin's configuration.
#[must_use]
pub fn config_schema<P: Plugin>() -> Value {
    schemars::schema_for!(P::Config).into()
}

/// Makes an instance from JSON.
pub fn create<P: Plugin + IntoInstance<Marker>, Marker>(config: Value) -> Result<Created> {
    let config: P::Config = serde_json::from_value(config)
        .map_err(|error| Error::wrap(Code::INVALID_INPUT, "the plugin cannot read its configuration", &error))?;
    let plugin = Arc::new(P::new(config)?);
    Ok(Created { instance: Arc::clone(&plugin).into_instance(), life: Arc::new(Own(plugin)) })
}
