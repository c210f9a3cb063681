//! A file with an issue: front matter, the text, and below it the comments. A change rewrites what it changes; every other
//! byte stays as whoever wrote it left it.
//!
//! ```markdown
//! ---
//! title: The parser refuses empty input
//! state: open
//! labels: [bug, parser]
//! ---
//!
//! It should give an empty list.
//!
//! <!-- ao-comment by "ann" at 2026-01-02T03:04:05.678Z -->
//!
//! Seen in version 2, too.
//! ```

use std::fmt::Write as _;
use std::ops::Range;

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use super::fields::{Fields, MOST_TITLE};
use super::marker::{self, Marker};
use super::problem::Flaw;
use super::yaml::{self, Entry};

/// The line around front matter.
const FENCE: &str = "---";

/// A file's text, and where in it everything stands.
#[derive(Clone, Debug)]
pub(super) struct Document {
    text: String,
    /// The lines between the fences; none where there are no fences.
    front: Option<Range<usize>>,
    entries: Vec<Entry>,
    /// What the front matter says.
    pub(super) fields: Fields,
    /// From below the front matter to the first comment.
    body: Range<usize>,
    comments: Vec<(Marker, Range<usize>)>,
}

/// What becomes of a document.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits {
    /// Keys with their new values as YAML.
    pub(super) keys: Vec<(&'static str, String)>,
    /// Another text.
    pub(super) body: Option<String>,
    /// A comment at the end: its author, its time, its text.
    pub(super) comment: Option<(String, Timestamp, String)>,
}

impl Document {
    /// Reads a file.
    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let (front, below) = fences(text, start)?;
        let (entries, fields) = match &front {
            None => (Vec::new(), Fields::default()),
            Some(front) => {
                let inside = |flaw: Flaw| moved(flaw, text, front.start);
                let entries = yaml::read(&text[front.clone()]).map_err(inside)?;
                let fields = Fields::read(&text[front.clone()], &entries).map_err(inside)?;
                (entries, fields)
            }
        };
        let (body, comments) = sections(text, below);
        Ok(Self { text: text.to_owned(), front, entries, fields, body, comments })
    }

    /// The whole file.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The issue that it is under this number.
    pub(super) fn issue(&self, number: u64) -> Issue {
        let fields = &self.fields;
        let state = if fields.closed { IssueState::Closed } else { IssueState::Open };
        let body = self.body();
        let title = fields.title.clone().or_else(|| heading(&body)).unwrap_or_else(|| format!("Issue {number}"));
        let mut issue = Issue::new(number.to_string(), title, state);
        issue.body = body;
        issue.labels.clone_from(&fields.labels);
        issue.assignees.clone_from(&fields.assignees);
        issue.blocked_by.clone_from(&fields.blocked_by);
        issue.updated_at = fields.updated.or(fields.created);
        issue
    }

    /// What was said below it. A marker without a time has that of the comment above.
    pub(super) fn comments(&self) -> Vec<IssueComment> {
        let mut last = self.fields.created.unwrap_or_else(|| Timestamp::from_millis(0));
        let comment = |(marker, at): &(Marker, Range<usize>)| {
            last = marker.at.unwrap_or(last);
            let author = marker.author.clone().unwrap_or_else(|| "unknown".to_owned());
            IssueComment::new(author, last, unescaped(&self.text[at.clone()]))
        };
        self.comments.iter().map(comment).collect()
    }

    fn body(&self) -> String {
        unescaped(&self.text[self.body.clone()])
    }

    /// The file after a change.
    pub(super) fn edited(&self, edits: &Edits) -> String {
        let first = self.text.split_inclusive('\n').next().unwrap_or_default();
        let line_end = if first.ends_with("\r\n") { "\r\n" } else { "\n" };
        let mut text = String::new();
        if let Some(front) = &self.front {
            text.push_str(&self.text[..front.start]);
            text.push_str(&self.front_edited(front, edits, line_end));
            text.push_str(&self.text[front.end..self.body.start]);
        } else {
            let _ = write!(text, "{FENCE}{line_end}");
            for (key, value) in &edits.keys {
                let _ = write!(text, "{key}: {value}{line_end}");
            }
            let gap = if edits.body.is_none() { line_end } else { "" };
            let _ = write!(text, "{FENCE}{line_end}{gap}");
        }
        match &edits.body {
            None => text.push_str(&self.text[self.body.clone()]),
            Some(body) => {
                text.push_str(&section(body));
                if !self.comments.is_empty() {
                    text.push('\n');
                }
            }
        }
        text.push_str(&self.text[self.body.end..]);
        if let Some((author, at, comment)) = &edits.comment {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            if !text.ends_with("\n\n") && !text.ends_with("\n\r\n") {
                text.push('\n');
            }
            text.push_str(&Marker::write(author, *at));
            text.push('\n');
            text.push_str(&section(comment));
        }
        text
    }

    fn front_edited(&self, front: &Range<usize>, edits: &Edits, line_end: &str) -> String {
        let old = &self.text[front.clone()];
        let new = |key: &str| edits.keys.iter().find(|(wanted, _)| *wanted == key).map(|(_, value)| value.as_str());
        let mut out = String::new();
        if self.entries.iter().any(|entry| !is_line_start(old, entry.key_at)) {
            // All of it in braces, `{title: …}`: the values stay, each on a line of its own.
            for (index, entry) in self.entries.iter().enumerate() {
                let until = self.entries.get(index + 1).map(|next| next.key_at);
                let value = new(&entry.key).unwrap_or_else(|| flow_value(old, entry.value_at, until));
                let _ = write!(out, "{}: {value}{line_end}", super::quote::scalar(&entry.key));
            }
        } else {
            let mut from = 0;
            for (index, entry) in self.entries.iter().enumerate() {
                let Some(value) = new(&entry.key) else { continue };
                let next = self.entries.get(index + 1).map_or(old.len(), |next| next.key_at);
                out.push_str(&old[from..entry.key_at]);
                let _ = write!(out, "{}: {value}{line_end}", entry.key);
                from = entry.key_at + value_end(&old[entry.key_at..next]);
            }
            out.push_str(&old[from..]);
        }
        for (key, value) in edits.keys.iter().filter(|(key, _)| self.entries.iter().all(|entry| entry.key != **key)) {
            let _ = write!(out, "{key}: {value}{line_end}");
        }
        out
    }
}

