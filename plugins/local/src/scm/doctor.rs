//! Whether git is there and new enough.

use ao_plugin_sdk::prelude::*;

use ao_git_command::Git;

/// The first version with `merge-tree --write-tree`, without which nothing can be merged.
const NEEDED: (u32, u32) = (2, 38);

/// The first version with `merge-tree --merge-base`, by which commits are replayed; `--stdin`, by which conflicts are
/// foretold, is older.
const WANTED: (u32, u32) = (2, 40);

pub(super) async fn doctor(git: &Git) -> Vec<Finding> {
    vec![match git.at(Utf8Path::new("/"), ["version"]).run().await {
        Ok(output) => judge(&output.text()),
        Err(error) => {
            let mut finding = Finding::new(FindingLevel::Fail, "git", error.to_string());
            finding.remedy = Some("install git, for example with `apt install git`".into());
            finding
        }
    }]
}

fn judge(text: &str) -> Finding {
    let found = text.strip_prefix("git version ").unwrap_or(text);
    let mut numbers = found.split('.').map_while(|part| part.parse::<u32>().ok());
    let version = numbers.next().zip(numbers.next());
    let (level, remedy) = match version {
        Some(version) if version >= WANTED => (FindingLevel::Ok, None),
        Some(version) if version >= NEEDED => {
            (FindingLevel::Warn, Some(("foretelling conflicts and rebasing pull requests", WANTED)))
        }
        Some(_) => (FindingLevel::Fail, Some(("merging pull requests", NEEDED))),
        None => (FindingLevel::Warn, Some(("merging pull requests", NEEDED))),
    };
    let mut finding = Finding::new(level, "git", format!("version {found}"));
    finding.remedy =
        remedy.map(|(what, (major, minor))| format!("{what} needs git {major}.{minor} or newer; update it"));
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged() {
        let table = [
            ("git version 2.47.3", FindingLevel::Ok),
            ("git version 3.0.1 (Apple Git-1)", FindingLevel::Ok),
            ("git version 2.38.1", FindingLevel::Warn),
            ("git version 2.37.9.windows.1", FindingLevel::Fail),
            ("gut", FindingLevel::Warn),
        ];
        for (text, level) in table {
            let finding = judge(text);
            assert_eq!((finding.level, finding.remedy.is_some()), (level, level != FindingLevel::Ok), "{text}");
        }
    }
}
