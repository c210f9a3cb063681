//! How a session's pull request stands.

use crate::model::facts::{PullFacts, Session, Unseen};
use crate::model::{PluginName, Timestamp};
use crate::slots::scm::{PullFound, PullState};

/// Writes down what the scm plugin says of a session's pull request in `repository`.
///
/// A pull request that is merged stays merged, whatever an old answer says of it later; and one that is not found any more
/// is one that could not be looked at.
pub fn pull(session: &mut Session, scm: &PluginName, repository: &str, found: &PullFound, now: Timestamp) {
    let before = session.pull.as_ref();
    let why = match found {
        PullFound::Found { snapshot } => {
            let same = before.filter(|before| before.snapshot.pull.number == snapshot.pull.number);
            if same.is_some_and(|before| before.snapshot.state == PullState::Merged) {
                return;
            }
            let mut facts = PullFacts::new(scm.clone(), repository, (**snapshot).clone(), now);
            let lasts = same.filter(|before| before.snapshot.state == snapshot.state);
            facts.since = Some(lasts.map_or(now, |before| before.since.unwrap_or(before.at)));
            session.pull = Some(facts);
            return;
        }
        PullFound::Absent => "it was not found",
        PullFound::Unknown { why } => why,
        PullFound::Unrecognised => "the answer is of a newer version",
    };
    if let Some(facts) = &mut session.pull {
        facts.unseen = Some(Unseen::again(facts.unseen.as_ref(), why, now));
    }
}
