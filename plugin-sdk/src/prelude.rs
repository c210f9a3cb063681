//! Everything that a plugin usually needs: `use ao_plugin_sdk::prelude::*;`.

pub use crate::{Command, CommandOutput, Plugin, blocking, command, deadline, export_plugin, host};
pub use ao_core::model::facts::ExitMeaning;
pub use ao_core::model::*;
pub use ao_core::plugin::{BoxStream, EffectClass, Frame, Health, HealthState, Stream};
#[expect(ambiguous_glob_reexports, reason = "each slot has a `boundary`, which is reached by its path")]
pub use ao_core::slots::{agent::*, common::*, notifier::*, runtime::*, scm::*, terminal::*, tracker::*, workspace::*};
pub use ao_core::{Code, Error, Result};
pub use async_trait::async_trait;
pub use camino::{Utf8Path, Utf8PathBuf};
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};
pub use serde_json::{Value, json};
pub use tracing;
