//! Whether Codex is there and usable, and what stands in its way.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;

use crate::config::Settings;
use crate::environment::variable;
use crate::{home, program};

/// The oldest version whose options and records are known to be those that are used here.
const OLDEST: [u32; 2] = [0, 160];
/// How long the program may take to say something of itself.
const WITHIN: Duration = Duration::from_secs(4);
const INSTALL: &str = "install it with `npm install -g @openai/codex`, or name it as `binary`";

/// Whether the program is there, new enough and logged in.
pub(crate) async fn detect(settings: &Settings, cwd: Option<&Utf8Path>) -> Result<AgentAvailability> {
    let (at, version) = match version(settings, cwd).await {
        Ok(found) => found,
        Err(missing) => return Ok(missing),
    };
    let says = |state, message: String| {
        let mut found = AgentAvailability::new(state, message);
        found.version = Some(version.clone());
        Ok(found)
    };
    let numbers: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    if numbers.as_slice() < OLDEST.as_slice() {
        let oldest = OLDEST.map(|number| number.to_string()).join(".");
        let message = format!("Codex {version} is older than {oldest}; update it with `npm install -g @openai/codex`");
        return says(AvailabilityState::TooOld, message);
    }
    if let Some(why) = home::of(settings, &BTreeMap::new()).as_deref().and_then(home::closed) {
        return says(AvailabilityState::Unknown, format!("Codex {version}: {why}"));
    }
    match login(settings, &at).await {
        Login::There(how) => says(AvailabilityState::Usable, format!("Codex {version} (`{at}`), {how}")),
        Login::None => {
            let message =
                format!("Codex {version} is not logged in; run `codex login`, or set up a provider of its own");
            says(AvailabilityState::LoggedOut, message)
        }
    }
}

/// Where the program is, and its version; else what is wrong.
async fn version(
    settings: &Settings,
    cwd: Option<&Utf8Path>,
) -> std::result::Result<(Utf8PathBuf, String), AgentAvailability> {
    let path = settings.env.get("PATH").cloned().or_else(|| variable("PATH"));
    let binary = &settings.binary;
    let Some(at) = program::find(binary, path.as_deref(), cwd) else {
        let message = format!("there is no program `{binary}`; {INSTALL}");
        return Err(AgentAvailability::new(AvailabilityState::Missing, message));
    };
    let unknown = |message: String| AgentAvailability::new(AvailabilityState::Unknown, message);
    let ran = command(at.as_str()).args(["--version"]).timeout(WITHIN);
    let ran = with_env(ran, &settings.env).run().await;
    let said = ran.map_err(|error| unknown(format!("`{at} --version` says nothing: {error}")))?.text();
    let number = said.strip_prefix("codex-cli ").map(str::trim).filter(|number| !number.is_empty());
    let Some(number) = number else {
        let said: String = said.chars().take(80).collect();
        return Err(unknown(format!("`{at} --version` says `{}`, which is not Codex's way", said.escape_debug())));
    };
    Ok((at, number.to_owned()))
}

fn with_env(command: Command, env: &BTreeMap<String, String>) -> Command {
    env.iter().fold(command, |command, (name, value)| command.env(name, value))
}

enum Login {
    There(&'static str),
    None,
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
    match with_env(status, &settings.env).run().await {
        Ok(_) => Login::There("logged in"),
        Err(_) => Login::None,
    }
}

/// What the user should know of this machine's Codex.
pub(crate) async fn doctor(settings: &Settings) -> Result<Vec<Finding>> {
    let found = detect(settings, None).await?;
    let level = match found.state {
        AvailabilityState::Usable => FindingLevel::Ok,
        AvailabilityState::Missing | AvailabilityState::TooOld | AvailabilityState::LoggedOut => FindingLevel::Fail,
        _ => FindingLevel::Warn,
    };
    let mut findings = vec![Finding::new(level, "codex", found.message)];
    let temporary = settings.env.get("TMPDIR").cloned().or_else(|| variable("TMPDIR"));
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
    Ok(findings)
}
