//! Whether git is there and new enough.

use ao_plugin_sdk::prelude::*;

use crate::Git;

/// Something that is done with git, and the first version that can do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What is done, for a sentence such as `worktrees need git 2.36 or newer`.
    pub what: &'static str,
    /// The version, major and minor.
    pub since: (u32, u32),
    /// What an older git is worth.
    pub without: FindingLevel,
}

/// Looks for git, and holds its version against what is needed. The first need that is not met is told.
pub async fn doctor(git: &Git, needs: &[Need]) -> Vec<Finding> {
    vec![match git.at(Utf8Path::new("/"), ["version"]).run().await {
        Ok(output) => judge(&output.text(), needs),
        Err(error) => {
            let mut finding = Finding::new(FindingLevel::Fail, "git", error.to_string());
            finding.remedy = Some("install git, for example with `apt install git`".into());
            finding
        }
    }]
}

fn judge(text: &str, needs: &[Need]) -> Finding {
    let found = text.strip_prefix("git version ").unwrap_or(text);
    let mut numbers = found.split('.').map_while(|part| part.parse::<u32>().ok());
    let version = numbers.next().zip(numbers.next());
    let lacking = needs.iter().find(|need| version.is_none_or(|version| version < need.since));
    let level = match (lacking, version) {
        (None, _) => FindingLevel::Ok,
        // Nobody can tell what it can do.
        (Some(_), None) => FindingLevel::Warn,
        (Some(need), Some(_)) => need.without,
    };
    let mut finding = Finding::new(level, "git", format!("version {found}"));
    finding.remedy = lacking
        .map(|Need { what, since: (major, minor), .. }| format!("{what} need git {major}.{minor} or newer; update it"));
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged() {
        let needs = [
            Need { what: "worktrees", since: (2, 36), without: FindingLevel::Fail },
            Need { what: "forecasts", since: (2, 40), without: FindingLevel::Warn },
        ];
        let table = [
            ("git version 2.47.3", FindingLevel::Ok, None),
            ("git version 2.40.0.windows.1", FindingLevel::Ok, None),
            ("git version 3.0.1 (Apple Git-1)", FindingLevel::Ok, None),
            ("git version 2.39.9", FindingLevel::Warn, Some("forecasts need git 2.40 or newer; update it")),
            ("git version 2.35.9", FindingLevel::Fail, Some("worktrees need git 2.36 or newer; update it")),
            ("git version 1.9.1", FindingLevel::Fail, Some("worktrees need git 2.36 or newer; update it")),
            ("gut", FindingLevel::Warn, Some("worktrees need git 2.36 or newer; update it")),
        ];
        for (text, level, remedy) in table {
            let finding = judge(text, &needs);
            assert_eq!((finding.level, finding.remedy.as_deref()), (level, remedy), "{text}");
        }
    }
}
