//! The commits that a worktree alone remembers: where it stands, what an operation under way began from, and where it
//! stood before.

use std::collections::BTreeSet;
use std::io::Read;

use ao_plugin_sdk::prelude::*;

use super::copy::Copy;

/// Refs that belong to one worktree (gitrepository-layout(5), git-worktree(1), "REFS").
const OWN_REFS: &[&str] = &["refs/bisect", "refs/worktree", "refs/rewritten"];

/// Names that git gives to commits while something is under way.
const PSEUDO: &[&str] =
    &["ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "MERGE_AUTOSTASH"];

/// Files with commits in them, of merges, rebases and sequences of picks.
const STATE: &[&str] = &[
    "MERGE_HEAD",
    "rebase-merge/onto",
    "rebase-merge/orig-head",
    "rebase-merge/stopped-sha",
    "rebase-merge/amend",
    "rebase-merge/autostash",
    "rebase-apply/onto",
    "rebase-apply/orig-head",
    "rebase-apply/original-commit",
    "rebase-apply/autostash",
    "sequencer/head",
];

/// The most that is read of such a file, in bytes: an octopus merge has a line a parent.
const MOST_STATE: u64 = 64 * 1024;

/// What is to be pinned: a name within the receipt, and a commit.
pub(super) async fn find(
    copy: &Copy<'_>,
    head: Option<&str>,
    branch: Option<&BranchName>,
) -> Result<Vec<(String, String)>> {
    let mut wanted: Vec<(String, String)> = Vec::new();
    wanted.extend(head.map(|head| ("head".to_owned(), head.to_owned())));
    wanted.extend(branch.map(|branch| ("branch".to_owned(), format!("refs/heads/{branch}"))));
    wanted.extend(PSEUDO.iter().map(|name| (name.to_ascii_lowercase().replace('_', "-"), (*name).to_owned())));
    wanted.extend(of_state(copy).await?);
    wanted.extend(of_own_refs(copy).await?);
    let mut kept = commits(copy, wanted).await?;
    kept.extend(past(copy, &kept).await?.map(|commit| ("past".to_owned(), commit)));
    Ok(kept)
}

async fn of_state(copy: &Copy<'_>) -> Result<Vec<(String, String)>> {
    let private = copy.private.clone();
    blocking(move || {
        let mut found = Vec::new();
        for name in STATE {
            // What cannot be read is no commit that git could use either.
            let mut text = Vec::new();
            let Ok(file) = std::fs::File::open(private.join(name)) else { continue };
            if file.take(MOST_STATE).read_to_end(&mut text).is_err() {
                continue;
            }
            for (number, word) in String::from_utf8_lossy(&text).split_ascii_whitespace().enumerate() {
                if is_object(word) {
                    let plain = name.to_ascii_lowercase().replace(['_', '/'], "-");
                    found.push((format!("{plain}-{number}"), word.to_owned()));
                }
            }
        }
        Ok(found)
    })
    .await
}

async fn of_own_refs(copy: &Copy<'_>) -> Result<Vec<(String, String)>> {
    let mut call = copy.at(["for-each-ref", "--format=%(objectname) %(refname)"]).looking();
    for folder in OWN_REFS {
        call = call.arg(*folder);
    }
    let text = call.run().await?.text();
    let named = text.lines().filter_map(|line| line.split_once(' '));
    Ok(named.map(|(object, name)| (name["refs/".len()..].to_owned(), object.to_owned())).collect())
}

/// Those of the wanted that are commits, each once: the first name wins.
async fn commits(copy: &Copy<'_>, wanted: Vec<(String, String)>) -> Result<Vec<(String, String)>> {
    let questions: String = wanted.iter().flat_map(|(_, name)| [name, "^{commit}\n"]).collect();
    let call = copy.at(["cat-file", "--batch-check=%(objecttype) %(objectname)"]).input(questions);
    let answers = call.run().await?.text();
    let mut names = BTreeSet::new();
    let mut kept = Vec::new();
    for ((name, _), answer) in wanted.iter().zip(answers.lines()) {
        let Some(commit) = answer.strip_prefix("commit ") else { continue };
        if names.insert(commit) {
            kept.push((name.clone(), commit.to_owned()));
        }
    }
    Ok(kept)
}

/// One commit above all those that the worktree stood on before and that nothing of the kept leads to; none where there
/// is no such commit.
async fn past(copy: &Copy<'_>, kept: &[(String, String)]) -> Result<Option<String>> {
    let Some(reflog) = copy.ask(["reflog", "show", "--format=%H", "HEAD", "--"]).await? else { return Ok(None) };
    let stood: Vec<&str> = reflog.lines().filter(|line| is_object(line)).collect();
    let stood = commits(copy, stood.iter().map(|commit| (String::new(), (*commit).to_owned())).collect()).await?;
    let mut questions: String = stood.iter().flat_map(|(_, commit)| [commit, "\n"]).collect();
    questions.extend(kept.iter().flat_map(|(_, commit)| ["^", commit, "\n"]));
    let call = copy.at(["rev-list", "--stdin", "--not", "--branches", "--tags", "--remotes"]);
    let lost = call.input(questions).looking().run().await?.text();
    let tips: Vec<_> = stood
        .iter()
        .map(|(_, commit)| commit.as_str())
        .filter(|commit| lost.lines().any(|line| line == *commit))
        .collect();
    if tips.is_empty() {
        return Ok(None);
    }
    let tree = copy.at(["mktree"]).input("").run().await?.text();
    super::snapshot::commit(copy, &tree, &tips, "ao: where the worktree stood before").await.map(Some)
}

/// Whether this is an object's name in full.
pub(super) fn is_object(word: &str) -> bool {
    [40, 64].contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}
