//! The spanned tree: JSON values of which every key and value knows where it was written.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::key_path::{KeyPath, Segment};
use super::source::Place;

/// One value of a configuration, with the place that it was written at.
///
/// Merging moves nodes between trees; each keeps the file that declared it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value stands. For a mapping or a sequence, where it begins.
    pub place: Place,
    /// The key path that the value was written under, whatever tree it has been merged into since.
    pub path: KeyPath,
    /// The value itself.
    pub kind: Kind,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer or a finite float.
    Number(Number),
    /// Text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with their values.
    Mapping(Mapping),
}

/// The entries of a mapping by key.
pub type Mapping = BTreeMap<String, Entry>;

/// A key's place and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key: Place,
    /// The value under it.
    pub node: Node,
}

impl Node {
    /// The value without its places.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone()),
            Kind::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Kind::Mapping(entries) => {
                Value::Object(entries.iter().map(|(key, entry)| (key.clone(), entry.node.to_json())).collect())
            }
        }
    }

    /// The value under `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of `key`, if this is a mapping that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.mapping()?.get(key)
    }

    /// The entries, if this is a mapping.
    #[must_use]
    pub fn mapping(&self) -> Option<&Mapping> {
        match &self.kind {
            Kind::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The last node on the way down `segments` that exists, and the place that names it: its key, or itself.
    pub(crate) fn nearest(&self, segments: &[Segment]) -> (&Node, &Place) {
        let mut found = (self, self.first_place());
        for segment in segments {
            let child = match (segment, &found.0.kind) {
                (Segment::Key(key), Kind::Mapping(entries)) => entries.get(key).map(|entry| (&entry.node, &entry.key)),
                (Segment::Index(index), Kind::Sequence(items)) => items.get(*index).map(|item| (item, &item.place)),
                _ => None,
            };
            let Some(child) = child else { break };
            found = child;
        }
        found
    }

    /// The place of a scalar that is visible in the text.
    pub(crate) fn scalar_place(&self) -> Option<&Place> {
        let scalar = !matches!(self.kind, Kind::Mapping(_) | Kind::Sequence(_));
        (scalar && !self.place.span().is_empty()).then_some(&self.place)
    }

    /// The first key of a mapping, else the value itself.
    fn first_place(&self) -> &Place {
        let keys = self.mapping().into_iter().flatten().map(|(_, entry)| &entry.key);
        keys.min_by_key(|place| place.span().start).unwrap_or(&self.place)
    }
}
