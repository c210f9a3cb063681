//! What is kept between runs: paths of the copy, moved in at the beginning and out at the end.
//!
//! It is moved and never copied, so it costs nothing, and two runs at once never share it: the second finds none and makes
//! its own. Only a run whose commands all ended by themselves hands it on.

use std::io::{self, ErrorKind, Read};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};

use super::spec::Spec;
use crate::trash::weigh;
use crate::world::files;

/// Where it stands for this commit, which no command has changed yet; none where nothing is to be kept.
pub(super) fn entry(spec: &Spec) -> Option<Utf8PathBuf> {
    let cache = spec.cache.as_ref()?;
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    cache.paths.iter().for_each(|path| add(path.as_str().as_bytes()));
    for file in &cache.key {
        add(file.as_str().as_bytes());
        add(&contents(spec, file).unwrap_or_default());
    }
    let key: Vec<u8> = digest.finalize().to_vec();
    Some(cache.place.join(&crate::hash::sha256(&key)[..32]))
}

/// A digest of a file's contents; none of what is no file of the copy, or cannot be read.
fn contents(spec: &Spec, file: &Utf8Path) -> Option<Vec<u8>> {
    if !stands_in(&spec.tree, file, Missing::Left).ok()? {
        return None;
    }
    let (mut opened, mut digest) = (files::open_regular(&spec.tree.join(file)).ok()?, Sha256::new());
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match opened.read(&mut chunk).ok()? {
            0 => return Some(digest.finalize().to_vec()),
            count => digest.update(&chunk[..count]),
        }
    }
}

/// Moves what was kept into the copy; returns which paths there were. What would leave a commit too little of its disk is
/// not taken, and makes room for what this run keeps.
pub(super) fn bring(spec: &Spec, entry: Option<&Utf8Path>) -> io::Result<Vec<Utf8PathBuf>> {
    let (Some(cache), Some(entry)) = (&spec.cache, entry) else { return Ok(Vec::new()) };
    let is_too_big = weigh(entry, &[]).bytes > spec.max_disk / 2;
    // What is not measured goes with the logs.
    let held = if is_too_big { spec.directory.join("cache-too-big") } else { spec.work.join("cache") };
    match fs_err::rename(entry, &held) {
        Ok(()) if is_too_big => return Ok(Vec::new()),
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let mut brought = Vec::new();
    for (index, path) in cache.paths.iter().enumerate() {
        let (from, to) = (held.join(index.to_string()), spec.tree.join(path));
        // What the commit has itself is not replaced.
        if fs_err::symlink_metadata(&from).is_ok()
            && fs_err::symlink_metadata(&to).is_err()
            && stands_in(&spec.tree, path, Missing::Made)?
        {
            fs_err::rename(&from, &to)?;
            brought.push(path.clone());
        }
    }
    Ok(brought)
}

/// Moves what is to be kept out of the copy, unless somebody else has done so meanwhile.
pub(super) fn keep(spec: &Spec, entry: Option<&Utf8Path>) -> io::Result<()> {
    let (Some(cache), Some(entry)) = (&spec.cache, entry) else { return Ok(()) };
    let held = spec.work.join("kept");
    files::private_directory(&held)?;
    let mut any = false;
    for (index, path) in cache.paths.iter().enumerate() {
        let from = spec.tree.join(path);
        // A link may lead anywhere; what it leads to is not ours.
        let is_own = fs_err::symlink_metadata(&from).is_ok_and(|found| !found.file_type().is_symlink());
        if is_own && stands_in(&spec.tree, path, Missing::Left)? {
            fs_err::rename(&from, held.join(index.to_string()))?;
            any = true;
        }
    }
    if !any {
        return Ok(());
    }
    files::private_directory(&cache.place)?;
    match fs_err::rename(&held, entry) {
        Err(error) if !matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) => Err(error),
        _ => Ok(()),
    }
}

/// What is done about directories above a path that are not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Made,
    Left,
}

