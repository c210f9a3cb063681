//! Whether the program is there.

use std::collections::BTreeMap;

use ao_plugin_sdk::agent::program;
use ao_plugin_sdk::prelude::*;

/// Looks for a program with the variables of its `env`. Blocks its thread.
pub(crate) fn detect(program: &str, env: &BTreeMap<String, String>, cwd: Option<&Utf8Path>) -> AgentAvailability {
    match program::find(program, &program::search_path(env), cwd) {
        Ok(at) => AgentAvailability::new(AvailabilityState::Usable, format!("`{at}`")),
        Err(absent) => {
            let message = absent.advice("install it", "the first element of `argv`");
            AgentAvailability::new(AvailabilityState::Missing, message)
        }
    }
}
