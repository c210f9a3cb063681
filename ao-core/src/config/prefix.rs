//! Session prefixes: derived from a directory's name, and never shared by two projects.

use std::collections::BTreeMap;

use super::diagnostic::Diagnostic;
use super::key_path::KeyPath;
use super::source::Place;
use crate::model::{ProjectName, SessionPrefix};

/// The prefix for a directory of this name.
///
/// A name of at most four letters as it is; the capitals of `MyOldApp`; the first letters of `agent-orchestrator`; else
/// the first three letters. Always in lower case. `None` when nothing usable is left.
pub(crate) fn derive(directory: &str) -> Option<SessionPrefix> {
    let name: String = directory.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let capitals: String = name.chars().filter(char::is_ascii_uppercase).collect();
    let prefix = if name.len() <= 4 {
        name
    } else if capitals.len() >= 2 {
        capitals
    } else if name.contains(['-', '_']) {
        name.split(['-', '_']).filter_map(|word| word.chars().next()).collect()
    } else {
        name.chars().take(3).collect()
    };
    prefix.to_ascii_lowercase().trim_matches(['-', '_']).parse().ok()
}

/// A project's prefix, and the text that it comes from.
pub(crate) struct Claim<'a> {
    pub(crate) project: &'a ProjectName,
    pub(crate) prefix: &'a SessionPrefix,
    pub(crate) place: &'a Place,
    pub(crate) path: KeyPath,
}

/// An error for each project whose prefix an earlier one has. Case does not tell two prefixes apart: their sessions would
/// share directories where the file system ignores it.
pub(crate) fn conflicts(claims: &[Claim<'_>]) -> Vec<Diagnostic> {
    let mut owners: BTreeMap<String, &Claim<'_>> = BTreeMap::new();
    let mut problems = Vec::new();
    for claim in claims {
        let folded = claim.prefix.as_str().to_ascii_lowercase();
        let Some(owner) = owners.get(&folded) else {
            owners.insert(folded, claim);
            continue;
        };
        let message = format!(
            "the projects `{}` and `{}` have the same session prefix `{}`",
            owner.project, claim.project, claim.prefix
        );
        let free = free_prefix(claim, claims);
        let help = format!("set `sessionPrefix: {free}` in `{}`", claim.project);
        problems.push(
            Diagnostic::error(claim.place, claim.path.clone(), message).also("the other one", owner.place).help(help),
        );
    }
    problems
}

/// A prefix that no project has: the project's own name if it is free, else a number behind the prefix.
fn free_prefix(claim: &Claim<'_>, claims: &[Claim<'_>]) -> String {
    let own = claim.project.as_str().to_ascii_lowercase();
    let numbered = (2..).map(|number| format!("{}{number}", claim.prefix));
    let mut candidates = std::iter::once(own).chain(numbered);
    let taken = |text: &String| claims.iter().any(|other| other.prefix.as_str().eq_ignore_ascii_case(text));
    let fits = |text: &String| text.parse::<SessionPrefix>().is_ok() && !taken(text);
    candidates.find(fits).expect("there are more numbers than projects")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_follow_the_directory() {
        for (directory, prefix) in [
            ("app", Some("app")),
            ("API", Some("api")),
            ("MyOldApp", Some("moa")),
            ("agent-orchestrator", Some("ao")),
            ("web_site_two", Some("wst")),
            ("Website", Some("web")),
            ("my.thing", Some("myt")),
            ("-x-y-z", Some("xyz")),
            ("----", None),
            ("日本語", None),
            ("", None),
        ] {
            let derived = derive(directory);
            assert_eq!(derived.as_ref().map(SessionPrefix::as_str), prefix, "{directory}");
        }
    }
}
