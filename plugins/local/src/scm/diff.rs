//! What a pull request changes.

use ao_plugin_sdk::prelude::*;

use super::record::State;
use super::{LocalScm, pull, standing};

/// How it reads, whatever somebody likes for their own eyes.
const PLAIN: [&str; 15] = [
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-relative",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--unified=3",
    "--inter-hunk-context=0",
    "--diff-algorithm=default",
    "--indent-heuristic",
    "--find-renames",
    "-l1000",
    "--submodule=short",
    "--ignore-submodules=none",
    "-O/dev/null",
];

/// Against the commit that it began from: of the base as it is, or, once it is merged or the base is gone, as it was.
pub(super) async fn diff(scm: &LocalScm, request: PullDiffRequest) -> Result<PullDiff> {
    let repository = scm.repository(&request.repository).await?;
    let (refs, pull) = pull::one(scm, &repository, &request.pull).await?;
    let standing = standing::of_one(scm, &repository, &refs, &pull).await?;
    let base = standing.base.as_ref().filter(|_| standing.state == State::Open).unwrap_or(&pull.record.base_commit);
    // No program of the user's configuration runs for it, and no setting changes how it reads.
    let call = PLAIN.iter().fold(repository.at(["diff"]), |call, option| call.arg(*option));
    let call = call
        .set("core.quotePath", "true")
        .set("diff.suppressBlankEmpty", "false")
        .arg(format!("{base}...{}", standing.head))
        .arg("--")
        .env("GIT_ATTR_SOURCE", standing.head.as_str())
        .looking();
    let output = call.run().await?;
    let most = usize::try_from(request.max_bytes).unwrap_or(usize::MAX);
    let mut diff = cut(&output.stdout, most);
    diff.truncated |= output.is_cut();
    Ok(diff)
}

/// As much as may be said, as text, up to a whole character.
fn cut(bytes: &[u8], most: usize) -> PullDiff {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(most)]).into_owned();
    let is_cut = bytes.len() > most || text.len() > most;
    // What replaces a byte is longer than it.
    text.truncate(text.floor_char_boundary(most));
    let mut diff = PullDiff::new(text);
    diff.truncated = is_cut;
    diff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_cut_at_a_character() {
        assert_eq!(cut("aä".as_bytes(), 10), PullDiff::new("aä"));
        let short = cut("aä".as_bytes(), 2);
        assert!(short.truncated && short.text.len() <= 2 && short.text.starts_with('a'), "{short:?}");
        assert!(cut(&[0xff; 9], 9).text.len() <= 9);
    }
}
