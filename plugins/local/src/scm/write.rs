//! Writes one change of a pull request: one `git fast-import`, whose last step moves the ref, and only on from where it
//! was read. Killed before that, it leaves objects that nothing leads to, which git takes away in its own time.

use std::collections::BTreeSet;

use ao_plugin_sdk::prelude::*;

use ao_git_command::complaint;

use super::entry::{self, Entry};
use super::oid::Oid;
use super::pull::Pull;
use super::record::{self, Record};
use super::refs;
use super::repository::Repository;

/// How often a change is begun anew because somebody else was quicker: each time, somebody got on.
pub(super) const TRIES: usize = 100;

/// A pull request's next commit.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) number: u64,
    /// What it is made from; none for a new pull request.
    pub(super) from: Option<&'a Pull>,
    pub(super) record: &'a Record,
    pub(super) entries: Vec<(u64, Entry)>,
    /// One line, for who reads the ref's history.
    pub(super) message: String,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is there, as this commit.
    Done { at: Oid },
    /// Somebody else was quicker: what it was made from is not the last any more.
    Lost,
}

/// Writes it.
pub(super) async fn write(repository: &Repository<'_>, change: &Change<'_>) -> Result<Written> {
    let reference = refs::of_pull(change.number);
    let call =
        repository.at(["fast-import", "--quiet", "--done", "--date-format=raw"]).input(stream(&reference, change)?);
    let output = call.to_its_end().output().await?;
    if output.status.success() {
        return Ok(Written::Done { at: Oid::printed(&output.text())? });
    }
    // It never replaces what does not lead to its own commit's parent. Whether that was it, the ref says.
    let stands = refs::look(repository).await?.pulls.remove(&change.number);
    let from = change.from.map(|pull| &pull.at);
    match stands {
        Some(Ok(at)) if Some(&at) != from => Ok(Written::Lost),
        _ => Err(Error::unavailable(format!(
            "cannot write `{reference}` in `{}`: {}",
            repository.path,
            complaint(&output)
        ))),
    }
}

/// In the language of git-fast-import(1). Nobody's name is on it: who did what stands in the files.
fn stream(reference: &str, change: &Change<'_>) -> Result<Vec<u8>> {
    let seconds = change.record.updated_at.as_millis().div_euclid(1000);
    let mut out = format!("commit {reference}\nmark :1\ncommitter ao <ao@localhost> {seconds} +0000\n").into_bytes();
    data(&mut out, change.message.as_bytes());
    if let Some(pull) = change.from {
        out.extend(format!("from {}\n", pull.at).into_bytes());
    }
    for commit in kept(change) {
        out.extend(format!("merge {commit}\n").into_bytes());
    }
    file(&mut out, "pull.json", &change.record.written()?);
    for (number, entry) in &change.entries {
        file(&mut out, &format!("remarks/{}", entry::file(*number)), &record::written(entry)?);
    }
    out.extend_from_slice(b"get-mark :1\ndone\n");
    Ok(out)
}

/// What the record names for the first time: as a parent of its commit git keeps it, and brings it along.
fn kept<'a>(change: &'a Change<'_>) -> BTreeSet<&'a Oid> {
    let named = |record: &'a Record| -> BTreeSet<&'a Oid> {
        record.attempts.iter().map(|attempt| &attempt.commit).chain([&record.head]).collect()
    };
    let known = change.from.map(|pull| named(&pull.record)).unwrap_or_default();
    named(change.record).difference(&known).copied().collect()
}

fn file(out: &mut Vec<u8>, path: &str, content: &[u8]) {
    out.extend(format!("M 100644 inline {path}\n").into_bytes());
    data(out, content);
}

fn data(out: &mut Vec<u8>, content: &[u8]) {
    out.extend(format!("data {}\n", content.len()).into_bytes());
    out.extend_from_slice(content);
    out.push(b'\n');
}

/// The error of who was never quick enough.
pub(super) fn never(number: u64) -> Error {
    Error::unavailable(format!("pull request {number} is changed by others all the time; try again"))
}
