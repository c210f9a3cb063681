//! One broken rule of a JSON Schema, told to somebody who writes YAML.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Rule};
use jsonschema::paths::LocationSegment;
use serde_json::Value;

use super::diagnostic::Diagnostic;
use super::expand::holds_reference;
use super::key_path::Segment;
use super::later;
use super::node::{Kind, Node};
use super::scalars::FORMATS;
use super::source::Place;
use super::suggest::closest;

/// How many unknown keys of one map are told.
const MOST_KEYS: usize = 200;

/// One broken rule, and the value that broke it.
pub(crate) struct Violation<'a> {
    error: &'a ValidationError<'a>,
    schema: &'a Value,
    node: &'a Node,
    /// What names the value: its key, or itself in a list.
    named_by: &'a Place,
}

impl<'a> Violation<'a> {
    pub(crate) fn new(root: &'a Node, schema: &'a Value, error: &'a ValidationError<'a>) -> Self {
        let segment = |segment| match segment {
            LocationSegment::Property(key) => Segment::Key(key.into_owned()),
            LocationSegment::Index(index) => Segment::Index(index),
        };
        let segments: Vec<_> = error.instance_path().segments().map(segment).collect();
        let (node, named_by) = root.nearest(&segments);
        Self { error, schema, node, named_by }
    }

    /// Whether the value may yet become right: a text with references in it, whatever is said against that text.
    pub(crate) fn awaits_expansion(&self) -> bool {
        self.node.text().is_some_and(holds_reference) && !matches!(self.error.kind(), Rule::Type { .. })
    }

    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        match self.error.kind() {
            Rule::AdditionalProperties { unexpected } | Rule::UnevaluatedProperties { unexpected } => {
                unexpected.iter().take(MOST_KEYS).map(|key| self.unknown_key(key)).collect()
            }
            Rule::PropertyNames { error } => vec![self.bad_key(error)],
            Rule::Required { property } => vec![self.missing_key(property.as_str().unwrap_or_default())],
            _ => vec![self.bad_value()],
        }
    }

    fn unknown_key(&self, key: &str) -> Diagnostic {
        let path = self.node.path.join(key);
        let place = self.node.entry(key).map_or(self.named_by, |entry| &entry.key);
        if later::is_later_key(&self.node.path, key) {
            return Diagnostic::error(place, path, format!("`{key}` is not supported yet")).help("remove it for now");
        }
        let known = parent(self.schema, self.error).and_then(|parent| parent.get("properties")?.as_object());
        let known: Vec<&str> = known.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        let problem = Diagnostic::error(place, path, format!("unknown key `{key}`"));
        match closest(key, known.iter().copied()) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None if known.is_empty() => problem.help("no keys are accepted here"),
            None => problem.help(format!("the keys here are {}", list(known.iter().copied()))),
        }
    }

    fn bad_key(&self, error: &ValidationError<'_>) -> Diagnostic {
        let key = error.instance().as_str().unwrap_or_default().to_owned();
        let place = self.node.entry(&key).map_or(self.named_by, |entry| &entry.key);
        let what = match error.kind() {
            Rule::Format { format } => format_problem(format, &key),
            _ => format!("is no key that may stand here: {}", error.masked()),
        };
        Diagnostic::error(place, self.node.path.join(key.as_str()), format!("the key `{key}` {what}"))
    }

    fn missing_key(&self, key: &str) -> Diagnostic {
        let message = format!("the key `{key}` is missing in {}", self.node.path.subject());
        let problem = Diagnostic::error(self.named_by, self.node.path.clone(), message);
        let described = || {
            let rule = parent(self.schema, self.error)?.get("properties")?.get(key)?;
            Some(rule.get("description")?.as_str()?.split("\n\n").next()?.replace('\n', " "))
        };
        match parent(self.schema, self.error).and_then(|parent| parent.pointer(&format!("/properties/{key}/const"))) {
            Some(only) => problem.help(format!("write `{key}: {only}`")),
            None => described().map_or(problem.clone(), |text| problem.help(format!("`{key}`: {text}"))),
        }
    }

    fn bad_value(&self) -> Diagnostic {
        let place = self.node.scalar_place().unwrap_or(self.named_by);
        let subject = self.node.path.subject();
        let (what, help) = self.bad_value_words();
        let problem = Diagnostic::error(place, self.node.path.clone(), format!("{subject} {what}"));
        match help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }

    /// What is wrong with a value, to follow its name, and what to do about it. Never the value itself: it may be secret.
    fn bad_value_words(&self) -> (String, Option<String>) {
        let text = self.node.text();
        if self.node.kind == Kind::Null {
            return ("has no value".to_owned(), Some("write a value, or remove the key".to_owned()));
        }
        if let (true, Some(words)) = (is_vague(self.error.kind()), error_message(self.schema, self.error)) {
            return ("is not written as it should be".to_owned(), Some(words.to_owned()));
        }
        match self.error.kind() {
            Rule::Type { kind } => {
                let wanted: Vec<_> = match kind {
                    TypeKind::Single(only) => vec![noun(only.as_str())],
                    TypeKind::Multiple(types) => types.iter().map(|one| noun(one.as_str())).collect(),
                };
                let scalar = matches!(self.node.kind, Kind::Bool(_) | Kind::Number(_));
                let help = (wanted.contains(&"text") && scalar).then(|| "put it in quotes".to_owned());
                (format!("must be {}, not {}", wanted.join(" or "), kind_noun(&self.node.kind)), help)
            }
            Rule::Enum { options } => {
                let options: Vec<_> = options.as_array().into_iter().flatten().map(scalar_text).collect();
                let names = || options.iter().map(String::as_str);
                (format!("must be one of {}", list(names())), suggestion(text, names()))
            }
            Rule::Constant { expected_value } => {
                let only = scalar_text(expected_value);
                let help = match text {
                    Some(text) if text == only => Some("write it without quotes".to_owned()),
                    _ => suggestion(text, [only.as_str()]),
                };
                (format!("must be `{only}`"), help)
            }
            Rule::Format { format } => (format_problem(format, text.unwrap_or_default()), None),
            Rule::MinItems { limit: 1 } | Rule::MinLength { limit: 1 } | Rule::MinProperties { limit: 1 } => {
                ("must not be empty".to_owned(), None)
            }
            Rule::FalseSchema => ("is not accepted here".to_owned(), None),
            _ => (format!("is refused: {}", self.error.masked_with("the value")), None),
        }
    }
}

