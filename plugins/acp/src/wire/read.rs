//! What stands in frames, as far as it is used. Whatever is missing or of another type is as if it were not said.

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use super::MOST_ID;
use super::frame::Problem;
use crate::journal::{Choice, Used};

/// The longest text that is kept of a title or a question, in characters.
const MOST_TEXT: usize = 400;
/// How many files of a tool call are looked at, and the longest path of one, in bytes.
const MOST_PATHS: usize = 64;
const MOST_PATH: usize = 4096;
/// How many answers to a question are kept.
const MOST_CHOICES: usize = 16;

/// Who the agent says it is, and what it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) protocol: u64,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) loads: bool,
    pub(crate) resumes: bool,
}

/// Reads the answer to `initialize`.
pub(crate) fn who(result: &Value) -> Who {
    let text = |pointer| result.pointer(pointer).and_then(Value::as_str).map(|text| one_line(text, MOST_TEXT));
    let can = |pointer| result.pointer(pointer).is_some_and(|can| !can.is_null() && *can != json!(false));
    Who {
        protocol: result.get("protocolVersion").and_then(Value::as_u64).unwrap_or(1),
        name: text("/agentInfo/title").or_else(|| text("/agentInfo/name")),
        version: text("/agentInfo/version"),
        loads: can("/agentCapabilities/loadSession"),
        resumes: can("/agentCapabilities/sessionCapabilities/resume"),
    }
}

/// What the agent says about logging in.
pub(crate) fn auth_hint(result: &Value) -> Option<String> {
    let methods = result.get("authMethods").and_then(Value::as_array)?;
    let text = |method: &Value| {
        let text = method.get("description").or_else(|| method.get("name")).and_then(Value::as_str)?;
        Some(one_line(text, MOST_TEXT))
    };
    let hints: Vec<String> = methods.iter().take(4).filter_map(text).collect();
    (!hints.is_empty()).then(|| hints.join("; or: "))
}

/// How something that a session lets choose is set: by a method of its own, or as one of its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// By `session/set_mode` or `session/set_model`.
    Own,
    /// By `session/set_config_option`, under this id.
    Option(String),
}

/// What a session offers under `modes`/`models` or as options of a category (`mode`, `model`): how it is set, and what it is.
pub(crate) fn offers(result: &Value, category: &str) -> (Option<Offer>, Option<String>) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(|text| one_line(text, MOST_TEXT));
    let (list, current) = match category {
        "mode" => ("/modes/availableModes", "/modes/currentModeId"),
        _ => ("/models/availableModels", "/models/currentModelId"),
    };
    if result.pointer(list).and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        return (Some(Offer::Own), text(result.pointer(current)));
    }
    let options = result.get("configOptions").and_then(Value::as_array);
    let is_it = |option: &&Value| option.get("category").or_else(|| option.get("id")) == Some(&json!(category));
    let Some(option) = options.and_then(|options| options.iter().find(is_it)) else { return (None, None) };
    let offer = option.get("id").and_then(Value::as_str).map(|id| Offer::Option(id.to_owned()));
    (offer, text(option.get("currentValue")))
}

/// The mode of a session in which its agent only looks and plans, where it offers one under a name that is known.
pub(crate) fn restraining_mode(result: &Value) -> Option<String> {
    let own = result.pointer("/modes/availableModes").and_then(Value::as_array).into_iter().flatten();
    let options = result.get("configOptions").and_then(Value::as_array).into_iter().flatten();
    let options = options.filter(|option| option.get("category").or_else(|| option.get("id")) == Some(&json!("mode")));
    let values = options.filter_map(|option| option.get("options").and_then(Value::as_array)).flatten();
    let ids = own.filter_map(|mode| mode.get("id")).chain(values.filter_map(|value| value.get("value")));
    let is_known = |id: &&str| matches!(*id, "plan" | "read-only") || id.ends_with("/session-modes#plan");
    ids.filter_map(Value::as_str).find(is_known).map(str::to_owned)
}

/// A tool call, or what is new of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) id: String,
    pub(crate) title: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) status: Option<String>,
    /// The files that it is about; none where it does not say.
    pub(crate) paths: Option<Vec<String>>,
}

impl Tool {
    /// Whether it is over, by its own word.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.status.as_deref(), Some("completed" | "failed"))
    }
}

