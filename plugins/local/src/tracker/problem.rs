//! Why a file is no issue that can be used: where, what, and what to do about it.

use std::fmt;

use ao_plugin_sdk::prelude::*;

/// Something that is wrong within a text, not knowing whose text it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Line and column, from 1; none where it is about the whole.
    pub(super) at: Option<(usize, usize)>,
    /// What is wrong.
    pub(super) why: String,
    /// What to do.
    pub(super) remedy: String,
}

impl Flaw {
    /// A flaw of the whole.
    pub(super) fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at: None, why: why.into(), remedy: remedy.into() }
    }

    /// The same, at a byte of a text.
    pub(super) fn at(mut self, text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.at = Some((line, column));
        self
    }
}

/// A file that is no issue, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The file, as a person finds it.
    pub(super) file: String,
    /// What is wrong with it.
    pub(super) flaw: Flaw,
}

impl Problem {
    /// The error of a call that needs this file.
    pub(super) fn error(&self) -> Error {
        Error::other(format!("{self}; {}", self.flaw.remedy))
    }

    /// The line of a doctor's report.
    pub(super) fn finding(&self) -> Finding {
        let mut finding = Finding::new(FindingLevel::Warn, "issues", self.to_string());
        finding.remedy = Some(self.flaw.remedy.clone());
        finding
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.file)?;
        if let Some((line, column)) = self.flaw.at {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.flaw.why)
    }
}
