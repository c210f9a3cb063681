//! A scratch repository with branches, and the plugin on it, in one environment.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use ao_plugin_local::LocalScm;
use ao_plugin_local::scm::Config;
use ao_plugin_sdk::prelude::*;

use crate::environment::environment;
use tempfile::TempDir;

/// A repository with a commit of `a.txt` and `b.txt` on `main`.
pub(crate) struct Forge {
    root: TempDir,
    pub(crate) scm: LocalScm,
    /// What requests name.
    pub(crate) repository: Utf8PathBuf,
    /// Where files are: the repository's own check-out, or a clone beside a bare one.
    pub(crate) project: Utf8PathBuf,
}

impl Forge {
    /// With a check-out that stands on `desk`, so that `main` is checked out nowhere.
    pub(crate) async fn new() -> Self {
        let forge = Self::empty().await;
        forge.first_commit().await;
        forge.git(&["checkout", "--quiet", "-b", "desk"]).await;
        forge
    }

    /// A bare repository, with a clone to work in.
    pub(crate) async fn bare() -> Self {
        let mut forge = Self::empty().await;
        forge.first_commit().await;
        forge.git(&["clone", "--quiet", "--bare", ".", "../origin.git"]).await;
        forge.git(&["remote", "add", "origin", "../origin.git"]).await;
        forge.repository = forge.path("origin.git");
        forge
    }

    /// With another way to store objects.
    pub(crate) async fn stored(option: &str) -> Self {
        let forge = Self::initialised(&["init", "--quiet", "--initial-branch=main", option]).await;
        forge.first_commit().await;
        forge.git(&["checkout", "--quiet", "-b", "desk"]).await;
        forge
    }

    /// Without a commit.
    pub(crate) async fn empty() -> Self {
        Self::initialised(&["init", "--quiet", "--initial-branch=main"]).await
    }

    async fn initialised(init: &[&str]) -> Self {
        let root = tempfile::tempdir().expect("scratch");
        let path = Utf8Path::from_path(root.path()).expect("utf-8").canonicalize_utf8().expect("real");
        for directory in ["app", "home"] {
            std::fs::create_dir(path.join(directory)).expect("directory");
        }
        let scm = plugin(&path, Config::default());
        let project = path.join("app");
        let forge = Self { root, scm, repository: project.clone(), project };
        forge.git(init).await;
        forge
    }

    async fn first_commit(&self) {
        self.write("a.txt", &lines(""));
        self.write("b.txt", "b\n");
        self.write(".gitignore", "*.ignored\n");
        self.git(&["add", "."]).await;
        self.git(&["commit", "--quiet", "--message", "first"]).await;
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        let root = Utf8Path::from_path(self.root.path()).expect("utf-8");
        root.canonicalize_utf8().expect("real").join(name)
    }

    /// The same plugin in another process's place: it knows nothing of what this one has seen.
    pub(crate) fn another(&self) -> LocalScm {
        plugin(&self.path(""), Config::default())
    }