/// Reads a tool call, wherever it stands.
pub(crate) fn tool_of(value: &Value) -> Tool {
    let text = |field| value.get(field).and_then(Value::as_str).map(|text| one_line(text, MOST_TEXT));
    let locations = value.get("locations").and_then(Value::as_array).filter(|list| !list.is_empty());
    Tool {
        id: value.get("toolCallId").and_then(Value::as_str).unwrap_or_default().chars().take(MOST_ID).collect(),
        title: text("title").filter(|title| !title.is_empty()),
        kind: text("kind"),
        status: text("status"),
        paths: locations.map(|list| paths(list)),
    }
}

/// The files of a tool call. What is too much to look at counts as the root of all files, which is in no worktree.
fn paths(locations: &[Value]) -> Vec<String> {
    if locations.len() > MOST_PATHS {
        return vec!["/".to_owned()];
    }
    let paths = locations.iter().filter_map(|location| location.get("path").and_then(Value::as_str));
    paths.map(|path| if path.len() > MOST_PATH { "/".to_owned() } else { path.to_owned() }).collect()
}

/// What an update of a session tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    /// A piece of what the agent says, with what one request of it has used.
    Said { text: String, used: Option<Used> },
    /// A tool call, new or gone on: some agents never announce one.
    Tool(Tool),
    /// The steps that it has in mind.
    Plan(Vec<String>),
    /// What the conversation has cost, in millionths of a US dollar.
    Cost(u64),
    /// What it is about.
    Title(String),
    /// Its options changed; the model that is chosen now.
    Model(Option<String>),
    /// Something else.
    Other,
}

