//! A worktree as `preserve` and `restore` find it: its files, git's private directory for it, or only one of the two.

use ao_plugin_sdk::prelude::*;

use crate::{place, repository};
use ao_git_command::{Call, Git};

/// What is there of a copy.
#[derive(Clone, Debug)]
pub(crate) struct Copy<'a> {
    git: &'a Git,
    /// Its files; none where they are gone.
    pub(crate) files: Option<Utf8PathBuf>,
    /// Its own git directory.
    pub(crate) private: Utf8PathBuf,
}

impl<'a> Copy<'a> {
    /// Finds a copy; none where git knows nothing of it.
    pub(crate) async fn find(git: &'a Git, project: Option<&Utf8Path>, path: &Utf8Path) -> Result<Option<Self>> {
        let common = match project {
            Some(project) => Some(repository::open(git, project).await?.common),
            None => None,
        };
        let path = path.to_owned();
        let found = blocking(move || {
            let files = path.is_dir().then(|| path.clone());
            let recorded = match &common {
                Some(common) => place::private_directory(common, &path)?,
                None => None,
            };
            // Its own pointer is second: an agent may have written it.
            Ok(recorded.or_else(|| own_directory(&path)).map(|private| (files, private)))
        });
        Ok(found.await?.map(|(files, private)| Self { git, files, private }))
    }

    /// A git command that looks at this copy, whatever its own pointers say.
    pub(crate) fn at<const N: usize>(&self, arguments: [&str; N]) -> Call<'a> {
        let directory = self.files.as_ref().unwrap_or(&self.private);
        // Without files nothing looks at files; git wants a directory all the same.
        self.git.at(directory, arguments).env("GIT_DIR", self.private.as_str()).env("GIT_WORK_TREE", directory.as_str())
    }

    /// What git prints for this, if it succeeds.
    pub(crate) async fn ask<const N: usize>(&self, arguments: [&str; N]) -> Result<Option<String>> {
        let output = self.at(arguments).looking().output().await?;
        Ok(output.status.success().then(|| output.text()).filter(|text| !text.is_empty()))
    }
}

/// The git directory that a directory names itself.
fn own_directory(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let dot_git = path.join(".git");
    if dot_git.is_dir() {
        return Some(dot_git);
    }
    let pointer = fs_err::read_to_string(&dot_git).ok()?;
    let named = path.join(pointer.trim_end().strip_prefix("gitdir: ")?);
    named.canonicalize_utf8().ok()
}