/// Whether a broken rule says little about what is wrong. It is left out where another one says it better: a text that
/// breaks its format breaks the pattern beside it too.
pub(crate) fn is_vague(rule: &Rule) -> bool {
    matches!(
        rule,
        Rule::AnyOf { .. } | Rule::OneOfNotValid { .. } | Rule::OneOfMultipleValid { .. } | Rule::Pattern { .. }
    )
}

/// The words that a schema has for a violation of its rules, as editors read them too.
pub(crate) fn error_message<'s>(schema: &'s Value, error: &ValidationError<'_>) -> Option<&'s str> {
    parent(schema, error)?.get("errorMessage")?.as_str()
}

/// The part of the schema that holds the rule which was broken.
fn parent<'s>(schema: &'s Value, error: &ValidationError<'_>) -> Option<&'s Value> {
    let (above, _) = error.schema_path().as_str().rsplit_once('/')?;
    schema.pointer(above)
}

fn format_problem(format: &str, text: &str) -> String {
    let check = FORMATS.iter().find(|(name, _)| *name == format).map(|(_, check)| check);
    let problem = check.and_then(|check| check(text).err());
    problem.unwrap_or_else(|| format!("is not a valid `{format}`"))
}

fn suggestion<'a>(text: Option<&str>, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    Some(format!("did you mean `{}`?", closest(text?, known)?))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn scalar_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// JSON's type names in the words of somebody who writes YAML.
fn noun(json_type: &str) -> &'static str {
    match json_type {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a map of keys",
        _ => "empty",
    }
}

fn kind_noun(kind: &Kind) -> &'static str {
    match kind {
        Kind::Null => "nothing",
        Kind::Bool(_) => "`true` or `false`",
        Kind::Number(_) => "a number",
        Kind::String(_) => "text",
        Kind::Sequence(_) => "a list",
        Kind::Mapping(_) => "a map of keys",
    }
}
