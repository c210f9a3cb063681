//! Hints that something may have changed: written files, plugins' streams. Many of one kind are one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ao_core::model::{PluginName, SessionId};
use ao_core::plugin::WakeHost;
use ao_core::slots::Slot;
use camino::{Utf8Path, Utf8PathBuf};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::super::request::LOOK_FILE;
use crate::registry::{Condition, ConditionLog, Ear};

/// What may have changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wake {
    /// A session's agent, or what is known of it.
    Session(SessionId),
    /// A session's spool.
    Hooks(SessionId),
    /// A session's worktree.
    Tree(SessionId),
    /// Every session's worktree.
    Trees,
    /// A session's pull request.
    Pull(SessionId),
    /// Every session's pull request.
    Pulls,
    /// The store, by somebody else.
    Store,
    /// What a run of checks found.
    Checks,
    /// Whether plugins are called.
    Conditions,
    /// Configuration files, or what is trusted.
    Config,
    /// Anything.
    All,
    /// Anything, as somebody waits for it.
    Asked,
}

/// Hints that wait to be heard. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Wakes(Arc<Inbox>);

#[derive(Default)]
struct Inbox {
    waiting: Mutex<BTreeSet<Wake>>,
    /// How instances are doing that changed, as they are now.
    conditions: Mutex<BTreeMap<ConditionKey, Condition>>,
    arrived: Notify,
}

impl Wakes {
    /// Leaves a hint. Never blocks.
    pub(super) fn put(&self, wake: Wake) {
        if lock(&self.0.waiting).insert(wake) {
            self.0.arrived.notify_one();
        }
    }

    /// Waits until there are hints, and takes them all. Dropping this loses none.
    pub(super) async fn take(&self) -> BTreeSet<Wake> {
        loop {
            let taken = std::mem::take(&mut *lock(&self.0.waiting));
            if !taken.is_empty() {
                return taken;
            }
            self.0.arrived.notified().await;
        }
    }
}

/// Names an instance.
pub(super) type ConditionKey = (Slot, PluginName, String);

impl Wakes {
    /// How instances are doing that changed since this was last asked.
    pub(super) fn take_conditions(&self) -> BTreeMap<ConditionKey, Condition> {
        std::mem::take(&mut *lock(&self.0.conditions))
    }

    /// What could not be told yet; what came meanwhile is newer.
    pub(super) fn give_back(&self, conditions: BTreeMap<ConditionKey, Condition>) {
        let mut waiting = lock(&self.0.conditions);
        for (key, condition) in conditions {
            waiting.entry(key).or_insert(condition);
        }
    }
}

/// Keeps how plugins are doing, and tells the engine of it.
pub(super) struct Noted {
    pub(super) kept: Option<Arc<dyn ConditionLog>>,
    pub(super) wakes: Wakes,
}

impl ConditionLog for Noted {
    fn record(&self, condition: &Condition) {
        if let Some(kept) = &self.kept {
            kept.record(condition);
        }
        let key = (condition.slot, condition.name.clone(), condition.config.clone());
        lock(&self.wakes.0.conditions).insert(key, condition.clone());
        self.wakes.put(Wake::Conditions);
    }
}

impl Ear for Wakes {
    fn wake(&self, slot: Slot, name: &str, request: &WakeHost) {
        tracing::debug!("the {slot} plugin `{name}` wants a look: {}", request.reason);
        let (one, all): (fn(SessionId) -> Wake, _) = match slot {
            Slot::Scm => (Wake::Pull, Wake::Pulls),
            Slot::Workspace => (Wake::Tree, Wake::Trees),
            Slot::Runtime | Slot::Agent | Slot::Tracker | Slot::Notifier | Slot::Terminal => (Wake::Session, Wake::All),
        };
        if request.sessions.is_empty() {
            return self.put(all);
        }
        request.sessions.iter().cloned().for_each(|session| self.put(one(session)));
    }
}

/// Watches directories of the file system, where that can be done; without it the next resync sees what changed.
pub(super) struct Files {
    watcher: Option<RecommendedWatcher>,
    /// What a change in a directory means.
    meanings: Arc<Mutex<BTreeMap<PathBuf, Meaning>>>,
}

