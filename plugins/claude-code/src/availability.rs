//! Whether Claude Code is there, new enough and logged in, as far as that can be told without reading secrets.

#![expect(
    clippy::disallowed_methods,
    reason = "the program is looked for with the environment that this process has, which is read here and nowhere else"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;

use crate::config::Settings;
use crate::files;
use crate::launch::{ROOT, User};

/// The oldest version whose hooks, settings and options are known to be there.
const OLDEST: (u64, u64) = (2, 1);
/// How long it may take to say its version.
const WITHIN: Duration = Duration::from_secs(8);

/// Variables each of which is a login.
const LOGINS: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
];

const INSTALL: &str = "install it with `npm install --global @anthropic-ai/claude-code`";

pub(crate) async fn detect(settings: &Settings, cwd: Option<&Utf8Path>) -> AgentAvailability {
    let binary = &settings.binary;
    let at = match cwd {
        Some(cwd) if binary.contains('/') => cwd.join(binary).into_string(),
        _ => binary.clone(),
    };
    let mut asking = command(&at).arg("--version").timeout(WITHIN);
    for (name, value) in &settings.env {
        asking = asking.env(name, value);
    }
    let output = match asking.output().await {
        Ok(output) => output,
        Err(error) if error.code == Code::UNAVAILABLE => {
            let message = format!("{error}; {INSTALL}, or name it with `binary`");
            return AgentAvailability::new(AvailabilityState::Missing, message);
        }
        Err(error) => {
            let message = format!("`{at} --version` could not be asked: {error}");
            return AgentAvailability::new(AvailabilityState::Unknown, message);
        }
    };
    let text = output.text();
    let Some((version, numbers)) = version(&text) else {
        let message = if output.status.success() {
            format!("`{at}` does not say that it is Claude Code: `{}`", text.lines().next().unwrap_or_default())
        } else {
            format!("{}; {INSTALL}", output.failure())
        };
        return AgentAvailability::new(AvailabilityState::Unknown, message);
    };
    let environment = environment(settings);
    let (state, message) = if numbers < OLDEST {
        let (major, minor) = OLDEST;
        let message = format!("Claude Code {version} is older than {major}.{minor}; update it with `claude update`");
        (AvailabilityState::TooOld, message)
    } else {
        let (state, mut login) = login(&environment);
        if let Some(name) = unseen_login(&environment).filter(|_| state != AvailabilityState::Usable) {
            login = format!("{login}; `{name}` is set here, and sessions see it only if the agent's `env` has it");
        }
        (state, format!("Claude Code {version}; {login}"))
    };
    let mut found = AgentAvailability::new(state, message);
    found.version = Some(version.to_owned());
    found
}

pub(crate) async fn doctor(settings: &Settings, user: User) -> Vec<Finding> {
    let found = detect(settings, None).await;
    let level = match found.state {
        AvailabilityState::Usable => FindingLevel::Ok,
        AvailabilityState::Missing | AvailabilityState::TooOld => FindingLevel::Fail,
        _ => FindingLevel::Warn,
    };
    let mut findings = vec![Finding::new(level, settings.binary.as_str(), found.message)];
    let config = files::config_directory(&environment(settings), Utf8Path::new("/"));
    if let Some((config, error)) = config.and_then(|config| files::closed(&config).map(|error| (config, error))) {
        let message = format!(
            "Claude Code cannot write to `{config}` ({error}): it keeps no record and calls no hooks, so messages stay \
             unconfirmed, and what it uses is not counted"
        );
        let mut finding = Finding::new(FindingLevel::Warn, "CLAUDE_CONFIG_DIR", message);
        finding.remedy = Some("make it writable, or set `CLAUDE_CONFIG_DIR` to another directory".to_owned());
        findings.push(finding);
    }
    if user == User::Root {
        let wants = settings.permissions == PermissionMode::Permissionless;
        let is_set = environment(settings).get("IS_SANDBOX").is_some_and(|value| value == "1");
        if wants && !is_set {
            findings.push(Finding::new(FindingLevel::Fail, "permissions: permissionless", ROOT));
        }
    }
    findings
}

/// A version such as `2.1.197 (Claude Code)`.
fn version(text: &str) -> Option<(&str, (u64, u64))> {
    let line = text.lines().next().filter(|line| line.contains("Claude Code"))?;
    let version = line.split_whitespace().next()?;
    let mut numbers = version.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((version, (major, minor))),
        _ => None,
    }
}

/// Whether somebody is logged in, by what is there and not by what it holds.
fn login(environment: &BTreeMap<String, String>) -> (AvailabilityState, String) {
    if let Some(name) = LOGINS.iter().find(|name| environment.get(**name).is_some_and(|value| !value.is_empty())) {
        return (AvailabilityState::Usable, format!("it logs in with `{name}`"));
    }
    let Some(config) = files::config_directory(environment, Utf8Path::new("/")) else {
        return (AvailabilityState::Unknown, "whether it is logged in cannot be told: there is no HOME".to_owned());
    };
    if config.join(".credentials.json").is_file() {
        return (AvailabilityState::Usable, "logged in".to_owned());
    }
    let is_new = files::state_file(environment).is_none_or(|file| !file.exists());
    if is_new {
        let message = "it was never set up for this user: run `claude` once, and log in";
        return (AvailabilityState::LoggedOut, message.to_owned());
    }
    let message = "whether it is logged in cannot be told from its files (a keychain, or a helper, may hold the login); \
                   `claude auth status` says";
    (AvailabilityState::Unknown, message.to_owned())
}

/// What of its environment matters here: of this process's own, sessions get the home and none of the others.
fn environment(settings: &Settings) -> BTreeMap<String, String> {
    let home = std::env::var("HOME").ok().map(|home| ("HOME".to_owned(), home));
    home.into_iter().chain(settings.env.clone()).collect()
}

/// A login of this process's that no session gets to see.
fn unseen_login(environment: &BTreeMap<String, String>) -> Option<&'static str> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    LOGINS.into_iter().filter(|name| !environment.contains_key(*name)).find(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read() {
        assert_eq!(version("2.1.197 (Claude Code)\n"), Some(("2.1.197", (2, 1))));
        assert_eq!(version("claude 3"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn a_login_is_told_by_what_is_there() {
        let home = tempfile::tempdir().expect("scratch");
        let home = Utf8Path::from_path(home.path()).expect("utf-8");
        let mut environment = BTreeMap::from([("HOME".to_owned(), home.to_string())]);
        let state = |environment: &_| login(environment).0;
        assert_eq!(state(&environment), AvailabilityState::LoggedOut);
        let touch =
            |name: &str| drop(fs_err::File::options().append(true).create(true).open(home.join(name)).expect("a file"));
        touch(".claude.json");
        assert_eq!(state(&environment), AvailabilityState::Unknown);
        fs_err::create_dir(home.join(".claude")).expect("a directory");
        touch(".claude/.credentials.json");
        assert_eq!(state(&environment), AvailabilityState::Usable);
        environment.insert("CLAUDE_CONFIG_DIR".to_owned(), home.join("other").into_string());
        assert_eq!(state(&environment), AvailabilityState::LoggedOut);
        environment.insert("ANTHROPIC_API_KEY".to_owned(), "x".to_owned());
        assert_eq!(state(&environment), AvailabilityState::Usable);
    }
}
