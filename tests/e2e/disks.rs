//! Disks that are full, others, or read only: a worktree is in one place or in the other, whole.

#![expect(clippy::disallowed_methods, reason = "tests fill disks, mount them, and run themselves again on them")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::namespace;
use crate::studio::{Engine, Studio, skip};

/// Set for a test that runs again in a mount namespace of its own, on a disk of this size, in MiB.
const INSIDE: &str = "AO_TEST_DISK";

/// Runs a test on a small disk of its own: the test runs itself again, where it may mount one. Where nobody may, that is said.
fn on_a_disk(name: &str, size: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        let disk = std::env::var("TMPDIR").unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", &disk]).status();
        assert!(mounted.unwrap().success());
        return test();
    }
    let disk = tempfile::tempdir().unwrap();
    namespace::again(name, &[(INSIDE, size), ("TMPDIR", disk.path().to_str().unwrap())]);
}

fn files(root: &Utf8Path) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let entries = root.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

/// A session that has ended, with a file of this many bytes.
fn ended(studio: &Studio, bytes: usize) -> (String, Utf8PathBuf) {
    let id = studio.spawn(&["--agent", "sleeper"]);
    let worktree = studio.worktree(&id);
    // What git cannot make smaller.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        })
        .collect();
    std::fs::write(worktree.join("noise"), noise).unwrap();
    studio.world.ao(&["session", "kill", &id]).succeeds();
    (id, worktree)
}

#[test]
fn a_full_disk_moves_nothing_and_says_so() {
    on_a_disk("disks::a_full_disk_moves_nothing_and_says_so", "48m", || {
        let studio = Studio::new(Engine::Process);
        let (id, worktree) = ended(&studio, 4 << 20);
        let before = files(&worktree);
        let filler = studio.world.path("filler");
        fill(&filler, 1 << 20);
        let refused = studio.world.ao(&["session", "cleanup", &id]);
        assert_eq!(refused.code(), 75, "{refused}");
        assert_eq!(files(&worktree), before, "{refused}");
        let told = refused.stdout() + &refused.stderr();
        assert!(told.contains("could not be moved: the disk is full"), "{refused}");

        std::fs::remove_file(&filler).unwrap();
        studio.world.ao(&["session", "cleanup", &id]).succeeds();
        assert!(!worktree.exists());
        studio.world.ao(&["trash", "restore", &id]).succeeds();
        assert_eq!(files(&worktree), before);
    });
}

/// Takes all of the disk but so many bytes.
fn fill(path: &Utf8Path, left: usize) {
    let mut file = File::create(path).unwrap();
    let block = vec![1; 64 * 1024];
    while file.write_all(&block).is_ok() {}
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(left as u64)).unwrap();
}

#[test]
fn between_two_disks_a_worktree_is_copied_and_comes_back() {
    on_a_disk("disks::between_two_disks_a_worktree_is_copied_and_comes_back", "48m", || {
        let studio = Studio::new(Engine::Process);
        let (id, worktree) = ended(&studio, 1 << 20);
        let before = files(&worktree);
        // The trash on a disk of its own.
        let trash = studio.places().trash();
        std::fs::create_dir_all(&trash).unwrap();
        mount(&["-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", trash.as_str()]);
        studio.world.ao(&["session", "cleanup", &id]).succeeds();
        assert!(!worktree.exists());
        studio.world.ao(&["trash", "restore", &id]).succeeds();
        assert_eq!(files(&worktree), before);

        // One that takes nothing any more: the worktree stays.
        mount(&["-o", "remount,ro", trash.as_str()]);
        let refused = studio.world.ao(&["session", "cleanup", &id]);
        assert_ne!(refused.code(), 0, "{refused}");
        assert_eq!(files(&worktree), before, "{refused}");
        let told = refused.stdout() + &refused.stderr();
        assert!(told.contains("Read-only file system"), "{refused}");
        mount(&["-o", "remount,rw", trash.as_str()]);
        studio.world.ao(&["session", "cleanup", &id]).succeeds();
        assert!(!worktree.exists());
    });
}

fn mount(arguments: &[&str]) {
    assert!(Command::new("mount").args(arguments).status().unwrap().success(), "mount {arguments:?}");
}

/// Runs a test where permissions stop this user, too: root's test runs itself again without the right to pass over them.
fn where_permissions_count(name: &str, test: impl FnOnce()) {
    const RIGHTS: &str = "-dac_override,-dac_read_search";
    if !rustix::process::geteuid().is_root() || std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let without = || {
        let mut without = Command::new("setpriv");
        without.args(["--bounding-set", RIGHTS, "--inh-caps", RIGHTS]);
        without
    };
    if !without().arg("true").status().is_ok_and(|status| status.success()) {
        return skip("setpriv", name);
    }
    let mut again = without();
    again.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    let output = again.env(INSIDE, "permissions").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_directory_that_takes_nothing_keeps_what_it_has() {
    where_permissions_count("disks::a_directory_that_takes_nothing_keeps_what_it_has", || {
        let studio = Studio::new(Engine::Process);
        let (id, worktree) = ended(&studio, 1 << 10);
        let before = files(&worktree);
        let closed = worktree.parent().unwrap();
        let open = std::fs::metadata(closed).unwrap().permissions();
        std::fs::set_permissions(closed, PermissionsExt::from_mode(0o500)).unwrap();
        let refused = studio.world.ao(&["session", "cleanup", &id]);
        std::fs::set_permissions(closed, open).unwrap();
        assert_eq!(refused.code(), 75, "{refused}");
        assert_eq!(files(&worktree), before, "{refused}");
        let told = refused.stdout() + &refused.stderr();
        assert!(told.contains("must be writable: Permission denied"), "{refused}");
        studio.world.ao(&["session", "cleanup", &id]).succeeds();
        studio.world.ao(&["trash", "restore", &id]).succeeds();
        assert_eq!(files(&worktree), before);
    });
}
