//! A scratch repository and the tracker, in one environment.

use std::path::Path;

use ao_plugin_local::LocalTracker;
use ao_plugin_local::tracker::{Config, Store};
use ao_plugin_sdk::prelude::*;

use crate::environment::environment;
use tempfile::TempDir;

/// Both stores: every test of what a tracker does is run with each.
pub(crate) const STORES: [Store; 2] = [Store::Ref, Store::Files];

/// A repository `app` with one commit on `main`.
pub(crate) struct Scratch {
    _root: TempDir,
    pub(crate) root: Utf8PathBuf,
    pub(crate) app: Utf8PathBuf,
    pub(crate) store: Store,
    pub(crate) tracker: LocalTracker,
}

impl Scratch {
    pub(crate) async fn new(store: Store) -> Self {
        let root = tempfile::tempdir().expect("scratch");
        let path = Utf8Path::from_path(root.path()).expect("utf-8").canonicalize_utf8().expect("real");
        std::fs::create_dir(path.join("home")).expect("home");
        let app = path.join("app");
        std::fs::create_dir(&app).expect("app");
        let tracker = tracker(Config { store, ..Config::default() }, &path);
        let scratch = Self { _root: root, root: path, app, store, tracker };
        scratch.git(&["init", "--quiet", "--initial-branch=main"]).await;
        scratch.git(&["commit", "--quiet", "--allow-empty", "--message", "first"]).await;
        scratch
    }

    /// Another instance, as another process has it.
    pub(crate) fn another(&self) -> LocalTracker {
        tracker(Config { store: self.store, ..Config::default() }, &self.root)
    }

    pub(crate) async fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.app, arguments).await
    }

    pub(crate) async fn git_in(&self, directory: &Utf8Path, arguments: &[&str]) -> String {
        let git = command("git").current_dir(directory).env_only(environment(&self.root));
        git.args(arguments).run().await.expect("git").text()
    }

    pub(crate) fn create_request(&self, key: &str, title: &str) -> CreateIssue {
        let mut request = CreateIssue::new(key, title);
        request.repository = Some(self.app.clone().into_string());
        request.author = Some("ann".to_owned());
        request
    }

    pub(crate) fn get_request(&self, id: &str) -> GetIssue {
        let mut request = GetIssue::new(id);
        request.repository = Some(self.app.clone().into_string());
        request
    }

    pub(crate) fn list_request(&self) -> ListIssues {
        let mut request = ListIssues::new();
        request.repository = Some(self.app.clone().into_string());
        request
    }

    /// Makes an issue whose key is its title.
    pub(crate) async fn create(&self, title: &str) -> Issue {
        self.tracker.create(self.create_request(title, title)).await.expect("create")
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Issue> {
        self.tracker.get(self.get_request(id)).await
    }

    pub(crate) async fn comments(&self, id: &str) -> Vec<IssueComment> {
        self.tracker.comments(self.get_request(id)).await.expect("comments")
    }

    pub(crate) async fn update(&self, key: &str, id: &str, change: IssueChange) -> Result<Issue> {
        let mut request = UpdateIssue::new(key, id, change);
        request.repository = Some(self.app.clone().into_string());
        request.author = Some("bob".to_owned());
        self.tracker.update(request).await
    }

    /// The ids of all issues.
    pub(crate) async fn ids(&self) -> Vec<String> {
        let page = self.tracker.list(self.list_request()).await.expect("list");
        page.issues.into_iter().map(|issue| issue.id).collect()
    }

    /// Puts a file where issues are, as a hand or another program would.
    pub(crate) async fn put(&self, name: &str, content: &[u8]) {
        match self.store {
            Store::Files => write(self.app.join(".ao/issues").join(name), content),
            Store::Ref => {
                let file = self.root.join("content");
                write(&file, content);
                let blob = self.git(&["hash-object", "-w", "--", file.as_str()]).await;
                self.put_entry(&format!("100644 blob {blob}\t{name}")).await;
            }
        }
    }

    /// Adds an entry to the tree of the ref, by plain git.
    pub(crate) async fn put_entry(&self, entry: &str) {
        let (_, name) = entry.split_once('\t').expect("an entry");
        let known = self.git(&["for-each-ref", "--format=%(objectname)", "refs/ao/issues"]).await;
        let mut entries = Vec::new();
        if !known.is_empty() {
            let tree = self.git(&["ls-tree", &known]).await;
            let others = tree.lines().filter(|line| line.split_once('\t').is_none_or(|(_, other)| other != name));
            entries.extend(others.map(str::to_owned));
        }
        entries.push(entry.to_owned());
        let git = command("git").current_dir(&self.app).env_only(environment(&self.root));
        let made = git.args(["mktree", "--missing"]).input(entries.join("\n") + "\n").run().await.expect("mktree");
        let commit = self.git(&["commit-tree", "-m", "by hand", &made.text()]).await;
        self.git(&["update-ref", "refs/ao/issues", &commit]).await;
    }

    /// Adds a file to the ref by plain git, unless somebody else was faster.
    pub(crate) async fn try_put_note(&self, name: &str) -> bool {
        let before = self.git(&["rev-parse", "refs/ao/issues"]).await;
        let blob = self.git(&["hash-object", "-w", "--stdin"]).await;
        let tree = self.git(&["ls-tree", &before]).await + &format!("\n100644 blob {blob}\t{name}\n");
        let git = || command("git").current_dir(&self.app).env_only(environment(&self.root));
        let tree = git().arg("mktree").input(tree).run().await.expect("mktree").text();
        let commit = self.git(&["commit-tree", "-m", name, "-p", &before, &tree]).await;
        let moved = git().args(["update-ref", "refs/ao/issues", &commit, &before]).output().await;
        moved.expect("git").status.success()
    }

    /// The bytes of an issue's file.
    pub(crate) async fn file(&self, name: &str) -> String {
        match self.store {
            Store::Files => std::fs::read_to_string(self.app.join(".ao/issues").join(name)).expect("file"),
            Store::Ref => {
                let git = command("git").current_dir(&self.app).env_only(environment(&self.root));
                let shown = git.args(["cat-file", "blob", &format!("refs/ao/issues:{name}")]).run().await.expect("git");
                String::from_utf8(shown.stdout).expect("utf-8")
            }
        }
    }
}

/// A tracker in this environment.
pub(crate) fn tracker(config: Config, root: &Utf8Path) -> LocalTracker {
    LocalTracker::with_environment(config, environment(root)).expect("tracker")
}

pub(crate) fn write(path: impl AsRef<Path>, content: &[u8]) {
    use std::io::Write;
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).open(path).expect("open");
    file.write_all(content).expect("write");
}
