//! A home with a repository, in an environment built from nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{AO, time};

/// A home with a repository in it.
pub(super) struct Home {
    directory: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl Home {
    pub(super) fn new(files: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let environment = BTreeMap::from([
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("HOME".to_owned(), path("home")),
            ("AO_HOME".to_owned(), path("ao")),
            ("GIT_CONFIG_NOSYSTEM".to_owned(), "1".to_owned()),
            ("GIT_AUTHOR_NAME".to_owned(), "Bench".to_owned()),
            ("GIT_AUTHOR_EMAIL".to_owned(), "bench@example.org".to_owned()),
            ("GIT_COMMITTER_NAME".to_owned(), "Bench".to_owned()),
            ("GIT_COMMITTER_EMAIL".to_owned(), "bench@example.org".to_owned()),
        ]);
        let home = Self { directory, environment };
        std::fs::create_dir_all(home.repository()).unwrap();
        std::fs::create_dir_all(home.directory.path().join("home")).unwrap();
        std::fs::create_dir_all(home.directory.path().join("by-hand")).unwrap();
        if files > 0 {
            home.fill_repository(files);
        }
        home
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.directory.path().join("app")
    }

    pub(super) fn command(&self, program: &str, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.environment).current_dir(directory);
        command
    }

    pub(super) fn ao(&self) -> Command {
        self.command(AO, self.directory.path())
    }

    fn fill_repository(&self, files: usize) {
        for number in 0..files {
            let directory = self.repository().join(format!("d{}", number % 50));
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join(format!("f{number}.txt")), format!("file {number}\n")).unwrap();
        }
        let config = "version: 1\nagents:\n  idle: { plugin: command, argv: [sleep, \"1000\"] }\n\
                      defaults: { runtime: tmux, agent: idle }\nprojects:\n  app: { path: ., sessionPrefix: app, tracker: local }\n";
        std::fs::write(self.repository().join("agent-orchestrator.yaml"), config).unwrap();
        for arguments in [&["init", "-q", "-b", "main"][..], &["add", "."], &["commit", "-q", "-m", "first"]] {
            time(self.command("git", &self.repository()).args(arguments));
        }
        time(self.command(AO, &self.repository()).arg("trust"));
    }

    /// Rows that all stand for the one agent that runs, so that each is looked up in the process table.
    pub(super) fn fill(&self, count: usize) {
        if count == 0 {
            return;
        }
        self.ao_in_repository(&["spawn"]);
        let database = self.directory.path().join("ao/state/state.db");
        let store = rusqlite::Connection::open(database).unwrap();
        for number in 2..=i64::try_from(count).unwrap() {
            store
                .execute(
                    "INSERT INTO sessions SELECT ?1, ?2, project, project_path, created_at, row_version, \
                     json_set(facts, '$.id', ?2) FROM sessions WHERE id = 'app-1'",
                    (number, format!("app-{number}")),
                )
                .unwrap();
        }
    }

    pub(super) fn ao_in_repository(&self, arguments: &[&str]) -> Duration {
        time(self.command(AO, &self.repository()).args(arguments))
    }

    /// What a spawn does at the least.
    pub(super) fn by_hand(&self, number: usize) -> Duration {
        let target = self.by_hand_directory().join(number.to_string());
        let start = Instant::now();
        let branch = format!("by-hand-{number}");
        // Several at once stumble over each other's locks; `ao` tries again, and so must who does it by hand.
        while !self.worktree_add(&branch, &target) {
            let _ = self.command("git", &self.repository()).args(["branch", "-q", "-D", &branch]).output();
        }
        time(self.command("tmux", &target).arg("-S").arg(self.by_hand_socket()).args([
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-s",
            &branch,
            "sleep",
            "1000",
        ]));
        start.elapsed()
    }

    /// Where the worktrees are that are made by hand.
    pub(super) fn by_hand_directory(&self) -> PathBuf {
        self.directory.path().join("by-hand")
    }

    /// The socket of their tmux server.
    pub(super) fn by_hand_socket(&self) -> PathBuf {
        self.directory.path().join("tmux")
    }

    pub(super) fn worktree_add(&self, branch: &str, target: &Path) -> bool {
        let mut add = self.command("git", &self.repository());
        add.args(["worktree", "add", "-q", "-b", branch]).arg(target).arg("main");
        add.output().unwrap().status.success()
    }

    pub(super) fn clear(&self) {
        let _ = Command::new("tmux").arg("-S").arg(self.by_hand_socket()).arg("kill-server").output();
        let list = self.ao().args(["status", "--json"]).output().unwrap();
        let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
        let sessions = list["sessions"].as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap());
        let ids: Vec<_> = sessions.collect();
        if !ids.is_empty() {
            let _ = self.ao().args(["session", "kill"]).args(ids).output();
        }
    }
}
