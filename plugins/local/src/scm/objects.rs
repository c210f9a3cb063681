//! Reads many objects by one `git cat-file --batch`.

use ao_plugin_sdk::prelude::*;

use super::repository::Repository;

/// Attempts in a row that bring nothing at all before git is taken to be what fails.
const FRUITLESS: usize = 8;

/// The largest object that is read once some have turned out not to get through, in bytes.
const LARGEST: u64 = 4 << 20;

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Blob,
    Tree,
    Commit,
    Tag,
}

/// The objects of these names, in their order; none for what is missing, damaged, or larger than is read of any program's
/// output. Another process is started only where one did not get through: at a damaged or a large object, or after many
/// megabytes. Where it did not get through at all, what is too large is found and left out, however much of it there is.
pub(super) async fn read(repository: &Repository<'_>, names: &[String]) -> Result<Vec<Option<Object>>> {
    let mut found = vec![None; names.len()];
    let mut left: Vec<usize> = (0..names.len()).collect();
    let (mut fruitless, mut sizes) = (0, Sizes::Unknown);
    while !left.is_empty() {
        let call = repository.at(["cat-file", "--batch", "--buffer"]).input(lines(names, &left)).looking();
        let output = call.output().await?;
        let read: Vec<_> = answers(&output.stdout).take(left.len()).collect();
        if !read.is_empty() {
            fruitless = 0;
            for (index, object) in left.drain(..read.len()).zip(read) {
                found[index] = object;
            }
            continue;
        }
        fruitless += 1;
        if fruitless > FRUITLESS {
            return Err(call.failure(&output));
        }
        left.remove(0);
        if sizes == Sizes::Unknown {
            left = small(repository, names, left).await?;
            sizes = Sizes::Known;
        }
    }
    Ok(found)
}

/// Whether it was looked how large the objects are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sizes {
    Unknown,
    Known,
}

/// Those of these objects that are there and not too large.
async fn small(repository: &Repository<'_>, names: &[String], left: Vec<usize>) -> Result<Vec<usize>> {
    let call = repository.at(["cat-file", "--batch-check", "--buffer"]).input(lines(names, &left)).looking();
    let printed = call.run().await?.stdout;
    let printed = String::from_utf8_lossy(&printed);
    let size = |line: &str| line.rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
    let is_small = |line: &str| size(line).is_some_and(|size| size <= LARGEST);
    Ok(left.into_iter().zip(printed.lines()).filter(|(_, line)| is_small(line)).map(|(index, _)| index).collect())
}

fn lines(names: &[String], wanted: &[usize]) -> String {
    wanted.iter().flat_map(|index| [names[*index].as_str(), "\n"]).collect()
}

/// `<object> <type> <size>`, a line feed, the object, a line feed; `<name> missing` for what is not there. Ends before an
/// answer that is not whole.
fn answers(mut rest: &[u8]) -> impl Iterator<Item = Option<Object>> {
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        let after = &rest[end + 1..];
        let mut words = line.rsplit(' ');
        let (size, kind) = (words.next()?.parse::<usize>(), words.next());
        let kind = match kind {
            Some("blob") => Kind::Blob,
            Some("tree") => Kind::Tree,
            Some("commit") => Kind::Commit,
            Some("tag") => Kind::Tag,
            _ => {
                rest = after;
                return Some(None);
            }
        };
        let Ok(size) = size else {
            rest = after;
            return Some(None);
        };
        let bytes = after.get(..size)?.to_vec();
        rest = after.get(size + 1..)?;
        Some(Some(Object { kind, bytes }))
    })
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The entries of a tree: names, and the objects' names.
pub(super) fn entries(tree: &[u8], digits: usize) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = tree;
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let name = String::from_utf8_lossy(rest.get(space + 1..end)?).into_owned();
        let object = rest.get(end + 1..end + 1 + digits / 2)?;
        found.push((name, hex(object)));
        rest = &rest[end + 1 + digits / 2..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_far_as_they_are_whole() {
        let text = b"aa blob 3\n{\n}\nbb:x missing\ndd commit 2\n\xff\xfe\nee blob 9\nshort";
        let found: Vec<_> = answers(text).collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], Some(Object { kind: Kind::Blob, bytes: b"{\n}".to_vec() }));
        assert_eq!((found[1].is_none(), found[2].as_ref().map(|found| found.kind)), (true, Some(Kind::Commit)));
    }

    #[test]
    fn a_tree_is_read_and_a_cut_one_refused() {
        let tree = [b"100644 000001.json\0".as_slice(), &[0xab; 20], b"40000 d\0", &[1; 20]].concat();
        let found = entries(&tree, 40).expect("a tree");
        assert_eq!(found, [("000001.json".to_owned(), "ab".repeat(20)), ("d".to_owned(), "01".repeat(20))]);
        assert_eq!(entries(&tree[..30], 40), None);
    }
}
