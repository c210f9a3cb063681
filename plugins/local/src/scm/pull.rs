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

/// Reads these pull requests, in three processes at most.
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

async fn read(repository: &Repository<'_>, wanted: &[(u64, &Oid)]) -> Result<Vec<Loaded>> {
    let names: Vec<_> =
        wanted.iter().flat_map(|(_, at)| [format!("{at}:pull.json"), format!("{at}:remarks")]).collect();
    let tops = objects::read(repository, &names).await?;
    let mut files: Vec<Vec<(u64, String)>> = Vec::with_capacity(wanted.len());
    for ((_, at), pair) in wanted.iter().zip(tops.chunks(2)) {
        let tree = pair.get(1).and_then(Option::as_ref).filter(|object| object.kind == Kind::Tree);
        let entries = tree.and_then(|tree| objects::entries(&tree.bytes, at.as_str().len())).unwrap_or_default();
        files.push(entries.into_iter().filter_map(|(name, object)| Some((entry::number(&name)?, object))).collect());
    }
    let names: Vec<_> = files.iter().flatten().map(|(_, object)| object.clone()).collect();
    let mut blobs = objects::read(repository, &names).await?.into_iter();
    let mut loaded = Vec::with_capacity(wanted.len());
    for (((number, at), pair), files) in wanted.iter().zip(tops.chunks(2)).zip(files) {
        let blobs: Vec<_> = blobs.by_ref().take(files.len()).collect();
        let record = pair.first().and_then(Option::as_ref);
        let pull = assemble(*number, at, record, files, blobs);
        loaded.push(pull.map(Arc::new).map_err(|why| format!("`{}` cannot be read: {why}", refs::of_pull(*number))));
    }
    Ok(loaded)
}

fn assemble(
    number: u64,
    at: &Oid,
    record: Option<&Object>,
    files: Vec<(u64, String)>,
    blobs: Vec<Option<Object>>,
) -> Result<Pull, String> {
    let record = record.filter(|object| object.kind == Kind::Blob).ok_or("it is no commit with a file `pull.json`")?;
    let record = Record::read(&record.bytes).map_err(|why| format!("`pull.json`: {why}"))?;
    let mut entries = BTreeMap::new();
    for ((entry, _), blob) in files.into_iter().zip(blobs) {
        let named = |why: String| format!("`remarks/{}`: {why}", entry::file(entry));
        let blob = blob.filter(|object| object.kind == Kind::Blob).ok_or_else(|| named("it is missing".to_owned()))?;
        entries.insert(entry, Entry::read(&blob.bytes).map_err(named)?);
    }
    Ok(Pull { number, at: at.clone(), record, entries })
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
