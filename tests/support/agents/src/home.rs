//! A home as a user of an agent has it, whose provider is a server on this machine.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::Agent;

/// What every home's provider takes for a key.
const KEY: &str = "sk-scripted";

impl Agent {
    /// Writes what its user would have set into a `home` that has nothing of it yet: a provider at `url` (`http://127.0.0.1:PORT`), a key,
    /// no updates; of dialogs, those of the first start are over, and those of a new directory are not.
    ///
    /// Returns the environment for it, but for `PATH`. Whoever starts it as root adds what it asks of root.
    pub fn settle(self, home: &Path, url: &str) -> io::Result<BTreeMap<String, String>> {
        // Codex refuses to put its helpers below the directory for temporary files, which so has to lie inside.
        let temporary = home.join("tmp");
        fs::create_dir_all(&temporary)?;
        let git = "[user]\n\tname = Test\n\temail = test@example.invalid\n";
        if !home.join(".gitconfig").exists() {
            write(&home.join(".gitconfig"), git)?;
        }
        let mut environment = BTreeMap::from([
            ("HOME", home.display().to_string()),
            ("TMPDIR", temporary.display().to_string()),
            ("LANG", "C.UTF-8".to_owned()),
        ]);
        match self {
            Self::Claude | Self::ClaudeAcp => {
                let own = json!({ "hasCompletedOnboarding": true, "theme": "dark", "autoUpdates": false,
                                  "customApiKeyResponses": { "approved": [KEY], "rejected": [] } });
                write(&home.join(".claude.json"), &own.to_string())?;
                environment.insert("ANTHROPIC_BASE_URL", url.to_owned());
                environment.insert("ANTHROPIC_API_KEY", KEY.to_owned());
                environment.insert("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned());
            }
            Self::Codex => {
                write(&home.join(".codex/config.toml"), &codex(url))?;
                environment.insert("SCRIPTED_KEY", KEY.to_owned());
            }
            Self::OpenCode => {
                write(&home.join(".config/opencode/opencode.json"), &opencode(url).to_string())?;
                for name in
                    ["OPENCODE_DISABLE_MODELS_FETCH", "OPENCODE_DISABLE_AUTOUPDATE", "OPENCODE_DISABLE_LSP_DOWNLOAD"]
                {
                    environment.insert(name, "1".to_owned());
                }
            }
        }
        Ok(environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

fn codex(url: &str) -> String {
    format!(
        r#"model = "gpt-5.5"
model_provider = "scripted"
check_for_update_on_startup = false

[model_providers.scripted]
name = "Scripted"
base_url = "{url}/v1"
env_key = "SCRIPTED_KEY"
wire_api = "responses"
requires_openai_auth = false
supports_websockets = false

[notice.model_migrations]
"gpt-5.5" = "gpt-6-sol"
"#
    )
}

/// Its model costs what the table says, in US dollars a million tokens.
fn opencode(url: &str) -> Value {
    let model = json!({ "name": "Scripted", "limit": { "context": 200_000, "output": 8_000 },
                        "cost": { "input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75 } });
    let options = json!({ "baseURL": format!("{url}/v1"), "apiKey": KEY });
    let provider = json!({ "npm": "@ai-sdk/openai-compatible", "name": "Scripted", "options": options,
                           "models": { "scripted-model": model } });
    json!({ "autoupdate": false, "share": "disabled", "provider": { "scripted": provider },
            "model": "scripted/scripted-model", "small_model": "scripted/scripted-model" })
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create_new(true).write(true).open(path)?.write_all(text.as_bytes())
}
