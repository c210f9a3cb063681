//! What files with issues stand in: a directory, or the tree of a ref. Both list, read and replace whole files.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

use super::document::Document;
use super::name::{self, Named};
use super::problem::{Flaw, Problem};
use crate::lock::Lock;

/// The longest file that is read or written, in bytes.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// How many files are read at once.
const BATCH: usize = 100;

/// A file, not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Its name in the directory.
    pub(super) name: String,
    /// How many bytes it has.
    pub(super) size: u64,
    /// Its object, where it is one.
    pub(super) object: Option<String>,
}

/// Everything that stands on a shelf.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    /// Files by number; more than one of a number is an error of that number.
    pub(super) leaves: BTreeMap<u64, Vec<Leaf>>,
    /// The highest number that anything has; 0 where nothing has one.
    pub(super) highest: u64,
    /// What is meant as an issue and is none.
    pub(super) problems: Vec<Problem>,
    /// The commit, where it is one.
    pub(super) revision: Option<String>,
}

/// A file to be written.
#[derive(Clone, Debug)]
pub(super) struct Writing {
    /// Its name.
    pub(super) name: String,
    /// The text that it must have now; none where it must not be there.
    pub(super) before: Option<String>,
    /// The text that it gets.
    pub(super) text: String,
    /// What was done, in one line.
    pub(super) message: String,
}

/// What became of a writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is there, and will be after a crash.
    Done,
    /// Somebody else was faster; look again.
    Moved,
}

/// Where issues stand.
#[async_trait]
pub(super) trait Shelf: Send + Sync {
    /// What there is.
    async fn listing(&self) -> Result<Listing>;

    /// The bytes of files that are not too long, in their order.
    async fn contents(&self, leaves: &[Leaf]) -> Result<Vec<std::result::Result<Vec<u8>, Flaw>>>;

    /// Writes a file, if everything is as the listing says. Once it began it comes to its end, also when nobody waits
    /// any more; the lock is held until then.
    async fn write(&self, listing: &Listing, writing: Writing, lock: Lock) -> Result<Written>;

    /// A file's name as a person finds it.
    fn shown(&self, name: &str) -> String;
}

impl Listing {
    /// Adds a file, by what its name says.
    pub(super) fn add(&mut self, shelf: &dyn Shelf, leaf: Leaf, flaw: Option<Flaw>) {
        let number = match name::read(&leaf.name) {
            Named::Other => return,
            Named::Issue(number) => number,
            Named::Refused(why) => {
                let flaw = Flaw::new(why, "rename it to `<number>.md` or `<number>-<words>.md`");
                return self.refuse(shelf, &leaf.name, flaw);
            }
        };
        self.highest = self.highest.max(number);
        if let Some(flaw) = flaw {
            return self.refuse(shelf, &leaf.name, flaw);
        }
        self.leaves.entry(number).or_default().push(leaf);
    }

    fn refuse(&mut self, shelf: &dyn Shelf, name: &str, flaw: Flaw) {
        self.problems.push(Problem { file: shelf.shown(&name.escape_debug().to_string()), flaw });
    }
}

/// One issue's file, read.
pub(super) struct Read {
    /// Its number.
    pub(super) number: u64,
    /// Its name.
    pub(super) name: String,
    /// What is in it, or why it is no issue.
    pub(super) document: std::result::Result<Document, Problem>,
}

/// Reads the files of these numbers, a batch at a time, as long as somebody wants more.
pub(super) async fn read_each(
    shelf: &dyn Shelf,
    listing: &Listing,
    numbers: impl IntoIterator<Item = u64>,
    mut each: impl FnMut(Read) -> More,
) -> Result<()> {
    let numbers: Vec<_> = numbers.into_iter().collect();
    for batch in numbers.chunks(BATCH) {
        for read in read_batch(shelf, listing, batch).await? {
            if each(read) == More::Enough {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether somebody wants to see more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    /// Yes.
    Wanted,
    /// No.
    Enough,
}

/// Reads one issue.
pub(super) async fn read_one(shelf: &dyn Shelf, listing: &Listing, number: u64) -> Result<Option<Read>> {
    Ok(read_batch(shelf, listing, &[number]).await?.pop())
}

async fn read_batch(shelf: &dyn Shelf, listing: &Listing, numbers: &[u64]) -> Result<Vec<Read>> {
    let found = |number: &u64| Some((*number, listing.leaves.get(number)?.as_slice()));
    let found: Vec<_> = numbers.iter().filter_map(found).collect();
    let is_sound = |leaf: &Leaf| leaf.size <= MAX_BYTES;
    let wanted = found.iter().filter_map(|(_, leaves)| match leaves {
        [leaf] if is_sound(leaf) => Some(leaf.clone()),
        _ => None,
    });
    let wanted: Vec<_> = wanted.collect();
    let mut contents = shelf.contents(&wanted).await?.into_iter();
    let read = found.into_iter().filter_map(|(number, leaves)| {
        let leaf = leaves.first()?;
        let document = if let [_, second, ..] = leaves {
            let why = format!("`{}` has the same number", second.name);
            Err(Flaw::new(why, "give one of the two another number"))
        } else if is_sound(leaf) {
            contents.next()?.and_then(|bytes| document_of(&bytes))
        } else {
            Err(too_long(leaf.size))
        };
        let document = document.map_err(|flaw| Problem { file: shelf.shown(&leaf.name), flaw });
        Some(Read { number, name: leaf.name.clone(), document })
    });
    Ok(read.collect())
}

/// What is said of a file that is too long.
pub(super) fn too_long(size: u64) -> Flaw {
    let why = format!("it has {size} bytes, and an issue at most {MAX_BYTES}");
    Flaw::new(why, "move what is long into files beside it")
}

/// What is said of a name that is not UTF-8.
pub(super) fn unreadable_name() -> Flaw {
    Flaw::new("its name is not UTF-8", "rename it to `<number>.md` or `<number>-<words>.md`")
}

fn document_of(bytes: &[u8]) -> std::result::Result<Document, Flaw> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default()).into_owned();
        let end = valid.len();
        Flaw::new("it is not UTF-8 from here on", "save it as UTF-8").at(&valid, end)
    })?;
    Document::parse(text)
}
