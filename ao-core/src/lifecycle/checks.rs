//! Checks that the host runs itself: what is shown of them, which are to be run, which nobody wants any more, and whose
//! turn it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{CheckName, CheckRun, ProjectName, RunState, SessionId, Timestamp};
use crate::slots::scm::{Check, CheckState, PullSnapshot, PullState};

/// How often a run is begun whose process ends without saying how: once, and twice more.
pub const MOST_ATTEMPTS: u32 = 3;

/// A project's checks as they are defined now, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckPlan {
    /// The digest of the definition: results under another one do not count.
    pub definition: String,
    /// The checks, each with whether a merge needs it.
    pub required: BTreeMap<CheckName, bool>,
}

/// The head of an open pull request whose project has checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedHead {
    /// The project's name.
    pub project: ProjectName,
    /// The project's directory.
    pub directory: Utf8PathBuf,
    /// The commit at the head.
    pub commit: String,
    /// The session whose pull request it is.
    pub session: SessionId,
    /// The pull request's number.
    pub pull: u64,
    /// What is to be checked.
    pub plan: CheckPlan,
}

/// What is to be done about runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunChanges {
    /// Runs to be asked for: which head, and which checks at it.
    pub wanted: Vec<(CheckedHead, Vec<CheckName>)>,
    /// The ids of runs that nobody wants any more.
    pub superseded: Vec<String>,
}

/// What tells runs apart.
type Key<'a> = (&'a Utf8Path, &'a str, &'a str);

fn key_of(run: &CheckRun) -> Key<'_> {
    (&run.directory, &run.commit, &run.definition)
}

fn key_of_head(head: &CheckedHead) -> Key<'_> {
    (&head.directory, &head.commit, &head.plan.definition)
}

/// How a project's checks stand, by what `runs` of one commit found; the newest result of each counts, and none that was
/// asked for once more. Runs come in the order in which they were asked for.
#[must_use]
pub fn shown_checks(plan: &CheckPlan, runs: &[CheckRun]) -> Vec<Check> {
    let of_plan: Vec<_> = runs.iter().filter(|run| run.definition == plan.definition).collect();
    let shown = plan.required.iter().map(|(name, required)| {
        let state = if of_plan.last().is_some_and(|run| run.is_asked_again(name)) {
            Some(CheckState::Pending)
        } else {
            of_plan.iter().rev().filter(|run| run.names.contains(name)).find_map(|run| match run.result(name) {
                Some(result) => Some(result.state),
                None if run.state.is_open() => Some(CheckState::Pending),
                // It was given up before it came so far; what an earlier one found still holds.
                None => None,
            })
        };
        let mut check = Check::new(name.as_str(), state.unwrap_or(CheckState::Pending));
        check.required = *required;
        check
    });
    shown.collect()
}

/// Puts a project's own checks into a pull request, in place of those of the same name. One that is not open any more shows
/// what was found, and nothing that is still to come.
pub fn overlay_checks(snapshot: &mut PullSnapshot, plan: &CheckPlan, runs: &[CheckRun]) {
    let mut own = shown_checks(plan, runs);
    if snapshot.state != PullState::Open {
        own.retain(|check| check.state != CheckState::Pending);
    }
    snapshot.checks.retain(|check| !own.iter().any(|own| own.name == check.name));
    snapshot.checks.append(&mut own);
}

/// What is to be done, by the heads that there are and the runs that were asked for: all of these heads, and all that are
/// open. Runs come in the order in which they were asked for. Nothing is said of runs in directories that are `undecided`:
/// what their pull requests or their checks are could not be told.
#[must_use]
pub fn run_changes(heads: &[CheckedHead], runs: &[CheckRun], undecided: &BTreeSet<Utf8PathBuf>) -> RunChanges {
    let mut changes = RunChanges::default();
    let mut seen = BTreeSet::new();
    for head in heads {
        let key = key_of_head(head);
        if !seen.insert(key) {
            continue;
        }
        let of_head: Vec<_> = runs.iter().filter(|run| key_of(run) == key).collect();
        if of_head.iter().any(|run| run.state.is_open()) {
            continue;
        }
        let is_asked = |name: &CheckName| of_head.last().is_some_and(|run| run.is_asked_again(name));
        let is_found = |name: &CheckName| of_head.iter().any(|run| run.result(name).is_some());
        let names = head.plan.required.keys().filter(|name| is_asked(name) || !is_found(name));
        let names: Vec<_> = names.cloned().collect();
        if !names.is_empty() {
            changes.wanted.push((head.clone(), names));
        }
    }
    let unwanted =
        |run: &&CheckRun| run.state.is_open() && !seen.contains(&key_of(run)) && !undecided.contains(&run.directory);
    changes.superseded = runs.iter().filter(unwanted).map(|run| run.id.clone()).collect();
    changes
}

