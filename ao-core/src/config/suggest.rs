//! The name that was most likely meant by one that does not exist.

/// The known name closest to `unknown`, if one is close enough to be worth asking about.
pub fn closest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // More letters may be wrong in a longer name.
    let tolerance = 1 + unknown.chars().count() / 4;
    let wanted = folded(unknown);
    let distances = known.into_iter().map(|name| (strsim::damerau_levenshtein(&wanted, &folded(name)), name));
    distances.filter(|(distance, _)| *distance <= tolerance).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// The name without what people mix up first: `default_branch`, `default-branch` and `defaultbranch`.
fn folded(name: &str) -> String {
    name.chars().take(100).filter(|c| !"_-".contains(*c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_find_their_key() {
        let known = ["defaultBranch", "path", "postCreate", "repo", "scm"];
        for (unknown, meant) in [
            ("defautBranch", Some("defaultBranch")),
            ("default_branch", Some("defaultBranch")),
            ("post-create", Some("postCreate")),
            ("paht", Some("path")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(closest(unknown, known), meant, "{unknown}");
        }
    }
}
