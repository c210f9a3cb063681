//! What of the user's environment an agent may see: an allow-list, so that a token for a tracker never reaches a child.

use std::collections::BTreeMap;

/// Variables that programs need to find their files, their terminal and the user's language.
const NAMES: &[&str] = &[
    "AO_HOME",
    "CARGO_HOME",
    "COLORTERM",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GOPATH",
    "GOROOT",
    "HOME",
    "JAVA_HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "NODE_PATH",
    "NO_COLOR",
    "NVM_DIR",
    "PATH",
    "PYENV_ROOT",
    "RUSTUP_HOME",
    "SHELL",
    "SSH_AUTH_SOCK",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
];

/// Beginnings of names of which all are allowed.
const FAMILIES: &[&str] = &["LC_", "XDG_"];

/// The part of an environment that agents may see. What else one needs is written down for it in the configuration.
#[must_use]
pub fn agent_environment(variables: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let allowed = |name: &str| NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family));
    variables.iter().filter(|(name, _)| allowed(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_passed_on() {
        let all = [
            "PATH",
            "LC_ALL",
            "XDG_STATE_HOME",
            "GITHUB_TOKEN",
            "AO_TRUST_PLUGINS",
            "LD_PRELOAD",
            "GIT_DIR",
            "NOTIFY_SOCKET",
        ];
        let all = all.map(|name| (name.to_owned(), "x".to_owned())).into();
        let seen: Vec<_> = agent_environment(&all).into_keys().collect();
        assert_eq!(seen, ["LC_ALL", "PATH", "XDG_STATE_HOME"]);
    }
}
