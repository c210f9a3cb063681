//! A disk that fails where a test wants it to, and that knows what of it would outlive a power cut. At every removal it
//! demands that nothing is lost by one.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};

use super::across::{Node, nodes};
use super::disk::{Disk, Real};
use super::relocate_on;
use crate::world::files;

/// The disk. It does what it is told for real, between two directories that count as two file systems.
struct PowerCut {
    /// What is moved.
    from: Utf8PathBuf,
    /// Where to.
    to: Utf8PathBuf,
    /// How many steps were taken, and before which one it fails.
    steps: Cell<usize>,
    fails_before: Option<usize>,
    /// Names that outlive a power cut, and files whose content does.
    names: RefCell<BTreeSet<PathBuf>>,
    contents: RefCell<BTreeSet<PathBuf>>,
    removals: Cell<usize>,
}

impl PowerCut {
    fn new(from: &Utf8Path, to: &Utf8Path, fails_before: Option<usize>) -> Self {
        // What an earlier try left may all be in memory only, but for what it had synced by then: contents, and the names
        // in directories that were settled. That is all of a copy that has its name already.
        let made = if to.exists() { nodes(to.as_std_path()).expect("nodes") } else { BTreeMap::new() };
        let inside = || made.iter().map(|(relative, node)| (to.as_std_path().join(relative), node));
        let names = inside().map(|(path, _)| path).filter(|path| path != to.as_std_path()).collect();
        let contents = inside().filter(|(_, node)| is_file(node)).map(|(path, _)| path).collect();
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            steps: Cell::new(0),
            fails_before,
            names: RefCell::new(names),
            contents: RefCell::new(contents),
            removals: Cell::new(0),
        }
    }

    fn step(&self) -> io::Result<()> {
        let step = self.steps.get();
        self.steps.set(step + 1);
        if self.fails_before == Some(step) { Err(io::Error::other("the disk fails")) } else { Ok(()) }
    }

    /// Everything in a directory now has a durable name.
    fn keep_names(&self, directory: &Path) {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            self.names.borrow_mut().insert(entry.expect("an entry").path());
        }
    }

    /// Whether a copy of all that was moved would be there after a power cut.
    fn copy_outlives(&self) -> bool {
        let (names, contents) = (self.names.borrow(), self.contents.borrow());
        let original = nodes(self.from.as_std_path()).expect("the original");
        original.iter().all(|(relative, node)| {
            // Joining nothing would end the path with a slash, which is another path to a set.
            let path = if relative.as_os_str().is_empty() {
                self.to.as_std_path().to_owned()
            } else {
                self.to.as_std_path().join(relative)
            };
            names.contains(&path) && (!is_file(node) || contents.contains(&path))
        })
    }
}

fn is_file(node: &Node) -> bool {
    matches!(node, Node::File { .. })
}

impl Disk for PowerCut {
    fn make_place(&self, path: &Utf8Path) -> io::Result<()> {
        self.step()?;
        Real.make_place(path)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        Real.create_directory(path)
    }

    fn link(&self, leads: &Path, path: &Path) -> io::Result<()> {
        self.step()?;
        Real.link(leads, path)
    }

    fn write_new(&self, path: &Path, content: &mut dyn Read, mode: u32, modified: SystemTime) -> io::Result<()> {
        if let Err(error) = self.step() {
            // A disk that is full takes a part.
            std::fs::File::create_new(path)?;
            return Err(error);
        }
        Real.write_new(path, content, mode, modified)?;
        self.contents.borrow_mut().insert(path.to_owned());
        Ok(())
    }

    fn settle(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.step()?;
        Real.settle(path, mode)?;
        self.keep_names(path);
        Ok(())
    }

    fn sync_names(&self, path: &Utf8Path) -> io::Result<()> {
        self.step()?;
        self.keep_names(path.as_std_path());
        Ok(())
    }

    fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        self.step()?;
        if *from == self.from {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        Real.rename(from, to)?;
        for set in [&self.names, &self.contents] {
            let moved = |path: PathBuf| match path.strip_prefix(from) {
                // The name itself is durable with its directory only.
                Ok(rest) if rest.as_os_str().is_empty() => None,
                Ok(rest) => Some(to.as_std_path().join(rest)),
                Err(_) => Some(path),
            };
            set.replace_with(|paths| std::mem::take(paths).into_iter().filter_map(moved).collect());
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        if path == self.from.as_std_path() {
            assert!(self.copy_outlives(), "a power cut now would lose `{}`", self.from);
            self.removals.set(self.removals.get() + 1);
        }
        Real.remove(path)
    }
}

/// A directory with something of every kind.
fn furnish(from: &Utf8Path) {
    fs_err::create_dir_all(from.join("deep/er")).expect("directory");
    for (name, text) in [("a", "one"), ("deep/er/b", "two"), ("empty", "")] {
        files::write_atomic(&from.join(name), text.as_bytes(), files::PRIVATE_FILE).expect("file");
    }
    std::os::unix::fs::symlink("/nowhere", from.join("link")).expect("link");
}

#[test]
fn no_step_of_a_move_may_fail_or_be_the_last_before_a_power_cut_and_lose_something() {
    let mut failed_at = 0;
    loop {
        let scratch = tempfile::tempdir().expect("scratch");
        let root = Utf8Path::from_path(scratch.path()).expect("UTF-8");
        let (from, to) = (root.join("worktrees/app/app-1"), root.join("trash/app/app-1"));
        furnish(&from);
        let before = nodes(from.as_std_path()).expect("nodes");

        let disk = PowerCut::new(&from, &to, Some(failed_at));
        if relocate_on(&disk, &from, &to).is_ok() {
            assert!(failed_at > 12, "only {failed_at} steps can fail");
            assert!(!from.exists() && nodes(to.as_std_path()).expect("nodes") == before);
            return;
        }
        let place = if from.exists() { &from } else { &to };
        assert_eq!(nodes(place.as_std_path()).expect("nodes"), before, "the disk failed at step {failed_at}");

        // Another process tries again, which knows only what it sees.
        if from.exists() {
            let again = PowerCut::new(&from, &to, None);
            relocate_on(&again, &from, &to).expect("nothing fails");
            assert_eq!(again.removals.get(), 1);
        }
        assert!(!from.exists() && nodes(to.as_std_path()).expect("nodes") == before, "step {failed_at}");
        failed_at += 1;
    }
}
