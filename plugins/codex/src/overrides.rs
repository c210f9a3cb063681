//! Overrides of Codex's configuration as arguments: `-c key=value`, the value in TOML. The user's files stay as they are, and
//! tables of theirs are added to.

use toml::{Table, Value};

/// The two arguments of an override. `key` is a dotted path of plain names: names with dots or quotes in them belong into
/// the value, as an inline table's.
pub(crate) fn set(key: &str, value: impl Into<Value>) -> [String; 2] {
    ["-c".to_owned(), format!("{key}={}", value.into())]
}

/// A table of one entry.
pub(crate) fn entry(name: &str, value: impl Into<Value>) -> Table {
    Table::from_iter([(name.to_owned(), value.into())])
}
