//! Where a value was written: the file, its text, and a position in it.

use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

/// One configuration file as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    file: Utf8PathBuf,
    text: String,
}

impl Source {
    /// Keeps a file's name and text together, for diagnostics that outlive the reader.
    #[must_use]
    pub fn new(file: &Utf8Path, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { file: file.to_owned(), text: text.into() })
    }

    /// The name that the caller read it under.
    #[must_use]
    pub fn file(&self) -> &Utf8Path {
        &self.file
    }

    /// The directory that relative paths written in this file start from.
    #[must_use]
    pub fn directory(&self) -> &Utf8Path {
        self.file.parent().unwrap_or_else(|| Utf8Path::new(""))
    }

    /// The whole text. Empty when it could not be read as text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A stretch of one file's text.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    source: Arc<Source>,
    start: usize,
    end: usize,
}

impl Place {
    /// The bytes `range` of `source`, moved to the nearest character borders inside the text.
    #[must_use]
    pub fn new(source: &Arc<Source>, range: Range<usize>) -> Self {
        let start = floor_char(&source.text, range.start);
        let end = floor_char(&source.text, range.end.max(start)).max(start);
        Self { source: Arc::clone(source), start, end }
    }

    /// The character at a line and a column, both counted from 1; the nearest there is.
    pub(crate) fn at(source: &Arc<Source>, line: usize, column: usize) -> Self {
        let mut rest = source.text.as_str();
        for _ in 1..line {
            match rest.split_once('\n') {
                Some((_, after)) if !after.is_empty() => rest = after,
                _ => break,
            }
        }
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let into = rest[..line_end].char_indices().nth(column.saturating_sub(1)).map_or(line_end, |(index, _)| index);
        let start = source.text.len() - rest.len() + into;
        Self::new(source, start..start)
    }

    /// The file that this is a part of.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> &Utf8Path {
        &self.source.file
    }

    /// The bytes of the file's text that this covers.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The text that stands here.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text[self.span()]
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.source.text[..self.start].matches('\n').count() + 1
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.source.text[self.line_start()..self.start].chars().count() + 1
    }

    /// Where the line of this place starts, in bytes.
    pub(crate) fn line_start(&self) -> usize {
        self.source.text[..self.start].rfind('\n').map_or(0, |newline| newline + 1)
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file(), self.line(), self.column())
    }
}

fn floor_char(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}
