//! A hint when some process writes to the database, from the file system.

use std::path::Path;

use camino::Utf8Path;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

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
