//! What becomes of old runs: their logs go, and so does what was kept for lock files that are of yesterday.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use ao_core::Result;
use ao_core::lifecycle::{KeptRun, retired_runs};
use ao_core::model::{CheckRun, Timestamp};
use camino::{Utf8Path, Utf8PathBuf};

use super::place;
use crate::trash::{destroy, relocate, weigh};
use crate::world::Places;

const DAY: Duration = Duration::from_hours(24);

/// For how many lock files of a project something is kept.
const CACHES: usize = 2;

/// Removes what is old or too much, and returns the runs whose logs are gone. `wanted` says whose stay. What cannot be removed
/// is said, and keeps nothing else from going.
pub(crate) fn retire(
    places: &Places,
    runs: &[CheckRun],
    wanted: impl Fn(&CheckRun) -> bool,
    now: Timestamp,
) -> Vec<String> {
    let directory = |id: &str| places.checks().join(id);
    let weighed = runs.iter().filter(|run| !run.state.is_open()).map(|run| KeptRun {
        id: run.id.clone(),
        ended_at: run.ended_at.unwrap_or(run.requested_at),
        bytes: weigh(&directory(&run.id), &[]).bytes,
        is_wanted: wanted(run),
    });
    let mut gone = retired_runs(&weighed.collect::<Vec<_>>(), now);
    // From a clearing-up that was interrupted.
    for left in entries(&place::trash(places)) {
        is_done(&left, destroy(&place::trash(places), &left));
    }
    gone.retain(|id| is_done(&directory(id), remove(places, &directory(id))));
    for lost in lost(places, runs, now) {
        is_done(&lost, remove(places, &lost));
    }
    for project in entries(&places.checks().join(place::CACHE)) {
        let mut kept = entries(&project);
        kept.sort_by_key(|kept| std::cmp::Reverse(changed(kept)));
        for old in kept.into_iter().skip(CACHES) {
            is_done(&old, remove(places, &old));
        }
    }
    gone
}

fn is_done(what: &Utf8Path, done: Result<()>) -> bool {
    done.inspect_err(|error| tracing::warn!("`{what}` stays for now: {error}")).is_ok()
}

/// Directories of runs that the state knows nothing of, such as after it was lost, and that nothing was put into for a day.
fn lost(places: &Places, runs: &[CheckRun], now: Timestamp) -> Vec<Utf8PathBuf> {
    let known: BTreeSet<_> = runs.iter().map(|run| run.id.as_str()).collect();
    let is_lost = |path: &Utf8PathBuf| {
        let name = path.file_name().unwrap_or_default();
        let changed = changed(path).and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let changed = changed.and_then(|since| i64::try_from(since.as_millis()).ok()).map(Timestamp::from_millis);
        !name.starts_with('.') && !known.contains(name) && changed.is_some_and(|at| now.since(at) > DAY)
    };
    entries(&places.checks()).into_iter().filter(is_lost).collect()
}

fn remove(places: &Places, directory: &Utf8Path) -> Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    let root = place::trash(places);
    let gone = root.join(directory.file_name().unwrap_or_default());
    relocate(directory, &gone)?;
    destroy(&root, &gone)
}

/// What stands in a directory; nothing where there is none.
fn entries(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    directory.read_dir_utf8().into_iter().flatten().flatten().map(camino::Utf8DirEntry::into_path).collect()
}

fn changed(path: &Utf8Path) -> Option<SystemTime> {
    fs_err::symlink_metadata(path).and_then(|found| found.modified()).ok()
}

#[cfg(test)]
mod tests {
    use ao_core::model::{ProjectName, RunState};

    use super::*;
    use crate::world::files;

    #[test]
    fn old_runs_and_old_caches_go_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        let places = Places::resolve(&|name| (name == "AO_HOME").then(|| root.as_str().into()), &root).unwrap();
        places.ensure().unwrap();
        let day = 24 * 60 * 60 * 1000;
        let run = |id: &str, ended: i64, state| {
            let app: ProjectName = "app".parse().unwrap();
            let mut run = CheckRun::new(id, app, "/p", "c", "d", [], Timestamp::from_millis(0), state);
            run.ended_at = Some(Timestamp::from_millis(ended * day));
            files::private_directory(&places.checks().join(id).join("1")).unwrap();
            run
        };
        let runs = [
            run("old", 1, RunState::Ended),
            run("head", 1, RunState::Ended),
            run("running", 1, RunState::Running),
            run("new", 40, RunState::Superseded),
        ];
        for name in ["a", "b", "c"] {
            files::private_directory(&places.checks().join(".cache/project").join(name)).unwrap();
        }
        files::private_directory(&places.checks().join(".trash/left")).unwrap();
        let gone = retire(&places, &runs, |run| run.id == "head", Timestamp::from_millis(45 * day));
        assert_eq!(gone, ["old"]);
        let mut left: Vec<_> =
            entries(&places.checks()).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        left.sort();
        assert_eq!(left, [".cache", ".trash", "head", "new", "running"]);
        assert_eq!(entries(&places.checks().join(".cache/project")).len(), CACHES);
        assert_eq!(entries(&places.checks().join(".trash")).len(), 0);
    }
}
