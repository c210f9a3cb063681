//! Front matter, read: its keys in their order, each with its value and the bytes that it stands in.

use std::fmt;
use std::ops::Range;

use ao_plugin_sdk::serde::Deserialize;
use ao_plugin_sdk::serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, Location, MessageFormatter as _, Options, Spanned, UserMessageFormatter};

use super::problem::Flaw;

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// The value.
    pub(super) value: Value,
    /// Where the key begins, in bytes of the front matter.
    pub(super) key_at: usize,
    /// Where the value begins.
    pub(super) value_at: usize,
}

/// A value, as far as an issue has any use for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    Null,
    /// A text; numbers and the like as they are written.
    Text(String),
    /// Texts.
    List(Vec<String>),
    /// Something else.
    Other,
}

/// Reads front matter: nothing, or keys with values.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, Flaw> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Vec::new());
    }
    let map: Map = serde_yaml::from_str_with_options(text, options()).map_err(|error| flaw(text, &error))?;
    let entry = |(key, value): (Spanned<String>, Spanned<Raw>)| Entry {
        key_at: bytes(text, key.defined).start,
        value_at: bytes(text, value.defined).start,
        key: key.value,
        value: value.value.known(|at| text[bytes(text, at)].trim().to_owned(), value.defined),
    };
    Ok(map.0.into_iter().map(entry).collect())
}

fn options() -> Options {
    const MAX_NODES: usize = 10_000;
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: 16,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_documents: 2,
            max_aliases: 100,
            max_anchors: 100,
            max_merge_keys: 100,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MAX_NODES },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn flaw(text: &str, error: &serde_yaml::Error) -> Flaw {
    let error = error.without_snippet();
    let why = format!("its front matter is not YAML that can be read: {}", UserMessageFormatter.format_message(error));
    let flaw =
        Flaw::new(why, "write `key: value` lines between the two `---`, and put texts with `:` or `#` into quotes");
    match error.location() {
        Some(at) => flaw.at(text, bytes(text, at).start),
        None => flaw,
    }
}

/// Where something stands; a reader that only counted lines and columns is believed as far as that goes.
fn bytes(text: &str, at: Location) -> Range<usize> {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let clamp = |mut byte: usize| {
        byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    };
    let span = at.span();
    if let Some(start) = span.byte_offset() {
        let start = number(start);
        let end = start.saturating_add(span.byte_len().map_or(0, number));
        return clamp(start)..clamp(end);
    }
    let line = number(at.line()).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &text[clamp(start)..];
    let column = rest.char_indices().nth(number(at.column()).saturating_sub(1)).map_or(rest.len(), |(byte, _)| byte);
    clamp(start + column)..clamp(start + column)
}

/// A value as the reader yields it.
enum Raw {
    Null,
    Text(String),
    /// A number or a truth value: its text is in the source.
    Literal,
    List(Vec<Spanned<Raw>>),
    Other,
}

impl Raw {
    fn known(self, source: impl Fn(Location) -> String + Copy, at: Location) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(text),
            Self::Literal => Value::Text(source(at)),
            Self::List(items) => {
                let texts = items.into_iter().map(|item| match item.value {
                    Self::Text(text) => Some(text),
                    Self::Literal => Some(source(item.defined)),
                    Self::Null | Self::List(_) | Self::Other => None,
                });
                texts.collect::<Option<Vec<_>>>().map_or(Value::Other, Value::List)
            }
            Self::Other => Value::Other,
        }
    }
}

struct Map(Vec<(Spanned<String>, Spanned<Raw>)>);

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor)
    }
}

struct MapVisitor;

impl<'de> Visitor<'de> for MapVisitor {
    type Value = Map;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys with values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Map, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Map(entries))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Raw::Other)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quote;
    use super::*;

    fn value(text: &str) -> Value {
        read(text).unwrap().remove(0).value
    }

    #[test]
    fn values_are_texts_as_they_are_written() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (yaml, expected) in [
            ("a: b", text("b")),
            ("a: 1.10", text("1.10")),
            ("a: 012", text("012")),
            ("a: true", text("true")),
            ("a: 2026-01-02", text("2026-01-02")),
            ("a:", Value::Null),
            ("a: ~", Value::Null),
            ("a: 'it''s'", text("it's")),
            ("a: |\n  one\n  two\n", text("one\ntwo\n")),
            ("a: [1, 'b', c]", Value::List(vec!["1".to_owned(), "b".to_owned(), "c".to_owned()])),
            ("a:\n- x\n- y\n", Value::List(vec!["x".to_owned(), "y".to_owned()])),
            ("a: []", Value::List(Vec::new())),
            ("a: {b: c}", Value::Other),
            ("a: [[b]]", Value::Other),
        ] {
            assert_eq!(value(yaml), expected, "{yaml}");
        }
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("# nothing\n\n").unwrap(), []);
    }

    #[test]
    fn keys_know_where_they_stand() {
        let text = "# first\ntitle: \u{fc} x\nmine: {a: [1,\n  2]}\nstate: open\n";
        let found: Vec<_> = read(text).unwrap().into_iter().map(|entry| (entry.key, entry.key_at)).collect();
        let at = |key: &str| (key.to_owned(), text.find(key).unwrap());
        assert_eq!(found, [at("title"), at("mine"), at("state")]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, line) in [("a: b\nc: [d\n", 2), ("a: b\na: c\n", 2), ("just words", 1), ("- a\n", 1), ("a: 'b\n", 1)]
        {
            let flaw = read(text).unwrap_err();
            let (at, _) = flaw.at.unwrap_or_else(|| panic!("{text:?}: {flaw:?}"));
            assert!(at >= line && !flaw.why.is_empty(), "{text:?}: {flaw:?}");
        }
        let nested = format!("a: {}", "[".repeat(5_000));
        assert!(read(&nested).is_err());
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
        assert!(read(bomb).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in "(?s).*") {
            prop_assert_eq!(value(&format!("title: {}", quote::scalar(&text))), Value::Text(text));
        }

        #[test]
        fn any_list_is_read_back(items in prop::collection::vec("(?s).*|[a-z ]*|[0-9.e]*", 0..5)) {
            prop_assert_eq!(value(&format!("labels: {}\nstate: open", quote::list(&items))), Value::List(items));
        }

        #[test]
        fn no_text_makes_it_panic(text in "(?s).*|[a-z:\\- \\[\\]{}&*'\"#|>\n]*") {
            let _ = read(&text);
        }
    }
}
