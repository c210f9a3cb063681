//! The configuration: the keys that agents share, less what would end the options.

use ao_plugin_sdk::agent::settings::{Config, Settings};
use ao_plugin_sdk::prelude::*;

pub(crate) fn check(config: Config) -> Result<Settings> {
    let settings = config.check("codex")?;
    settings.refuse_args(|argument| {
        let why = "what stands behind `--` would be a prompt; sessions are given theirs by `ao`";
        (argument == "--").then(|| why.to_owned())
    })?;
    Ok(settings)
}
