//! Whether OpenCode is there, new enough, and logged in.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_plugin_sdk::agent::availability::{Known, version_in};
use ao_plugin_sdk::agent::program::host_variable;
use ao_plugin_sdk::prelude::*;

use crate::config::Settings;

/// The program. From its oldest version on, its server is known to answer as this plugin asks.
const OPENCODE: Known = Known {
    name: "OpenCode",
    says: version_in,
    oldest: &[1, 14],
    install: "install it with `npm install --global opencode-ai`",
    update: "update it with `opencode upgrade`",
    within: Duration::from_secs(6),
};

pub(crate) async fn detect(settings: &Settings, cwd: Option<Utf8PathBuf>) -> Result<AgentAvailability> {
    let present = match OPENCODE.look(&settings.shared, cwd.as_deref()).await {
        Ok(present) => present,
        Err(found) => return Ok(found),
    };
    let env = settings.shared.env.clone();
    let message = match blocking(move || Ok(logins(&env))).await? {
        Logins::There => format!("`{}` ({}), logged in to a provider", present.at, present.version),
        Logins::None => format!(
            "`{}` ({}); it has no login of its own (`opencode auth login`), so a provider of its configuration or of the \
             environment has to do, or one of its free models",
            present.at, present.version
        ),
    };
    Ok(present.is(AvailabilityState::Usable, message))
}

/// What is known of logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Logins {
    /// A provider was logged in to, or the environment says of its own.
    There,
    /// None was; a provider of the configuration may need none.
    None,
}

/// Looks for logins where OpenCode keeps them: whether there are any, not what they are. Blocks its thread.
fn logins(env: &BTreeMap<String, String>) -> Logins {
    // Of this process's own variables, sessions see these places and no logins.
    let variable =
        |name: &str| env.get(name).cloned().or_else(|| host_variable(name)).filter(|value| !value.is_empty());
    let data = variable("XDG_DATA_HOME").or_else(|| Some(format!("{}/.local/share", variable("HOME")?)));
    let auth = data.map(|data| Utf8PathBuf::from(data).join("opencode/auth.json"));
    let is_there =
        auth.and_then(|auth| fs_err::read(auth).ok()).and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let is_there = is_there.is_some_and(|logins| logins.as_object().is_some_and(|logins| !logins.is_empty()));
    if is_there || env.get("OPENCODE_AUTH_CONTENT").is_some_and(|value| !value.is_empty()) {
        Logins::There
    } else {
        Logins::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_one_that_says_something() {
        let scratch = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(scratch.path()).unwrap();
        let env = BTreeMap::from([("XDG_DATA_HOME".to_owned(), data.to_string())]);
        assert_eq!(logins(&env), Logins::None);
        std::fs::create_dir(data.join("opencode")).unwrap();
        for (auth, wanted) in [("{}", Logins::None), ("?", Logins::None), (r#"{"a": {"key": "k"}}"#, Logins::There)] {
            ao_plugin_sdk::files::write_atomically(&data.join("opencode/auth.json"), auth.as_bytes()).unwrap();
            assert_eq!(logins(&env), wanted, "{auth}");
        }
    }
}
