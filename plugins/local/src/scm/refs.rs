//! One look at the refs: branches, pull requests, and commits that were made to be merged.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

use super::oid::Oid;
use super::repository::Repository;

const HEADS: &str = "refs/heads/";
const PULLS: &str = "refs/ao/prs/";
const MERGES: &str = "refs/ao/merge/";

/// The highest number that counts: somebody else's ref must not leave us without a next one.
const HIGHEST: u64 = 1_000_000_000;

/// The refs as they were at one moment.
#[derive(Debug, Default)]
pub(super) struct Refs {
    heads: BTreeMap<String, Oid>,
    /// Where each pull request's ref stands; why not, where git cannot tell.
    pub(super) pulls: BTreeMap<u64, Result<Oid, String>>,
    /// The commit that was last made to be merged, of each pull request that has one.
    pub(super) merges: BTreeMap<u64, Oid>,
    /// The highest number that is taken, by whatever.
    highest: u64,
    /// What git printed: equal where nothing has changed.
    pub(super) printed: Vec<u8>,
}

impl Refs {
    /// Where a branch stands.
    pub(super) fn head(&self, branch: &BranchName) -> Option<&Oid> {
        self.heads.get(branch.as_str())
    }

    /// A number that no pull request has.
    pub(super) fn next(&self) -> Result<u64> {
        let next = self.highest + 1;
        let named = format!("{PULLS}{}", self.highest);
        (next <= HIGHEST).then_some(next).ok_or_else(|| {
            Error::conflict(format!(
                "no number is left: `{named}` is the highest; move or delete it if it is not yours"
            ))
        })
    }
}

/// The ref of a pull request.
pub(super) fn of_pull(number: u64) -> String {
    format!("{PULLS}{number}")
}

/// The ref that keeps what a pull request is merged as.
pub(super) fn of_merge(number: u64) -> String {
    format!("{MERGES}{number}")
}

/// The ref of a branch.
pub(super) fn of_branch(branch: &BranchName) -> String {
    format!("{HEADS}{branch}")
}

/// Looks at all of them, in one process.
pub(super) async fn look(repository: &Repository<'_>) -> Result<Refs> {
    let call = repository.at(["for-each-ref", "--format=%(objectname) %(refname)", HEADS, PULLS, MERGES]).looking();
    let output = call.run().await?;
    Ok(read(output.stdout, &output.stderr))
}

fn read(printed: Vec<u8>, complained: &[u8]) -> Refs {
    let mut refs = Refs::default();
    for line in printed.split(|byte| *byte == b'\n') {
        // A name that is no text is no branch that anybody could ask for.
        let Some((object, name)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let Ok(object) = Oid::try_from(object.to_owned()) else { continue };
        if let Some(branch) = name.strip_prefix(HEADS) {
            refs.heads.insert(branch.to_owned(), object);
        } else if let Some(rest) = name.strip_prefix(PULLS) {
            refs.taken(rest);
            refs.pulls.extend(number(rest).map(|number| (number, Ok(object))));
        } else if let Some(rest) = name.strip_prefix(MERGES) {
            refs.taken(rest);
            refs.merges.extend(number(rest).map(|number| (number, object)));
        }
    }
    // `warning: ignoring broken ref refs/ao/prs/3`: its file holds no object's name.
    let complained = String::from_utf8_lossy(complained);
    for name in complained.lines().filter_map(|line| line.split_once("broken ref ")).map(|(_, name)| name.trim()) {
        let Some(rest) = name.strip_prefix(PULLS) else { continue };
        refs.taken(rest);
        let why = format!("`{name}` is broken: git cannot read where it stands");
        refs.pulls.extend(number(rest).map(|number| (number, Err(why))));
    }
    refs.printed = printed;
    refs
}

impl Refs {
    /// A name also takes the numbers that it would be in the way of: git has no ref `1` beside a ref `1/x`.
    fn taken(&mut self, name: &str) {
        let first = name.split('/').next().and_then(number);
        self.highest = self.highest.max(first.unwrap_or(0));
    }
}

fn number(text: &str) -> Option<u64> {
    let number = text.parse().ok().filter(|number| (1..=HIGHEST).contains(number))?;
    // One way to write each.
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_passed_over() {
        let object = "a".repeat(40);
        let names = [
            "refs/heads/a/b",
            "refs/ao/prs/7",
            "refs/ao/prs/07",
            "refs/ao/prs/x",
            "refs/ao/prs/9/x",
            "refs/ao/prs/18446744073709551615",
            "refs/ao/merge/3",
        ];
        let mut printed: Vec<u8> = names.iter().flat_map(|name| format!("{object} {name}\n").into_bytes()).collect();
        printed.extend_from_slice(format!("{object} refs/heads/").as_bytes());
        printed.extend_from_slice(b"\xff\n");
        let refs = read(printed, b"warning: ignoring broken ref refs/ao/prs/8\n");
        assert_eq!(refs.head(&"a/b".parse().expect("a branch")).map(Oid::as_str), Some(object.as_str()));
        assert_eq!(refs.heads.len(), 1);
        assert_eq!(refs.pulls.keys().copied().collect::<Vec<_>>(), [7, 8]);
        assert!(refs.pulls[&8].as_ref().is_err_and(|why| why.contains("broken")));
        assert_eq!((refs.merges.len(), refs.next().ok()), (1, Some(10)));
    }
}
