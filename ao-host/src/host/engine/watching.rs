//! Which directories are watched, and what a change in each means.

use std::collections::{BTreeMap, BTreeSet};

use super::wakes::{Meaning, git_directory};
use super::{Engine, spool};

impl Engine {
    /// Watches what there is to watch now.
    pub(super) fn watch_files(&mut self) {
        let places = &self.context.places;
        let mut wanted = BTreeMap::new();
        if let Some(state) = places.state_db().parent() {
            wanted.insert(state.as_std_path().to_owned(), Meaning::Store);
        }
        for session in self.live.values() {
            if let Some(runtime) = &session.runtime {
                wanted.insert(runtime.directory.as_std_path().to_owned(), Meaning::Session(session.id.clone()));
            }
            if let Some(spool) = spool::Spool::of(session) {
                wanted.insert(spool.directory().as_std_path().to_owned(), Meaning::Spool(session.id.clone()));
            }
            let git = session.workspace.as_ref().and_then(|workspace| git_directory(&workspace.path));
            if let Some(git) = git {
                wanted.insert(git.join("logs").into_std_path_buf(), Meaning::Commits(session.id.clone()));
                wanted.insert(git.into_std_path_buf(), Meaning::Head(session.id.clone()));
            }
        }
        let runs = self.checking.directories().iter();
        wanted.extend(runs.map(|directory| (directory.as_std_path().to_owned(), Meaning::Checks)));
        // What is trusted now counts as if the file had been written again.
        for file in self.crews.files().into_iter().chain([places.trust_file()]) {
            let Some(directory) = file.parent() else { continue };
            let entry =
                wanted.entry(directory.as_std_path().to_owned()).or_insert_with(|| Meaning::Config(BTreeSet::new()));
            if let Meaning::Config(files) = entry {
                files.insert(file);
            }
        }
        self.files.watch(wanted);
    }
}
