//! Requests of a slot as JSON, from which the checks of every slot make bad ones.

use serde::Serialize;
use serde_json::Value;

/// A request that a plugin can read, of things that need not exist.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// Holds exactly the fields that are required.
    pub(super) payload: Value,
    /// Whether a plugin that takes it may change something.
    pub(super) touch: Touch,
    /// Fields that hold any JSON.
    pub(super) free: &'static [&'static str],
    /// Values that this version does not know.
    pub(super) unknown: Vec<Unknown>,
}

/// What a request does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    Reads,
    Changes,
}

/// A value of the future in a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unknown {
    pub(super) field: &'static str,
    pub(super) value: Value,
    pub(super) must: Must,
}

/// What a plugin does with a value that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Must {
    /// Refuses the call.
    Refuse,
    /// Answers as it likes, without a panic.
    Survive,
}

impl Request {
    pub(super) fn reads(method: &'static str, request: &impl Serialize) -> Self {
        Self::new(method, request, Touch::Reads)
    }

    pub(super) fn changes(method: &'static str, request: &impl Serialize) -> Self {
        Self::new(method, request, Touch::Changes)
    }

    fn new(method: &'static str, request: &impl Serialize, touch: Touch) -> Self {
        let payload = serde_json::to_value(request).expect("a request is JSON");
        Self { method, payload, touch, free: &[], unknown: Vec::new() }
    }

    /// With fields that hold any JSON.
    pub(super) fn free(mut self, fields: &'static [&'static str]) -> Self {
        self.free = fields;
        self
    }

    /// With a tagged enum, of which a future version has another variant.
    pub(super) fn tagged(self, field: &'static str, must: Must) -> Self {
        self.unknown(field, serde_json::json!({"kind": "of_the_future", "with": [1]}), must)
    }

    /// With a plain enum, of which a future version has another variant.
    pub(super) fn word(self, field: &'static str, must: Must) -> Self {
        self.unknown(field, Value::from("of_the_future"), must)
    }

    fn unknown(mut self, field: &'static str, value: Value, must: Must) -> Self {
        self.unknown.push(Unknown { field, value, must });
        self
    }

    /// The payload with another value in one field.
    pub(super) fn with(&self, field: &str, value: Value) -> Value {
        let mut payload = self.payload.clone();
        payload[field] = value;
        payload
    }

    /// The payload without one field.
    pub(super) fn without(&self, field: &str) -> Value {
        let mut payload = self.payload.clone();
        if let Some(fields) = payload.as_object_mut() {
            fields.remove(field);
        }
        payload
    }

    /// The names of the fields.
    pub(super) fn fields(&self) -> Vec<String> {
        self.payload.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    }
}

/// Texts that have broken programs: empty, very long, other scripts, control characters, paths, options, quotes.
pub(super) fn hostile_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "-",
        "--help",
        "-rf",
        "../../../etc/passwd",
        "/etc/passwd",
        "..",
        "a/../b",
        "%2e%2e%2f",
        "$(id)",
        "`id`; rm -rf .",
        "'\"\\",
        "a\nb\r\nc\td",
        "\0",
        "nul\0inside",
        "\u{1b}[31mred\u{1b}]0;title\u{7}",
        "ünïcode → 行 🦀 Ж",
        "\u{202e}right to left\u{200b}\u{feff}",
        "e\u{301}",
        "{\"json\": true}",
        "<b>&amp;</b>",
        "NaN",
        "-1",
        "99999999999999999999999999",
        "ao-conformance-no-such",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(70_000));
    texts.push("行🦀".repeat(5_000));
    texts
}
