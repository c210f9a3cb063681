//! Whether the agent's program is there, and which version it is.

use std::time::Duration;

use ao_plugin_sdk::agent::availability::version_in;
use ao_plugin_sdk::agent::program::{find, search_path};
use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use crate::config::Settings;

/// How long the program may take to say its version.
const VERSION_WITHIN: Duration = Duration::from_secs(6);

/// Looks for the program, and asks it for its version. One that says none may be usable all the same.
pub(crate) async fn detect(settings: &Settings, cwd: Option<Utf8PathBuf>) -> Result<AgentAvailability> {
    let (wanted, path) = (settings.program().to_owned(), search_path(&settings.env));
    let found = blocking(move || Ok(find(&wanted, &path, cwd.as_deref()))).await?;
    let at = match found {
        Ok(at) => at,
        Err(absent) => {
            let message = absent.advice("install it", "the first element of `argv`");
            return Ok(AgentAvailability::new(AvailabilityState::Missing, message));
        }
    };
    let asked = command(at.as_str()).arg("--version").timeout(VERSION_WITHIN);
    let asked = settings.env.iter().fold(asked, |asked, (name, value)| asked.env(name, value));
    let version = match asked.output().await {
        Ok(output) if output.status.success() => version_in(&output.text()).map(|version| one_line(version, 60)),
        _ => None,
    };
    let shown = version.clone().unwrap_or_else(|| "it does not say its version".to_owned());
    let message = format!("`{at}` ({shown}); whether it is logged in is seen at its first prompt");
    let mut availability = AgentAvailability::new(AvailabilityState::Usable, message);
    availability.version = version;
    Ok(availability)
}
