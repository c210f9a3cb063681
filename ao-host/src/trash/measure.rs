//! How much a directory holds.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use camino::Utf8Path;

/// What a directory takes on the disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// All of it.
    pub bytes: u64,
    /// The part below the named paths.
    pub named: u64,
}

/// Weighs a directory, and within it these paths, which are relative to it. Links weigh nothing, a file with several
/// names weighs once, and what cannot be read is left out.
#[must_use]
pub fn weigh(root: &Utf8Path, named: &[PathBuf]) -> Weight {
    let named: BTreeSet<&PathBuf> = named.iter().collect();
    let mut seen = BTreeSet::new();
    let mut weight = Weight::default();
    let mut ahead = vec![(PathBuf::new(), false)];
    while let Some((relative, is_named)) = ahead.pop() {
        let path = root.as_std_path().join(&relative);
        let is_named = is_named || named.contains(&relative);
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            ahead.extend(entries.map(|entry| (relative.join(entry.file_name()), is_named)));
        } else if meta.nlink() < 2 || seen.insert((meta.dev(), meta.ino())) {
            // Blocks of 512 bytes, whatever the file system's own are (stat(2)).
            let bytes = meta.blocks() * 512;
            weight.bytes += bytes;
            weight.named += if is_named { bytes } else { 0 };
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::files::write_atomic;

    #[test]
    fn a_file_with_two_names_weighs_once() {
        let scratch = tempfile::tempdir().expect("scratch");
        let root = Utf8Path::from_path(scratch.path()).expect("UTF-8");
        fs_err::create_dir_all(root.join("target/deep")).expect("directory");
        write_atomic(&root.join("a"), &[1; 10_000], 0o600).expect("file");
        let alone = weigh(root, &[]).bytes;
        fs_err::hard_link(root.join("a"), root.join("b")).expect("link");
        assert_eq!(weigh(root, &[]), Weight { bytes: alone, named: 0 });
        write_atomic(&root.join("target/deep/c"), &[1; 10_000], 0o600).expect("file");
        assert_eq!(weigh(root, &["target".into()]), Weight { bytes: alone * 2, named: alone });
    }
}
