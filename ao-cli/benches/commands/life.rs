//! What happens to a session after its spawn, and spawns by the batch: each against what a person would type to the same
//! end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::home::Home;
use super::{Case, in_turn, row, time};

/// How often each batch is run.
const RUNS: usize = 5;

/// Ten issues in one command, against ten times what a spawn does at the least.
pub(super) fn batch() {
    let home = Home::new(10);
    for number in 1..=RUNS * 10 {
        home.ao_in_repository(&["issue", "new", &format!("Issue {number}")]);
    }
    let (mut by_hand, mut issue) = (0, 1);
    let mut cases: Vec<Case<'_>> = vec![
        (
            "10 x (git worktree add + tmux)".to_owned(),
            Box::new(|| {
                by_hand += 10;
                (0..10).map(|index| home.by_hand(by_hand + index)).sum()
            }),
        ),
        (
            "ao batch-spawn of 10".to_owned(),
            Box::new(|| {
                let issues: Vec<_> = (0..10).map(|index| format!("{}", issue + index)).collect();
                issue += 10;
                let arguments: Vec<_> =
                    std::iter::once("batch-spawn").chain(issues.iter().map(String::as_str)).collect();
                home.ao_in_repository(&arguments)
            }),
        ),
    ];
    compare(RUNS, &mut cases, Some(150.0));
    home.clear();
}

/// A line into a terminal, until it is there: `ao` looks that the agent can take it, and that it took it.
pub(super) fn send() {
    let home = Home::new(10);
    home.ao_in_repository(&["spawn"]);
    home.by_hand(1);
    let mut cases: Vec<Case<'_>> = vec![
        ("tmux set-buffer, paste, Enter".to_owned(), Box::new(|| send_by_hand(&home))),
        (
            "ao send, until it is acknowledged".to_owned(),
            Box::new(|| home.ao_in_repository(&["send", "app-1", "a line"])),
        ),
    ];
    compare(15, &mut cases, None);
    home.clear();
}

fn send_by_hand(home: &Home) -> Duration {
    let start = Instant::now();
    let pane = ["-t", "by-hand-1:"];
    home.tmux(&["set-buffer", "-b", "line", "a line"]);
    home.tmux(&["paste-buffer", "-p", "-d", "-b", "line", pane[0], pane[1]]);
    home.tmux(&["send-keys", pane[0], pane[1], "Enter"]);
    start.elapsed()
}

/// The end of an agent with all that it started, and its return.
pub(super) fn kill_and_restore() {
    let home = Home::new(10);
    home.ao_in_repository(&["spawn"]);
    home.by_hand(1);
    let worktree = home.by_hand_worktree(1);
    let start = ["new-session", "-d", "-s", "by-hand-1", "-c", worktree.to_str().unwrap(), "sleep", "1000"];
    let (mut killing, mut restoring) = (Pair::default(), Pair::default());
    for _ in 0..15 {
        killing.by_hand.push(home.tmux(&["kill-session", "-t", "by-hand-1"]));
        killing.ao.push(home.ao_in_repository(&["session", "kill", "app-1"]));
        restoring.by_hand.push(home.tmux(&start));
        restoring.ao.push(home.ao_in_repository(&["session", "restore", "app-1"]));
    }
    killing.show("tmux kill-session", "ao session kill, verified");
    restoring.show("tmux new-session", "ao session restore");
    home.clear();
}

/// A hundred ended sessions moved into the trash, against as many `git worktree remove`.
pub(super) fn clean_up() {
    const MANY: usize = 100;
    let home = Home::new(10);
    for number in 0..MANY {
        home.ao_in_repository(&["spawn"]);
        home.worktree_by_hand(number);
    }
    let ids: Vec<_> = (1..=MANY).map(|number| format!("app-{number}")).collect();
    let kill: Vec<_> = ["session", "kill"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    home.ao_in_repository(&kill);
    let start = Instant::now();
    for number in 0..MANY {
        let worktree = home.by_hand_worktree(number);
        time(home.command("git", &home.repository()).args(["worktree", "remove"]).arg(worktree));
    }
    let floor = start.elapsed();
    let taken = home.ao_in_repository(&["session", "cleanup"]);
    row(&format!("{MANY} x git worktree remove"), floor, floor, None);
    row(&format!("ao session cleanup of {MANY}"), taken, floor, None);
    let trash = home.ao().args(["trash", "list", "--json"]).output().unwrap();
    let trash: serde_json::Value = serde_json::from_slice(&trash.stdout).unwrap();
    assert_eq!(trash["items"].as_array().unwrap().len(), MANY, "not all of them were moved");
}

/// The times of two things that take turns.
#[derive(Default)]
struct Pair {
    by_hand: Vec<Duration>,
    ao: Vec<Duration>,
}

impl Pair {
    fn show(mut self, floor: &str, name: &str) {
        let middle = |times: &mut Vec<Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        let (by_hand, ao) = (middle(&mut self.by_hand), middle(&mut self.ao));
        row(floor, by_hand, by_hand, None);
        row(name, ao, by_hand, None);
    }
}

/// Shows cases against the first of them. A bound is in milliseconds above it.
fn compare(runs: usize, cases: &mut [Case<'_>], bound: Option<f64>) {
    let medians = in_turn(runs, cases);
    for (index, ((name, _), median)) in cases.iter().zip(&medians).enumerate() {
        row(name, *median, medians[0], bound.filter(|_| index > 0));
    }
}

impl Home {
    /// One command of the tmux server that is worked with by hand.
    fn tmux(&self, arguments: &[&str]) -> Duration {
        time(self.command("tmux", &self.repository()).arg("-S").arg(self.by_hand_socket()).args(arguments))
    }

    fn worktree_by_hand(&self, number: usize) {
        assert!(self.worktree_add(&format!("by-hand-{number}"), &self.by_hand_worktree(number)));
    }

    fn by_hand_worktree(&self, number: usize) -> PathBuf {
        self.by_hand_directory().join(number.to_string())
    }
}
