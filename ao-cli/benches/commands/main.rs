//! What commands cost as whole processes, each against a floor measured in the same run, one run of each in turn.
//!
//! `cargo bench -p ao-cli --bench commands`, or `cargo xtask bench`. Needs git, and tmux for sessions.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts programs, prints its table and fails loudly"
)]

mod home;
mod life;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use home::Home;

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
    life::batch();
    life::send();
    life::kill_and_restore();
    life::clean_up();
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