/// The lines of front matter, and where what is below them begins.
fn fences(text: &str, start: usize) -> Result<(Option<Range<usize>>, usize), Flaw> {
    let mut lines = text[start..].split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if first.trim_end() != FENCE {
        return Ok((None, start));
    }
    let begin = start + first.len();
    let mut at = begin;
    for line in lines {
        if matches!(line.trim_end(), FENCE | "...") {
            return Ok((Some(begin..at), at + line.len()));
        }
        at += line.len();
    }
    let flaw = Flaw::new("its front matter has no end", "write a line `---` below the last key");
    Err(flaw.at(text, start))
}

/// The text, and the comments below it, each with its marker.
fn sections(text: &str, below: usize) -> (Range<usize>, Vec<(Marker, Range<usize>)>) {
    let mut comments: Vec<(Marker, Range<usize>)> = Vec::new();
    let (mut at, mut body_end) = (below, text.len());
    for line in text[below..].split_inclusive('\n') {
        let next = at + line.len();
        if let Some(marker) = Marker::read(line) {
            match comments.last_mut() {
                Some((_, above)) => above.end = at,
                None => body_end = at,
            }
            comments.push((marker, next..text.len()));
        }
        at = next;
    }
    (below..body_end, comments)
}

/// A text as it stands in a file, an empty line above it; nothing for none.
fn section(text: &str) -> String {
    let text = marker::escape(text.trim_end());
    if text.is_empty() { String::new() } else { format!("\n{text}\n") }
}

/// The text of a section.
fn unescaped(section: &str) -> String {
    let text = section.trim_end();
    let text = text.strip_prefix("\r\n").or(text.strip_prefix('\n')).unwrap_or(text);
    marker::unescape(text)
}

/// The text of the first heading, for a file that has no title.
fn heading(body: &str) -> Option<String> {
    let heading = body.lines().find_map(|line| line.strip_prefix("# "))?;
    Some(one_line(heading, MOST_TITLE)).filter(|title| !title.is_empty())
}

fn is_line_start(text: &str, at: usize) -> bool {
    at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n')
}

/// Where a key with its value ends, given everything down to the next key: comments and empty lines below it stay.
fn value_end(chunk: &str) -> usize {
    let mut end = 0;
    let mut at = 0;
    for (index, line) in chunk.split_inclusive('\n').enumerate() {
        at += line.len();
        if index == 0 || !(line.trim().is_empty() || line.starts_with('#')) {
            end = at;
        }
    }
    end
}

/// A value among others in braces: without the comma or the brace behind it.
fn flow_value(text: &str, from: usize, until: Option<usize>) -> &str {
    let value = text[from..until.unwrap_or(text.len())].trim_end();
    let behind = if until.is_some() { ',' } else { '}' };
    value.strip_suffix(behind).unwrap_or(value).trim()
}

