//! What a clean copy of a commit costs, beside the two git commands that it takes at the least.
//!
//! `cargo bench -p ao-plugin-git --bench check_out`, or `cargo xtask bench forge`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints its table and fails loudly"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use ao_plugin_git::Worktree;
use ao_plugin_sdk::prelude::*;

const FILES: u32 = 5000;
const RUNS: u32 = 7;
/// The bound: how many times as long as by hand.
const BOUND: f64 = 1.3;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let scratch = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(scratch.path()).unwrap();
    let (project, environment) = (root.join("project"), variables(root));
    let commit = fill(&project, &environment).await;
    let plugin = Worktree::with_environment(environment.clone());
    let (mut by_hand, mut ours) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let target = root.join(format!("by-hand-{run}"));
        let start = Instant::now();
        let clone = ["clone", "--quiet", "--shared", "--no-checkout", project.as_str(), target.as_str()];
        git(root, &environment, &clone, "").await;
        git(&target, &environment, &["checkout", "--quiet", "--detach", &commit], "").await;
        by_hand.push(start.elapsed());
        let request = CheckOutCommit::new(project.clone(), commit.clone(), root.join(format!("ours-{run}")));
        let start = Instant::now();
        plugin.check_out(request).await.unwrap();
        ours.push(start.elapsed());
    }
    let (floor, measured) = (median(by_hand), median(ours));
    let times = measured.as_secs_f64() / floor.as_secs_f64();
    let verdict = if times <= BOUND { "within" } else { "**above**" };
    println!("## A clean copy of a commit with {FILES} files\n");
    println!("| what | measured | times the floor | bound |\n|---|---:|---:|---|");
    println!("| `git clone --shared`, `git checkout --detach` | {:.1} ms | 1.0 | |", floor.as_secs_f64() * 1000.0);
    println!("| `check_out` | {:.1} ms | {times:.2} | {verdict} {BOUND} |", measured.as_secs_f64() * 1000.0);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn variables(root: &Utf8Path) -> Vec<(String, String)> {
    let pairs = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("HOME", root.as_str()),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

async fn git(directory: &Utf8Path, environment: &[(String, String)], arguments: &[&str], input: &str) -> String {
    let git = command("git").current_dir(directory).env_only(environment.iter().cloned()).args(arguments);
    git.input(input).run().await.unwrap().text()
}

/// A repository with one commit, which it answers.
async fn fill(project: &Utf8Path, environment: &[(String, String)]) -> String {
    std::fs::create_dir(project).unwrap();
    git(project, environment, &["init", "--quiet", "--initial-branch=main"], "").await;
    let mut stream = "commit refs/heads/main\ncommitter me <me> 1 +0000\ndata 0\n".to_owned();
    for file in 0..FILES {
        let _ = writeln!(stream, "M 100644 inline d{}/{file}.txt\ndata 5\nfirst", file % 50);
    }
    git(project, environment, &["fast-import", "--quiet"], &stream).await;
    git(project, environment, &["rev-parse", "main"], "").await
}
