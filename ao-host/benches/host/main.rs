//! What the engine of a host costs by itself, over plugins that answer at once: a look at everything, and the time from a
//! hint to the fact that it leads to. And what a terminal of one's own costs against a bare process.
//!
//! `cargo bench -p ao-host --bench host`, or `cargo xtask bench host`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts programs, prints its table and fails loudly"
)]

mod actors;
mod house;
mod terminals;

use std::time::{Duration, Instant};

use ao_host::host::{Answer, ask_for_look};
use house::House;

/// How many sessions are looked at.
const SIZES: [usize; 4] = [1, 10, 100, 1000];
/// Looks of each size, and of the largest.
const LOOKS: usize = 50;
const LARGE_LOOKS: usize = 10;
/// Hints of a kind.
const HINTS: usize = 50;
/// How long a look may take at the most.
const PATIENCE: Duration = Duration::from_mins(1);

/// A look at 100 sessions, in the 99th of a hundred.
const LOOK_BOUND: Duration = Duration::from_millis(250);
/// From a hint to what comes of it.
const HINT_BOUND: Duration = Duration::from_millis(100);

fn main() {
    println!("## A host\n\n| what | median | p99 | bound |\n|---|---:|---:|---|");
    for size in SIZES {
        let house = House::new(size);
        house.hosting(|| {
            let look = || {
                let answer = ask_for_look(&house.places, &house.world, PATIENCE).unwrap();
                assert_eq!(answer, Answer::Looked);
            };
            let looks = if size > 100 { LARGE_LOOKS } else { LOOKS };
            let bound = (size == 100).then_some(LOOK_BOUND);
            let times = (0..looks).map(|_| timed(look)).collect();
            row(&format!("a look at {size}, from the question to the answer"), times, bound);
            if size == 100 {
                hints(&house);
            }
        });
    }
    reactions();
    terminals::run();
}

/// What others write, until it is a fact or its consequence is told.
fn hints(house: &House) {
    // A session is not looked at twice within half a second, whatever is hinted.
    std::thread::sleep(Duration::from_secs(1));
    let times = (0..HINTS).map(|number| timed(|| house.end(number))).collect();
    row("an exit that is written down, until it is a fact", times, Some(HINT_BOUND));
    let times = (HINTS..2 * HINTS).map(|number| timed(|| house.pause(number))).collect();
    row("a fact that another process writes, until the status that follows is told", times, Some(HINT_BOUND));
}

/// What reactions cost: from a hint to the effect, and a look where every session has an episode that is open.
fn reactions() {
    let house = House::new(100);
    house.hosting(|| {
        std::thread::sleep(Duration::from_secs(1));
        let times = (0..HINTS).map(|number| timed(|| house.fail(number))).collect();
        row("an agent that fails, until a reaction has told a human", times, Some(HINT_BOUND));
    });
    let house = House::of_the_silent(100);
    house.hosting(|| {
        house.await_episodes();
        let look = || assert_eq!(ask_for_look(&house.places, &house.world, PATIENCE).unwrap(), Answer::Looked);
        let times = (0..LOOKS).map(|_| timed(look)).collect();
        row("a look at 100 with an open episode each, decided about", times, Some(LOOK_BOUND));
    });
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// One line of the table. The bound is for the 99th of a hundred.
fn row(what: &str, mut times: Vec<Duration>, bound: Option<Duration>) {
    times.sort();
    let of = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    let verdict = bound.map(|bound| format!("{} {}", if of(99) <= bound { "within" } else { "**ABOVE**" }, ms(bound)));
    println!("| {what} | {} | {} | {} |", ms(of(50)), ms(of(99)), verdict.unwrap_or_default());
}
