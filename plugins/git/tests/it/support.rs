//! A scratch repository and the plugin, in one environment.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ao_plugin_git::{Cloned, Worktree};
use ao_plugin_sdk::prelude::*;
use tempfile::TempDir;

/// Which of the plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Worktree,
    Clone,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Worktree, Self::Clone];

    /// With the environment of a scratch directory.
    pub(crate) fn plugin(self, root: &Utf8Path) -> Arc<dyn Workspace> {
        match self {
            Self::Worktree => Arc::new(Worktree::with_environment(environment(root))),
            Self::Clone => Arc::new(Cloned::with_environment(environment(root))),
        }
    }
}

/// A repository with one commit on `main`, next to an empty directory for worktrees.
pub(crate) struct Scratch {
    root: TempDir,
    pub(crate) plugin: Arc<dyn Workspace>,
    pub(crate) project: Utf8PathBuf,
}

/// Refs, worktrees and directories, to compare before and after.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct World {
    refs: String,
    worktrees: String,
    directories: Vec<String>,
}

impl Scratch {
    /// A project `app` with a commit of `a.txt`, `dir/b.txt` and a `.gitignore` that ignores `*.ignored`.
    pub(crate) async fn new() -> Self {
        Self::named("app").await
    }

    /// The same, for this plugin.
    pub(crate) async fn of(kind: Kind) -> Self {
        let mut scratch = Self::new().await;
        scratch.plugin = kind.plugin(&scratch.path(""));
        scratch
    }

    pub(crate) async fn named(project: &str) -> Self {
        let scratch = Self::empty(project).await;
        scratch.write("a.txt", "one\n");
        scratch.write("dir/b.txt", "two\n");
        scratch.write(".gitignore", "*.ignored\n");
        scratch.git(&["add", "."]).await;
        scratch.git(&["commit", "--quiet", "--message", "first"]).await;
        scratch
    }

    /// A repository without commits.
    pub(crate) async fn empty(project: &str) -> Self {
        let scratch = Self::bare_directory(project);
        scratch.git(&["init", "--quiet", "--initial-branch=main"]).await;
        scratch
    }

    /// A directory that is no repository.
    pub(crate) fn bare_directory(project: &str) -> Self {
        let root = tempfile::tempdir().expect("scratch");
        let path = Utf8Path::from_path(root.path()).expect("utf-8").canonicalize_utf8().expect("real");
        for directory in [project, "worktrees", "home"] {
            std::fs::create_dir(path.join(directory)).expect("directory");
        }
        let plugin = Kind::Worktree.plugin(&path);
        Self { root, plugin, project: path.join(project) }
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        let root = Utf8Path::from_path(self.root.path()).expect("utf-8");
        root.canonicalize_utf8().expect("real").join(name)
    }

    pub(crate) fn target(&self, session: &str) -> Utf8PathBuf {
        self.path("worktrees").join(session)
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: &str) {
        write(self.project.join(name), text);
    }

    /// Runs git in the project, and returns what it printed.
    pub(crate) async fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.project, arguments).await
    }

    pub(crate) async fn git_in(&self, directory: &Utf8Path, arguments: &[&str]) -> String {
        let git = command("git").current_dir(directory).env_only(environment(&self.path("")));
        git.args(arguments).run().await.expect("git").text()
    }

    pub(crate) async fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).await
    }

    /// What a spawn of this session asks for, on the branch `ao/<session>`.
    pub(crate) fn request(&self, session: &str) -> CreateWorkspace {
        let id: SessionId = session.parse().expect("session id");
        let branch = id.default_branch();
        CreateWorkspace::new("key", id, self.project.clone(), self.target(session), branch, "main")
    }

    pub(crate) async fn create(&self, session: &str) -> WorkspaceInfo {
        self.plugin.create(self.request(session)).await.expect("create")
    }

    /// Creates, and expects that it fails without a trace.
    pub(crate) async fn refused(&self, request: CreateWorkspace) -> Error {
        let before = self.world().await;
        let error = self.plugin.create(request).await.expect_err("create was expected to fail");
        assert_eq!(self.world().await, before, "something is left after: {error}");
        error
    }

    /// What takes a creation back.
    pub(crate) fn discard_request(&self, made: &WorkspaceInfo) -> DiscardWorkspace {
        let branch = made.branch.clone().expect("branch");
        let mut request = DiscardWorkspace::new(self.project.clone(), made.path.clone(), branch);
        request.created_at = made.base.clone().filter(|_| made.branch_created);
        request
    }

    pub(crate) async fn discard(&self, made: &WorkspaceInfo) -> Discarded {
        self.plugin.discard(self.discard_request(made)).await.expect("discard")
    }

    pub(crate) async fn world(&self) -> World {
        let refs = command("git").current_dir(&self.project).env_only(environment(&self.path("")));
        let refs = refs.args(["for-each-ref"]).output().await.expect("git").text();
        let mut directories: Vec<_> = names(&self.path("worktrees"));
        directories.extend(names(&self.path("")));
        World { refs, worktrees: names(&self.project.join(".git/worktrees")).join(" "), directories }
    }
}

/// The names in a directory, sorted; none where there is no directory.
pub(crate) fn names(directory: &Utf8Path) -> Vec<String> {
    let mut names: Vec<_> = directory
        .read_dir_utf8()
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("entry").file_name().to_owned())
        .collect();
    names.sort();
    names
}

pub(crate) fn write(path: impl AsRef<Path>, text: &str) {
    use std::io::Write;
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).open(path).expect("open");
    file.write_all(text.as_bytes()).expect("write");
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).expect("read")
}

/// The whole environment of git in a test.
pub(crate) fn environment(root: &Utf8Path) -> BTreeMap<String, String> {
    let pairs = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("HOME", root.join("home").as_str()),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Test"),
        ("GIT_AUTHOR_EMAIL", "test@example.com"),
        ("GIT_COMMITTER_NAME", "Test"),
        ("GIT_COMMITTER_EMAIL", "test@example.com"),
        // Submodules of a test are directories.
        ("GIT_ALLOW_PROTOCOL", "file"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    pairs.into_iter().collect()
}
