//! Whether the agent's program is there, and which version it is.

use std::time::Duration;

use ao_plugin_sdk::agent::availability::version_in;
use ao_plugin_sdk::agent::program::{find, search_path};
use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use crate::config::Settings;

/// How long the program may take to say its version.
const VERSION_WITHIN: Duration = Duration::from_secs(6);

/// The codes with which `env` and shells end that cannot start what they are to.
const NOT_RUN: [i32; 2] = [126, 127];

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
    let unknown = |what: String| {
        let message = format!("`{at}` is there, and {what}; try `{at} --version` by hand");
        Ok(AgentAvailability::new(AvailabilityState::Unknown, message))
    };
    let version = match asked.output().await {
        Ok(output) if output.status.success() => version_in(&output.text()).map(|version| one_line(version, 60)),
        // Nobody has to know that argument.
        Ok(output) if output.status.code().is_some_and(|code| !NOT_RUN.contains(&code)) => None,
        Ok(output) => return unknown(format!("fails ({})", output.status)),
        Err(error) => return unknown(format!("does not say its version ({error})")),
    };
    let shown = version.clone().unwrap_or_else(|| "it does not say its version".to_owned());
    let message = format!("`{at}` ({shown}); whether it is logged in is seen at its first prompt");
    let mut availability = AgentAvailability::new(AvailabilityState::Usable, message);
    availability.version = version;
    Ok(availability)
}
