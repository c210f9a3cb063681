//! Texts as YAML that reads back the same.

use std::fmt::Write as _;

/// Words that YAML, of one version or another, takes for something else.
const TAKEN: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// A text, plain where it cannot be taken for anything else, also inside of a list.
pub(super) fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._/-".contains(c))
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// A list on one line.
pub(super) fn list(items: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| scalar(item)).collect();
    format!("[{}]", items.join(", "))
}

/// In double quotes: JSON's strings are YAML's too, but for characters that JSON lets stand and YAML does not.
fn quoted(text: &str) -> String {
    let json = ao_plugin_sdk::serde_json::Value::from(text).to_string();
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if needs_escape(character) {
            // None of them is beyond four digits.
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

/// Not printable in YAML, a line end in one of its versions, or not what a person would see.
fn needs_escape(character: char) -> bool {
    let unseen = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    unseen || matches!(character, '\u{7f}'..='\u{a0}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
