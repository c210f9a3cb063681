//! YAML text in, one spanned tree out, within limits that hostile text cannot exceed.

use std::sync::Arc;

use camino::Utf8Path;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_yaml::budget::BudgetBreach;
use serde_yaml::{
    DuplicateKeyPolicy, Error as YamlError, MessageFormatter as _, Options, Spanned, UserMessageFormatter,
};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::key_path::KeyPath;
use super::node::{Entry, Kind, Mapping, Node};
use super::source::{Place, Source};

/// The longest configuration file that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The deepest nesting of lists and mappings.
const MAX_DEPTH: usize = 32;

/// The most values that one file may hold, aliases counted as often as they are used.
const MAX_NODES: usize = 50_000;

/// Reads one YAML document.
///
/// # Errors
///
/// One diagnostic: what is not well-formed cannot be looked at any further.
pub(crate) fn parse(file: &Utf8Path, bytes: &[u8]) -> Result<Node, Diagnostics> {
    let text = text_of(file, bytes)?;
    let source = Source::new(file, text);
    let refuse = |message, help| {
        let start = Place::new(&source, 0..0);
        Err(Diagnostic::error(&start, KeyPath::default(), message).help(help).into())
    };
    if text.trim().is_empty() {
        return refuse("the file is empty", "write at least `version: 1` and a project, or let `ao init` do it");
    }
    let raw: Spanned<Raw> = serde_yaml::from_str_with_options(text, options())
        .map_err(|error| yaml_problem(&source, error.without_snippet()))?;
    let node = place(&source, KeyPath::default(), raw)?;
    match node.kind {
        Kind::Mapping(_) => Ok(node),
        Kind::Null => refuse("the file holds nothing but comments", "write at least `version: 1` and a project"),
        _ => refuse("the file must hold keys with values", "begin with `version: 1`"),
    }
}

/// The bytes as text, if they are text and not too many.
fn text_of<'a>(file: &Utf8Path, bytes: &'a [u8]) -> Result<&'a str, Diagnostics> {
    if bytes.len() > MAX_BYTES {
        let nowhere = Place::new(&Source::new(file, ""), 0..0);
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", bytes.len());
        return Err(Diagnostic::error(&nowhere, KeyPath::default(), message)
            .help("is this the right file? a configuration is a few kilobytes")
            .into());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let source = Source::new(file, String::from_utf8_lossy(&bytes[..error.valid_up_to()]));
        let end = source.text().len();
        Diagnostic::error(&Place::new(&source, end..end), KeyPath::default(), "the file is not UTF-8 from here on")
            .help("save it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            // Beyond what the scanner looks ahead, so that the depth is what is complained about.
            flow_nesting_limit: 4_096,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_documents: 2,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_total_scalar_bytes: MAX_BYTES,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MAX_NODES },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// A value as the YAML reader yields it: each part is wrapped in its position, none knows its file yet.
enum Raw {
    Scalar(Kind),
    Sequence(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<String>, Spanned<Raw>)>),
}

/// Moves a value into the tree, giving each part the file that it stands in.
fn place(source: &Arc<Source>, path: KeyPath, raw: Spanned<Raw>) -> Result<Node, Diagnostics> {
    let place_here = location(source, raw.defined);
    let kind = match raw.value {
        Raw::Scalar(Kind::Number(number)) if number.is_f64() && looks_whole(place_here.text()) => {
            let message = format!("the number `{}` cannot be kept as it is written", place_here.text());
            return Err(Diagnostic::error(&place_here, path, message).help("put it in quotes").into());
        }
        Raw::Scalar(kind) => kind,
        Raw::Sequence(items) => {
            let items = items.into_iter().enumerate().map(|(index, item)| place(source, path.join(index), item));
            Kind::Sequence(items.collect::<Result<_, _>>()?)
        }
        Raw::Mapping(entries) => {
            let entries = entries.into_iter().map(|(key, value)| {
                let node = place(source, path.join(key.value.as_str()), value)?;
                Ok::<_, Diagnostics>((key.value, Entry { key: location(source, key.defined), node }))
            });
            Kind::Mapping(entries.collect::<Result<Mapping, Diagnostics>>()?)
        }
    };
    Ok(Node { place: place_here, path, kind })
}

/// Whether a number was written without a fraction or an exponent.
///
/// The reader turns `012` and integers beyond 64 bits into floats; both are most likely meant as text.
fn looks_whole(text: &str) -> bool {
    text.trim_start_matches(['-', '+']).chars().all(|c| c.is_ascii_digit() || c == '_')
}

/// The reader's position as a place. An alias is shown where its anchor is: that is the text to correct.
fn location(source: &Arc<Source>, location: serde_yaml::Location) -> Place {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let span = location.span();
    let Some(start) = span.byte_offset().map(number) else {
        // The scanner counts lines and columns only.
        return Place::at(source, number(location.line()), number(location.column()));
    };
    let place = Place::new(source, start..start + span.byte_len().map_or(0, number));
    // The span of a block scalar reaches over the line breaks after it.
    let shown = place.text().trim_end().len();
    Place::new(source, start..start + shown)
}

fn yaml_problem(source: &Arc<Source>, error: &YamlError) -> Diagnostic {
    let place = location(source, error.location().unwrap_or(serde_yaml::Location::UNKNOWN));
    let (message, help) = match error {
        YamlError::AliasError { error, .. } => return yaml_problem(source, error),
        YamlError::DuplicateMappingKey { key: Some(key), .. } => {
            (format!("the key `{key}` stands here for the second time"), Some("remove one of the two"))
        }
        YamlError::DuplicateMappingKey { .. } => ("this key stands here for the second time".to_owned(), None),
        YamlError::MultipleDocuments { .. } => {
            ("the file holds more than one YAML document".to_owned(), Some("remove the `---` and what follows it"))
        }
        YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. }
        | YamlError::AliasReplayCounterOverflow { .. } => (
            "the aliases in the file make it too large".to_owned(),
            Some("write out what they stand for, where it is needed"),
        ),
        YamlError::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            ("lists and maps are nested too deep".to_owned(), Some("a configuration needs few levels"))
        }
        YamlError::Budget { .. } => {
            (format!("the file holds too much ({})", plain(error)), Some("is this the right file?"))
        }
        YamlError::UnsupportedTag { tag, .. } => (format!("the YAML tag `{tag}` is not supported"), None),
        _ => (format!("not valid YAML: {}", plain(error)), None),
    };
    let problem = Diagnostic::error(&place, KeyPath::default(), message);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// The reader's own words, without the position that the diagnostic shows better.
fn plain(error: &YamlError) -> String {
    UserMessageFormatter.format_message(error).into_owned()
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Number(value.into())))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Number(value.into())))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Raw::Scalar(Kind::Number(number)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::String(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Mapping(entries))
    }
}
