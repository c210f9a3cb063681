//! One line of a record, as far as it matters here. What is not known is skipped, and nothing in a line is a reason to fail.

use ao_plugin_sdk::prelude::*;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub at: Option<Timestamp>,
    /// What it tells.
    pub record: Record,
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Which conversation this is.
    Meta {
        /// Its id.
        thread: String,
        /// Where it was begun.
        cwd: Utf8PathBuf,
        /// Whether a user began it, rather than another conversation.
        by_user: bool,
    },
    /// A turn is for this model.
    Model(String),
    /// A turn began.
    Started,
    /// A turn ended.
    Ended(Option<Failure>),
    /// A turn was ended by its user.
    Aborted,
    /// What the conversation has used in all.
    Used(Tokens),
    /// What the provider says of its limits: when the last one that is used up ends.
    Limits(Option<Timestamp>),
    /// Both.
    UsedWithLimits(Tokens, Option<Timestamp>),
    /// A message of the user's.
    Message(String),
    /// The conversation has a name.
    Name(String),
    /// Anything else.
    Other,
}

/// Why a turn ended early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In Codex's words.
    pub text: String,
    /// Whether the provider lets it wait.
    pub limited: bool,
}

/// Tokens, as Codex counts them: cached ones are part of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// All that was read.
    pub input_tokens: u64,
    /// Of it, from a cache.
    pub cached_input_tokens: u64,
    /// Of it, written to a cache.
    pub cache_write_input_tokens: u64,
    /// Written, with what was thought.
    pub output_tokens: u64,
}

#[derive(Deserialize)]
struct Head {
    timestamp: Option<String>,
    r#type: String,
    payload: Kind,
}

#[derive(Deserialize)]
struct Kind {
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct Whole<T> {
    payload: T,
}

/// Reads a line; none where it is no record at all.
#[must_use]
pub fn parse(line: &[u8]) -> Option<Line> {
    let head = serde_json::from_slice::<Head>(line).ok()?;
    let at = head.timestamp.and_then(|at| at.parse().ok());
    let kind = head.payload.r#type.unwrap_or_default();
    let record = match (head.r#type.as_str(), kind.as_str()) {
        ("session_meta", _) => meta(line),
        ("turn_context", _) => payload::<Context>(line).map(|context| Record::Model(context.model)),
        ("event_msg", "task_started" | "turn_started") => Some(Record::Started),
        ("event_msg", "task_complete" | "turn_complete") => {
            let end = payload::<End>(line).unwrap_or_default();
            Some(Record::Ended(end.error.map(Error::failure)))
        }
        ("event_msg", "turn_aborted") => Some(Record::Aborted),
        ("event_msg", "token_count") => payload::<Count>(line).map(|count| count.record(at)),
        ("token_usage_record", _) => payload::<Usage>(line).map(|usage| Record::Used(usage.thread_token_usage)),
        ("event_msg", "thread_name_updated") => payload::<Name>(line).map(|name| Record::Name(name.thread_name)),
        ("event_msg", "user_message") => payload::<Message>(line).map(|said| Record::Message(said.message)),
        ("event_msg", "item_completed") => message_item(line),
        _ => None,
    };
    Some(Line { at, record: record.unwrap_or(Record::Other) })
}

fn payload<T: serde::de::DeserializeOwned>(line: &[u8]) -> Option<T> {
    serde_json::from_slice::<Whole<T>>(line).ok().map(|whole| whole.payload)
}

#[derive(Deserialize)]
struct Meta {
    id: String,
    cwd: Utf8PathBuf,
    thread_source: Option<Value>,
    source: Option<Value>,
}

fn meta(line: &[u8]) -> Option<Record> {
    let meta = payload::<Meta>(line)?;
    // Of a subordinate conversation, the source is an object that names its parent.
    let by_user =
        meta.thread_source.is_none_or(|source| source == "user") && !meta.source.is_some_and(|s| s.is_object());
    Some(Record::Meta { thread: meta.id, cwd: meta.cwd, by_user })
}

#[derive(Deserialize)]
struct Context {
    model: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct End {
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    message: String,
    codex_error_info: Option<Value>,
}

/// The HTTP statuses of a provider that is asked too often, or has too much to do.
const LIMITED: [u64; 3] = [429, 503, 529];

impl Error {
    fn failure(self) -> Failure {
        let info = self.codex_error_info.unwrap_or_default();
        let status = info.as_object().and_then(|info| info.values().next()).and_then(|why| why.get("http_status_code"));
        let waits = |status: &Value| status.as_u64().is_some_and(|status| LIMITED.contains(&status));
        let limited = info == "usage_limit_exceeded" || status.is_some_and(waits);
        Failure { text: self.message, limited }
    }
}

#[derive(Deserialize)]
struct Count {
    info: Option<Info>,
    #[serde(default)]
    rate_limits: Option<Limits>,
}

#[derive(Deserialize)]
struct Info {
    total_token_usage: Tokens,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Limits {
    primary: Option<Window>,
    secondary: Option<Window>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Window {
    used_percent: f64,
    /// In seconds since 1970.
    resets_at: Option<i64>,
    /// In seconds from when the line was written.
    resets_in_seconds: Option<i64>,
}

impl Window {
    fn until(&self, at: Option<Timestamp>) -> Option<Timestamp> {
        if self.used_percent < 100.0 {
            return None;
        }
        let from_now = || Some(at?.as_millis().saturating_add(self.resets_in_seconds?.saturating_mul(1000)));
        let millis = self.resets_at.map(|seconds| seconds.saturating_mul(1000)).or_else(from_now)?;
        Some(Timestamp::from_millis(millis))
    }
}

impl Count {
    fn record(self, at: Option<Timestamp>) -> Record {
        let limits = self.rate_limits.map(|limits| {
            let windows = [limits.primary, limits.secondary];
            windows.into_iter().flatten().filter_map(|window| window.until(at)).max()
        });
        match (self.info, limits) {
            (Some(info), Some(until)) => Record::UsedWithLimits(info.total_token_usage, until),
            (Some(info), None) => Record::Used(info.total_token_usage),
            (None, Some(until)) => Record::Limits(until),
            (None, None) => Record::Other,
        }
    }
}

#[derive(Deserialize)]
struct Usage {
    thread_token_usage: Tokens,
}

#[derive(Deserialize)]
struct Name {
    thread_name: String,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

#[derive(Deserialize)]
struct Completed {
    item: Item,
}

#[derive(Deserialize)]
struct Item {
    r#type: String,
    #[serde(default)]
    content: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

fn message_item(line: &[u8]) -> Option<Record> {
    let item = payload::<Completed>(line)?.item;
    let text = || item.content.iter().filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n");
    (item.r#type == "UserMessage").then(|| Record::Message(text()))
}
