//! What the program's composer holds, told from its screen.

use ao_plugin_sdk::prelude::*;
use regex::Regex;

/// What a composer holds: the first group of the pattern's last match, or all of that match where the pattern has no group.
/// A group that took no part in the match is an empty composer, and a composer that is nowhere is covered by something.
pub(crate) fn composer(draft: &Regex, screen: &str) -> Composer {
    let Some(found) = draft.captures_iter(screen).last() else { return Composer::Dialog };
    let group = usize::from(found.len() > 1);
    let text = found.get(group).map_or("", |held| held.as_str()).trim();
    if text.is_empty() { Composer::Empty } else { Composer::Draft { text: text.to_owned() } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_match_is_the_composer() {
        let draft = Regex::new(r"(?m)^> ?(.*)$").expect("a pattern");
        let held = |screen| composer(&draft, screen);
        let text = |text: &str| Composer::Draft { text: text.to_owned() };
        assert_eq!(held("> former\nits answer\n>"), Composer::Empty);
        assert_eq!(held("> former\n> half a se  "), text("half a se"));
        assert_eq!(held("Overwrite it? [y/n]"), Composer::Dialog);
        let placeholder = Regex::new(r"(?m)^› (?:Ask it to do anything|(.*))$").expect("a pattern");
        assert_eq!(composer(&placeholder, "› Ask it to do anything"), Composer::Empty);
        assert_eq!(composer(&placeholder, "› Mend it"), text("Mend it"));
        let whole = Regex::new(r"(?m)^# .*\z").expect("a pattern");
        assert_eq!(composer(&whole, "# one"), text("# one"));
    }
}
