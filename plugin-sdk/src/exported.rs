//! What `export_plugin!` checks while the library is compiled: names, and that none is exported twice.

/// Whether it is a plugin's name, by the rule of [`PluginName`](ao_core::model::PluginName).
#[must_use]
pub const fn is_plugin_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > 64 || !bytes[0].is_ascii_alphanumeric() {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphanumeric() && bytes[at] != b'-' && bytes[at] != b'_' {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether a slot and a name stand together in two rows.
#[must_use]
pub const fn has_twins(rows: &[(&str, &str)]) -> bool {
    let mut first = 0;
    while first < rows.len() {
        let mut second = first + 1;
        while second < rows.len() {
            if is_equal(rows[first].0, rows[second].0) && is_equal(rows[first].1, rows[second].1) {
                return true;
            }
            second += 1;
        }
        first += 1;
    }
    false
}

const fn is_equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

#[cfg(test)]
mod tests {
    use ao_core::model::PluginName;

    use super::*;

    #[test]
    fn the_rule_for_names_is_that_of_the_host() {
        let long = "a".repeat(64);
        let too_long = "a".repeat(65);
        for name in ["", "a", "7", "A-b_9", "-a", "_a", "a b", "a/b", "ä", "aä", "a.b", "a\0", &long, &too_long] {
            assert_eq!(is_plugin_name(name), name.parse::<PluginName>().is_ok(), "{name:?}");
        }
    }

    #[test]
    fn twins_have_both_in_common() {
        assert!(has_twins(&[("a", "x"), ("b", "x"), ("a", "x")]));
        assert!(!has_twins(&[("a", "x"), ("b", "x"), ("a", "y"), ("a", "xx"), ("ax", "")]));
        assert!(!has_twins(&[]));
    }
}
