//! How somebody names a pull request: by its number, or by the address of its page.

use std::fmt;
use std::str::FromStr;

/// The longest address, in bytes.
const MOST_URL: usize = 2000;
/// What stands before the number in the addresses of those who host pull requests.
const BEFORE_NUMBER: [&str; 5] = ["pull", "pulls", "pull-requests", "merge_requests", "pullrequest"];

/// A pull request as somebody names it: `7`, `#7`, or the address of its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullName {
    /// Its number in the repository.
    pub number: u64,
    /// The address, where it was named by that.
    pub url: Option<String>,
}

/// Why a text names no pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number such as 7, or the address of a pull request, with its number in it")]
pub struct InvalidPullName;

impl FromStr for PullName {
    type Err = InvalidPullName;

    fn from_str(text: &str) -> Result<Self, InvalidPullName> {
        let text = text.trim();
        let number =
            if text.contains("://") { number_of(text) } else { digits(text.strip_prefix('#').unwrap_or(text)) };
        let url = text.contains("://").then(|| text.to_owned());
        number.map(|number| Self { number, url }).ok_or(InvalidPullName)
    }
}

impl fmt::Display for PullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.url {
            Some(url) => f.write_str(url),
            None => write!(f, "#{}", self.number),
        }
    }
}

impl PullName {
    /// Whether two addresses are those of one page.
    #[must_use]
    pub fn is_same_page(one: &str, other: &str) -> bool {
        fn bare(url: &str) -> &str {
            let url = url.split_once("://").map_or(url, |(_, rest)| rest);
            url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/')
        }
        // Whoever is on one of its tabs is on its page.
        let (one, other) = (bare(one), bare(other));
        let below = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('/'));
        one == other || below(one, other) || below(other, one)
    }
}

/// The number in an address, which is a web address or a file's.
fn number_of(url: &str) -> Option<u64> {
    let is_plain = url.len() <= MOST_URL && url.chars().all(|c| c.is_ascii_graphic());
    let (scheme, rest) = url.split_once("://").filter(|_| is_plain)?;
    if !["https", "http"].contains(&scheme) {
        return None;
    }
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').collect();
    let named = parts.windows(2).find(|pair| BEFORE_NUMBER.contains(&pair[0])).map(|pair| pair[1]);
    digits(named?)
}

fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_is_named_by_number_or_page() {
        let number = |text: &str| text.parse::<PullName>().map(|name| name.number).ok();
        for (text, expected) in [
            ("7", Some(7)),
            (" #7 ", Some(7)),
            ("https://forge.example/acme/app/pull/12", Some(12)),
            ("https://forge.example/acme/app/pull/12/files?x=3#r9", Some(12)),
            ("https://forge.example/a/b/c/-/merge_requests/3", Some(3)),
            ("http://forge.example/acme/app/pulls/5/", Some(5)),
            ("", None),
            ("0", None),
            ("-1", None),
            ("+1", None),
            ("seven", None),
            ("7 8", None),
            ("https://forge.example/acme/app/issues/12", None),
            ("https://forge.example/acme/app/pull/", None),
            ("https://forge.example/acme/app/pull/12 3", None),
            ("javascript://x/pull/12", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn a_tab_is_of_the_same_page_and_another_number_is_not() {
        let page = "https://forge.example/acme/app/pull/1";
        assert!(PullName::is_same_page(page, "http://forge.example/acme/app/pull/1/files?w=1"));
        assert!(!PullName::is_same_page(page, "https://forge.example/acme/app/pull/12"));
        assert!(!PullName::is_same_page(page, "https://forge.example/other/app/pull/1"));
    }
}
