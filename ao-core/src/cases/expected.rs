//! What became due beside what was expected.

use std::fmt::Write as _;

use super::world::World;
use super::written::{Expected, OutcomeWritten};
use crate::lifecycle::decide::{Deed, Intent, Outcome};
use crate::model::event::{DeedKind, OutcomeKind};
use crate::slots::notifier::Priority;
use crate::text::one_line;

/// How much of a text is shown, in characters.
const COLUMNS: usize = 400;

/// An intent that became due, with what it says.
pub(super) struct Got {
    pub(super) intent: Intent,
    /// Its text; none where nothing is said. What a template did wrong stands in place of its text.
    text: Option<Result<String, String>>,
}

/// What becomes of an intent.
#[derive(Default)]
pub(super) struct Fate {
    kind: Option<OutcomeKind>,
    why: Option<String>,
}

impl Fate {
    pub(super) fn into_outcome(self) -> Outcome {
        let why = self.why.unwrap_or_else(|| "the case says so".to_owned());
        match self.kind {
            None | Some(OutcomeKind::Done) => Outcome::Done,
            Some(OutcomeKind::Failed) => Outcome::Failed { why },
            Some(OutcomeKind::Refused) => Outcome::Refused { why },
            Some(OutcomeKind::Superseded) => Outcome::Superseded { why },
            Some(OutcomeKind::Uncertain) => Outcome::Uncertain { why },
        }
    }
}

impl Expected {
    /// What becomes of it.
    pub(super) fn outcome(&self) -> Fate {
        match &self.outcome {
            None => Fate::default(),
            Some(OutcomeWritten::Word(kind)) => Fate { kind: Some(*kind), why: None },
            Some(OutcomeWritten::Why(why)) => {
                let (kind, why) =
                    why.iter().next().map_or((None, None), |(kind, why)| (Some(*kind), Some(why.clone())));
                Fate { kind, why }
            }
        }
    }
}

impl Got {
    pub(super) fn new(world: &World<'_>, intent: Intent) -> Self {
        let says = matches!(intent.deed, Deed::Send | Deed::Notify { .. });
        let text = says.then(|| world.text(&intent).map_err(|error| error.to_string()));
        Self { intent, text }
    }

    fn priority(&self) -> Option<Priority> {
        match &self.intent.deed {
            Deed::Notify { priority, .. } => Some(*priority),
            _ => None,
        }
    }

    fn says(&self, part: &str) -> bool {
        self.text.as_ref().is_some_and(|text| text.as_ref().is_ok_and(|text| text.contains(part)))
    }

    /// Whether it is what was expected.
    pub(super) fn is(&self, expected: &Expected) -> bool {
        self.is_like(expected)
            && expected.deed.is_none_or(|deed| deed == self.intent.deed.kind())
            && expected.priority.is_none_or(|priority| Some(priority) == self.priority())
            && expected.attempt.is_none_or(|attempt| attempt == self.intent.attempt)
            && expected.text.iter().all(|part| self.says(part))
    }

    /// Whether it is of the same rule, and the same kind where one is named.
    pub(super) fn is_like(&self, expected: &Expected) -> bool {
        expected.reaction == self.intent.reaction && expected.deed.is_none_or(|deed| deed == self.intent.deed.kind())
    }

    /// In words; its text only where that matters.
    pub(super) fn describe(&self, expected: Option<&Expected>) -> String {
        let mut words = head(self.intent.reaction.as_str(), Some(self.intent.deed.kind()));
        if self.intent.attempt > 0 {
            let _ = write!(words, ", attempt {}", self.intent.attempt);
        }
        if let Some(priority) = self.priority() {
            let _ = write!(words, ", {}", word(priority));
        }
        let asked = expected.is_none_or(|expected| !expected.text.iter().all(|part| self.says(part)));
        match &self.text {
            Some(Ok(text)) if asked => {
                let _ = write!(words, ", text `{}`", one_line(text, COLUMNS));
            }
            Some(Err(error)) => {
                let _ = write!(words, "; {error}");
            }
            Some(Ok(_)) => {}
            None => {
                let _ = write!(words, ": {}", self.intent.deed);
            }
        }
        words
    }
}

/// What was expected, in words.
pub(super) fn describe(expected: &Expected) -> String {
    let mut words = head(expected.reaction.as_str(), expected.deed);
    if let Some(attempt) = expected.attempt {
        let _ = write!(words, ", attempt {attempt}");
    }
    if let Some(priority) = expected.priority {
        let _ = write!(words, ", {}", word(priority));
    }
    let texts: Vec<_> = expected.text.iter().map(|text| format!("`{}`", one_line(text, COLUMNS))).collect();
    if !texts.is_empty() {
        let _ = write!(words, ", text with {}", texts.join(" and "));
    }
    words
}

fn head(reaction: &str, deed: Option<DeedKind>) -> String {
    deed.map_or_else(|| reaction.to_owned(), |deed| format!("{reaction} {}", word(deed)))
}

/// The word for it, as in JSON.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}
