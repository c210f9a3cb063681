//! What commands cost as whole processes, each against a floor measured in the same run, one run of each in turn.
//!
//! `cargo bench -p ao-cli --bench commands`, or `cargo xtask bench`. Needs git, and tmux for the spawns.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts programs, prints its table and fails loudly"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const AO: &str = env!("CARGO_BIN_EXE_ao");

/// A name, and what is timed.
type Case<'a> = (String, Box<dyn FnMut() -> Duration + 'a>);

fn main() {
    println!("{:<48} {:>10} {:>10}", "median of whole processes (x10: of each of ten)", "ms", "above");
    starts();
    if Command::new("tmux").arg("-V").output().is_err() {
        println!("SKIPPED: the spawns need tmux");
        return;
    }
    for files in [10, 5000] {
        for at_once in [1, 10] {
            spawns(files, at_once);
        }
    }
}

/// `ao --version` and `ao status` against `/bin/true`.
fn starts() {
    let empty = Home::new(0);
    let homes = [0, 50, 200].map(|count| (count, Home::new(10)));
    let mut cases: Vec<Case<'_>> = vec![
        ("/bin/true".to_owned(), Box::new(|| time(&mut Command::new("/bin/true")))),
        ("ao --version".to_owned(), Box::new(move || time(empty.ao().arg("--version")))),
    ];
    for (count, home) in &homes {
        home.fill(*count);
        cases.push((format!("ao status, {count} sessions"), Box::new(|| time(home.ao().arg("status")))));
    }
    let medians = in_turn(30, &mut cases);
    let floor = medians[0];
    for ((name, _), median) in cases.iter().zip(&medians) {
        let bound = match name.as_str() {
            "/bin/true" => None,
            "ao --version" => Some(5.0),
            _ => Some(20.0),
        };
        row(name, *median, floor, bound);
    }
    drop(cases);
    for (_, home) in &homes {
        home.clear();
    }
}

/// A spawn against `git worktree add` and `tmux new-session`.
fn spawns(files: usize, at_once: usize) {
    let home = Home::new(files);
    let runs = if files > 1000 { 5 } else { 15 };
    let mut number = 0;
    let mut cases: Vec<Case<'_>> = vec![
        (
            format!("git worktree add + tmux, {files} files x{at_once}"),
            Box::new(|| {
                number += at_once;
                let first = number;
                together(at_once, |index| home.by_hand(first + index))
            }),
        ),
        (
            format!("ao spawn, {files} files x{at_once}"),
            Box::new(|| together(at_once, |_| home.ao_in_repository(&["spawn"]))),
        ),
    ];
    let medians = in_turn(runs, &mut cases);
    row(&cases[0].0, medians[0], medians[0], None);
    // 15 ms above the floor on a small repository, 1.15 times the floor on a large one.
    let floor = medians[0].as_secs_f64() * 1000.0;
    let bound = if files > 1000 { floor * 0.15 } else { 15.0 };
    row(&cases[1].0, medians[1], medians[0], Some(bound));
    drop(cases);
    home.clear();
}

fn row(name: &str, median: Duration, floor: Duration, bound: Option<f64>) {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let above = ms(median) - ms(floor);
    let verdict = bound.map(|bound| {
        let word = if above <= bound { "within" } else { "ABOVE" };
        format!("  {word} {bound:.1}")
    });
    println!("{name:<48} {:>10.2} {above:>10.2}{}", ms(median), verdict.unwrap_or_default());
}

/// Runs every case in turn, so that all have the same company; the median of each.
fn in_turn(runs: usize, cases: &mut [Case<'_>]) -> Vec<Duration> {
    let mut times: Vec<Vec<Duration>> = cases.iter().map(|_| Vec::new()).collect();
    for _ in 0..runs {
        for (case, times) in cases.iter_mut().zip(&mut times) {
            times.push((case.1)());
        }
    }
    times
        .into_iter()
        .map(|mut times| {
            times.sort();
            times[times.len() / 2]
        })
        .collect()
}

fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let time = start.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    time
}

/// The time until all of several at once are done, for each of them.
fn together(count: usize, work: impl Fn(usize) -> Duration + Sync) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for index in 0..count {
            let work = &work;
            scope.spawn(move || work(index));
        }
    });
    start.elapsed() / u32::try_from(count).unwrap()
}

/// A home with a repository in it.
struct Home {
    directory: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl Home {
    fn new(files: usize) -> Self {
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

    fn repository(&self) -> PathBuf {
        self.directory.path().join("app")
    }

    fn command(&self, program: &str, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.environment).current_dir(directory);
        command
    }

    fn ao(&self) -> Command {
        self.command(AO, self.directory.path())
    }

    fn fill_repository(&self, files: usize) {
        for number in 0..files {
            let directory = self.repository().join(format!("d{}", number % 50));
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join(format!("f{number}.txt")), format!("file {number}\n")).unwrap();
        }
        let config = "version: 1\nagents:\n  idle: { plugin: command, argv: [sleep, \"1000\"] }\n\
                      defaults: { runtime: tmux, agent: idle }\nprojects:\n  app: { path: ., sessionPrefix: app }\n";
        std::fs::write(self.repository().join("agent-orchestrator.yaml"), config).unwrap();
        for arguments in [&["init", "-q", "-b", "main"][..], &["add", "."], &["commit", "-q", "-m", "first"]] {
            time(self.command("git", &self.repository()).args(arguments));
        }
        time(self.command(AO, &self.repository()).arg("trust"));
    }

    /// Rows that all stand for the one agent that runs, so that each is looked up in the process table.
    fn fill(&self, count: usize) {
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

    fn ao_in_repository(&self, arguments: &[&str]) -> Duration {
        time(self.command(AO, &self.repository()).args(arguments))
    }

    /// What a spawn does at the least.
    fn by_hand(&self, number: usize) -> Duration {
        let target = self.directory.path().join(format!("by-hand/{number}"));
        let start = Instant::now();
        let branch = format!("by-hand-{number}");
        // Several at once stumble over each other's locks; `ao` tries again, and so must who does it by hand.
        while !self.worktree_add(&branch, &target) {
            let _ = self.command("git", &self.repository()).args(["branch", "-q", "-D", &branch]).output();
        }
        time(self.command("tmux", &target).arg("-S").arg(self.directory.path().join("tmux")).args([
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

    fn worktree_add(&self, branch: &str, target: &Path) -> bool {
        let mut add = self.command("git", &self.repository());
        add.args(["worktree", "add", "-q", "-b", branch]).arg(target).arg("main");
        add.output().unwrap().status.success()
    }

    fn clear(&self) {
        let socket = self.directory.path().join("tmux");
        let _ = Command::new("tmux").arg("-S").arg(socket).arg("kill-server").output();
        let list = self.ao().args(["status", "--json"]).output().unwrap();
        let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
        let sessions = list["sessions"].as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap());
        let ids: Vec<_> = sessions.collect();
        if !ids.is_empty() {
            let _ = self.ao().args(["session", "kill"]).args(ids).output();
        }
    }
}
