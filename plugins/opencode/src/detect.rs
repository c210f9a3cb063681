//! Whether OpenCode is there, new enough, and logged in.

#![expect(
    clippy::disallowed_methods,
    reason = "where OpenCode keeps its logins depends on the environment, read here alone"
)]

use std::collections::BTreeMap;

use ao_agent_conversation::program::{Found, look_for};
use ao_plugin_sdk::prelude::*;

use crate::config::Settings;

/// The oldest version whose server is known to answer as this plugin asks.
const OLDEST: (u32, u32) = (1, 14);

pub(crate) async fn detect(settings: &Settings, cwd: Option<Utf8PathBuf>) -> Result<AgentAvailability> {
    let found = match look_for(&settings.binary, &settings.env, cwd, "`binary`").await? {
        Ok(found) => found,
        Err(why) => {
            let message = format!("{why}; `npm install --global opencode-ai` installs it");
            return Ok(AgentAvailability::new(AvailabilityState::Missing, message));
        }
    };
    let env = settings.env.clone();
    let logins = blocking(move || Ok(logins(&env))).await?;
    Ok(judge(found, logins))
}

/// What is known of logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Logins {
    /// A provider was logged in to, or the environment says of its own.
    There,
    /// None was; a provider of the configuration may need none.
    None,
}

fn judge(found: Found, logins: Logins) -> AgentAvailability {
    let Found { at, version } = found;
    let (state, message) = match (&version, logins) {
        (None, _) => (AvailabilityState::Unknown, format!("`{at}` does not say its version")),
        (Some(version), _) if is_older(version) => {
            let (major, minor) = OLDEST;
            let message = format!(
                "`{at}` is {version}, and {major}.{minor} is the oldest that is known to work; `opencode upgrade`"
            );
            (AvailabilityState::TooOld, message)
        }
        (Some(version), Logins::There) => {
            (AvailabilityState::Usable, format!("`{at}` ({version}), logged in to a provider"))
        }
        (Some(version), Logins::None) => {
            let message = format!(
                "`{at}` ({version}); it has no login of its own (`opencode auth login`), so a provider of its configuration or \
                 of the environment has to do, or one of its free models"
            );
            (AvailabilityState::Usable, message)
        }
    };
    let mut availability = AgentAvailability::new(state, message);
    availability.version = version;
    availability
}

fn is_older(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(u32::MAX));
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) < OLDEST
}

/// Looks for logins where OpenCode keeps them: whether there are any, not what they are. Blocks its thread.
fn logins(env: &BTreeMap<String, String>) -> Logins {
    let variable =
        |name: &str| env.get(name).cloned().or_else(|| std::env::var(name).ok()).filter(|value| !value.is_empty());
    let data = variable("XDG_DATA_HOME").or_else(|| Some(format!("{}/.local/share", variable("HOME")?)));
    let auth = data.map(|data| Utf8PathBuf::from(data).join("opencode/auth.json"));
    let is_there =
        auth.and_then(|auth| fs_err::read(auth).ok()).and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let is_there = is_there.is_some_and(|logins| logins.as_object().is_some_and(|logins| !logins.is_empty()));
    if is_there || variable("OPENCODE_AUTH_CONTENT").is_some() { Logins::There } else { Logins::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_judged() {
        let judged = |version: Option<&str>, logins| {
            let found = Found { at: "/bin/opencode".into(), version: version.map(str::to_owned) };
            judge(found, logins).state
        };
        for (version, state) in [
            (None, AvailabilityState::Unknown),
            (Some("0.9.1"), AvailabilityState::TooOld),
            (Some("1.13.99"), AvailabilityState::TooOld),
            (Some("1.14.0"), AvailabilityState::Usable),
            (Some("1.18.33"), AvailabilityState::Usable),
            (Some("2.0.0-beta.1"), AvailabilityState::Usable),
        ] {
            assert_eq!(judged(version, Logins::There), state, "{version:?}");
            assert_eq!(judged(version, Logins::None), state, "{version:?}");
        }
    }
}
