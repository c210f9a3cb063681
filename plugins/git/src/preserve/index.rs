//! Trees, made through an index of our own. The worktree's own index is only read.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

use super::copy::Copy;

/// Where the sides of a conflict stand in a tree of what was staged: `<here>/<stage>/<path>`.
pub(crate) const CONFLICT: &[u8] = b".ao-conflict/";

/// A path's mode and object, as a tree has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// In octal, such as `100644`.
    pub(crate) mode: String,
    /// The object's name.
    pub(crate) object: String,
}

/// A path as the index has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Staged {
    /// Its bytes, relative to the worktree.
    pub(crate) path: Vec<u8>,
    pub(crate) entry: Entry,
    /// 0, or 1 to 3 for a side of a conflict.
    pub(crate) stage: u8,
    /// How git is to look at the file.
    pub(crate) mark: Mark,
}

/// Whether git compares a file with the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It does.
    Compared,
    /// Somebody promised that it does not change.
    Assumed,
    /// It need not be there.
    Skipped,
}

/// Reads the worktree's index.
pub(crate) async fn read(copy: &Copy<'_>) -> Result<Vec<Staged>> {
    let listed = copy.at(["ls-files", "--stage", "-v", "-z"]).looking().run().await?.stdout;
    listed.split(|byte| *byte == 0).filter(|record| !record.is_empty()).map(staged).collect()
}

/// `H 100644 <object> 0<TAB><path>` (git-ls-files(1)): a small letter is a promise, `S` a file that need not be there.
fn staged(record: &[u8]) -> Result<Staged> {
    let parts = || {
        let tab = record.iter().position(|byte| *byte == b'\t')?;
        let fields = std::str::from_utf8(&record[..tab]).ok()?;
        let [tag, mode, object, stage] = fields.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let mark = match tag {
            "S" | "s" => Mark::Skipped,
            tag if tag.starts_with(|letter: char| letter.is_ascii_lowercase()) => Mark::Assumed,
            _ => Mark::Compared,
        };
        let entry = Entry { mode: mode.to_owned(), object: object.to_owned() };
        Some(Staged { path: record[tab + 1..].to_vec(), entry, stage: stage.parse().ok()?, mark })
    };
    parts().ok_or_else(|| Error::other(format!("git listed what is no entry: `{}`", record.escape_ascii())))
}

/// The tree of what is staged: conflicts stand aside, one folder a side.
pub(crate) fn tree_of(index: &[Staged]) -> BTreeMap<Vec<u8>, Entry> {
    let place = |staged: &Staged| match staged.stage {
        0 => staged.path.clone(),
        stage => [CONFLICT, stage.to_string().as_bytes(), b"/", &staged.path].concat(),
    };
    index.iter().map(|staged| (place(staged), staged.entry.clone())).collect()
}

/// Makes the worktree's index what a tree of [`tree_of`] was made from.
pub(crate) async fn restore(copy: &Copy<'_>, commit: &str) -> Result<()> {
    let listed = copy.at(["ls-tree", "-r", "-z", "--full-tree", "--format=%(objectmode) %(objectname)\t%(path)"]);
    let listed = listed.arg(commit).run().await?.stdout;
    copy.at(["read-tree", "--empty"]).run().await?;
    let mut input = Vec::new();
    for record in listed.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let Some(tab) = record.iter().position(|byte| *byte == b'\t') else { continue };
        let (path, stage) = match record[tab + 1..].strip_prefix(CONFLICT) {
            Some([stage @ b'1'..=b'3', b'/', path @ ..]) => (path, *stage),
            _ => (&record[tab + 1..], b'0'),
        };
        input.extend_from_slice(&record[..tab]);
        input.extend([b' ', stage, b'\t']);
        input.extend_from_slice(path);
        input.push(0);
    }
    copy.at(["update-index", "-z", "--index-info"]).input(input).run().await.map(drop)
}

/// Writes a tree, and returns its name.
pub(crate) async fn write_tree(copy: &Copy<'_>, key: &str, entries: &BTreeMap<Vec<u8>, Entry>) -> Result<String> {
    let own = copy.private.join(format!("ao-index-{key}"));
    let written = write_through(copy, &own, entries).await;
    let removed = blocking(move || {
        for file in [own.clone(), Utf8PathBuf::from(format!("{own}.lock"))] {
            match fs_err::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::wrap(Code::OTHER, format!("cannot remove `{file}`"), &error));
                }
                _ => {}
            }
        }
        Ok(())
    });
    let tree = written?;
    removed.await?;
    Ok(tree)
}

async fn write_through(copy: &Copy<'_>, own: &Utf8Path, entries: &BTreeMap<Vec<u8>, Entry>) -> Result<String> {
    let mut input = Vec::new();
    for (path, Entry { mode, object }) in entries {
        input.extend_from_slice(format!("{mode} {object} 0\t").as_bytes());
        input.extend_from_slice(path);
        input.push(0);
    }
    // What an interrupted try has left is replaced.
    copy.at(["read-tree", "--empty"]).env("GIT_INDEX_FILE", own.as_str()).run().await?;
    let add = copy.at(["update-index", "-z", "--index-info"]).env("GIT_INDEX_FILE", own.as_str()).input(input);
    add.run().await?;
    // Objects of a partial clone may be elsewhere.
    let write = copy.at(["write-tree", "--missing-ok"]).env("GIT_INDEX_FILE", own.as_str());
    Ok(write.run().await?.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_bytes() {
        let object = "78981922613b2afb6025042ff6bd878ac1994e85";
        let record = |tag: &str, stage: u8, path: &[u8]| {
            let text = format!("{tag} 100755 {object} {stage}\t");
            [text.as_bytes(), path].concat()
        };
        let entry = Entry { mode: "100755".into(), object: object.into() };
        for (tag, mark) in [("H", Mark::Compared), ("h", Mark::Assumed), ("S", Mark::Skipped), ("M", Mark::Compared)] {
            let read = staged(&record(tag, 0, b"a\xff b\tc\n")).expect("an entry");
            assert_eq!(read, Staged { path: b"a\xff b\tc\n".to_vec(), entry: entry.clone(), stage: 0, mark });
        }
        let sides: Vec<_> = [1, 3].map(|stage| staged(&record("M", stage, b"d/f")).expect("a side")).to_vec();
        let paths: Vec<_> = tree_of(&sides).into_keys().collect();
        assert_eq!(paths, [b".ao-conflict/1/d/f".to_vec(), b".ao-conflict/3/d/f".to_vec()]);
        staged(b"no entry").expect_err("it is none");
    }
}
