//! Tests that could not run for want of an engine: each says so, and none is forgotten.
//!
//! A test whose engine is missing appends one line to the file named by `AO_TEST_SKIPS` and returns:
//! `<engine> TAB <test> TAB <why>`. The runner would count it as passed; the summary here does not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::environment::{self, Place};
use crate::files;
use crate::process::Failure;
use crate::report::Outcome;

/// The environment variable that tells tests where to note a skip.
pub(crate) const VARIABLE: &str = "AO_TEST_SKIPS";

/// Returns the file of the notes, empty and its folder made.
pub(crate) fn start() -> Result<PathBuf, Failure> {
    let path = environment::root().join("target/xtask/test-skips");
    files::make_parent(&path)?;
    files::remove(&path)?;
    Ok(path)
}

/// Shows the notes and judges them.
pub(crate) fn finish(path: &std::path::Path) -> Outcome {
    let text = match files::read(path) {
        Ok(text) => text.unwrap_or_default(),
        Err(failure) => return Outcome::Failed(failure.to_string()),
    };
    let skips = parse(&text);
    for skip in &skips {
        anstream::eprintln!("SKIPPED (engine missing): {}: {}: {}", skip.engine, skip.test, skip.why);
    }
    judge(&skips, environment::place(), &environment::optional_engines())
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Skip {
    engine: String,
    test: String,
    why: String,
}

/// Reads the notes; a test that ran again after a retry counts once.
fn parse(text: &str) -> BTreeSet<Skip> {
    let field = |part: Option<&str>| part.map_or("not said", str::trim).to_owned();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let mut parts = line.splitn(3, '\t');
            Skip { engine: field(parts.next()), test: field(parts.next()), why: field(parts.next()) }
        })
        .collect()
}

fn judge(skips: &BTreeSet<Skip>, place: Place, optional: &[String]) -> Outcome {
    if skips.is_empty() {
        return Outcome::Passed;
    }
    let engines: BTreeSet<&str> = skips.iter().map(|skip| skip.engine.as_str()).collect();
    let names = |engines: &[&str]| engines.join(", ");
    let needed: Vec<&str> =
        engines.iter().copied().filter(|engine| !optional.iter().any(|name| name == engine)).collect();
    if place == Place::Ci && !needed.is_empty() {
        return Outcome::Failed(format!(
            "tests skipped: {}, and CI must have {}: install it, or name it in AO_OPTIONAL_ENGINES",
            skips.len(),
            names(&needed)
        ));
    }
    let engines: Vec<&str> = engines.into_iter().collect();
    Outcome::Skipped(format!("tests skipped: {}, for want of {}", skips.len(), names(&engines)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: &str = "tmux\tit::sends_text\tnot in PATH\n\ntmux\tit::sends_text\tnot in PATH\nvim\tit::edits\n";

    #[test]
    fn notes_are_read_once_each_even_when_cut_short() {
        let skips: Vec<Skip> = parse(NOTES).into_iter().collect();
        assert_eq!(skips.len(), 2);
        assert_eq!((skips[0].engine.as_str(), skips[0].why.as_str()), ("tmux", "not in PATH"));
        assert_eq!((skips[1].test.as_str(), skips[1].why.as_str()), ("it::edits", "not said"));
        assert_eq!(parse("tmux").first().unwrap().test, "not said");
    }

    #[test]
    fn a_skip_fails_in_ci_unless_its_engine_is_optional() {
        let skips = parse(NOTES);
        let optional = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(judge(&BTreeSet::new(), Place::Ci, &[]), Outcome::Passed);
        assert_eq!(judge(&skips, Place::Desk, &[]), Outcome::Skipped("tests skipped: 2, for want of tmux, vim".into()));
        assert!(matches!(judge(&skips, Place::Ci, &optional(&["vim", "tmux"])), Outcome::Skipped(_)));
        let Outcome::Failed(why) = judge(&skips, Place::Ci, &optional(&["vim"])) else { panic!("must fail") };
        assert!(why.contains("CI must have tmux:"), "{why}");
    }
}
