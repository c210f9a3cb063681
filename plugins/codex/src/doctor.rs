//! Whether Codex is there and usable, and what stands in its way.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_plugin_sdk::agent::availability::{Known, Present, finding, version_in};
use ao_plugin_sdk::agent::program::host_variable;
use ao_plugin_sdk::agent::settings::Settings;
use ao_plugin_sdk::prelude::*;

use crate::home;

/// With the oldest version whose options and records are known to be those that are used here.
const CODEX: Known = Known {
    name: "Codex",
    says: |text| text.strip_prefix("codex-cli ").and_then(version_in),
    oldest: &[0, 160],
    install: "install it with `npm install -g @openai/codex`",
    update: "update it with `npm install -g @openai/codex`",
    within: WITHIN,
};
/// What of this process's own environment would lead to another login, and no session sees.
const UNSEEN: [&str; 3] = ["CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY"];
/// How long the program may take to say something of itself.
const WITHIN: Duration = Duration::from_secs(4);

/// Whether the program is there, new enough and logged in.
pub(crate) async fn detect(settings: &Settings, cwd: Option<&Utf8Path>) -> AgentAvailability {
    let present = match CODEX.look(settings, cwd).await {
        Ok(present) => present,
        Err(found) => return found,
    };
    let Present { at, version } = &present;
    if let Some(why) = home::of(settings, &BTreeMap::new()).as_deref().and_then(home::closed) {
        return present.is(AvailabilityState::Unknown, format!("Codex {version}: {why}"));
    }
    match login(settings, at).await {
        Login::There(how) => present.is(AvailabilityState::Usable, format!("Codex {version} (`{at}`), {how}")),
        Login::None => {
            let message =
                format!("Codex {version} is not logged in; run `codex login`, or set up a provider of its own");
            present.is(AvailabilityState::LoggedOut, message)
        }
        Login::Unknown(why) => {
            let message = format!("Codex {version}; whether it is logged in cannot be told: {why}");
            present.is(AvailabilityState::Unknown, message)
        }
    }
}

enum Login {
    There(&'static str),
    None,
    Unknown(String),
}

/// By what is there, without opening it; else by what Codex says of a login that is kept elsewhere.
async fn login(settings: &Settings, at: &Utf8Path) -> Login {
    let home = home::of(settings, &BTreeMap::new());
    let looked = blocking(move || {
        let Some(home) = home else { return Ok((false, false)) };
        let provider = home::user_config(&home).model_provider;
        Ok((provider.is_some_and(|provider| provider != "openai"), home::has_login_file(&home)))
    });
    match looked.await.unwrap_or_default() {
        (true, _) => return Login::There("with a provider of the user's"),
        (_, true) => return Login::There("logged in"),
        _ => {}
    }
    let status = command(at.as_str()).args(["login", "status"]).timeout(WITHIN);
    let status = UNSEEN.iter().fold(status, ao_plugin_sdk::Command::env_remove);
    let status = settings.env.iter().fold(status, |status, (name, value)| status.env(name, value));
    match status.output().await {
        Ok(said) if said.status.success() => Login::There("logged in"),
        Ok(said) if said.status.code().is_some() => Login::None,
        Ok(said) => Login::Unknown(said.failure().to_string()),
        Err(error) => Login::Unknown(error.to_string()),
    }
}

/// What the user should know of this machine's Codex.
pub(crate) async fn doctor(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![finding("codex", &detect(settings, None).await)];
    let temporary = settings.env.get("TMPDIR").cloned().or_else(|| host_variable("TMPDIR"));
    let temporary = Utf8PathBuf::from(temporary.unwrap_or_else(|| "/tmp".to_owned()));
    if let Some(home) = home::of(settings, &BTreeMap::new())
        && home.starts_with(&temporary)
    {
        let message = format!(
            "Codex's directory `{home}` is below the directory for temporary files, `{temporary}`: its sandbox refuses the \
             helpers that it keeps there, and every sandboxed command fails with `codex-linux-sandbox: No such file`"
        );
        let mut finding = Finding::new(FindingLevel::Warn, "CODEX_HOME", message);
        finding.remedy = Some("set `CODEX_HOME` or `TMPDIR` so that neither is within the other".to_owned());
        findings.push(finding);
    }
    findings
}
