//! A check: what the contract demands in one sentence, and how that is found out.

use std::fmt::Debug;
use std::pin::Pin;

use ao_core::{Code, Error, Result};

use super::bench::Bench;

/// How a check ends: well, or with a reason not to.
pub(super) type Verdict<T = ()> = Result<T, Stop>;

/// Why a check ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The plugin does something else than it should.
    Failed { expected: String, came: String },
    /// It cannot be told.
    Skipped(String),
}

/// By which doors a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doors {
    /// By each.
    Every,
    /// By one: it looks at the schema, or at bytes, which are the same for all.
    One,
}

type Run = fn(Bench) -> Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// A part of the contract that can be checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    /// Names it, such as `tracker.get.missing_is_not_found`.
    pub(super) id: &'static str,
    /// What the contract demands.
    pub(super) demands: &'static str,
    /// What an author does where it fails.
    pub(super) remedy: &'static str,
    pub(super) doors: Doors,
    pub(super) run: Run,
}

/// `"id": "what the contract demands", "what to do where it fails" => function;`
macro_rules! checks {
    ($($doors:ident $id:literal: $demands:literal, $remedy:literal => $function:path;)*) => {
        pub(super) const CHECKS: &[$crate::conformance::check::Check] = &[$(
            $crate::conformance::check::Check {
                id: $id,
                demands: $demands,
                remedy: $remedy,
                doors: $crate::conformance::check::Doors::$doors,
                run: |bench| Box::pin($function(bench)),
            },
        )*];
    };
}
pub(super) use checks;

/// The check fails.
pub(super) fn failed<T>(expected: impl Into<String>, came: impl Into<String>) -> Verdict<T> {
    Err(Stop::Failed { expected: expected.into(), came: came.into() })
}

/// The check cannot tell.
pub(super) fn skipped<T>(why: impl Into<String>) -> Verdict<T> {
    Err(Stop::Skipped(why.into()))
}

/// Something that must hold.
pub(super) fn demand(holds: impl Into<Held>, expected: impl Into<String>, came: impl Debug) -> Verdict {
    match holds.into() {
        Held::Yes => Ok(()),
        Held::No => failed(expected, shown(&came)),
    }
}

/// Whether a demand holds.
pub(super) enum Held {
    Yes,
    No,
}

impl From<bool> for Held {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Two answers that must be equal.
pub(super) fn equal<T: PartialEq + Debug>(what: &str, expected: &T, came: &T) -> Verdict {
    demand(expected == came, format!("{what}: {}", shown(expected)), came)
}

/// The answer of a call that must succeed. A plugin that declines the method leaves nothing to check.
pub(super) fn answer<T>(call: &str, result: Result<T>) -> Verdict<T> {
    match result {
        Ok(answer) => Ok(answer),
        Err(error) if error.code == Code::UNSUPPORTED => {
            skipped(format!("the plugin declines {call} (`unsupported`): {error}"))
        }
        Err(error) => failed(format!("{call} succeeds"), describe(&error)),
    }
}

/// A call that must fail with one of these codes. A plugin that declines the method leaves nothing to check.
pub(super) fn refused<T: Debug>(call: &str, result: Result<T>, codes: &[Code]) -> Verdict<Error> {
    let names: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
    match result {
        Err(error) if codes.contains(&error.code) => Ok(error),
        Err(error) if error.code == Code::UNSUPPORTED => {
            skipped(format!("the plugin declines {call} (`unsupported`): {error}"))
        }
        Err(error) => failed(format!("{call} fails with {}", names.join(" or ")), describe(&error)),
        Ok(came) => failed(format!("{call} fails with {}", names.join(" or ")), shown(&came)),
    }
}

/// An error as it stands in a report.
pub(super) fn describe(error: &Error) -> String {
    format!("`{}`: {error}", error.code)
}

/// A value as it stands in a report: at most some lines.
pub(super) fn shown(value: &impl Debug) -> String {
    const MOST: usize = 400;
    let text = format!("{value:?}");
    if text.chars().count() <= MOST {
        return text;
    }
    let begin: String = text.chars().take(MOST).collect();
    format!("{begin}… ({} characters)", text.chars().count())
}
