//! OpenCode's configuration with one model, which answers by a script and has a price.

use ao_scripted_llm::Llm;
use serde_json::{Value, json};

/// Dollars for a million tokens, of input and of output.
const PRICES: (u64, u64) = (3, 15);

/// The variables with which OpenCode knows one model, at this address, and fetches nothing. `more` is added to its
/// configuration.
pub(super) fn variables(url: &str, more: &Value) -> Value {
    let (input, output) = PRICES;
    let model = json!({
        "name": "Test", "tool_call": true, "limit": {"context": 200_000, "output": 8000},
        "cost": {"input": input, "output": output},
    });
    let provider = json!({
        "npm": "@ai-sdk/openai-compatible", "name": "Test",
        "options": {"baseURL": format!("{url}/v1"), "apiKey": "k"}, "models": {"model": model},
    });
    let mut config = json!({
        "autoupdate": false, "share": "disabled", "enabled_providers": ["test"], "provider": {"test": provider},
        "model": "test/model", "small_model": "test/model",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
    json!({
        "OPENCODE_CONFIG_CONTENT": config.to_string(), "OPENCODE_PURE": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    })
}

/// What was served, in millionths of a dollar. What is served from a cache costs nothing here.
pub(super) fn price(llm: &Llm) -> u64 {
    llm.served().values().map(|tokens| tokens.input * PRICES.0 + tokens.output * PRICES.1).sum()
}
