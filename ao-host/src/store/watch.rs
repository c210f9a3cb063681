//! A hint when some process writes to the database, from the file system.
//!
//! The write itself is no hint: SQLite writes to its log first, syncs it, and only then makes the commit visible, in memory
//! that all share, of which the file system says nothing. Who looked at once would see nothing new and not be called
//! again. So the writer touches the database's file when the commit can be seen.

use std::path::Path;

use camino::Utf8Path;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};

/// Tells those who watch that a commit can be seen. Nothing depends on its success: it is a hint.
///
/// By the path: whoever closes a second descriptor of a database's file releases the locks that SQLite has on it.
pub(super) fn announce(path: &Utf8Path) {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: now };
    let _ = utimensat(CWD, path.as_str(), &times, AtFlags::empty());
}

/// Tells of writes to a database for as long as it lives.
pub struct StoreWatch(#[expect(dead_code, reason = "it watches while it is kept")] RecommendedWatcher);

impl StoreWatch {
    /// Calls `wake` soon after each write to the database at this path, from a thread of its own; several writes may be
    /// one call, and a call may have had no reason. Where this cannot be done it is `None`, and there is no promise for
    /// every write anywhere: who relies on it also looks now and then by himself.
    pub fn new(path: &Utf8Path, wake: impl Fn() + Send + 'static) -> Option<Self> {
        let name = path.file_name()?.to_owned();
        // What is written to is the log beside the database, which may come and go.
        let is_meant = move |path: &Path| {
            path.file_name().and_then(|found| found.to_str()).is_some_and(|found| found.starts_with(&name))
        };
        let changed = move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return wake() };
            // Somebody has only read.
            if !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| is_meant(path)) {
                wake();
            }
        };
        let watched = notify::recommended_watcher(changed).and_then(|mut watcher| {
            let directory = path.parent().unwrap_or(Utf8Path::new("."));
            watcher.watch(directory.as_std_path(), RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match watched {
            Ok(watcher) => Some(Self(watcher)),
            Err(error) => {
                tracing::debug!("writes to `{path}` are not noticed at once: {error}");
                None
            }
        }
    }
}
