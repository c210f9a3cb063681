//! When so many agents look dead at once that the looking is to be doubted.

/// What one look at the sessions of a runtime found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deaths {
    /// How many of them were alive as far as was known, or in doubt.
    pub living: usize,
    /// How many of those look dead now, and nobody wrote down how they ended.
    pub unexplained: usize,
}

/// The fewest deaths at once that are doubted.
const FEWEST: usize = 3;

impl Deaths {
    /// Whether they are held back until a human has looked: at least three, and more than half of all.
    ///
    /// Agents that end write an exit status, and a restart of the machine explains itself. Without either, it is likelier
    /// that something hides the processes than that they all ended together.
    #[must_use]
    pub fn are_doubted(self) -> bool {
        self.unexplained >= FEWEST && 2 * self.unexplained > self.living
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_and_more_than_half() {
        for (living, unexplained, doubted) in
            [(1, 1, false), (2, 2, false), (3, 3, true), (5, 3, true), (6, 3, false), (100, 50, false), (100, 51, true)]
        {
            assert_eq!(Deaths { living, unexplained }.are_doubted(), doubted, "{unexplained} of {living}");
        }
    }
}