/// Whether every directory above a path is one, and no link out of the copy.
fn stands_in(tree: &Utf8Path, path: &Utf8Path, missing: Missing) -> io::Result<bool> {
    let mut at = tree.to_owned();
    for part in path.parent().into_iter().flat_map(Utf8Path::components) {
        at.push(part);
        match fs_err::symlink_metadata(&at) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == ErrorKind::NotFound && missing == Missing::Made => fs_err::create_dir(&at)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::spec::CacheSpec;
    use super::*;

    fn bring(spec: &Spec) -> io::Result<Vec<Utf8PathBuf>> {
        super::bring(spec, entry(spec).as_deref())
    }

    fn keep(spec: &Spec) -> io::Result<()> {
        super::keep(spec, entry(spec).as_deref())
    }

    struct Bench {
        root: Utf8PathBuf,
        _directory: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            Self { root: Utf8Path::from_path(directory.path()).unwrap().to_owned(), _directory: directory }
        }

        fn spec(&self, name: &str, lock: &str) -> Spec {
            let work = self.root.join(name);
            fs_err::create_dir_all(work.join("tree")).unwrap();
            files::write_atomic(&work.join("tree/lock"), lock.as_bytes(), 0o600).unwrap();
            let cache = CacheSpec {
                place: self.root.join("cache"),
                paths: vec!["target".into(), "a/b".into()],
                key: vec!["lock".into(), "absent".into()],
            };
            Spec {
                version: 1,
                attempt: 1,
                directory: work.clone(),
                tree: work.join("tree"),
                work,
                marker: String::new(),
                nonce: String::new(),
                setup: Vec::new(),
                checks: Vec::new(),
                cache: Some(cache),
                max_log: 0,
                max_disk: 1 << 20,
            }
        }
    }

    fn put(path: &Utf8Path) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_atomic(path, b"x", 0o600).unwrap();
    }

    #[test]
    fn what_is_kept_comes_back_under_the_same_key_and_to_one_at_a_time() {
        let bench = Bench::new();
        let first = bench.spec("first", "1");
        assert_eq!(bring(&first).unwrap(), Vec::<Utf8PathBuf>::new());
        put(&first.tree.join("target/deep/o"));
        put(&first.tree.join("a/b"));
        keep(&first).unwrap();
        assert_eq!(bring(&bench.spec("other", "2")).unwrap(), Vec::<Utf8PathBuf>::new());
        let second = bench.spec("second", "1");
        assert_eq!(bring(&second).unwrap(), ["target", "a/b"]);
        assert!(second.tree.join("target/deep/o").is_file() && second.tree.join("a/b").is_file());
        let third = bench.spec("third", "1");
        assert_eq!(bring(&third).unwrap(), Vec::<Utf8PathBuf>::new(), "the second has it");
        keep(&second).unwrap();
        put(&third.tree.join("target/o"));
        keep(&third).unwrap();
        assert_eq!(bring(&bench.spec("fourth", "1")).unwrap(), ["target", "a/b"], "the first to come back counts");
    }

    #[test]
    fn what_is_too_big_goes_and_what_no_file_is_is_no_key() {
        let bench = Bench::new();
        let first = bench.spec("first", "1");
        fs_err::create_dir_all(first.tree.join("target")).unwrap();
        files::write_atomic(&first.tree.join("target/o"), &vec![7; 600 << 10], 0o600).unwrap();
        keep(&first).unwrap();
        let second = bench.spec("second", "1");
        assert_eq!(bring(&second).unwrap(), Vec::<Utf8PathBuf>::new());
        put(&second.tree.join("target/o"));
        keep(&second).unwrap();
        assert_eq!(bring(&bench.spec("third", "1")).unwrap(), ["target"]);

        let odd = bench.spec("odd", "1");
        fs_err::remove_file(odd.tree.join("lock")).unwrap();
        let without = entry(&odd);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            odd.tree.join("lock").as_std_path(),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        assert_eq!(entry(&odd), without, "nobody waits for a writer");
        fs_err::remove_file(odd.tree.join("lock")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", odd.tree.join("lock")).unwrap();
        assert_eq!(entry(&odd), without, "no link is followed");
    }

    #[test]
    fn nothing_outside_of_the_copy_is_moved() {
        let bench = Bench::new();
        let outside = bench.root.join("outside");
        put(&outside.join("b"));
        let spec = bench.spec("first", "1");
        std::os::unix::fs::symlink(&outside, spec.tree.join("a")).unwrap();
        std::os::unix::fs::symlink(&outside, spec.tree.join("target")).unwrap();
        keep(&spec).unwrap();
        assert!(outside.join("b").is_file());
        let honest = bench.spec("honest", "1");
        put(&honest.tree.join("a/b"));
        keep(&honest).unwrap();
        let spec = bench.spec("second", "1");
        std::os::unix::fs::symlink(&outside, spec.tree.join("a")).unwrap();
        assert_eq!(bring(&spec).unwrap(), Vec::<Utf8PathBuf>::new());
    }
}
