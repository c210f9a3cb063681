//! Texts that somebody else wrote, made fit for a prompt, a list or a terminal.

/// Whether a terminal would act on it: control characters but for line feed and tab, and characters that change the
/// direction of what follows or break a line without being seen.
#[must_use]
pub fn is_hostile(character: char) -> bool {
    let unseen = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    unseen || character.is_control() && character != '\n' && character != '\t'
}

/// Whether it shows nothing and yet carries text to whoever reads code points: Unicode's tag characters.
fn is_smuggled(character: char) -> bool {
    matches!(character, '\u{e0000}'..='\u{e007f}')
}

/// The text without control sequences, line ends as line feeds. A sequence goes as a whole (`ESC [ 31 m` leaves no
/// `[31m`), but never takes the next line with it.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\r' => {
                // Of CR LF, the line feed follows.
                if rest.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\u{2028}' | '\u{2029}' | '\u{85}' => out.push('\n'),
            '\u{1b}' => skip_sequence(&mut rest),
            '\u{9b}' => skip_parameters(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut rest),
            other if is_hostile(other) || is_smuggled(other) => {}
            other => out.push(other),
        }
    }
    out
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What follows an escape character (ECMA-48).
fn skip_sequence(rest: &mut Rest<'_>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_parameters(rest);
        }
        Some('P' | 'X' | ']' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        Some(' '..='/') => {
            while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            rest.next_if(|c| matches!(c, '0'..='~'));
        }
        Some('0'..='~') => {
            rest.next();
        }
        _ => {}
    }
}

/// Parameters and the final character of a control sequence.
fn skip_parameters(rest: &mut Rest<'_>) {
    while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    rest.next_if(|c| matches!(c, '@'..='~'));
}

/// A control string up to its end: BEL, `ESC \` or ST. One without an end ends with its line.
fn skip_string(rest: &mut Rest<'_>) {
    while let Some(character) = rest.next_if(|c| !matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}')) {
        match character {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                rest.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

/// The text as one line of at most `most` characters, cut with `…`, without control sequences.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    let plain = plain(text);
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Backticks, one more than stand together anywhere in the text, and at least three: no line of it can end the block.
#[must_use]
pub(crate) fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sequences_go_as_a_whole() {
        for (text, shown) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]52;c;never ends\nnext", "\nnext"),
            ("\u{9b}2Jgone", "gone"),
            ("\u{1b}(Btext", "text"),
            ("\u{1b}ctext", "text"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("a\u{2028}b\u{85}c", "a\nb\nc"),
            ("tab\tand \u{202e}turn", "tab\tand turn"),
            ("a\u{8}\u{7f}\0b", "ab"),
            ("h\u{e0068}\u{e0069}", "h"),
            ("\u{1b}", ""),
            ("ünï 👩‍👩‍👧", "ünï 👩‍👩‍👧"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
        }
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(one_line(" a\n\n b\tc ", 20), "a b c");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(one_line("\u{1b}[1m\n", 4), "");
    }

    proptest! {
        #[test]
        fn no_control_character_survives(text in "(\\PC|[\\x00-\\x1f\\x7f-\\x9f\\u{202e}\\[\\]])*") {
            let plain = plain(&text);
            prop_assert!(!plain.chars().any(|c| is_hostile(c) || is_smuggled(c)), "{plain:?}");
            prop_assert_eq!(super::plain(&plain), plain.clone());
            let line = one_line(&text, 40);
            prop_assert!(!line.contains(['\n', '\t']) && line.chars().count() <= 40, "{line:?}");
        }

        #[test]
        fn ordinary_text_stays(text in "[a-zA-Z0-9 .,\n\t`äß-]*") {
            prop_assert_eq!(plain(&text), text);
        }
    }
}
