//! Which repository a request is about, and where in it issues are.

use ao_git_command::{Git, complaint};
use ao_plugin_sdk::prelude::*;

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The directory that was named.
    pub(super) directory: Utf8PathBuf,
    /// What all of its worktrees share: objects, refs, and the lock.
    pub(super) common: Utf8PathBuf,
    /// The same directory in the main worktree; none where there is no main worktree.
    pub(super) main: Option<Utf8PathBuf>,
}

/// The directory that a request means: what the configuration says, else what the host says.
pub(super) fn directory(configured: Option<&Utf8PathBuf>, repository: Option<&str>) -> Result<Utf8PathBuf> {
    if let Some(path) = configured {
        return Ok(path.clone());
    }
    let named = repository.map(Utf8Path::new);
    if let Some(path) = named.filter(|path| path.is_absolute()) {
        return Ok(path.to_owned());
    }
    let what = match named {
        Some(name) => {
            format!("`{name}` names a repository at a host, and issues of the tracker `local` live in a directory")
        }
        None => "the request names no repository".to_owned(),
    };
    let message = format!(
        "{what}; take `repo` out of the project, or write where it is: `tracker: {{plugin: local, repository: /path/to/it}}`"
    );
    Err(Error::invalid_input(message).at_field("repository"))
}

/// Asks git about a directory.
pub(super) async fn find(git: &Git, directory: &Utf8Path) -> Result<Place> {
    let path = directory.to_owned();
    if !blocking(move || Ok(path.is_dir())).await? {
        return Err(Error::not_found(format!(
            "there is no directory `{directory}` to look for issues in; correct the project's `path`"
        )));
    }
    let call = git.at(
        directory,
        [
            "rev-parse",
            "--path-format=absolute",
            "--git-common-dir",
            "--git-dir",
            "--is-bare-repository",
            "--show-prefix",
        ],
    );
    let output = call.looking().output().await?;
    let text = String::from_utf8(output.stdout.clone())
        .map_err(|_| Error::unsupported(format!("the repository of `{directory}` has a path that is not UTF-8")))?;
    let mut lines = text.lines();
    let (Some(common), Some(own), Some(bare)) = (lines.next(), lines.next(), lines.next()) else {
        let said = complaint(&output);
        let remedy = if said.contains("not a git repository") { "; make it one with `git init`" } else { "" };
        return Err(Error::invalid_input(format!("`{directory}` is no git repository: {said}{remedy}")));
    };
    let prefix = lines.next().unwrap_or_default();
    let common = Utf8PathBuf::from(common);
    let main = if bare == "true" {
        None
    } else if common == own {
        Some(directory.to_owned())
    } else {
        // In the place of a worktree whose git directory stands elsewhere, git names that.
        main_worktree(git, directory).await?.filter(|root| *root != common).map(|root| root.join(prefix))
    };
    Ok(Place { directory: directory.to_owned(), common, main })
}

/// The worktree that the others were made of; it is the first that git lists.
async fn main_worktree(git: &Git, directory: &Utf8Path) -> Result<Option<Utf8PathBuf>> {
    let listed = git.at(directory, ["worktree", "list", "--porcelain", "-z"]).looking().run().await?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut fields = text.split('\0').take_while(|field| !field.is_empty());
    let root = fields.next().and_then(|field| field.strip_prefix("worktree ")).map(Utf8PathBuf::from);
    Ok(root.filter(|_| fields.all(|field| field != "bare")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_goes_first_and_a_name_is_no_directory() {
        let configured = Utf8PathBuf::from("/own");
        assert_eq!(directory(Some(&configured), Some("acme/app")).unwrap(), "/own");
        assert_eq!(directory(None, Some("/src/app")).unwrap(), "/src/app");
        for named in [Some("acme/app"), None] {
            let error = directory(None, named).unwrap_err();
            assert_eq!((&error.code, error.field.as_deref()), (&Code::INVALID_INPUT, Some("repository")));
            assert!(error.message.contains("repository: /path/to/it"), "{error}");
        }
    }
}
