//! The line above each comment: `<!-- ao-comment by "ann" at 2026-01-02T03:04:05Z -->`, unseen in rendered Markdown.

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::serde_json;

/// What such a line begins with.
const START: &str = "<!-- ao-comment";

/// The most of an author's name that is kept, in characters.
const MOST_AUTHOR: usize = 200;

/// What a marker says. A hand may have left out either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marker {
    /// Who wrote the comment.
    pub(super) author: Option<String>,
    /// When.
    pub(super) at: Option<Timestamp>,
}

impl Marker {
    /// Reads a line, if it is one.
    pub(super) fn read(line: &str) -> Option<Self> {
        let rest = line.strip_prefix(START)?;
        if !rest.starts_with([' ', '\t', '-']) {
            return None;
        }
        let said = rest.trim_end().trim_end_matches("-->").trim();
        let (mut author, mut time) = (None, said.strip_prefix("at "));
        if let Some(rest) = said.strip_prefix("by ") {
            let mut names = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            if let Some(Ok(name)) = names.next() {
                time = rest.get(names.byte_offset()..).and_then(|rest| rest.trim_start().strip_prefix("at "));
                author = Some(name);
            } else {
                let (name, at) = rest.rsplit_once(" at ").map_or((rest, None), |(name, at)| (name, Some(at)));
                time = at;
                author = Some(name.to_owned());
            }
        }
        let author = author.map(|name| one_line(&name, MOST_AUTHOR)).filter(|name| !name.is_empty());
        Some(Self { author, at: time.and_then(|time| time.trim().parse().ok()) })
    }

    /// The line for a new comment.
    pub(super) fn write(author: &str, at: Timestamp) -> String {
        // `>` would end what a renderer hides.
        let author = serde_json::Value::from(one_line(author, MOST_AUTHOR)).to_string().replace('>', "\\u003e");
        format!("{START} by {author} at {at} -->")
    }
}

/// A text such that none of its lines is a marker: `\` in front of what looks like one, which Markdown does not show.
pub(super) fn escape(text: &str) -> String {
    each_line(text, |line| {
        if line.trim_start_matches('\\').starts_with(START) { format!("\\{line}") } else { line.to_owned() }
    })
}

/// The text that was escaped.
pub(super) fn unescape(text: &str) -> String {
    each_line(text, |line| match line.strip_prefix('\\') {
        Some(rest) if rest.trim_start_matches('\\').starts_with(START) => rest.to_owned(),
        _ => line.to_owned(),
    })
}

fn each_line(text: &str, change: impl Fn(&str) -> String) -> String {
    text.split_inclusive('\n').map(change).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markers_are_read_as_hands_write_them() {
        let time = Some("2026-01-02T03:04:05Z".parse().unwrap());
        let ann = || Some("ann b".to_owned());
        for (line, author, at) in [
            ("<!-- ao-comment by \"ann b\" at 2026-01-02T03:04:05Z -->\n", ann(), time),
            ("<!-- ao-comment by ann b at 2026-01-02T03:04:05Z -->", ann(), time),
            ("<!-- ao-comment by ann b -->\r\n", ann(), None),
            ("<!-- ao-comment at 2026-01-02T03:04:05Z-->", None, time),
            ("<!-- ao-comment -->", None, None),
            ("<!-- ao-comment--> ", None, None),
            ("<!-- ao-comment by \"ann b\" at yesterday -->", ann(), None),
        ] {
            assert_eq!(Marker::read(line), Some(Marker { author, at }), "{line}");
        }
        for line in ["<!-- ao-comments -->", " <!-- ao-comment -->", "\\<!-- ao-comment -->", "text", ""] {
            assert_eq!(Marker::read(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(author in "(?s).*|[a-z\"\\\\> -]*", millis in 0i64..4_000_000_000_000) {
            let at = Timestamp::from_millis(millis);
            let line = Marker::write(&author, at);
            prop_assert!(!line.trim_end_matches("-->").contains("-->") && !line.contains('\n'), "{}", line);
            let author = Some(one_line(&author, MOST_AUTHOR)).filter(|author| !author.is_empty());
            prop_assert_eq!(Marker::read(&line), Some(Marker { author, at: Some(at) }));
        }

        #[test]
        fn escaped_text_holds_no_marker_and_comes_back(text in "(\\\\{0,2}(<!-- ao-comment)?[ a>\n-]{0,4}){0,6}") {
            let escaped = escape(&text);
            prop_assert!(escaped.lines().all(|line| Marker::read(line).is_none()), "{}", escaped);
            prop_assert_eq!(unescape(&escaped), text);
        }
    }
}
