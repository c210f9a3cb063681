//! The repository that pull requests are in: which one, and how git is run there.

use ao_plugin_sdk::prelude::*;

use ao_git_command::{Call, Git, complaint};

/// A repository: bare, or one with a check-out.
#[derive(Debug)]
pub(super) struct Repository<'a> {
    git: &'a Git,
    /// As it was named; what others fetch from.
    pub(super) path: Utf8PathBuf,
    /// The directory with objects and refs, shared by all worktrees.
    pub(super) common: Utf8PathBuf,
}

/// The configured repository, else the one that the request names by its path.
pub(super) fn locate(configured: Option<&Utf8Path>, named: &str) -> Result<Utf8PathBuf> {
    if let Some(path) = configured {
        return Ok(path.to_owned());
    }
    let path = Utf8Path::new(named);
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let shown: String = named.chars().take(100).flat_map(char::escape_debug).collect();
    Err(Error::invalid_input(format!(
        "pull requests of `{shown}` are kept on this machine, but not where: set `repository` of the project's scm \
         `local` to the path of a git repository, or leave the project's `repo` out, so that its own is used"
    ))
    .at_field("repository"))
}

/// Opens it.
pub(super) async fn open<'a>(git: &'a Git, path: &Utf8Path) -> Result<Repository<'a>> {
    let is_there = blocking({
        let path = path.to_owned();
        move || Ok(path.is_dir())
    });
    if path.as_str().contains('\0') || !is_there.await? {
        return Err(Error::not_found(format!(
            "the repository `{}` does not exist: correct the project's `path`, or `repository` of its scm",
            path.as_str().escape_debug()
        ))
        .at_field("repository"));
    }
    let mut call = git.at(path, ["rev-parse", "--path-format=absolute", "--git-common-dir"]);
    let mut output = call.output().await?;
    if !output.status.success() && complaint(&output).contains("safe.bareRepository") {
        // It was named, not only found.
        call = call.of(path);
        output = call.output().await?;
    }
    if !output.status.success() {
        if complaint(&output).contains("not a git repository") {
            return Err(Error::invalid_input(format!(
                "`{path}` is not a git repository: run `git init` there, or set `repository` of the project's scm"
            ))
            .at_field("repository"));
        }
        return Err(call.failure(&output));
    }
    let common = String::from_utf8(output.stdout)
        .map_err(|_| Error::unsupported(format!("the repository of `{path}` has a path that is not UTF-8; move it")))?;
    let common = common.strip_suffix('\n').unwrap_or(&common).into();
    Ok(Repository { git, path: path.to_owned(), common })
}

impl Repository<'_> {
    /// A command in the repository, not in any check-out of it. No hook of the user's runs for what is done here.
    pub(super) fn at<const N: usize>(&self, arguments: [&str; N]) -> Call<'_> {
        self.inside(&self.common, arguments).of(&self.common)
    }

    /// A command in a check-out of it.
    pub(super) fn inside<const N: usize>(&self, directory: &Utf8Path, arguments: [&str; N]) -> Call<'_> {
        self.git.at(directory, arguments).set("core.hooksPath", "/dev/null")
    }
}
