//! Types of events as a person names them: one, or all that begin alike.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::EventKind;

/// One type, such as `session.killed`, or a group of them, such as `session.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TypePattern {
    /// This one.
    Exact(EventKind),
    /// All whose word begins with this, which ends with a dot.
    Group(String),
}

/// No type is called so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no event is of type `{name}`; {}", hint(name))]
pub struct UnknownType {
    /// What was asked for.
    pub name: String,
}

/// The types of the group that was meant, or the groups.
fn hint(name: &str) -> String {
    let group = name.split('.').next().unwrap_or_default();
    let of_group: Vec<_> = words().filter(|word| word.split('.').next() == Some(group)).collect();
    if !of_group.is_empty() {
        return format!("there are {}, and `{group}.` for all of them", of_group.join(", "));
    }
    let mut groups: Vec<_> =
        words().filter_map(|word| word.split_once('.')).map(|(group, _)| format!("{group}.")).collect();
    groups.dedup();
    format!("types begin with {}", groups.join(", "))
}

fn words() -> impl Iterator<Item = &'static str> {
    EventKind::ALL.iter().map(|kind| kind.as_str())
}

impl TypePattern {
    /// Whether an event of this kind is meant.
    #[must_use]
    pub fn matches(&self, kind: EventKind) -> bool {
        match self {
            Self::Exact(wanted) => *wanted == kind,
            Self::Group(prefix) => kind.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl FromStr for TypePattern {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, UnknownType> {
        let unknown = || UnknownType { name: text.to_owned() };
        if text.ends_with('.') {
            let known = words().any(|word| word.starts_with(text));
            return known.then(|| Self::Group(text.to_owned())).ok_or_else(unknown);
        }
        let kind = EventKind::ALL.iter().find(|kind| kind.as_str() == text);
        kind.map(|kind| Self::Exact(*kind)).ok_or_else(unknown)
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(kind) => kind.fmt(f),
            Self::Group(prefix) => f.write_str(prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_type_or_a_group() {
        let exact: TypePattern = "session.killed".parse().unwrap();
        assert!(exact.matches(EventKind::SessionKilled) && !exact.matches(EventKind::SessionErrored));
        let group: TypePattern = "session.".parse().unwrap();
        assert!(group.matches(EventKind::SessionErrored) && !group.matches(EventKind::HostStarted));
        for wrong in ["", ".", "session", "session.kill", "nothing."] {
            assert!(wrong.parse::<TypePattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_name_is_told_what_there_is() {
        let told = |name: &str| name.parse::<TypePattern>().unwrap_err().to_string();
        assert!(
            told("trash.kept")
                .ends_with("there are trash.stored, trash.restored, trash.expired, and `trash.` for all of them")
        );
        assert!(told("x").contains("types begin with session., runtime., agent., "), "{}", told("x"));
    }
}