/// What a change in a directory means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Files beside the database.
    Store,
    /// A session's own directory: its records, what it printed.
    Session(SessionId),
    /// A session's spool.
    Spool(SessionId),
    /// The git directory of a session's worktree.
    Head(SessionId),
    /// The directory where git logs, in `HEAD`, each commit that the worktree comes to stand on.
    Commits(SessionId),
    /// The directory of a run of checks.
    Checks,
    /// The directory of configuration files, or of the record of what is trusted.
    Config(BTreeSet<Utf8PathBuf>),
}

impl Meaning {
    fn wakes(&self, path: &Path) -> Vec<Wake> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match self {
            Self::Store if name.starts_with("state.db") => vec![Wake::Store],
            Self::Store if name == LOOK_FILE => vec![Wake::Asked],
            // What is written aside is renamed later.
            Self::Session(id) if path.extension().is_none_or(|extension| extension != "tmp") => {
                vec![Wake::Session(id.clone())]
            }
            Self::Checks if path.extension().is_some_and(|extension| extension == "json") && !name.starts_with('.') => {
                vec![Wake::Checks]
            }
            Self::Spool(id) if !name.starts_with('.') => vec![Wake::Hooks(id.clone())],
            Self::Head(id) if name == "HEAD" => vec![Wake::Tree(id.clone())],
            // A branch that moves on takes its pull request with it.
            Self::Commits(id) if name == "HEAD" => vec![Wake::Tree(id.clone()), Wake::Pull(id.clone())],
            Self::Store | Self::Session(_) | Self::Spool(_) | Self::Head(_) | Self::Commits(_) | Self::Checks => {
                Vec::new()
            }
            Self::Config(files) => {
                files.iter().filter(|file| file.file_name() == Some(name)).map(|_| Wake::Config).collect()
            }
        }
    }
}

impl Files {
    /// Watches nothing yet.
    pub(super) fn new(wakes: Wakes) -> Self {
        let meanings: Arc<Mutex<BTreeMap<PathBuf, Meaning>>> = Arc::default();
        let known = Arc::clone(&meanings);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return wakes.put(Wake::All) };
            // Somebody has only read.
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            let known = lock(&known);
            for path in &event.paths {
                let meaning = path.parent().and_then(|parent| known.get(parent));
                meaning.into_iter().flat_map(|meaning| meaning.wakes(path)).for_each(|wake| wakes.put(wake));
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!("files cannot be watched, so changes are seen at the next look only: {error}");
        }
        Self { watcher: watcher.ok(), meanings }
    }

    /// Watches nothing, ever.
    #[cfg(test)]
    pub(super) fn blind() -> Self {
        Self { watcher: None, meanings: Arc::default() }
    }

    /// Watches exactly these directories from now on.
    pub(super) fn watch(&mut self, wanted: BTreeMap<PathBuf, Meaning>) {
        let Some(watcher) = &mut self.watcher else { return };
        let before: BTreeSet<PathBuf> = lock(&self.meanings).keys().cloned().collect();
        for gone in before.iter().filter(|path| !wanted.contains_key(*path)) {
            // It may be gone itself.
            let _ = watcher.unwatch(gone);
        }
        let mut kept = wanted;
        kept.retain(|path, _| before.contains(path) || watcher.watch(path, RecursiveMode::NonRecursive).is_ok());
        *lock(&self.meanings) = kept;
    }
}

/// The git directory of a worktree, where its HEAD stands: the worktree's own `.git`, or what the file in its place names
/// (gitrepository-layout(5)).
pub(super) fn git_directory(worktree: &Utf8Path) -> Option<Utf8PathBuf> {
    let dot_git = worktree.join(".git");
    if dot_git.is_dir() {
        return Some(dot_git);
    }
    let text = std::fs::read_to_string(&dot_git).ok()?;
    let named = text.strip_prefix("gitdir: ")?.trim_end_matches(['\n', '\r']);
    Some(worktree.join(named)).filter(|path| path.is_dir())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
