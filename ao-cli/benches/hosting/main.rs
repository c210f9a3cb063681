//! What a host costs beside real sessions, in tmux and in terminals of their own: looks, exits, the programs that a look
//! starts, processor time and memory while nothing happens, and what gets through `ao session attach`.
//!
//! `cargo bench -p ao-cli --bench hosting`, or `cargo xtask bench host`. Needs git; tmux for its half. `AO_BENCH_SESSIONS` is
//! another number of sessions than 100, `AO_BENCH_IDLE` another number of seconds of doing nothing than 60, `AO_BENCH_LINES`
//! another number of printed lines than 500000.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts programs, prints its table and fails loudly"
)]

mod attach;
mod home;
mod host;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use home::Home;

/// The most exits that are waited for.
const EXITS: usize = 50;
const LOOKS: u32 = 30;
/// How long programs are counted that no look asks for.
const ALONE: Duration = Duration::from_secs(10);

/// Bounds: a look at 100 sessions, from an exit to the fact, and what an idle host may take.
const LOOK_BOUND: Duration = Duration::from_millis(250);
const EXIT_BOUND: Duration = Duration::from_millis(100);
const CPU_BOUND: f64 = 0.02;
const MEMORY_BOUND_MIB: f64 = 80.0;

fn main() {
    let sessions = number("AO_BENCH_SESSIONS", 100);
    let idle = Duration::from_secs(number("AO_BENCH_IDLE", 60));
    let lines = number("AO_BENCH_LINES", 500_000);
    println!("## A host beside real sessions\n\n| what | measured | bound |\n|---|---:|---|");
    let has_tmux = Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_ok();
    let runtimes = if has_tmux { &["pty", "tmux"][..] } else { &["pty"] };
    if !has_tmux {
        println!("| SKIPPED: tmux is not installed | | |");
    }
    for (position, runtime) in runtimes.iter().enumerate() {
        let home = Home::new(runtime);
        let sizes = [0, sessions / 10, sessions];
        let mut started = None;
        for size in &sizes[usize::from(position > 0)..] {
            home.fill(usize::try_from(*size).unwrap());
            idle_and_looks(&home, runtime, *size, idle);
            if *size > 0 {
                started = Some(programs(&home, runtime, *size, started));
            }
        }
        exits(&home, runtime);
    }
    let speeds: Vec<_> = runtimes.iter().map(|runtime| attach::through(&Home::new(runtime), lines)).collect();
    attach::rows(runtimes, &speeds, attach::bare(lines), lines);
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn row(what: &str, measured: &str, bound: &str) {
    println!("| {what} | {measured} | {bound} |");
}

fn verdict(within: bool, bound: &str) -> String {
    format!("{} {bound}", if within { "within" } else { "**ABOVE**" })
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The middle one of a hundred, and the 99th.
fn shares(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    let of = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    (of(50), of(99))
}

fn idle_and_looks(home: &Home, runtime: &str, size: u64, idle: Duration) {
    let host = home.host(&[]);
    home.look();
    let before = host.cpu();
    std::thread::sleep(idle);
    let cpu = host.cpu().saturating_sub(before).as_secs_f64() / idle.as_secs_f64();
    let memory = host.resident_mib();
    #[expect(clippy::cast_precision_loss, reason = "a handful of sessions")]
    let memory_bound = MEMORY_BOUND_MIB + size as f64;
    let what = format!("idle with {size} sessions in {runtime}, its own time");
    let per_minute = format!("{:.0} ms a minute", cpu * 60_000.0);
    row(&what, &per_minute, &verdict(cpu <= CPU_BOUND, &format!("{:.0} ms", CPU_BOUND * 60_000.0)));
    let bound = verdict(memory <= memory_bound, &format!("{memory_bound:.0} MiB"));
    row(&format!("idle with {size} sessions in {runtime}, memory"), &format!("{memory:.1} MiB"), &bound);
    let (median, p99) = shares((0..LOOKS).map(|_| home.look()).collect());
    let bound = if size == 100 { verdict(p99 <= LOOK_BOUND, &ms(LOOK_BOUND)) } else { String::new() };
    row(&format!("a look at {size} in {runtime}: median, p99"), &format!("{}, {}", ms(median), ms(p99)), &bound);
    host.stop();
}

/// How many programs a look starts, and how many are started without one. Returns the first.
fn programs(home: &Home, runtime: &str, size: u64, fewer: Option<f64>) -> f64 {
    let counted = home.counted();
    let host = home.host(&[("PATH", &counted.path)]);
    home.look();
    let during = |work: &dyn Fn()| {
        let (start, before) = (Instant::now(), counted.count());
        work();
        (f64::from(counted.count() - before), start.elapsed().as_secs_f64())
    };
    let (alone, seconds) = during(&|| std::thread::sleep(ALONE));
    let each_second = alone / seconds;
    let (started, seconds) = during(&|| {
        for _ in 0..LOOKS {
            home.look();
        }
    });
    let each_look = (started - each_second * seconds).max(0.0) / f64::from(LOOKS);
    let what = format!("programs that a look at {size} in {runtime} starts");
    let bound =
        fewer.map(|fewer| verdict(each_look <= fewer + 1.0, &format!("{:.1}: one more than at a tenth", fewer + 1.0)));
    row(&what, &format!("{each_look:.1}"), &bound.unwrap_or_default());
    let what = format!("programs started beside {size} in {runtime} while nothing happens");
    row(&what, &format!("{:.0} a minute", each_second * 60.0), "");
    host.stop();
    each_look
}

/// From the end of an agent to the fact.
fn exits(home: &Home, runtime: &str) {
    let host = home.host(&[]);
    home.look();
    // Nothing is looked at twice within half a second.
    std::thread::sleep(Duration::from_secs(1));
    let (median, p99) = shares(home.agents().into_iter().take(EXITS).map(|agent| home.end(&agent)).collect());
    let what = format!("an agent in {runtime} is killed, until that is a fact: median, p99");
    row(&what, &format!("{}, {}", ms(median), ms(p99)), &verdict(p99 <= EXIT_BOUND, &ms(EXIT_BOUND)));
    host.stop();
}
