//! Whether tmux is there and new enough.

use ao_plugin_sdk::prelude::*;

use crate::NAME;
use crate::server::tmux;

/// The oldest tmux that works: pane options, `copy-mode -q`.
const OLDEST: (u32, u32) = (3, 2);

/// Looks at the tmux on the PATH.
pub(crate) async fn look() -> Finding {
    match tmux().arg("-V").run().await {
        Ok(output) => judge(&output.text()),
        Err(error) => with_remedy(Finding::new(FindingLevel::Fail, NAME, error.to_string())),
    }
}

/// Judges what `tmux -V` said. A version without a number is one of today's, built from source.
fn judge(said: &str) -> Finding {
    match version(said) {
        Some(version) if version < OLDEST => {
            let message = format!("{said} is too old: {}.{} is needed", OLDEST.0, OLDEST.1);
            with_remedy(Finding::new(FindingLevel::Fail, NAME, message))
        }
        _ => Finding::new(FindingLevel::Ok, NAME, said),
    }
}

fn with_remedy(mut finding: Finding) -> Finding {
    finding.remedy = Some("install tmux 3.2 or newer, or set `runtime: pty`".into());
    finding
}

/// The first number with a dot in it, such as of `tmux 3.3a` or `tmux next-3.5`.
fn version(said: &str) -> Option<(u32, u32)> {
    let (major, rest) = said.split_once('.')?;
    let major = major.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    let minor = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (said, expected) in [
            ("tmux 3.3a", Some((3, 3))),
            ("tmux next-3.5", Some((3, 5))),
            ("tmux 3.2-rc3", Some((3, 2))),
            ("tmux openbsd-7.0", Some((7, 0))),
            ("tmux master", None),
            ("", None),
        ] {
            assert_eq!(version(said), expected, "{said}");
        }
    }

    #[test]
    fn an_old_one_comes_with_a_remedy() {
        let finding = judge("tmux 2.9a");
        assert!(finding.level == FindingLevel::Fail && finding.remedy.is_some());
        assert_eq!(judge("tmux 3.2").level, FindingLevel::Ok);
    }
}
