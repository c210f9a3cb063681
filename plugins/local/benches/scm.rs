//! What pull requests in refs cost: a list of 1,000 and a look at 100, beside starting git as often.
//!
//! `cargo bench -p ao-plugin-local --bench scm`, or `cargo xtask bench forge`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints its table and fails loudly"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use ao_plugin_local::LocalScm;
use ao_plugin_local::scm::Config;
use ao_plugin_sdk::prelude::*;

const PULLS: u64 = 1000;
const LOOKED_AT: u64 = 100;
const FILES: u64 = 5000;

/// The bounds: each a number of starts of git.
const COLD: f64 = 150.0;
const UNCHANGED: f64 = 20.0;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let scratch = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(scratch.path()).unwrap();
    fill(root).await;
    let floor = median(async || drop(git(root, &["rev-parse", "HEAD"]).await)).await;
    println!("## Pull requests in refs: {PULLS} in a repository of {FILES} files\n");
    println!("| what | measured | starts of git | bound |\n|---|---:|---:|---|");
    println!("| `git rev-parse` | {:.1} ms | 1 | |", floor.as_secs_f64() * 1000.0);
    let first = plugin(root);
    let start = Instant::now();
    let page = first.list(ListPulls::new(root.as_str())).await.unwrap();
    row("list of 1,000, the first", start.elapsed(), floor, COLD);
    assert_eq!((page.pulls.len(), page.next.is_some()), (100, true));
    let again = median(async || drop(first.list(ListPulls::new(root.as_str())).await.unwrap())).await;
    row("list of 1,000, again", again, floor, UNCHANGED);
    let target = |number| PullTarget::new(id(number), branch(number));
    let request = SnapshotRequest::new(root.as_str(), (1..=LOOKED_AT).map(target).collect::<Vec<_>>());
    let second = plugin(root);
    let start = Instant::now();
    let seen = second.snapshot(request.clone()).await.unwrap();
    row("look at 100, the first, with their conflicts", start.elapsed(), floor, COLD);
    assert!(seen.pulls.iter().all(|pull| matches!(pull.found, PullFound::Found { .. })));
    let again = median(async || drop(second.snapshot(request.clone()).await.unwrap())).await;
    row("look at 100, nothing has changed", again, floor, UNCHANGED);
}

/// In milliseconds, in starts of git, and whether that is within the bound.
fn row(what: &str, measured: Duration, floor: Duration, bound: f64) {
    let starts = measured.as_secs_f64() / floor.as_secs_f64();
    let verdict = if starts <= bound { "within" } else { "**above**" };
    println!("| {what} | {:.1} ms | {starts:.1} | {verdict} {bound} |", measured.as_secs_f64() * 1000.0);
}

async fn median(mut run: impl AsyncFnMut()) -> Duration {
    let mut times = Vec::new();
    for _ in 0..15 {
        let start = Instant::now();
        run().await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

fn id(number: u64) -> SessionId {
    format!("app-{number}").parse().unwrap()
}

fn branch(number: u64) -> BranchName {
    format!("b{number}").parse().unwrap()
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

fn plugin(root: &Utf8Path) -> LocalScm {
    LocalScm::with_environment(Config::default(), variables(root)).unwrap()
}

async fn git(root: &Utf8Path, arguments: &[&str]) -> String {
    let git = command("git").current_dir(root).env_only(variables(root)).args(arguments);
    git.run().await.unwrap().text()
}

/// A repository with many files, branches of one commit each, and a pull request of the first; the others are made like it.
async fn fill(root: &Utf8Path) {
    git(root, &["init", "--quiet", "--initial-branch=main"]).await;
    let mut stream = "commit refs/heads/main\ncommitter me <me> 1 +0000\ndata 0\n".to_owned();
    for file in 0..FILES {
        let _ = writeln!(stream, "M 100644 inline d{}/{file}.txt\ndata 5\nfirst", file % 50);
    }
    for number in 1..=PULLS {
        let _ = writeln!(stream, "commit refs/heads/b{number}\ncommitter me <me> 1 +0000\ndata 0");
        let _ = writeln!(stream, "from refs/heads/main\nM 100644 inline d1/{number}.txt\ndata 6\nsecond");
    }
    let _ =
        writeln!(stream, "commit refs/heads/main\ncommitter me <me> 1 +0000\ndata 0\nM 100644 inline base\ndata 1\nx");
    import(root, stream).await;
    let main: BranchName = "main".parse().unwrap();
    plugin(root).open_pull(OpenPull::new("key 1", root.as_str(), branch(1), main, "Title")).await.unwrap();
    let record = git(root, &["show", "refs/ao/prs/1:pull.json"]).await;
    let mut stream = String::new();
    for number in 2..=PULLS {
        let record = record.replace("\"b1\"", &format!("\"b{number}\"")).replace("key 1", &format!("key {number}"));
        let _ = writeln!(stream, "commit refs/ao/prs/{number}\ncommitter ao <ao@localhost> 1 +0000\ndata 0");
        let _ = writeln!(stream, "M 100644 inline pull.json\ndata {}\n{record}", record.len());
    }
    import(root, stream).await;
}

async fn import(root: &Utf8Path, stream: String) {
    let git = command("git").current_dir(root).env_only(variables(root));
    git.args(["fast-import", "--quiet"]).input(stream).run().await.unwrap();
}
