//! One change of a pull request, and what is said of it.

use std::process::ExitCode;

use ao_core::slots::scm::{PullChange, PullRef, UpdatePull};

use super::desk::{Desk, Which, key};
use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::output;

impl Desk<'_> {
    /// Has a pull request changed.
    pub(super) fn change(&self, number: u64, change: PullChange) -> Result<PullRef, Failure> {
        let pull = PullRef::new(number);
        let mut update = UpdatePull::new(key("change"), self.forge.repository.as_str(), pull, change);
        update.author = Some(self.author());
        let changed = block_on(self.forge.scm.instance.update(update))??;
        self.changed(&changed);
        Ok(changed)
    }
}

/// The whole of a command that changes one thing and says `#7 is <what> now`.
pub(super) fn one(edge: &Edge, which: &Which, change: PullChange, what: &str) -> Outcome {
    let changed = Desk::open(edge, &which.whose)?.change(which.number, change)?;
    output::text(&format!("#{} {what}\n", changed.number))?;
    Ok(ExitCode::SUCCESS)
}
