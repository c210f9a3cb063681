//! What git knows about the repository that a configuration is written for.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_core::Error;
use ao_core::config::RepositoryName;
use ao_core::model::{BranchName, ProjectName};
use camino::{Utf8Path, Utf8PathBuf};

use crate::edge::Edge;
use crate::process::{Ended, Program};

/// What git needs of the environment: its own settings are found by these.
const SHOWN: [&str; 6] = ["HOME", "PATH", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "TMPDIR"];

/// A git repository with a working tree.
#[derive(Debug)]
pub(super) struct Repository {
    /// The top of its working tree.
    pub(super) root: Utf8PathBuf,
    /// The branch that work starts from.
    pub(super) default_branch: BranchName,
    /// `owner/name`, where `origin` is at a host that has such names.
    pub(super) hosted: Option<RepositoryName>,
    /// Whether there is anything to start from.
    pub(super) has_commit: bool,
}

impl Repository {
    /// Asks git about the repository that a directory is in.
    pub(super) fn find(directory: &Utf8Path, edge: &Edge) -> Result<Self, Error> {
        if !directory.is_dir() {
            return Err(Error::not_found(format!("there is no directory `{directory}`")));
        }
        let variable = |name: &str| Some((name.to_owned(), edge.environment.variable(name)?.to_owned()));
        let mut environment: BTreeMap<_, _> = SHOWN.into_iter().filter_map(variable).collect();
        environment.insert("LC_ALL".to_owned(), "C".to_owned());
        let git = |arguments: &[&str]| git(directory, &environment, arguments);
        let top = git(&["rev-parse", "--show-toplevel"])?;
        let root = top.success().map(Utf8PathBuf::from).ok_or_else(|| no_repository(directory, &top.stderr))?;
        let one_line = |arguments: &[&str]| Ok::<_, Error>(git(arguments)?.success().map(str::to_owned));
        let published = one_line(&["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"])?;
        let published = published.and_then(|name| name.strip_prefix("origin/").map(str::to_owned));
        let current = one_line(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
        let mut usual = Vec::new();
        for name in ["main", "master"] {
            let reference = format!("refs/heads/{name}");
            usual.extend(git(&["show-ref", "--verify", "--quiet", &reference])?.success().map(|_| name.to_owned()));
        }
        let mut candidates = published.into_iter().chain(usual).chain(current);
        let default_branch = candidates.find_map(|name| name.parse().ok());
        let main = || "main".parse().expect("`main` is a branch name");
        let url = one_line(&["remote", "get-url", "origin"])?;
        Ok(Self {
            root,
            default_branch: default_branch.unwrap_or_else(main),
            hosted: url.as_deref().and_then(hosted_name),
            has_commit: git(&["rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}"])?
                .success()
                .is_some(),
        })
    }

    /// A name for the project, made of the directory's.
    pub(super) fn project(&self) -> ProjectName {
        project_name(self.root.file_name().unwrap_or_default())
    }
}

fn git(directory: &Utf8Path, environment: &BTreeMap<String, String>, arguments: &[&str]) -> Result<Ended, Error> {
    let program = Program {
        path: "git".into(),
        arguments: arguments.iter().copied().map(str::to_owned).collect(),
        environment: environment.clone(),
        limit: Duration::from_secs(10),
    };
    program.run(directory)
}

fn no_repository(directory: &Utf8Path, stderr: &str) -> Error {
    if stderr.contains("not a git repository") {
        let message = format!("`{directory}` is not in a git repository; make it one with `git init`");
        return Error::invalid_input(message);
    }
    let said = stderr.trim().trim_start_matches("fatal: ").to_owned();
    let mut error = Error::other(format!("`{directory}` is not in a working tree that git accepts"));
    error.chain.push(said);
    error
}

/// The directory's name with everything that a project's name may not have replaced.
fn project_name(directory: &str) -> ProjectName {
    const LONGEST: usize = 64;
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let replaced: String = directory.chars().map(allowed).take(LONGEST).collect();
    let name = replaced.trim_start_matches(['-', '_']).trim_end_matches('-').parse();
    name.unwrap_or_else(|_| "project".parse().expect("`project` is a project name"))
}

/// `owner/name` of a remote's address, without whatever credentials stand in it. A directory is no host.
fn hosted_name(url: &str) -> Option<RepositoryName> {
    let path = match url.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => rest.split_once('/')?.1,
        // `user@host:path`, which is no path with a colon in it.
        None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?.1,
    };
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosted_names_are_read_off_addresses() {
        for (url, expected) in [
            ("git@github.com:acme/app.git", Some("acme/app")),
            ("https://github.com/acme/app", Some("acme/app")),
            ("https://user:secret@github.com/acme/app.git/", Some("acme/app")),
            ("ssh://git@github.com:22/acme/app.git", Some("acme/app")),
            ("https://gitlab.com/group/part/app.git", Some("group/part/app")),
            ("/srv/git/acme/app.git", None),
            ("../acme/app", None),
            ("file:///srv/acme/app", None),
            ("", None),
        ] {
            let found = hosted_name(url);
            assert_eq!(found.as_ref().map(RepositoryName::as_str), expected, "{url}");
        }
    }

    #[test]
    fn any_directory_gives_a_project_name() {
        for (directory, expected) in [
            ("app", "app"),
            ("my app.js", "my-app-js"),
            (".config", "config"),
            ("日本", "project"),
            ("", "project"),
            ("app (copy)", "app--copy"),
        ] {
            assert_eq!(project_name(directory).as_str(), expected, "{directory}");
        }
        assert_eq!(project_name(&"x".repeat(300)).as_str().len(), 64);
    }
}
