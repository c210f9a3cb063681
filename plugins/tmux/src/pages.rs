//! An agent's output in pages, out of everything that its pane holds.

use ao_plugin_sdk::core::slots::runtime::Output;

/// Takes a page of the captured lines. The cursor counts lines from the oldest that tmux keeps.
///
/// A cursor beyond the last line is of a history that was cut since: the newest is returned, as without a cursor.
pub(crate) fn page(captured: &str, max_bytes: u64, cursor: Option<u64>) -> Output {
    let lines: Vec<&str> = captured.trim_end().lines().map(str::trim_end).collect();
    let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let cursor = cursor.and_then(|cursor| usize::try_from(cursor).ok()).filter(|cursor| *cursor <= lines.len());
    if let Some(cursor) = cursor {
        let rest = &lines[cursor..];
        let count = fitting(rest.iter(), max_bytes);
        return Output::new(joined(&rest[..count], max_bytes), (cursor + count) as u64);
    }
    let from = lines.len() - fitting(lines.iter().rev(), max_bytes);
    let mut output = Output::new(joined(&lines[from..], max_bytes), lines.len() as u64);
    output.truncated = from > 0;
    output
}

/// How many lines fit, at least one: else a line longer than the limit would never be passed.
fn fitting<'a>(lines: impl Iterator<Item = &'a &'a str>, max_bytes: usize) -> usize {
    let mut used = 0_usize;
    let mut count = 0;
    for line in lines {
        used = used.saturating_add(line.len() + 1);
        if used > max_bytes && count > 0 {
            break;
        }
        count += 1;
    }
    count
}

/// The lines as text, cut at a character's end where a single line is longer than the limit.
fn joined(lines: &[&str], max_bytes: usize) -> String {
    let mut text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
    text.truncate(text.floor_char_boundary(max_bytes));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_come_without_a_cursor() {
        let output = page("one\ntwo\nthree\n\n\n", 10, None);
        assert_eq!((output.text.as_str(), output.cursor, output.truncated), ("two\nthree\n", 3, true));
        assert!(!page("one\n", 10, None).truncated);
    }

    #[test]
    fn reading_on_joins_to_the_whole() {
        let whole = "one\nthe second\n".repeat(20);
        let (mut text, mut cursor) = (String::new(), 0);
        while cursor < 40 {
            let part = page(&whole, 30, Some(cursor));
            assert!(part.cursor > cursor && part.text.len() <= 30);
            text += &part.text;
            cursor = part.cursor;
        }
        assert_eq!(text, whole);
        assert_eq!(page(&whole, 30, Some(40)).text, "");
    }

    #[test]
    fn a_cut_history_and_a_long_line_do_not_stop_the_reader() {
        assert_eq!(page("new\n", 100, Some(9)).text, "new\n");
        let output = page("→→→\nb\n", 4, Some(0));
        assert_eq!((output.text.as_str(), output.cursor), ("→", 1));
    }
}
