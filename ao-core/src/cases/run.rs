//! One case: its history looked at look by look, and what becomes due held against what is expected.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::expected::{Got, describe};
use super::world::{Rulebook, World};
use super::written::{Case, Expected, Look};
use crate::config::HumanDuration;
use crate::lifecycle::StatusName;

/// A host looks this often.
const TICK: Duration = Duration::from_secs(30);

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// The line of its file that it begins at.
    pub line: usize,
    /// How many looks its history has.
    pub looks: usize,
    /// What is otherwise than expected; nothing is where this is empty.
    pub mismatches: Vec<Mismatch>,
}

/// Something that is otherwise than expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mismatch {
    /// At which look, from 1.
    pub look: usize,
    /// The line of the file that this look begins at.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// How long the case had gone on when the look ended, such as `5m`.
    pub at: String,
    /// The session's status then.
    pub status: StatusName,
    /// What was expected, in words; absent where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What became due, in words; absent where nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
}

impl CaseResult {
    /// Whether everything is as expected.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.mismatches.is_empty()
    }
}

/// Where the looks of a case stand: line and column.
pub(super) type Places = Vec<(usize, usize)>;

/// Runs one case.
pub(super) fn run(case: &Case, line: usize, places: &Places, rulebook: Rulebook<'_>) -> CaseResult {
    let mut world = World::new(rulebook);
    world.change(&case.given);
    let mut mismatches = Vec::new();
    for (position, look) in case.history.iter().enumerate() {
        let (line, column) = places.get(position).copied().unwrap_or((line, 1));
        let pairs = pass(&mut world, look, rulebook);
        let (at, status) = (in_words(world.elapsed()), world.status().name);
        mismatches.extend(pairs.into_iter().map(|(expected, got)| Mismatch {
            look: position + 1,
            line,
            column,
            at: at.clone(),
            status,
            expected,
            got,
        }));
    }
    CaseResult { name: case.name.clone(), line, looks: case.history.len(), mismatches }
}

/// One look, with the time before it: what was expected and did not come, and what came unexpectedly.
fn pass(world: &mut World<'_>, look: &Look, rulebook: Rulebook<'_>) -> Vec<(Option<String>, Option<String>)> {
    let mut left = look.after.map_or(TICK, HumanDuration::get);
    let mut missing: Vec<_> = look.expect.iter().collect();
    let mut unexpected = Vec::new();
    while !left.is_zero() {
        let step = left.min(TICK);
        left = left.saturating_sub(step);
        world.wait(step);
        if left.is_zero() {
            world.change(&look.facts);
        }
        let due = world.look();
        let got: Vec<_> = due.into_iter().map(|intent| Got::new(world, intent)).collect();
        for got in got {
            let found = missing.iter().position(|expected| got.is(expected));
            let outcome = found.map(|at| missing.remove(at)).map_or_else(Default::default, Expected::outcome);
            world.settle(&got.intent, &outcome.into_outcome());
            if found.is_none() {
                unexpected.push(got);
            }
        }
    }
    let mut pairs = Vec::new();
    for expected in missing {
        // What is most like it is most likely what came of it.
        let like = unexpected.iter().position(|got| got.is_like(expected));
        let like = like.or_else(|| unexpected.iter().position(|got| got.intent.reaction == expected.reaction));
        let got = like.map(|at| unexpected.remove(at));
        let rule = rulebook.reactions.get(expected.reaction);
        let hint = if rule.is_none() { " (there is no such rule)" } else { "" };
        pairs.push((Some(format!("{}{hint}", describe(expected))), got.map(|got| got.describe(Some(expected)))));
    }
    pairs.extend(unexpected.into_iter().map(|got| (None, Some(got.describe(None)))));
    pairs
}

/// A length of time in the largest units that it has: `1h5m30s`.
fn in_words(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = millis;
    let parts = units.iter().filter_map(|(unit, size)| {
        let count = rest / size;
        rest %= size;
        (count > 0).then(|| format!("{count}{unit}"))
    });
    let words: String = parts.collect();
    if words.is_empty() { "0s".to_owned() } else { words }
}
