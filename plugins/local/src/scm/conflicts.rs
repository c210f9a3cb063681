//! Foretells conflicts, and writes nothing into the repository for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ao_plugin_sdk::prelude::*;

use super::LocalScm;
use super::oid::Oid;
use super::repository::Repository;

/// How many answers are kept before all are forgotten.
const KEPT: usize = 65_536;

/// Merges in one process.
const BATCH: usize = 256;

/// What is kept of the call's time to answer with what is known.
const RESERVE: Duration = Duration::from_secs(5);

/// Files that conflict, by base and head.
#[derive(Debug, Default)]
pub(super) struct Foretold(Mutex<BTreeMap<(Oid, Oid), Vec<String>>>);

impl Foretold {
    fn get(&self, base: &Oid, head: &Oid) -> Option<Vec<String>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(base.clone(), head.clone())).cloned()
    }

    fn put(&self, base: &Oid, head: &Oid, files: Vec<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > KEPT {
            known.clear();
        }
        known.insert((base.clone(), head.clone()), files);
    }
}

/// The files that conflict when these heads are merged into this base; none for what could not be told in time.
pub(super) async fn foretell(
    scm: &LocalScm,
    repository: &Repository<'_>,
    base: &Oid,
    heads: &[Oid],
) -> Result<BTreeMap<Oid, Vec<String>>> {
    let heads: BTreeSet<&Oid> = heads.iter().collect();
    let unknown: Vec<Oid> =
        heads.iter().filter(|head| scm.foretold.get(base, head).is_none()).map(|head| (*head).clone()).collect();
    if !unknown.is_empty() {
        // Its trees and blobs go into a directory that is thrown away; the repository's own is only read.
        let scratch = blocking(|| {
            tempfile::Builder::new().prefix("ao-conflicts-").tempdir().map_err(|error| {
                Error::wrap(Code::UNAVAILABLE, "cannot make a directory for what a trial merge writes", &error)
            })
        });
        let scratch = scratch.await?;
        let objects = scratch.path().to_str().map(str::to_owned);
        let objects = objects.ok_or_else(|| Error::unsupported("the temporary directory's path is not UTF-8"))?;
        for batch in unknown.chunks(BATCH) {
            if !merge(scm, repository, base, batch, &objects).await? {
                break;
            }
        }
        // Removes the directory.
        blocking(move || scratch.close().map_err(|error| Error::other(error.to_string()))).await?;
    }
    let known = heads.into_iter().filter_map(|head| Some((head.clone(), scm.foretold.get(base, head)?)));
    Ok(known.collect())
}

/// Whether there was time for it.
async fn merge(scm: &LocalScm, repository: &Repository<'_>, base: &Oid, heads: &[Oid], objects: &str) -> Result<bool> {
    let mut rest = heads;
    while !rest.is_empty() {
        let left = deadline().map(|left| left.saturating_sub(RESERVE));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(false);
        }
        let pairs: String = rest.iter().flat_map(|head| [base.as_str(), " ", head.as_str(), "\n"]).collect();
        let mut call = repository
            .at(["merge-tree", "--write-tree", "--stdin", "-z", "--name-only", "--no-messages"])
            // Nothing common is a finding here, and no reason to end before the next pair.
            .arg("--allow-unrelated-histories")
            .env("GIT_OBJECT_DIRECTORY", objects)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(repository.common.join("objects").as_str()))
            // As the base has them, whatever is checked out.
            .env("GIT_ATTR_SOURCE", base.as_str())
            .input(pairs)
            .looking();
        if let Some(left) = left {
            call = call.within(left);
        }
        let output = match call.output().await {
            Ok(output) => output,
            Err(error) if error.code == Code::TIMEOUT => return Ok(false),
            Err(error) => return Err(error),
        };
        let told = answers(&output.stdout);
        for (head, files) in rest.iter().zip(&told) {
            scm.foretold.put(base, head, files.clone());
        }
        // Ended early: of the next one nothing can be told (its commit is missing, for example); go on behind it.
        rest = rest.get(told.len() + 1..).unwrap_or_default();
    }
    Ok(true)
}

/// `1` or `0` for a conflict, the tree, the files, each with a NUL behind it, and another NUL.
fn answers(printed: &[u8]) -> Vec<Vec<String>> {
    // A field without its NUL was cut short.
    let mut fields = printed.split_inclusive(|byte| *byte == 0).map_while(|field| field.strip_suffix(&[0]));
    let mut found = Vec::new();
    while let (Some(b"0" | b"1"), Some(_tree)) = (fields.next(), fields.next()) {
        let mut files = Vec::new();
        loop {
            match fields.next() {
                Some(b"") => break,
                Some(file) => files.push(String::from_utf8_lossy(file).into_owned()),
                None => return found,
            }
        }
        found.push(files);
    }
    found
}

/// A path for `GIT_ALTERNATE_OBJECT_DIRECTORIES`, where `:` separates and `"` quotes.
fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_far_as_they_are_whole() {
        let none: [&str; 0] = [];
        assert_eq!(answers(b"1\0aa\0\x000\0bb\0a b\0c\0\x001\0cc\0"), [none.as_slice(), &["a b", "c"]]);
        assert!(answers(b"").is_empty());
    }
}
