//! One line of a transcript.

use std::fmt;

use ao_plugin_sdk::agent::lenient;
use ao_plugin_sdk::prelude::*;
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::usage::{Tokens, Used};

/// How much of a message's text is kept, in bytes: more than is ever delivered in one piece.
const TEXT: usize = 1024 * 1024;

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It was told something.
    Prompt {
        /// What.
        text: String,
    },
    /// It was told something while it worked, and will read it.
    Queued {
        /// What.
        text: String,
    },
    /// It answered, or a tool did.
    Worked,
    /// A human stopped it.
    Interrupted,
    /// It gave up, as its provider failed.
    Failed {
        /// What kind of failure, in Claude Code's words.
        error: String,
        /// What it says about it.
        text: String,
    },
    /// Its turn is over.
    Ended,
    /// What the conversation is about, in its own words.
    Title(String),
    /// What it was told last.
    LastPrompt(String),
    /// Nothing that matters here.
    Other,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) entry: Entry,
    pub(crate) at: Option<Timestamp>,
    pub(crate) used: Option<Used>,
}

/// Reads a line. One that is no record says nothing.
pub(crate) fn parse(line: &[u8]) -> Option<Record> {
    let line = Line::read(line)?;
    let at = line.timestamp.as_deref().and_then(|at| at.parse().ok());
    let used = line.used();
    Some(Record { entry: line.entry(), at, used })
}

/// What a line says that the agent was told, or will read: the words as they stand there, whatever they begin with.
pub(crate) fn told(line: &[u8]) -> Option<String> {
    let line = Line::read(line)?;
    if line.is_sidechain.0 || line.is_meta.0 || line.is_compact_summary.0 {
        return None;
    }
    let content = match line.kind.as_deref()? {
        "user" => line.message.map(|message| message.content)?,
        "queue-operation" if line.operation.as_deref() == Some("enqueue") => line.content,
        _ => return None,
    };
    Some(content.text).filter(|text| !text.is_empty() && !content.is_answer_of_tool)
}

/// A line as it is written. What has another type than it always had is passed over, and the rest is read all the same.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Line {
    #[serde(rename = "type", deserialize_with = "text")]
    kind: Option<String>,
    #[serde(deserialize_with = "text")]
    subtype: Option<String>,
    #[serde(deserialize_with = "text")]
    timestamp: Option<String>,
    #[serde(deserialize_with = "text")]
    operation: Option<String>,
    #[serde(deserialize_with = "text")]
    error: Option<String>,
    #[serde(deserialize_with = "text")]
    ai_title: Option<String>,
    #[serde(deserialize_with = "text")]
    last_prompt: Option<String>,
    is_sidechain: Flag,
    is_meta: Flag,
    is_compact_summary: Flag,
    is_api_error_message: Flag,
    #[serde(deserialize_with = "lenient::object")]
    message: Option<Message>,
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    #[serde(deserialize_with = "text")]
    id: Option<String>,
    #[serde(deserialize_with = "text")]
    model: Option<String>,
    content: Content,
    #[serde(deserialize_with = "lenient::object")]
    usage: Option<Usage>,
}

/// A message's usage. What a provider does not count is `null`.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "they are the provider's")]
struct Usage {
    #[serde(deserialize_with = "lenient::count")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient::count")]
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient::count")]
    cache_read_input_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient::count")]
    cache_creation_input_tokens: Option<u64>,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input_tokens.unwrap_or(0),
            output: usage.output_tokens.unwrap_or(0),
            cache_read: usage.cache_read_input_tokens.unwrap_or(0),
            cache_write: usage.cache_creation_input_tokens.unwrap_or(0),
        }
    }
}

/// The model that Claude Code names for what it wrote itself.
const NOBODY: &str = "<synthetic>";

/// How what Claude Code writes in a human's name begins.
const OWN_WORDS: [&str; 6] =
    ["<command-", "<local-command-", "<bash-", "<task-notification", "<system-reminder", "Caveat:"];

/// All that Claude Code writes in a human's name of an interruption.
const INTERRUPTED: [&str; 2] = ["[Request interrupted by user]", "[Request interrupted by user for tool use]"];

