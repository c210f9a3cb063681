//! What is left after all of it: nothing that nobody wants.

use ao_host::store::{Reader, SessionFilter, SqliteStore};
use camino::{Utf8Path, Utf8PathBuf};

use crate::studio::Studio;

/// Whether nothing is under way any more.
pub(super) fn is_settled(store: &SqliteStore) -> bool {
    let sessions = store.sessions(&SessionFilter::default()).unwrap();
    store.open_intents().unwrap().is_empty()
        && store.waiting_messages().unwrap().is_empty()
        && store.open_check_runs().unwrap().is_empty()
        && store.open_notices().unwrap().is_empty()
        && sessions.iter().all(|session| session.op.is_none())
}

/// Whether there are copies for checks, or refs that keep their commits.
pub(super) fn has_copies(studio: &Studio) -> bool {
    !studio.git(&["for-each-ref", "refs/ao/checks"]).is_empty()
}

/// The repository's worktrees: its own, and these.
pub(super) fn has_worktrees(studio: &Studio, wanted: &[&Utf8Path], label: &str) {
    let listed = studio.git(&["worktree", "list", "--porcelain"]);
    let mut listed: Vec<_> = listed.lines().filter_map(|line| line.strip_prefix("worktree ")).collect();
    listed.sort_unstable();
    let own = studio.world.path("app");
    let mut all: Vec<_> = wanted.iter().copied().chain([own.as_path()]).map(Utf8Path::as_str).collect();
    all.sort_unstable();
    assert_eq!(listed, all, "{label}");
}

/// The repository's refs, without what stands behind a ULID.
pub(super) fn has_refs(studio: &Studio, wanted: &[&str], label: &str) {
    let refs = studio.git(&["for-each-ref", "--format=%(refname)"]);
    let short = |name: &str| {
        let name = name.trim_start_matches("refs/");
        let trash = name.strip_prefix("ao/trash/").and_then(|rest| rest.split('/').next());
        trash.map_or_else(|| name.to_owned(), |session| format!("ao/trash/{session}"))
    };
    let mut refs: Vec<_> = refs.lines().map(short).collect();
    refs.sort_unstable();
    refs.dedup();
    let mut wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
    wanted.sort_unstable();
    assert_eq!(refs, wanted, "{label}");
}

/// No process, no half-written file, no lock of git's; and `ao doctor` finds nothing.
pub(super) fn nothing_is_left(studio: &Studio, label: &str) {
    assert_eq!(studio.processes(), Vec::<u32>::new(), "{label}");
    let doctor = studio.world.ao(&["doctor"]);
    assert_eq!(doctor.code(), 0, "{label}: {doctor}");
    let files = files(&studio.world.path("ao"));
    let temporary: Vec<_> = files.iter().filter(|path| path.extension() == Some("tmp")).collect();
    assert_eq!(temporary, Vec::<&Utf8PathBuf>::new(), "{label}");
    let files = self::files(&studio.world.path("app/.git"));
    // Those of git are files that are there; ours are held by a process.
    let locks: Vec<_> =
        files.iter().filter(|path| path.extension() == Some("lock") && !path.as_str().contains("/ao-")).collect();
    assert_eq!(locks, Vec::<&Utf8PathBuf>::new(), "{label}");
}

/// Buffers of ours that a tmux server still has.
pub(super) fn has_no_buffers(studio: &Studio, label: &str) {
    let owner = studio.places().owner();
    let socket = owner.run.join(format!("tmux-{}.sock", owner.id));
    if !socket.exists() {
        return;
    }
    let output = studio.world.command("tmux").args(["-S", socket.as_str(), "list-buffers"]).output().unwrap();
    let buffers = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!buffers.contains("ao-"), "{label}: {buffers}");
}

/// All files below a directory.
pub(super) fn files(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut files = Vec::new();
    walk(directory, &mut files);
    files
}

fn walk(directory: &Utf8Path, files: &mut Vec<Utf8PathBuf>) {
    for entry in directory.read_dir_utf8().into_iter().flatten().filter_map(Result::ok) {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(entry.path(), files),
            _ => files.push(entry.into_path()),
        }
    }
}
