//! The lines of a configuration file around a place, fit for a terminal: few, not too long, and without control
//! characters, whoever wrote the file.

use ao_core::config::Place;
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::output::is_hostile;

/// Longer lines are shown in part.
const MOST_COLUMNS: usize = 100;

/// The line of a place with its neighbours.
#[derive(Debug)]
pub(super) struct Excerpt {
    file: String,
    text: String,
    /// The number of the first line of `text`, counted from 0.
    first_line: usize,
    /// Where the place begins in its line of the file, counted from 0.
    column: usize,
    /// The place within `text`.
    pub(super) span: SourceSpan,
}

impl Excerpt {
    /// None where there is no text to show: the file could not be read as text.
    pub(super) fn of(place: &Place) -> Option<Self> {
        let whole = place.source().text();
        if whole.is_empty() {
            return None;
        }
        let (line, column) = (place.line() - 1, place.column() - 1);
        let first_line = line.saturating_sub(1);
        let mut text = String::new();
        let mut span = (0, 0);
        for (number, content) in whole.split('\n').enumerate().skip(first_line).take(line + 2 - first_line) {
            if number == line {
                let skipped = if column > MOST_COLUMNS * 3 / 4 { column - MOST_COLUMNS / 4 } else { 0 };
                let marked = place.text().split('\n').next().unwrap_or_default().trim_end().chars().count().max(1);
                let shown: Vec<char> = clip(content, skipped).collect();
                let bytes =
                    |characters: &[char]| characters.iter().map(|character| character.len_utf8()).sum::<usize>();
                let from = (column - skipped).min(shown.len());
                let to = (from + marked).min(shown.len());
                span = (text.len() + bytes(&shown[..from]), bytes(&shown[from..to]));
                text.extend(shown);
            } else if number < line || !content.is_empty() {
                text.extend(clip(content, 0));
            } else {
                continue;
            }
            text.push('\n');
        }
        Some(Self { file: place.file().to_string(), text, first_line, column, span: span.into() })
    }
}

fn clip(line: &str, skipped: usize) -> impl Iterator<Item = char> {
    line.chars().skip(skipped).take(MOST_COLUMNS).map(|c| if is_hostile(c) || c == '\t' { ' ' } else { c })
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.read_span(span, lines_before, lines_after)?;
        // Without neighbours it is asked for the heading, which says where the place is in the file.
        let column = if lines_before + lines_after == 0 { self.column } else { contents.column() };
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            contents.data(),
            *contents.span(),
            contents.line() + self.first_line,
            column,
            contents.line_count(),
        )))
    }
}
