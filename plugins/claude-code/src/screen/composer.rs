//! The composer: where Claude Code takes messages.

use ao_plugin_sdk::core::model::draft;

use super::is_rule;

/// The composer on a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// What it holds, in the lines of the screen.
    pub(crate) text: String,
    /// The line of its upper rule.
    pub(super) top: usize,
    /// The line behind its lower one.
    pub(super) bottom: usize,
}

/// What stands in an empty composer, by how it begins.
const PLACEHOLDERS: [&str; 3] = ["Try \"", "Press up to edit queued messages", "Message @"];

/// The last composer of a screen.
pub(super) fn find(lines: &[&str]) -> Option<Held> {
    let bottom = lines.iter().rposition(|line| is_rule(line))?;
    let top = lines[..bottom].iter().rposition(|line| is_rule(line))?;
    let (first, more) = lines[top + 1..bottom].split_first()?;
    let first = match first.strip_prefix('❯') {
        Some(text) => text,
        // A command for a shell, which begins with its mark.
        None if first.starts_with('!') => first,
        None => return None,
    };
    let mut text = first.trim().to_owned();
    for line in more {
        text.push('\n');
        text.push_str(line.strip_prefix("  ").unwrap_or(line).trim_end());
    }
    Some(Held { text: text.trim().to_owned(), top, bottom: bottom + 1 })
}

impl Held {
    /// Whether it holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() || PLACEHOLDERS.iter().any(|begin| self.text.starts_with(begin))
    }

    /// The [`digest`](draft::digest) of all that it holds, where it shows but a mark in the place of this draft: such as
    /// `[Pasted text #1 +61 lines]` of one with 61 line breaks.
    pub(crate) fn digest(&self, draft: &str) -> Option<String> {
        let inside = self.text.strip_prefix("[Pasted text #")?.strip_suffix(']')?;
        let (number, lines) = match inside.split_once(" +") {
            Some((number, lines)) => (number, lines.strip_suffix(" lines")?.parse().ok()?),
            None => (inside, 0),
        };
        let breaks = draft.replace("\r\n", "\n").replace('\r', "\n").matches('\n').count();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && breaks == lines).then(|| draft::digest(draft))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str) -> Held {
        Held { text: text.to_owned(), top: 0, bottom: 0 }
    }

    #[test]
    fn a_mark_stands_for_the_draft_that_has_its_lines() {
        let long = "a line\n".repeat(4);
        assert_eq!(held("[Pasted text #3 +4 lines]").digest(&long), Some(draft::digest(&long)));
        assert_eq!(held("[Pasted text #3 +5 lines]").digest(&long), None);
        assert_eq!(held("[Pasted text #3 +4 lines] and more").digest(&long), None);
        assert_eq!(held("half a sentence [Pasted text #3 +4 lines]").digest(&long), None);
        assert_eq!(held("[Pasted text #1]").digest("one long line"), Some(draft::digest("one long line")));
        assert_eq!(held("[Pasted text #x]").digest("one long line"), None);
        assert_eq!(held("one long line").digest("one long line"), None, "it can be compared");
    }
}