impl Line {
    fn read(line: &[u8]) -> Option<Self> {
        // Broken characters stand in texts; the rest of the line is as good as ever.
        serde_json::from_str(&String::from_utf8_lossy(line)).ok()
    }

    fn used(&self) -> Option<Used> {
        let told = self.message.as_ref()?;
        let (message, model) = (told.id.clone()?, told.model.clone()?);
        let is_answer = self.kind.as_deref() == Some("assistant") && model != NOBODY;
        let usage = told.usage.filter(|_| is_answer)?;
        Some(Used { message, model, tokens: usage.into() })
    }

    fn entry(self) -> Entry {
        let title = |text: Option<String>| text.map(|text| one_line(&text)).filter(|text| !text.is_empty());
        // What a sub-agent does is its caller's work, which its caller's lines tell.
        if self.is_sidechain.0 {
            return Entry::Other;
        }
        let message = self.message.unwrap_or_default();
        match self.kind.as_deref().unwrap_or_default() {
            "user" if self.is_meta.0 || self.is_compact_summary.0 => Entry::Other,
            "user" => message.content.said(),
            "assistant" if self.is_api_error_message.0 => {
                Entry::Failed { error: self.error.unwrap_or_default(), text: one_line(&message.content.text) }
            }
            "assistant" if message.model.as_deref() == Some(NOBODY) => Entry::Other,
            "assistant" => Entry::Worked,
            "system" if self.subtype.as_deref() == Some("turn_duration") => Entry::Ended,
            "queue-operation" if self.operation.as_deref() == Some("enqueue") => match self.content.text {
                text if text.is_empty() => Entry::Other,
                text => Entry::Queued { text },
            },
            "ai-title" => title(self.ai_title).map_or(Entry::Other, Entry::Title),
            "last-prompt" => title(self.last_prompt).map_or(Entry::Other, Entry::LastPrompt),
            _ => Entry::Other,
        }
    }
}

/// How much of a text is shown in a list, in characters.
const SHOWN: usize = 200;

/// A text in one line, cut to what fits into a list.
pub(crate) fn one_line(text: &str) -> String {
    ao_plugin_sdk::core::text::one_line(text, SHOWN)
}

/// What a message says: a text, or blocks of which some are text.
#[derive(Debug, Default)]
struct Content {
    text: String,
    is_answer_of_tool: bool,
}

impl Content {
    /// As a message in a human's name.
    fn said(self) -> Entry {
        if INTERRUPTED.contains(&self.text.as_str()) {
            return Entry::Interrupted;
        }
        if self.text.is_empty() || self.is_answer_of_tool {
            return Entry::Worked;
        }
        if OWN_WORDS.iter().any(|words| self.text.trim_start().starts_with(words)) {
            return Entry::Other;
        }
        Entry::Prompt { text: self.text }
    }

    fn add(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let end = text.floor_char_boundary(TEXT.saturating_sub(self.text.len()).min(text.len()));
        self.text.push_str(&text[..end]);
    }
}

/// Reads content without building what is of no use, however large: a tool's output, a picture.
impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Whole(Content::default()))
    }
}

struct Whole(Content);

/// What a visitor does with everything that it has no use for: what it has stands.
macro_rules! pass_over {
    ($Value:ty) => {
        type Value = $Value;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }

        fn visit_bool<E>(self, _: bool) -> std::result::Result<$Value, E> {
            Ok(self.0)
        }

        fn visit_i64<E>(self, _: i64) -> std::result::Result<$Value, E> {
            Ok(self.0)
        }

        fn visit_u64<E>(self, _: u64) -> std::result::Result<$Value, E> {
            Ok(self.0)
        }

        fn visit_f64<E>(self, _: f64) -> std::result::Result<$Value, E> {
            Ok(self.0)
        }

        fn visit_unit<E>(self) -> std::result::Result<$Value, E> {
            Ok(self.0)
        }
    };
}

impl<'de> Visitor<'de> for Whole {
    pass_over!(Content);

