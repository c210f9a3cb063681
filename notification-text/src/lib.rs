//! Texts of notifications, made fit for a receiver: no control characters, its escapes, its limits. And the time, as it is
//! told.

mod clock;

use ao_plugin_sdk::core::text::{one_line, plain};
use ao_plugin_sdk::prelude::*;

pub use clock::now;

/// How long a title may become, in characters. More is no title.
const TITLE: usize = 300;

/// How long a link's name may become, in characters.
const NAME: usize = 80;

/// How long a link's target may be, in bytes. A longer one is left out, as half a URL leads nowhere.
const TARGET: usize = 1_500;

/// How many links are told.
const LINKS: usize = 10;

/// What stands for a title with nothing in it.
const NO_TITLE: &str = "(no title)";

/// The title as one line with something in it.
pub fn title(request: &Notification) -> String {
    let line = one_line(&request.title, TITLE);
    if line.is_empty() { NO_TITLE.to_owned() } else { line }
}

/// The notification's id, for whoever looks for it.
pub fn id(id: &str) -> String {
    one_line(id, TITLE)
}

/// The body without control characters, cut to this many characters. Empty when there is nothing to see.
pub fn body(request: &Notification, most: usize) -> String {
    escaped(plain(&request.body).trim(), most, |_| None)
}

/// The links whose name and target can be shown.
pub fn links(request: &Notification) -> impl Iterator<Item = Link> {
    let shown = request.links.iter().filter_map(|(name, target)| Link::new(name, target));
    shown.take(LINKS)
}

/// A link as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Never empty.
    pub name: String,
    /// One line without spaces at its ends, never empty.
    pub target: String,
    /// Whether a receiver can make it something to click on.
    pub kind: LinkKind,
}

/// What a link's target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// An address on the web, with none of the characters that end an address in a text.
    Web,
    /// A path, a command, or anything else.
    Other,
}

impl Link {
    fn new(name: &str, target: &str) -> Option<Self> {
        let target = one_line(target, usize::MAX);
        if target.is_empty() || target.len() > TARGET {
            return None;
        }
        let name = one_line(name, NAME);
        let name = if name.is_empty() { "link".to_owned() } else { name };
        let ends = |character: char| character.is_whitespace() || "<>|\"'`()[]\\".contains(character);
        let on_the_web = target.starts_with("https://") || target.starts_with("http://");
        let kind = if on_the_web && !target.contains(ends) { LinkKind::Web } else { LinkKind::Other };
        Some(Self { name, target, kind })
    }
}

/// The priority in a word. One that this version does not know is for the record.
pub fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Urgent => "Urgent",
        Priority::Action => "Action",
        Priority::Warning => "Warning",
        _ => "Info",
    }
}

/// The text with some characters written otherwise, at most this long when written, cut with `…` between characters.
///
/// Lengths are in UTF-16 units: a receiver that counts code points counts no more than that.
pub fn escaped(text: &str, most: usize, escape: impl Fn(char) -> Option<&'static str>) -> String {
    let (mut out, mut length, mut fits) = (String::new(), 0, 0);
    for character in text.chars() {
        let mut buffer = [0; 4];
        let written = match escape(character) {
            Some(written) => written,
            None => character.encode_utf8(&mut buffer),
        };
        length += units(written);
        if length > most {
            out.truncate(fits);
            out.push('…');
            return out;
        }
        out.push_str(written);
        if length < most {
            fits = out.len();
        }
    }
    out
}

/// How long a text is, in UTF-16 units.
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entity(character: char) -> Option<&'static str> {
        (character == '&').then_some("&amp;")
    }

    #[test]
    fn a_text_is_cut_between_escapes() {
        for (text, most, cut) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("a&b", 7, "a&amp;b"),
            ("a&b", 6, "a…"),
            ("a&&", 7, "a&amp;…"),
            ("🦀🦀", 4, "🦀🦀"),
            ("🦀🦀", 3, "🦀…"),
        ] {
            assert_eq!(escaped(text, most, entity), cut, "{text} in {most}");
        }
    }

    #[test]
    fn only_whole_addresses_can_be_clicked_on() {
        let kind = |target: &str| Link::new("x", target).map(|link| link.kind);
        assert_eq!(kind("https://example.org/a?b=c#d"), Some(LinkKind::Web));
        for other in ["javascript:alert(1)", "https://a> <https://b|c", "/work tree", "https://a b", "ao attach w-1"] {
            assert_eq!(kind(other), Some(LinkKind::Other), "{other}");
        }
        assert_eq!(Link::new("x", " \n "), None);
        assert_eq!(Link::new("x", &"y".repeat(TARGET + 1)), None);
    }

    proptest! {
        #[test]
        fn it_is_never_longer(text in "\\PC{0,40}|[&🦀]{0,40}", most in 1..30_usize) {
            prop_assert!(units(&escaped(&text, most, entity)) <= most);
        }
    }
}
