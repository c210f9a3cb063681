//! Whether git is there and new enough.

use ao_plugin_sdk::prelude::*;

use ao_git_command::Git;

/// The first version with `worktree list -z`; everything else that is used is older.
const NEEDED: (u32, u32) = (2, 36);

pub(crate) async fn doctor(git: &Git) -> Vec<Finding> {
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
    let level = match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= NEEDED => FindingLevel::Ok,
        (Some(_), Some(_)) => FindingLevel::Fail,
        _ => FindingLevel::Warn,
    };
    let (major, minor) = NEEDED;
    let mut finding = Finding::new(level, "git", format!("version {found}"));
    if level != FindingLevel::Ok {
        finding.remedy = Some(format!("worktrees need git {major}.{minor} or newer; update it"));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged() {
        let table = [
            ("git version 2.47.3", FindingLevel::Ok),
            ("git version 2.36.0.windows.1", FindingLevel::Ok),
            ("git version 3.0.1 (Apple Git-1)", FindingLevel::Ok),
            ("git version 2.35.9", FindingLevel::Fail),
            ("git version 1.9.1", FindingLevel::Fail),
            ("gut", FindingLevel::Warn),
        ];
        for (text, level) in table {
            let finding = judge(text);
            assert_eq!((finding.level, finding.remedy.is_some()), (level, level != FindingLevel::Ok), "{text}");
        }
    }
}
