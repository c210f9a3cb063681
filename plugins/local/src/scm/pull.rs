//! Reads pull requests. What a commit holds never changes, so what was read of one is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ao_plugin_sdk::prelude::*;

use super::LocalScm;
use super::entry::{self, Entry};
use super::objects::{self, Kind, Object};
use super::oid::Oid;
use super::record::Record;
use super::refs::{self, Refs};
use super::repository::Repository;

/// How many pull requests are kept before all are forgotten.
const KEPT: usize = 8192;

/// A pull request as it was stored by one commit.
#[derive(Debug)]
pub(super) struct Pull {
    pub(super) number: u64,
    /// The commit.
    pub(super) at: Oid,
    pub(super) record: Record,
    /// What was said and done, by number.
    pub(super) entries: BTreeMap<u64, Entry>,
}

impl Pull {
    /// The entry that a request made, if it did.
    pub(super) fn made_by(&self, key: &str) -> Option<u64> {
        self.entries.iter().find(|(_, entry)| entry.key == key).map(|(number, _)| *number)
    }

    /// The number of the next entry.
    pub(super) fn next_entry(&self) -> u64 {
        self.entries.last_key_value().map_or(0, |(number, _)| *number) + 1
    }
}

/// A pull request, or why it cannot be read.
pub(super) type Loaded = Result<Arc<Pull>, String>;

/// What was read before, by the commit and the number that it was found under.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeMap<(Oid, u64), Loaded>>);

/// Reads these pull requests, in two processes.
pub(super) async fn load(
    scm: &LocalScm,
    repository: &Repository<'_>,
    wanted: &[(u64, Result<Oid, String>)],
) -> Result<BTreeMap<u64, Loaded>> {
    let mut found = BTreeMap::new();
    let mut unread: Vec<(u64, &Oid)> = Vec::new();
    {
        let seen = scm.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, at) in wanted {
            match at {
                Err(why) => {
                    found.insert(*number, Err(why.clone()));
                }
                Ok(at) => match seen.get(&(at.clone(), *number)) {
                    Some(loaded) => {
                        found.insert(*number, loaded.clone());
                    }
                    None => unread.push((*number, at)),
                },
            }
        }
    }
    let read = read(repository, &unread).await?;
    let mut seen = scm.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.len() + read.len() > KEPT {
        seen.clear();
    }
    for ((number, at), loaded) in unread.into_iter().zip(read) {
        // What is missing today may be fetched tomorrow.
        if loaded.is_ok() {
            seen.insert((at.clone(), number), loaded.clone());
        }
        found.insert(number, loaded);
    }
    Ok(found)
}

/// What is read of each commit at first: its tree, the record, and the list of remarks.
const TOPS: [&str; 3] = ["", "pull.json", REMARKS];

/// The folder of what was said and done.
const REMARKS: &str = "remarks";

async fn read(repository: &Repository<'_>, wanted: &[(u64, &Oid)]) -> Result<Vec<Loaded>> {
    let names: Vec<_> = wanted.iter().flat_map(|(_, at)| TOPS.map(|name| format!("{at}:{name}"))).collect();
    let tops = objects::read(repository, &names).await?;
    let found: Vec<_> = wanted.iter().zip(tops.chunks(TOPS.len())).map(|((_, at), tops)| top(at, tops)).collect();
    let files = found.iter().flatten().flat_map(|top| &top.files);
    let names: Vec<_> = files.map(|(_, object)| object.clone()).collect();
    let mut blobs = objects::read(repository, &names).await?.into_iter();
    let mut loaded = Vec::with_capacity(wanted.len());
    for ((number, at), top) in wanted.iter().zip(found) {
        let pull = top.and_then(|top| {
            let blobs = blobs.by_ref().take(top.files.len()).collect();
            assemble(*number, at, top, blobs)
        });
        loaded.push(pull.map(Arc::new).map_err(|why| format!("`{}` cannot be read: {why}", refs::of_pull(*number))));
    }
    Ok(loaded)
}

/// What a commit holds, but for what was said.
struct Top {
    record: Record,
    /// The entries' numbers and objects.
    files: Vec<(u64, String)>,
}

/// A list of remarks that is named and cannot be read is no empty one: somebody may have asked for changes in it.
fn top(at: &Oid, tops: &[Option<Object>]) -> Result<Top, String> {
    let digits = at.as_str().len();
    let get = |index: usize, kind: Kind| tops.get(index)?.as_ref().filter(|object| object.kind == kind);
    let record = get(1, Kind::Blob).ok_or("it is no commit with a file `pull.json`")?;
    let record = Record::read(&record.bytes).map_err(|why| format!("`pull.json`: {why}"))?;
    let root =
        get(0, Kind::Tree).and_then(|tree| objects::entries(&tree.bytes, digits)).ok_or("its tree is damaged")?;
    if !root.iter().any(|(name, _)| name == REMARKS) {
        return Ok(Top { record, files: Vec::new() });
    }
    let remarks = get(2, Kind::Tree).and_then(|tree| objects::entries(&tree.bytes, digits));
    let remarks = remarks.ok_or_else(|| format!("`{REMARKS}` is missing or damaged"))?;
    let files = remarks.into_iter().filter_map(|(name, object)| Some((entry::number(&name)?, object))).collect();
    Ok(Top { record, files })
}

fn assemble(number: u64, at: &Oid, top: Top, blobs: Vec<Option<Object>>) -> Result<Pull, String> {
    let mut entries = BTreeMap::new();
    for ((entry, _), blob) in top.files.into_iter().zip(blobs) {
        let named = |why: String| format!("`{REMARKS}/{}`: {why}", entry::file(entry));
        let blob = blob.filter(|object| object.kind == Kind::Blob).ok_or_else(|| named("it is missing".to_owned()))?;
        entries.insert(entry, Entry::read(&blob.bytes).map_err(named)?);
    }
    Ok(Pull { number, at: at.clone(), record: top.record, entries })
}

/// One pull request, with the refs as they were when it was found.
pub(super) async fn one(scm: &LocalScm, repository: &Repository<'_>, pull: &PullRef) -> Result<(Refs, Arc<Pull>)> {
    let refs = refs::look(repository).await?;
    let number = pull.number;
    let Some(at) = refs.pulls.get(&number) else {
        return Err(Error::not_found(format!("there is no pull request {number} in `{}`", repository.path)));
    };
    match load(scm, repository, &[(number, at.clone())]).await?.remove(&number) {
        Some(Ok(pull)) => Ok((refs, pull)),
        Some(Err(why)) => Err(damaged(number, &why)),
        None => Err(Error::other(format!("pull request {number} was lost on the way"))),
    }
}

/// Every pull request that can be read, by number. What cannot is said in the log.
pub(super) async fn all(scm: &LocalScm, repository: &Repository<'_>, refs: &Refs) -> Result<Vec<Arc<Pull>>> {
    let wanted: Vec<_> = refs.pulls.iter().map(|(number, at)| (*number, at.clone())).collect();
    let mut found = Vec::with_capacity(wanted.len());
    for (number, loaded) in load(scm, repository, &wanted).await? {
        match loaded {
            Ok(pull) => found.push(pull),
            Err(why) => tracing::warn!(number, %why, "a pull request is left out"),
        }
    }
    Ok(found)
}

fn damaged(number: u64, why: &str) -> Error {
    let reference = refs::of_pull(number);
    Error::other(format!(
        "pull request {number}: {why}; `git log {reference}` shows what it was before, and `git update-ref` brings that \
         back"
    ))
}
