//! Keeps links out of `git status`: an owned, marked block in the repository's `info/exclude`.
//!
//! The file is shared by all worktrees and belongs to the user: only lines in the block are added, and none is removed.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;

use ao_plugin_sdk::files::write_atomically;
use ao_plugin_sdk::prelude::*;

const BEGIN: &str = "# >>> ao: paths that ao links into its worktrees";
const END: &str = "# <<< ao";

/// Sees to it that these patterns stand in the block. Blocks its thread.
pub(crate) fn ensure(common: &Utf8Path, patterns: &[String]) -> Result<()> {
    let directory = common.join("info");
    let failed =
        |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot add to `{directory}/exclude`"), error);
    fs_err::create_dir_all(&directory).map_err(|error| failed(&error))?;
    // One writer at a time, also among processes; the kernel frees the lock at death.
    let lock = File::open(&directory).map_err(|error| failed(&error))?;
    lock.lock().map_err(|error| failed(&error))?;
    // A link to a file elsewhere stays a link.
    let path = directory.join("exclude");
    let path = path.canonicalize_utf8().unwrap_or(path);
    let (existing, mode) = match fs_err::read(&path) {
        Ok(existing) => (existing, fs_err::metadata(&path).map_err(|error| failed(&error))?.permissions()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Vec::new(), Permissions::from_mode(0o644)),
        Err(error) => return Err(failed(&error)),
    };
    let Some(changed) = merge(&existing, patterns) else { return Ok(()) };
    write_atomically(&path, &changed).map_err(|error| failed(&error))?;
    fs_err::set_permissions(&path, mode).map_err(|error| failed(&error))
}

/// The pattern that matches exactly one path, relative to the top of a checkout (gitignore(5)).
pub(crate) fn pattern(path: &str) -> String {
    let mut pattern = String::from("/");
    for character in path.chars() {
        if matches!(character, '\\' | '*' | '?' | '[' | ' ') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// The file with the patterns in the block; `None` when they stand there already.
fn merge(existing: &[u8], patterns: &[String]) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = existing.split_inclusive(|byte| *byte == b'\n').collect();
    let is = |line: &[u8], text: &str| line.strip_suffix(b"\n").unwrap_or(line) == text.as_bytes();
    let begin = lines.iter().position(|line| is(line, BEGIN) && line.ends_with(b"\n"));
    let (before, after) = lines.split_at(begin.map_or(lines.len(), |begin| begin + 1));
    let block: Vec<_> = after.iter().take_while(|line| !is(line, END)).collect();
    let mut missing: Vec<&str> = Vec::new();
    for pattern in patterns {
        if !block.iter().any(|line| is(line, pattern)) && !missing.contains(&pattern.as_str()) {
            missing.push(pattern);
        }
    }
    if missing.is_empty() {
        return None;
    }
    let mut merged = before.concat();
    if !merged.is_empty() && !merged.ends_with(b"\n") {
        merged.push(b'\n');
    }
    let missing = missing.join("\n");
    let added = if begin.is_some() { format!("{missing}\n") } else { format!("{BEGIN}\n{missing}\n{END}\n") };
    merged.extend_from_slice(added.as_bytes());
    merged.extend(after.concat());
    Some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_block_is_made_and_grows() {
        let first = merge(b"*.log", &["/a".into()]).expect("changed");
        assert_eq!(String::from_utf8_lossy(&first), format!("*.log\n{BEGIN}\n/a\n{END}\n"));
        let second = merge(&first, &["/b".into(), "/a".into(), "/b".into()]).expect("changed");
        assert_eq!(String::from_utf8_lossy(&second), format!("*.log\n{BEGIN}\n/b\n/a\n{END}\n"));
        assert_eq!(merge(&second, &["/a".into(), "/b".into()]), None);
    }

    #[test]
    fn a_pattern_means_one_path() {
        assert_eq!(pattern("a b/[x]*?\\"), "/a\\ b/\\[x]\\*\\?\\\\");
    }

    proptest! {
        #[test]
        fn what_the_user_wrote_stays(existing in "([a-z#/ >]{0,6}\n?){0,8}", names in proptest::collection::vec("[a-z]{1,3}", 1..4)) {
            let patterns: Vec<_> = names.iter().map(|name| pattern(name)).collect();
            let merged = merge(existing.as_bytes(), &patterns).expect("the user has no block");
            prop_assert!(merged.starts_with(existing.as_bytes()));
            prop_assert_eq!(merge(&merged, &patterns), None);
        }

        #[test]
        fn merging_settles(existing: Vec<u8>, names in proptest::collection::vec("[a-z]{1,3}", 1..4)) {
            let patterns: Vec<_> = names.iter().map(|name| pattern(name)).collect();
            if let Some(merged) = merge(&existing, &patterns) {
                prop_assert_eq!(merge(&merged, &patterns), None);
            }
        }
    }
}
