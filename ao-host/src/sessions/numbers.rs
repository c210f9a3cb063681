//! Which numbers are taken, whatever the database knows: an id that somewhere in the world is a session's is not given
//! out to another one, even after the state was lost.

use ao_core::config::Project;
use ao_core::model::{SessionId, SessionPrefix};
use ao_core::slots::Workspace;
use ao_core::slots::workspace::FindIdentities;
use camino::Utf8Path;

use super::Bound;
use crate::world::Places;

/// A higher number is nobody's: whoever wrote it would use up all that are left.
const MOST: u64 = u32::MAX as u64;

/// The first number that is above all that a project's prefix has in directories, refs and branches; 1 where there are
/// none. What cannot be looked at has no numbers: the steps of a spawn refuse what is taken all the same.
pub(super) async fn next_free(places: &Places, project: &Project, workspace: &Bound<dyn Workspace>) -> u64 {
    let prefix = &project.session_prefix;
    let mut names = entries(&places.sessions());
    names.extend(deeper(&places.worktrees()));
    // `<session>.<item>` and, beside it, `<session>.<item>.json`.
    names.extend(deeper(&places.trash()).filter_map(|name| Some(name.split_once('.')?.0.to_owned())));
    let found = workspace.instance.identities(FindIdentities::new(vec![project.path.clone()])).await;
    match found {
        Ok(found) => {
            for project in found.projects {
                names.extend(project.sessions.into_iter().map(|written| written.session.to_string()));
                names.extend(
                    project.branches.iter().filter_map(|name| Some(name.as_str().strip_prefix("ao/")?.to_owned())),
                );
            }
        }
        Err(error) => tracing::debug!("the numbers in the repository are not known: {error}"),
    }
    highest(prefix, names.iter().map(String::as_str)).saturating_add(1)
}

fn highest<'a>(prefix: &SessionPrefix, names: impl Iterator<Item = &'a str>) -> u64 {
    let numbers = names.filter_map(|name| name.parse::<SessionId>().ok()?.number(prefix));
    numbers.filter(|number| *number <= MOST).max().unwrap_or(0)
}

/// The names in a directory, which may be absent.
fn entries(directory: &Utf8Path) -> Vec<String> {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_owned()).collect()
}

/// The names in the directories of a directory.
fn deeper(directory: &Utf8Path) -> impl Iterator<Item = String> {
    entries(directory).into_iter().flat_map(move |name| entries(&directory.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_the_prefix_count() {
        let prefix = "app".parse().unwrap();
        let names = ["app-3", "app-12", "app-x", "other-99", "app-1-2", "../app-50", "app-18446744073709551615"];
        assert_eq!(highest(&prefix, names.into_iter()), 12);
        assert_eq!(highest(&prefix, std::iter::empty()), 0);
    }
}