/// Reads the `update` of a `session/update`.
pub(crate) fn update(update: &Value) -> Update {
    let text = |pointer| update.pointer(pointer).and_then(Value::as_str);
    match text("/sessionUpdate").unwrap_or_default() {
        "agent_message_chunk" => {
            let used = update.pointer("/_meta/usage").map(used).filter(|used| !used.is_nothing());
            Update::Said { text: text("/content/text").unwrap_or_default().to_owned(), used }
        }
        "tool_call" | "tool_call_update" => Update::Tool(tool_of(update)),
        "plan" => {
            let entries = update.get("entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let entry =
                |entry: &Value| entry.get("content").and_then(Value::as_str).map(|text| one_line(text, MOST_TEXT));
            Update::Plan(entries.iter().take(64).filter_map(entry).collect())
        }
        "usage_update" if text("/cost/currency").is_none_or(|currency| currency == "USD") => {
            update.pointer("/cost/amount").and_then(micros).map_or(Update::Other, Update::Cost)
        }
        "session_info_update" => {
            text("/title").map_or(Update::Other, |title| Update::Title(one_line(title, MOST_TEXT)))
        }
        "config_option_update" => Update::Model(offers(update, "model").1),
        _ => Update::Other,
    }
}

/// Dollars as millionths of one.
fn micros(amount: &Value) -> Option<u64> {
    let micros = (amount.as_f64()? * 1e6).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds just looked at")]
    (0.0..1e15).contains(&micros).then_some(micros as u64)
}

/// What a turn has used, from the answer to its prompt: in all, or a model each.
pub(crate) fn used_of(result: &Value) -> Vec<Used> {
    if let Some(usage) = result.get("usage").filter(|usage| !usage.is_null()) {
        return vec![used(usage)];
    }
    let models = result.pointer("/_meta/quota/model_usage").and_then(Value::as_array);
    let model = |entry: &Value| {
        let count = |field| entry.pointer(&format!("/token_count/{field}")).and_then(Value::as_u64).unwrap_or_default();
        let model = one_line(entry.get("model")?.as_str()?, MOST_TEXT);
        Some(Used { model, input: count("input_tokens"), output: count("output_tokens"), ..Used::default() })
    };
    models.map(|models| models.iter().take(16).filter_map(model).collect()).unwrap_or_default()
}

/// Counts of tokens. What is read from a cache is told apart from the input; where all is one sum, as some have it, the
/// total gives it away.
fn used(usage: &Value) -> Used {
    let count = |field: &str| usage.get(field).and_then(Value::as_u64).unwrap_or_default();
    let (mut input, cache_read, cache_write) =
        (count("inputTokens"), count("cachedReadTokens"), count("cachedWriteTokens"));
    let (output, total) = (count("outputTokens"), count("totalTokens"));
    let cached = cache_read.saturating_add(cache_write);
    if cached > 0 && cached <= input && total == input.saturating_add(output) {
        input -= cached;
    }
    Used { model: String::new(), input, output, cache_read, cache_write }
}

/// The answers that a permission request offers.
pub(crate) fn choices(params: &Value) -> Vec<Choice> {
    let options = params.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let choice = |option: &Value| {
        let id =
            option.get("optionId").or_else(|| option.get("id"))?.as_str().filter(|id| id.len() <= MOST_ID)?.to_owned();
        let kind = one_line(option.get("kind").and_then(Value::as_str).unwrap_or_default(), 40);
        let label = option.get("name").and_then(Value::as_str).unwrap_or(&id);
        Some(Choice { label: one_line(label, 120), kind, id })
    };
    options.iter().take(MOST_CHOICES).filter_map(choice).collect()
}

/// An error in words.
pub(crate) fn error_text(problem: &Problem) -> String {
    let details =
        ["/details", "/message", "/error"].map(|pointer| problem.data.pointer(pointer).and_then(Value::as_str));
    let more = problem.data.as_str().or_else(|| details.into_iter().flatten().next());
    match more.filter(|more| !problem.message.contains(more)) {
        Some(more) => one_line(&format!("{}: {more}", problem.message), MOST_TEXT),
        None => one_line(&problem.message, MOST_TEXT),
    }
}

/// Whether an error is a provider's that lets the agent wait. No code says so: agents hand the provider's words on.
pub(crate) fn is_limit(text: &str) -> bool {
    let text = text.to_lowercase();
    ["rate limit", "rate_limit", "ratelimit", "too many requests", "429", "overloaded", "quota", "usage limit"]
        .iter()
        .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_once() {
        // OpenCode tells the cache apart from the input, Qwen Code does not.
        let apart =
            used(&json!({"inputTokens": 800, "outputTokens": 50, "totalTokens": 1050, "cachedReadTokens": 200}));
        let within =
            used(&json!({"inputTokens": 1000, "outputTokens": 50, "totalTokens": 1050, "cachedReadTokens": 200}));
        assert_eq!(apart, within);
        assert_eq!((apart.input, apart.cache_read, apart.output), (800, 200, 50));
        assert_eq!(used_of(&json!({"usage": {"inputTokens": -1, "outputTokens": "x"}})), [Used::default()]);
        let quota =
            json!({"_meta": {"quota": {"model_usage": [{"model": "a", "token_count": {"input_tokens": 3}}, 7]}}});
        assert_eq!(used_of(&quota), [Used { model: "a".into(), input: 3, ..Used::default() }]);
    }

    #[test]
    fn what_is_too_much_to_look_at_is_no_worktrees() {
        let located = |path: &str, count| {
            let locations = vec![json!({"path": path}); count];
            tool_of(&json!({"toolCallId": "t", "locations": locations})).paths
        };
        assert_eq!(located("/w/a", 2), Some(vec!["/w/a".to_owned(); 2]));
        assert_eq!(located("/w/a", MOST_PATHS + 1), Some(vec!["/".to_owned()]));
        assert_eq!(located(&"a".repeat(MOST_PATH + 1), 1), Some(vec!["/".to_owned()]));
        assert_eq!(located("/w/a", 0), None);
    }

    #[test]
    fn dollars_are_rounded() {
        for (amount, wanted) in [
            (json!(0.0063), Some(6300)),
            (json!(0.009_449_9), Some(9450)),
            (json!(-1), None),
            (json!("1"), None),
            (json!(1e300), None),
        ] {
            assert_eq!(micros(&amount), wanted, "{amount}");
        }
    }

    #[test]
    fn what_is_offered_is_found_under_either_name() {
        let own = json!({"modes": {"currentModeId": "a", "availableModes": [{"id": "a"}]}, "configOptions": [{"id": "mode"}]});
        assert_eq!(offers(&own, "mode"), (Some(Offer::Own), Some("a".to_owned())));
        let option = json!({"configOptions": [{"id": "m", "category": "model", "currentValue": "x/y", "options": []}]});
        assert_eq!(offers(&option, "model"), (Some(Offer::Option("m".to_owned())), Some("x/y".to_owned())));
        assert_eq!(offers(&option, "mode"), (None, None));
        assert_eq!(offers(&json!({"modes": null, "configOptions": {}}), "mode"), (None, None));
    }
}
