//! The simulator: the real engine over a real store, in a world that follows a seed.
//!
//! A story has some sessions, a configuration, people, a forge, and much that goes wrong: calls fail, hang, lie, answer
//! late; hints are lost, doubled, out of order; clocks jump; the host is killed between any two steps. All of it happens on
//! one thread and in paused time, so that the same seed tells the same story. After some ticks the world becomes quiet, and
//! then everything has to be in order: see [`invariants`]. A failure names the seed, and the fewest ticks with which it fails.

mod acts;
mod agents;
mod chance;
mod clock;
mod faults;
mod forge;
mod invariants;
mod plugins;
mod run;
mod settings;
mod world;

use run::{Plan, play};

/// Where the seeds begin. They are the same each time, so that what passes here passes there.
const BASE: u64 = 7_000_000;
/// How many stories are told, by all parts together.
const SEEDS: u64 = 500;
const PARTS: u64 = 4;

/// A number from the environment: how a test is told what to do.
#[expect(clippy::disallowed_methods, reason = "a seed is handed to a test by its environment")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: `{text}`")))
}

/// Tells a part of the stories.
fn part(which: u64) {
    let (seeds, base) = (number("AO_SIM_SEEDS").unwrap_or(SEEDS), number("AO_SIM_BASE").unwrap_or(BASE));
    for seed in (base..base + seeds).filter(|seed| seed % PARTS == which) {
        if let Err(failure) = play(&Plan::of(seed)) {
            panic!("{}", failure.shrunken());
        }
    }
}

#[test]
fn sim_first_part() {
    part(0);
}

#[test]
fn sim_second_part() {
    part(1);
}

#[test]
fn sim_third_part() {
    part(2);
}

#[test]
fn sim_fourth_part() {
    part(3);
}

/// One story, of `AO_SIM_SEED`, with everything that happened in it where it fails.
#[test]
fn sim_one() {
    let seed = number("AO_SIM_SEED").unwrap_or(BASE);
    let plan = Plan { sessions: number("AO_SIM_SESSIONS"), ticks: number("AO_SIM_TICKS"), ..Plan::of(seed) };
    match play(&plan) {
        Ok(told) => println!("{told}"),
        Err(failure) => panic!("{}\n{failure}", failure.log.join("\n")),
    }
}

/// The same seed tells the same story, to the letter: otherwise no failure could be found again.
#[test]
fn sim_is_the_same_again() {
    let plan = Plan::of(BASE + 3);
    assert_eq!(play(&plan).unwrap().log, play(&plan).unwrap().log);
}