    /// Whether an effect of a pull request happened.
    pub(crate) async fn effect(&self, key: &str, number: u64) -> Result<Proof> {
        let mut request = FindEffect::new(key, number.to_string());
        request.repository = Some(self.repository.to_string());
        self.scm.find_effect(request).await
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.project.join(name), text.as_bytes());
    }

    /// Runs git in the project, and returns what it printed.
    pub(crate) async fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.project, arguments).await
    }

    pub(crate) async fn git_in(&self, directory: &Utf8Path, arguments: &[&str]) -> String {
        let git = command("git").current_dir(directory).env_only(environment(&self.path("")));
        git.args(arguments).run().await.expect("git").text()
    }

    /// Whether git succeeds.
    pub(crate) async fn tries(&self, arguments: &[&str]) -> bool {
        let git = command("git").current_dir(&self.project).env_only(environment(&self.path("")));
        git.args(arguments).output().await.expect("git").status.success()
    }

    /// What a name means in the repository.
    pub(crate) async fn oid(&self, name: &str) -> String {
        self.git_in(&self.repository, &["rev-parse", "--verify", name]).await
    }

    /// Makes or continues a branch by one commit that changes a file, without touching the check-out of the project.
    pub(crate) async fn commit(&self, branch: &str, from: &str, file: &str, text: &str) -> String {
        let desk = self.path("desk");
        if !desk.exists() {
            self.git(&["worktree", "add", "--quiet", "--detach", desk.as_str()]).await;
        }
        if self.tries(&["rev-parse", "--quiet", "--verify", &format!("refs/heads/{branch}")]).await {
            self.git_in(&desk, &["checkout", "--quiet", branch, "--"]).await;
        } else {
            self.git_in(&desk, &["checkout", "--quiet", "--no-track", "-b", branch, from]).await;
        }
        write(&desk.join(file), text.as_bytes());
        self.git_in(&desk, &["add", "."]).await;
        self.git_in(&desk, &["commit", "--quiet", "--message", &format!("{branch}: {file}")]).await;
        self.git_in(&desk, &["checkout", "--quiet", "--detach"]).await;
        if self.repository != self.project {
            self.git(&["push", "--quiet", "--force", "origin", &format!("refs/heads/{branch}")]).await;
        }
        self.oid(&format!("refs/heads/{branch}")).await
    }

    pub(crate) fn open_request(&self, branch: &str) -> OpenPull {
        let key = format!("open {branch}");
        OpenPull::new(key, self.repository.as_str(), name(branch), name("main"), format!("About {branch}"))
    }

    pub(crate) async fn open(&self, branch: &str) -> PullRef {
        self.scm.open_pull(self.open_request(branch)).await.expect("open")
    }

    /// A branch with one change, and its pull request.
    pub(crate) async fn pull(&self, branch: &str, file: &str, text: &str) -> PullRef {
        self.commit(branch, "main", file, text).await;
        self.open(branch).await
    }

    pub(crate) async fn found(&self, scm: &LocalScm, branch: &str, number: Option<u64>) -> PullFound {
        let mut target = PullTarget::new("app-1".parse::<SessionId>().expect("id"), name(branch));
        target.number = number;
        let request = SnapshotRequest::new(self.repository.as_str(), vec![target]);
        let mut snapshot = scm.snapshot(request).await.expect("snapshot");
        snapshot.pulls.pop().expect("one").found
    }

    pub(crate) async fn show(&self, pull: &PullRef) -> PullSnapshot {
        match self.found(&self.scm, "any", Some(pull.number)).await {
            PullFound::Found { snapshot } => *snapshot,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn update(&self, key: &str, author: &str, pull: &PullRef, change: PullChange) -> Result<PullRef> {
        let mut request = UpdatePull::new(key, self.repository.as_str(), pull.clone(), change);
        request.author = Some(author.to_owned());
        self.scm.update(request).await
    }

    /// Of the head as it is.
    pub(crate) async fn merge_request(&self, pull: &PullRef, method: MergeMethod) -> MergeRequest {
        let head = self.show(pull).await.head;
        MergeRequest::new("merge", self.repository.as_str(), pull.clone(), head, method)
    }

    pub(crate) async fn merge(&self, pull: &PullRef, method: MergeMethod) -> MergeOutcome {
        let request = self.merge_request(pull, method).await;
        self.scm.merge(request).await.expect("merge")
    }

    /// The index and every file of the project, as bytes.
    pub(crate) fn files(&self) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
        let mut files = tree(&self.project);
        files.retain(|path, _| !path.starts_with(".git") || path == ".git/index");
        files
    }

    /// The names of all objects' files.
    pub(crate) fn objects(&self) -> Vec<Utf8PathBuf> {
        tree(&self.repository.join(".git/objects")).into_keys().collect()
    }
}

pub(crate) fn plugin(root: &Utf8Path, config: Config) -> LocalScm {
    LocalScm::with_environment(config, environment(root)).expect("plugin")
}

pub(crate) fn name(branch: &str) -> BranchName {
    branch.parse().expect("branch")
}

/// Ten lines, the first with a word at its end, so that changes of first and last line do not conflict.
pub(crate) fn lines(word: &str) -> String {
    (0..10).map(|line| if line == 0 { format!("line {line}{word}\n") } else { format!("line {line}\n") }).collect()
}

pub(crate) fn write(path: &Utf8Path, bytes: &[u8]) {
    use std::io::Write;
    std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    let mut file = std::fs::OpenOptions::new();
    let mut file = file.write(true).create(true).truncate(true).open(path).expect("open");
    file.write_all(bytes).expect("write");
}

pub(crate) fn executable(path: &Utf8Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("mode");
}

fn tree(root: &Utf8Path) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in directory.read_dir_utf8().expect("directory") {
            let path = entry.expect("entry").into_path();
            if path.is_dir() {
                left.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("file");
                found.insert(path.strip_prefix(root).expect("below").to_owned(), bytes);
            }
        }
    }
    found
}
