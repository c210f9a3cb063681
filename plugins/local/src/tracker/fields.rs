//! What front matter says of an issue, read leniently: what is not there has a default, what is not known is left alone.

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use super::name;
use super::problem::Flaw;
use super::yaml::{Entry, Value};

/// The most of a title, in characters.
pub(super) const MOST_TITLE: usize = 500;

/// The most of a label or a name, in characters.
const MOST_WORD: usize = 200;

/// The keys that have a meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) title: Option<String>,
    pub(super) closed: bool,
    pub(super) labels: Vec<String>,
    pub(super) assignees: Vec<String>,
    pub(super) blocked_by: Vec<String>,
    pub(super) created: Option<Timestamp>,
    pub(super) updated: Option<Timestamp>,
    /// Marks of the effects that made the file what it is.
    pub(super) effects: Vec<String>,
}

impl Fields {
    /// Reads them. `text` is what the entries stand in.
    pub(super) fn read(text: &str, entries: &[Entry]) -> Result<Self, Flaw> {
        let mut fields = Self::default();
        for entry in entries {
            let refuse = |wanted: &str| {
                let why = format!("the value of `{}` is no {wanted}", entry.key);
                Flaw::new(why, format!("write {}", example(&entry.key))).at(text, entry.value_at)
            };
            let word = || word_of(&entry.value).ok_or_else(|| refuse("text"));
            let words = || words_of(&entry.value).ok_or_else(|| refuse("list of texts"));
            match entry.key.as_str() {
                "title" => fields.title = Some(one_line(&word()?, MOST_TITLE)).filter(|title| !title.is_empty()),
                "state" => {
                    fields.closed = match word()?.to_ascii_lowercase().as_str() {
                        "" | "open" => false,
                        "closed" => true,
                        _ => return Err(refuse("state that is known")),
                    }
                }
                "labels" => fields.labels = words()?,
                "assignees" => fields.assignees = words()?,
                "blockedBy" => {
                    let number = |id: &String| name::number_of(id).map(|number| number.to_string());
                    let numbers = words()?.iter().map(number).collect::<Option<Vec<_>>>();
                    fields.blocked_by = numbers.ok_or_else(|| refuse("list of issues"))?;
                }
                // A time that cannot be read is not worth an issue.
                "created" => fields.created = word()?.trim().parse().ok(),
                "updated" => fields.updated = word()?.trim().parse().ok(),
                "effects" => fields.effects = words()?,
                _ => {}
            }
        }
        Ok(fields)
    }
}

fn example(key: &str) -> &'static str {
    match key {
        "state" => "`state: open` or `state: closed`",
        "labels" | "assignees" => "a list, such as `[bug, parser]`",
        "blockedBy" => "a list of numbers, such as `[3, 7]`",
        "effects" => "nothing there: remove the line",
        _ => "one text, in quotes if it holds `:` or `#`",
    }
}

fn word_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Text(text) => Some(text.clone()),
        Value::List(_) | Value::Other => None,
    }
}

fn words_of(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Text(text) => Some(tidy(std::slice::from_ref(text))),
        Value::List(items) => Some(tidy(items)),
        Value::Other => None,
    }
}

/// Words as they are compared and shown: each on one line, none empty, none twice.
pub(super) fn tidy(words: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    for word in words.iter().map(|word| one_line(word, MOST_WORD)) {
        if !word.is_empty() && !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept
}