    fn visit_str<E>(mut self, text: &str) -> std::result::Result<Content, E> {
        self.0.add(text);
        Ok(self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut blocks: A) -> std::result::Result<Content, A::Error> {
        while let Some(block) = blocks.next_element::<Block>()? {
            match block.kind.as_deref() {
                Some("text") => self.0.add(block.text.as_deref().unwrap_or_default()),
                Some("tool_result") => self.0.is_answer_of_tool = true,
                _ => {}
            }
        }
        Ok(self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Content, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.0)
    }
}

/// One block of a message.
#[derive(Default)]
struct Block {
    kind: Option<String>,
    text: Option<String>,
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(OneBlock(Self::default()))
    }
}

struct OneBlock(Block);

impl<'de> Visitor<'de> for OneBlock {
    pass_over!(Block);

    fn visit_str<E>(self, _: &str) -> std::result::Result<Block, E> {
        Ok(self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> std::result::Result<Block, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.0)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<Block, A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "type" => self.0.kind = said(map.next_value::<Content>()?),
                "text" => self.0.text = said(map.next_value::<Content>()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(self.0)
    }
}

fn said(content: Content) -> Option<String> {
    Some(content.text).filter(|text| !text.is_empty())
}

/// A text, or nothing where there is something else.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<String>, D::Error> {
    Content::deserialize(deserializer).map(said)
}

/// Whether something is `true`.
#[derive(Clone, Copy, Debug, Default)]
struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(value == Value::Bool(true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: &Value) -> Entry {
        parse(line.to_string().as_bytes()).expect("a record").entry
    }

    fn user(content: &Value) -> Entry {
        entry(&json!({"type": "user", "message": {"role": "user", "content": content}}))
    }

    #[test]
    fn who_said_what() {
        let prompt = |text: &str| Entry::Prompt { text: text.to_owned() };
        assert_eq!(user(&json!("mend it")), prompt("mend it"));
        assert_eq!(user(&json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])), prompt("a\nb"));
        assert_eq!(user(&json!([{"type": "tool_result", "content": [{"type": "text", "text": "a"}]}])), Entry::Worked);
        assert_eq!(
            user(&json!([{"type": "text", "text": "[Request interrupted by user for tool use]"}])),
            Entry::Interrupted
        );
        assert_eq!(user(&json!("<command-name>/clear</command-name>")), Entry::Other);
        assert_eq!(entry(&json!({"type": "user", "isMeta": true, "message": {"content": "x"}})), Entry::Other);
        assert_eq!(entry(&json!({"type": "user", "isSidechain": true, "message": {"content": "x"}})), Entry::Other);
        let queued = json!({"type": "queue-operation", "operation": "enqueue", "content": "and then"});
        assert_eq!(entry(&queued), Entry::Queued { text: "and then".to_owned() });
    }

    #[test]
    fn what_changed_its_type_costs_no_more_than_itself() {
        let line = json!({"type": "assistant", "subtype": [1], "isMeta": "yes", "timestamp": 3, "content": {"a": [1e9, null]},
            "message": {"id": "m", "model": "opus", "content": 7, "usage": {"input_tokens": 2, "new": {}}}});
        let record = parse(line.to_string().as_bytes()).expect("a record");
        assert_eq!(record.entry, Entry::Worked);
        assert_eq!(record.used.expect("usage").tokens, Tokens { input: 2, ..Tokens::default() });
        let line = json!({"type": "assistant", "message": {"id": "m", "model": "opus",
            "usage": {"input_tokens": 3.0, "output_tokens": "many", "cache_read_input_tokens": 5}}});
        let used = parse(line.to_string().as_bytes()).expect("a record").used.expect("usage");
        assert_eq!(used.tokens, Tokens { input: 3, cache_read: 5, ..Tokens::default() });
        for message in [json!("x"), json!([1]), json!(null), json!({"usage": [1], "content": "x"})] {
            assert_eq!(entry(&json!({"type": "assistant", "message": message})), Entry::Worked, "{message}");
        }
        let queued = json!({"type": "queue-operation", "operation": "enqueue", "content": "x", "message": "y"});
        assert_eq!(told(queued.to_string().as_bytes()).as_deref(), Some("x"));
    }

    #[test]
    fn a_title_is_one_line() {
        let title = json!({"type": "ai-title", "aiTitle": " Mend\n the \t parser "});
        assert_eq!(entry(&title), Entry::Title("Mend the parser".to_owned()));
        let long = one_line(&"行".repeat(1000));
        assert_eq!(long.chars().count(), 200);
    }
}