/// The run whose turn it is: that of the project that has waited longest for one, and of it the one that was asked for
/// first. `limit` is how many may run at once as that run's configuration has it, `running` how many do, and `last` when a
/// run of a project was last begun.
#[must_use]
pub fn next_run<'a>(
    waiting: impl IntoIterator<Item = &'a CheckRun>,
    running: usize,
    limit: impl Fn(&CheckRun) -> usize,
    last: &BTreeMap<Utf8PathBuf, Timestamp>,
) -> Option<&'a CheckRun> {
    let may = waiting.into_iter().filter(|run| run.state == RunState::Waiting && running < limit(run));
    may.min_by_key(|run| (last.get(&run.directory), run.requested_at, &run.id))
}

/// How long the logs of a run are kept.
const KEEP: Duration = Duration::from_hours(30 * 24);
/// How much all of them may take, in bytes: 1 GiB.
const QUOTA: u64 = 1 << 30;

/// A run that is over, as far as it matters for how long it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRun {
    /// Its id.
    pub id: String,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What its directory takes.
    pub bytes: u64,
    /// Whether it is of the head of a living session's pull request.
    pub is_wanted: bool,
}

/// The runs that go: those that are older than 30 days, and of more than 1 GiB the oldest. What is wanted stays.
#[must_use]
pub fn retired_runs(runs: &[KeptRun], now: Timestamp) -> Vec<String> {
    let mut total: u64 = runs.iter().map(|run| run.bytes).sum();
    let mut oldest: Vec<_> = runs.iter().filter(|run| !run.is_wanted).collect();
    oldest.sort_by_key(|run| (run.ended_at, &run.id));
    let mut gone = Vec::new();
    for run in oldest {
        if now.since(run.ended_at) > KEEP || total > QUOTA {
            total -= run.bytes;
            gone.push(run.id.clone());
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::CheckResult;
    use crate::slots::scm::PullRef;

    fn name(text: &str) -> CheckName {
        text.parse().unwrap()
    }

    fn plan(definition: &str) -> CheckPlan {
        let required = [("lint", false), ("test", true)].map(|(text, required)| (name(text), required));
        CheckPlan { definition: definition.to_owned(), required: required.into() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn head(directory: &str, commit: &str) -> CheckedHead {
        CheckedHead {
            project: "app".parse().unwrap(),
            directory: directory.into(),
            commit: commit.to_owned(),
            session: "app-1".parse().unwrap(),
            pull: 1,
            plan: plan("d1"),
        }
    }

    fn run(id: &str, commit: &str, state: RunState, results: &[(&str, CheckState)]) -> CheckRun {
        let names = [name("lint"), name("test")];
        let app: ProjectName = "app".parse().unwrap();
        let mut run = CheckRun::new(id, app, "/p", commit, "d1", names, at(id.parse().unwrap_or(0)), state);
        for (text, state) in results {
            run.add(CheckResult::new(name(text), *state, at(0), at(1)));
        }
        run
    }

    fn states(runs: &[CheckRun]) -> Vec<CheckState> {
        shown_checks(&plan("d1"), runs).into_iter().map(|check| check.state).collect()
    }

    #[test]
    fn the_newest_result_of_each_check_counts() {
        use CheckState::{Failed, Passed, Pending};
        let failed = run("1", "c", RunState::Ended, &[("lint", Passed), ("test", Failed)]);
        let again = |state, results: &[(&str, CheckState)]| CheckRun {
            names: vec![name("test")],
            ..run("2", "c", state, results)
        };
        let table: [(&str, Vec<CheckRun>, [CheckState; 2]); 9] = [
            ("nothing ran", vec![], [Pending, Pending]),
            ("it waits", vec![run("1", "c", RunState::Waiting, &[])], [Pending, Pending]),
            ("half way", vec![run("1", "c", RunState::Running, &[("lint", Passed)])], [Passed, Pending]),
            ("over", vec![failed.clone()], [Passed, Failed]),
            ("one again", vec![failed.clone(), again(RunState::Running, &[])], [Passed, Pending]),
            ("one passed then", vec![failed.clone(), again(RunState::Ended, &[("test", Passed)])], [Passed, Passed]),
            ("that was given up", vec![failed.clone(), again(RunState::Superseded, &[])], [Passed, Failed]),
            ("asked for, one", vec![CheckRun { rerun: Some(vec![name("test")]), ..failed.clone() }], [Passed, Pending]),
            ("asked for, all", vec![CheckRun { rerun: Some(vec![]), ..failed }], [Pending, Pending]),
        ];
        for (why, runs, expected) in table {
            assert_eq!(states(&runs), expected, "{why}");
        }
        let of_yesterday = run("1", "c", RunState::Ended, &[("lint", Passed), ("test", Passed)]);
        let now: Vec<_> = shown_checks(&plan("d2"), &[of_yesterday]).into_iter().map(|check| check.state).collect();
        assert_eq!(now, [Pending, Pending], "what was checked was something else");
    }

    #[test]
    fn own_checks_stand_beside_those_of_the_provider() {
        let mut snapshot = PullSnapshot::new(PullRef::new(1_u64), PullState::Open, "c");
        snapshot.checks = vec![Check::new("build", CheckState::Passed), Check::new("test", CheckState::Passed)];
        let mut closed = snapshot.clone();
        overlay_checks(&mut snapshot, &plan("d1"), &[]);
        let shown: Vec<_> =
            snapshot.checks.iter().map(|check| (check.name.as_str(), check.state, check.required)).collect();
        let pending = CheckState::Pending;
        assert_eq!(shown, [("build", CheckState::Passed, false), ("lint", pending, false), ("test", pending, true)]);
        overlay_checks(&mut snapshot.clone(), &plan("d1"), &[]);
        closed.state = PullState::Merged;
        overlay_checks(&mut closed, &plan("d1"), &[]);
        assert_eq!(closed.checks.len(), 2, "nothing is to come of it any more");
    }

    #[test]
    fn what_is_to_be_run_and_what_is_not() {
        use CheckState::{Failed, Passed};
        let all = ["lint", "test"].map(name).to_vec();
        let done = run("1", "c", RunState::Ended, &[("lint", Passed), ("test", Failed)]);
        let rerun =
            |names: &[&str]| CheckRun { rerun: Some(names.iter().map(|text| name(text)).collect()), ..done.clone() };
        let left = run("1", "c", RunState::Superseded, &[("lint", Passed)]);
        let table: [(&str, Vec<CheckRun>, Vec<CheckName>); 8] = [
            ("it is new", vec![], all.clone()),
            ("it waits", vec![run("1", "c", RunState::Waiting, &[])], vec![]),
            ("it runs", vec![run("1", "c", RunState::Running, &[])], vec![]),
            ("it is over, and failed", vec![done.clone()], vec![]),
            ("once more, all", vec![rerun(&[])], all.clone()),
            ("once more, one", vec![rerun(&["test"])], vec![name("test")]),
            ("that was done, too", vec![rerun(&["test"]), CheckRun { id: "2".into(), ..done.clone() }], vec![]),
            ("the head came back", vec![left], vec![name("test")]),
        ];
        for (why, runs, expected) in table {
            let changes = run_changes(&[head("/p", "c"), head("/p", "c")], &runs, &BTreeSet::new());
            let wanted: Vec<_> = changes.wanted.iter().flat_map(|(_, names)| names.clone()).collect();
            assert_eq!(wanted, expected, "{why}");
            assert!(changes.superseded.is_empty(), "{why}");
        }
    }

    #[test]
    fn a_head_that_moved_is_not_checked_any_more() {
        let open = [run("1", "old", RunState::Running, &[]), run("2", "older", RunState::Waiting, &[])];
        let over = run("3", "oldest", RunState::Ended, &[]);
        let runs = [&open[..], &[over]].concat();
        let changes = run_changes(&[head("/p", "new")], &runs, &BTreeSet::new());
        assert_eq!((changes.superseded, changes.wanted.len()), (vec!["1".to_owned(), "2".to_owned()], 1));
        let changes = run_changes(&[], &runs, &["/p".into()].into());
        assert_eq!(changes, RunChanges::default(), "nobody knows what its head is");
        let other = CheckedHead { plan: plan("d2"), ..head("/p", "old") };
        assert_eq!(run_changes(&[other], &runs[..1], &BTreeSet::new()).superseded, ["1"], "the definition changed");
    }

    #[test]
    fn old_runs_go_and_of_too_much_the_oldest() {
        const DAY: i64 = 24 * 60 * 60;
        let kept = |id: &str, day: i64, bytes: u64| KeptRun {
            id: id.to_owned(),
            ended_at: at(day * DAY),
            bytes,
            is_wanted: id == "head",
        };
        let now = at(100 * DAY);
        assert_eq!(retired_runs(&[kept("a", 69, 1), kept("b", 71, 1), kept("head", 1, 1)], now), ["a"]);
        let big = [kept("c", 99, QUOTA / 2), kept("b", 98, QUOTA), kept("a", 97, 1), kept("head", 1, QUOTA / 4)];
        assert_eq!(retired_runs(&big, now), ["a", "b"]);
        assert_eq!(retired_runs(&[kept("head", 1, 2 * QUOTA)], now), Vec::<String>::new());
    }

    proptest! {
        /// Whatever waits comes to its turn once, no more at once than may, and a project waits for no more turns than there
        /// are projects.
        #[test]
        fn everybody_comes_to_their_turn(
            projects in proptest::collection::vec((0..4_u8, 0..50_i64), 1..40),
            limit in 1..4_usize,
        ) {
            let mut runs: Vec<_> = projects.iter().enumerate().map(|(index, (project, requested))| {
                let mut run = run(&format!("{index:02}"), "c", RunState::Waiting, &[]);
                (run.directory, run.requested_at) = (format!("/{project}").into(), at(*requested));
                run
            }).collect();
            let kinds = projects.iter().map(|(project, _)| project).collect::<BTreeSet<_>>().len();
            let (mut last, mut order, mut running) = (BTreeMap::new(), Vec::<Utf8PathBuf>::new(), Vec::new());
            for turn in 0..1000 {
                let Some(next) = next_run(&runs, running.len(), |_| limit, &last).map(|run| run.id.clone()) else {
                    if running.is_empty() {
                        break;
                    }
                    running.remove(0);
                    continue;
                };
                let index = runs.iter().position(|run| run.id == next).unwrap();
                runs[index].state = RunState::Running;
                last.insert(runs[index].directory.clone(), at(1000 + turn));
                for waiting in runs.iter().filter(|run| run.state == RunState::Waiting) {
                    let since = order.iter().rev().position(|served| *served == waiting.directory);
                    prop_assert!(since.is_none_or(|turns| turns < kinds) || waiting.directory == runs[index].directory);
                }
                order.push(runs[index].directory.clone());
                running.push(index);
                prop_assert!(running.len() <= limit);
            }
            prop_assert_eq!(order.len(), projects.len());
        }

        #[test]
        fn what_was_asked_for_is_not_asked_for_again(commits in proptest::collection::vec(0..5_u8, 0..12)) {
            let heads: Vec<_> = commits.iter().map(|commit| head("/p", &commit.to_string())).collect();
            let asked = run_changes(&heads, &[], &BTreeSet::new());
            let runs: Vec<_> = asked.wanted.iter().map(|(head, _)| run("1", &head.commit, RunState::Waiting, &[])).collect();
            prop_assert_eq!(run_changes(&heads, &runs, &BTreeSet::new()), RunChanges::default());
            let gone = run_changes(&[], &runs, &BTreeSet::new());
            prop_assert_eq!(gone.superseded.len(), commits.iter().collect::<BTreeSet<_>>().len());
        }
    }
}