/// A flaw of the front matter as one of the file.
fn moved(mut flaw: Flaw, text: &str, by: usize) -> Flaw {
    let lines = text[..by].matches('\n').count();
    flaw.at = Some(flaw.at.map_or((lines, 1), |(line, column)| (line + lines, column)));
    flaw
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quote;
    use super::*;

    const BY_HAND: &str = "---\r\n# ours\r\ntitle:   'A  title'  # a remark\r\nmilestone: {v: 2,  d: [1, 2]}\r\nlabels:\r\n- bug\r\n- parser\r\n\r\n# below\r\npriority: high\r\n---\r\nbody\r\n  indented\r\n\r\n<!-- ao-comment by ann -->\r\nyes\r\n";

    fn closed() -> Edits {
        Edits { keys: vec![("state", "closed".to_owned()), ("labels", "[new]".to_owned())], ..Edits::default() }
    }

    #[test]
    fn a_change_leaves_everything_else_as_it_was() {
        let document = Document::parse(BY_HAND).unwrap();
        assert_eq!(document.issue(3).title, "A title");
        assert_eq!((document.issue(3).body.as_str(), document.issue(3).labels.len()), ("body\r\n  indented", 2));
        let expected = BY_HAND
            .replace("labels:\r\n- bug\r\n- parser\r\n", "labels: [new]\r\n")
            .replace("high\r\n---", "high\r\nstate: closed\r\n---");
        assert_eq!(document.edited(&closed()), expected);
        let again = Document::parse(&expected).unwrap();
        assert!(again.fields.closed && again.fields.labels == ["new"], "{again:?}");
        assert_eq!(again.comments()[0].body, "yes");
    }

    #[test]
    fn front_matter_on_one_line_keeps_its_values() {
        let document = Document::parse("---\n{title: \"a: b\", mine: {x: [1, 2]}, state: open}\n---\nbody\n").unwrap();
        let edited = document.edited(&closed());
        assert_eq!(edited, "---\ntitle: \"a: b\"\nmine: {x: [1, 2]}\nstate: closed\nlabels: [new]\n---\nbody\n");
        assert_eq!(Document::parse(&edited).unwrap().issue(1).title, "a: b");
    }

    #[test]
    fn a_file_without_front_matter_is_an_issue() {
        for (text, title) in [("", "Issue 4"), ("# The parser\n\nIt fails.\n", "The parser"), ("words\n", "Issue 4")] {
            let document = Document::parse(text).unwrap();
            assert_eq!((document.issue(4).title.as_str(), document.issue(4).state), (title, IssueState::Open));
            let edited = Document::parse(&document.edited(&closed())).unwrap().issue(4);
            assert_eq!((edited.title.as_str(), edited.state), (title, IssueState::Closed));
            assert_eq!(edited.body, text.trim_end());
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_column() {
        for (text, line, why) in [
            ("---\ntitle: a\n", 1, "no end"),
            ("---\ntitle: a\nstate: done\n---\n", 3, "`state` is no state"),
            ("---\ntitle: [a]\n---\n", 2, "`title` is no text"),
            ("---\nlabels: {a: b}\n---\n", 2, "`labels` is no list"),
            ("---\nblockedBy: [x]\n---\n", 2, "`blockedBy` is no list of issues"),
            ("---\ntitle: a\ntitle: b\n---\n", 3, "title"),
        ] {
            let flaw = Document::parse(text).unwrap_err();
            assert_eq!(flaw.at.map(|(line, _)| line), Some(line), "{text}: {flaw:?}");
            assert!(flaw.why.contains(why) && !flaw.remedy.is_empty(), "{flaw:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            body in "(?s).*|(\\\\?(<!-- ao-comment)?[ a>\n-]{0,4}){0,6}",
            comments in prop::collection::vec("(?s).*|(\\\\?(<!-- ao-comment)?[ a>\n-]{0,4}){0,6}", 0..3),
            title in "[^\\s].*",
            body_again in proptest::option::of("[ab\n]*"),
        ) {
            let keys = vec![("title", quote::scalar(&title)), ("labels", quote::list(std::slice::from_ref(&title)))];
            let new = Document::parse("").unwrap();
            let mut text = new.edited(&Edits { keys, body: Some(body.clone()), comment: None });
            for comment in &comments {
                let comment = Some(("a".to_owned(), Timestamp::from_millis(0), comment.clone()));
                text = Document::parse(&text).unwrap().edited(&Edits { comment, ..Edits::default() });
            }
            text = Document::parse(&text).unwrap().edited(&Edits { body: body_again.clone(), ..Edits::default() });
            let read = Document::parse(&text).unwrap();
            let issue = read.issue(1);
            let body = body_again.unwrap_or(body);
            prop_assert_eq!(issue.body, body.trim_end());
            let said: Vec<_> = read.comments().into_iter().map(|comment| comment.body).collect();
            let expected: Vec<_> = comments.iter().map(|comment| comment.trim_end().to_owned()).collect();
            prop_assert_eq!(said, expected);
            let title = one_line(&title, MOST_TITLE);
            if !title.is_empty() {
                prop_assert_eq!(issue.title, title);
            }
        }
    }
}
