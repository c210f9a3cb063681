//! The environment of this process: sessions find their programs on the same PATH, and their home beside the same user's.

#![expect(clippy::disallowed_methods, reason = "what sessions inherit is read here and nowhere else")]

/// A variable of this process, where it is UTF-8 and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
