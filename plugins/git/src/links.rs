//! Links from a worktree to paths of the project, such as `.env` or `node_modules`. Everything here blocks its thread.

use std::io::ErrorKind;

use ao_plugin_sdk::prelude::*;

use crate::exclude;
use crate::repository::Repository;

/// One path of the project that its worktrees link to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Relative to the project's directory.
    path: Utf8PathBuf,
    /// Relative to the top of the checkout.
    place: Utf8PathBuf,
    /// What the link says: the path in the project, absolute.
    source: Utf8PathBuf,
}

impl Link {
    /// Relative to the top of the worktree.
    pub(crate) fn place(&self) -> &Utf8Path {
        &self.place
    }

    /// Whether `create` made what stands there.
    pub(crate) fn is_made(&self, worktree: &Utf8Path) -> bool {
        worktree.join(&self.place).read_link_utf8().is_ok_and(|source| source == self.source)
    }
}

/// The links of a request, without looking at the file system.
pub(crate) fn plan(repository: &Repository, paths: &[Utf8PathBuf]) -> Result<Vec<Link>> {
    paths.iter().enumerate().map(|(index, path)| plan_one(repository, index, path)).collect()
}

fn plan_one(repository: &Repository, index: usize, path: &Utf8Path) -> Result<Link> {
    use ao_plugin_sdk::camino::Utf8Component::{CurDir, Normal};
    let refuse = |problem: &str| {
        let message = format!("the symlink `{}` {problem}", path.as_str().escape_debug());
        Err(Error::invalid_input(message).at_field(format!("symlinks[{index}]")))
    };
    if path.as_str().chars().any(char::is_control) {
        return refuse("holds a control character");
    }
    if path.is_absolute() {
        return refuse("is absolute; write it relative to the project");
    }
    let mut clean = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            CurDir => {}
            Normal(name) if name.eq_ignore_ascii_case(".git") => return refuse("names git's own directory"),
            Normal(name) => clean.push(name),
            _ => return refuse("leads out of the project"),
        }
    }
    if clean.as_str().is_empty() {
        return refuse("names the project itself");
    }
    let place = Utf8Path::new(&repository.prefix).join(&clean);
    Ok(Link { source: repository.project.join(&clean), path: clean, place })
}

/// Whether every link's source is there, and in the project.
pub(crate) fn check_sources(repository: &Repository, links: &[Link]) -> Result<()> {
    for (index, link) in links.iter().enumerate() {
        let refuse = |error: Error| Err(error.at_field(format!("symlinks[{index}]")));
        if let Err(error) = fs_err::symlink_metadata(&link.source) {
            let message = format!("cannot link `{}`: the project has no such file or directory", link.path);
            let absent = error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::NotADirectory;
            return refuse(if absent { Error::not_found(message) } else { Error::wrap(Code::OTHER, message, &error) });
        }
        if !leads_inside(&repository.project, &link.source) {
            let message = format!("cannot link `{}`: a directory on the way is a link out of the project", link.path);
            return refuse(Error::invalid_input(message));
        }
    }
    Ok(())
}

/// Makes the links in a worktree that was just checked out, and keeps them out of `git status`.
pub(crate) fn make(repository: &Repository, worktree: &Utf8Path, links: &[Link]) -> Result<()> {
    if links.is_empty() {
        return Ok(());
    }
    let patterns: Vec<_> = links.iter().map(|link| exclude::pattern(link.place.as_str())).collect();
    exclude::ensure(&repository.common, &patterns)?;
    for link in links {
        let at = worktree.join(&link.place);
        let failed = |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot link `{}`", link.path), error);
        make_parents(worktree, link)?;
        match std::os::unix::fs::symlink(&link.source, &at) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(Error::conflict(format!(
                    "cannot link `{}`: the checkout has it already, as git tracks it; take it out of `symlinks`",
                    link.path
                )));
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(())
}

/// Makes the directories above a link. A link among them could lead anywhere, so it is refused.
fn make_parents(worktree: &Utf8Path, link: &Link) -> Result<()> {
    let mut at = worktree.to_owned();
    for component in link.place.parent().into_iter().flat_map(Utf8Path::components) {
        at.push(component);
        let failed = |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot link `{}`", link.path), error);
        match fs_err::symlink_metadata(&at) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                return Err(Error::conflict(format!("cannot link `{}`: `{at}` is not a directory", link.path)));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs_err::create_dir(&at).map_err(|error| failed(&error))?;
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(())
}

/// Whether the directory of a path is below a directory once every link on the way is followed.
fn leads_inside(directory: &Utf8Path, path: &Utf8Path) -> bool {
    let real = |path: &Utf8Path| path.canonicalize_utf8();
    let (Ok(directory), Some(Ok(parent))) = (real(directory), path.parent().map(real)) else { return false };
    parent.starts_with(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_in_the_project_are_linked() {
        let repository = Repository { project: "/p/sub".into(), common: "/p/.git".into(), prefix: "sub/".into() };
        for path in ["", ".", "/etc/passwd", "..", "a/../../b", "../a", ".git", "a/.GIT/config", "a\nb"] {
            let error = plan(&repository, &["ok".into(), path.into()]).expect_err(path);
            assert_eq!(error.field.as_deref(), Some("symlinks[1]"), "{path:?}: {error}");
        }
        let links = plan(&repository, &["./a//b/".into()]).expect("links");
        assert_eq!((links[0].place(), links[0].source.as_str()), (Utf8Path::new("sub/a/b"), "/p/sub/a/b"));
    }
}
