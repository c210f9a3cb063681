//! Reads what git prints for programs: `status --porcelain=v2 -z` and `worktree list --porcelain -z`.

use ao_plugin_sdk::prelude::*;

/// What `git status` saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// The commit that HEAD stands on; none before the first.
    pub(crate) head: Option<String>,
    /// The branch that HEAD stands on; none when detached.
    pub(crate) branch: Option<String>,
    /// What differs from the commit.
    pub(crate) entries: Vec<Entry>,
}

/// One path that `git status` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: EntryKind,
    /// Relative to the worktree; bytes that are not UTF-8 are replaced.
    pub(crate) path: String,
}

/// How a path differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A tracked file that is staged as committed, and gone from the directory.
    Deleted,
    /// A tracked file that differs otherwise.
    Changed,
    /// Not tracked.
    Untracked,
    /// Not tracked, and ignored.
    Ignored,
}

/// Reads `git status --porcelain=v2 --branch -z`.
pub(crate) fn status(bytes: &[u8]) -> Status {
    let mut status = Status::default();
    let text = String::from_utf8_lossy(bytes);
    let mut records = text.split('\0');
    while let Some(record) = records.next() {
        if let Some(head) = record.strip_prefix("# branch.oid ") {
            status.head = (head != "(initial)").then(|| head.to_owned());
        } else if let Some(branch) = record.strip_prefix("# branch.head ") {
            status.branch = (branch != "(detached)").then(|| branch.to_owned());
        } else if let Some(entry) = entry(record) {
            status.entries.push(entry);
            if record.starts_with("2 ") {
                // A rename or a copy: its source follows as a record of its own.
                records.next();
            }
        }
    }
    status
}

/// One record; the number of fields before the path depends on its kind (git-status(1), "Porcelain Format Version 2").
fn entry(record: &str) -> Option<Entry> {
    let (letter, rest) = record.split_once(' ')?;
    let (kind, fields) = match letter {
        "1" if rest.starts_with(".D ") => (EntryKind::Deleted, 8),
        "1" => (EntryKind::Changed, 8),
        "2" => (EntryKind::Changed, 9),
        "u" => (EntryKind::Changed, 10),
        "?" => (EntryKind::Untracked, 1),
        "!" => (EntryKind::Ignored, 1),
        _ => return None,
    };
    let path = rest.splitn(fields, ' ').nth(fields - 1)?;
    Some(Entry { kind, path: path.to_owned() })
}

/// One worktree, as `git worktree list` knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) path: Utf8PathBuf,
    pub(crate) head: String,
    /// Without `refs/heads/`; none when detached.
    pub(crate) branch: Option<String>,
    /// Why it is locked, if it is.
    pub(crate) locked: Option<String>,
    /// Whether its directory is gone.
    pub(crate) prunable: bool,
}

/// What git writes as the reason of the lock while it makes a worktree.
pub(crate) const HALF_MADE: &str = "initializing";

/// Reads `git worktree list --porcelain -z`. A worktree whose path is not UTF-8 is none of ours, and left out.
pub(crate) fn worktrees(bytes: &[u8]) -> Vec<Listed> {
    let mut all: Vec<Listed> = Vec::new();
    let mut skipping = true;
    for record in bytes.split(|byte| *byte == 0) {
        if let Some(path) = record.strip_prefix(b"worktree ") {
            let path = std::str::from_utf8(path);
            skipping = path.is_err();
            all.extend(path.map(|path| Listed { path: path.into(), ..Listed::default() }));
        }
        let (Some(listed), false, Ok(record)) = (all.last_mut(), skipping, std::str::from_utf8(record)) else {
            continue;
        };
        let (name, value) = record.split_once(' ').unwrap_or((record, ""));
        match name {
            "HEAD" => value.clone_into(&mut listed.head),
            "branch" => listed.branch = Some(value.strip_prefix("refs/heads/").unwrap_or(value).to_owned()),
            "locked" => listed.locked = Some(value.to_owned()),
            "prunable" => listed.prunable = true,
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_entry_is_read() {
        let hashes = "0000 1111";
        let text = format!(
            "# branch.oid abc\0# branch.head ao/x-1\01 .D N... 1 1 0 {hashes} gone file\01 M. N... 1 1 1 {hashes} a b\0\
             2 R. N... 1 1 1 {hashes} R100 new name\0old name\0u UU N... 1 1 1 1 a b c both\0? new\0! target/\0"
        );
        let status = status(text.as_bytes());
        assert_eq!((status.head.as_deref(), status.branch.as_deref()), (Some("abc"), Some("ao/x-1")));
        let entries: Vec<_> = status.entries.iter().map(|entry| (entry.kind, entry.path.as_str())).collect();
        assert_eq!(
            entries,
            [
                (EntryKind::Deleted, "gone file"),
                (EntryKind::Changed, "a b"),
                (EntryKind::Changed, "new name"),
                (EntryKind::Changed, "both"),
                (EntryKind::Untracked, "new"),
                (EntryKind::Ignored, "target/"),
            ]
        );
    }

    #[test]
    fn worktrees_are_read_and_foreign_bytes_left_out() {
        let text = b"worktree /p\0HEAD aa\0branch refs/heads/main\0\0worktree /\xff\0HEAD bb\0detached\0\0\
                     worktree /w x\0HEAD cc\0detached\0locked initializing\0\0worktree /g\0HEAD dd\0detached\0prunable gone\0\0";
        let all = worktrees(text);
        let shown: Vec<_> = all.iter().map(|one| (one.path.as_str(), one.head.as_str(), one.prunable)).collect();
        assert_eq!(shown, [("/p", "aa", false), ("/w x", "cc", false), ("/g", "dd", true)]);
        assert_eq!(all[0].branch.as_deref(), Some("main"));
        assert_eq!(all[1].locked.as_deref(), Some(HALF_MADE));
    }

    proptest! {
        #[test]
        fn reading_is_total(bytes: Vec<u8>) {
            let _ = (status(&bytes), worktrees(&bytes));
        }
    }
}
