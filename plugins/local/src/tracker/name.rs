//! Names of files with issues: `<number>.md` or `<number>-<anything>.md`. Only the number counts.

/// The most that a number may be: nobody makes so many, and what is added to it still is a number.
const MOST: u64 = 999_999_999;

/// The most of a title that goes into a file's name, in bytes.
const MOST_SLUG: usize = 40;

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// An issue with this number.
    Issue(u64),
    /// Something else, which is left alone.
    Other,
    /// Meant as an issue, but not one that can be used; says why.
    Refused(&'static str),
}

/// Reads a file's name.
pub(super) fn read(name: &str) -> Named {
    let Some(stem) = name.strip_suffix(".md") else { return Named::Other };
    let digits = stem.find(|c: char| !c.is_ascii_digit()).unwrap_or(stem.len());
    let (number, rest) = stem.split_at(digits);
    if number.is_empty() || !(rest.is_empty() || rest.starts_with('-')) {
        return Named::Other;
    }
    if name.contains("..") || rest.contains(['/', '\\']) || rest.contains(char::is_control) {
        return Named::Refused("its name holds `..`, a slash or a control character");
    }
    match number.parse() {
        Ok(number @ 1..=MOST) => Named::Issue(number),
        _ => Named::Refused("the number in its name is not between 1 and 999999999"),
    }
}

/// The file of a new issue.
pub(super) fn of(number: u64, title: &str) -> String {
    let slug = slug(title);
    if slug.is_empty() { format!("{number}.md") } else { format!("{number}-{slug}.md") }
}

/// The number that an id of a request means; `12` or `#12`, and nothing that only looks like it.
pub(super) fn number_of(id: &str) -> Option<u64> {
    let digits = id.strip_prefix('#').unwrap_or(id);
    let is_number = !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_number && *number <= MOST)
}

/// The number after this one, while there is one.
pub(super) fn after(number: u64) -> Option<u64> {
    number.checked_add(1).filter(|next| *next <= MOST)
}

/// A title's words in lower case with dashes between them.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for word in title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let dash = usize::from(!slug.is_empty());
        if slug.len() + dash + word.len() > MOST_SLUG {
            break;
        }
        if dash > 0 {
            slug.push('-');
        }
        slug.extend(word.chars().map(|c| c.to_ascii_lowercase()));
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_counts() {
        for (name, expected) in [
            ("12.md", Named::Issue(12)),
            ("12-fix-the-parser.md", Named::Issue(12)),
            ("012-\u{fc}.md", Named::Issue(12)),
            ("README.md", Named::Other),
            ("12.txt", Named::Other),
            ("12a.md", Named::Other),
            (".12.md", Named::Other),
            ("-12.md", Named::Other),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
        for name in ["12-..md", "12-../../x.md", "12-a\nb.md", "0.md", "1000000000.md", "99999999999999999999999.md"] {
            assert!(matches!(read(name), Named::Refused(_)), "{name}");
        }
    }

    #[test]
    fn a_new_file_is_named_after_its_title() {
        for (title, expected) in [
            ("Fix the parser", "7-fix-the-parser.md"),
            ("  ../../etc/passwd  ", "7-etc-passwd.md"),
            ("\u{884c}", "7.md"),
            (
                "A title that is much longer than what anybody wants in a name",
                "7-a-title-that-is-much-longer-than-what.md",
            ),
        ] {
            let name = of(7, title);
            assert_eq!(name, expected);
            assert_eq!(read(&name), Named::Issue(7));
        }
    }

    #[test]
    fn ids_are_numbers() {
        assert_eq!((number_of("12"), number_of("#12")), (Some(12), Some(12)));
        for id in ["", "#", "012", "+1", " 1", "1 ", "-1", "1/", "../1", "1\0", "\u{661}", "99999999999999999999"] {
            assert_eq!(number_of(id), None, "{id:?}");
        }
    }
}
