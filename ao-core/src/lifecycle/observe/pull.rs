//! How a session's pull request stands.

use crate::model::event::{EventData, PullRequestSeen};
use crate::model::facts::{PullFacts, Session, Unseen};
use crate::model::{PluginName, Timestamp};
use crate::slots::scm::{Check, PullFound, PullSnapshot, PullState, ReviewDecision, Thread};

/// Writes down what the scm plugin says of a session's pull request in `repository`.
///
/// A pull request that is merged stays merged, whatever an old answer says of it later; and one that is not found any more
/// is one that could not be looked at.
pub fn pull(session: &mut Session, scm: &PluginName, repository: &str, found: &PullFound, now: Timestamp) {
    let before = session.pull.as_ref();
    let why = match found {
        PullFound::Found { snapshot } => {
            let same = before.filter(|before| is_same(before, repository, snapshot));
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

fn is_same(facts: &PullFacts, repository: &str, snapshot: &PullSnapshot) -> bool {
    facts.repository == repository && facts.snapshot.pull.number == snapshot.pull.number
}

/// What to tell of a session's pull request, after a look changed what is known of it.
#[must_use]
pub fn pull_news(before: Option<&PullFacts>, after: Option<&PullFacts>) -> Vec<EventData> {
    let Some(PullFacts { repository, snapshot: now, .. }) = after else { return Vec::new() };
    let was = before.filter(|before| is_same(before, repository, now)).map(|before| &before.snapshot);
    let mut seen = PullRequestSeen::new(now.pull.number);
    (seen.head_sha, seen.url) = (Some(now.head.clone()), now.pull.url.clone());
    let mut news = Vec::new();
    if was.is_none_or(|was| was.state != now.state) {
        news.push(match now.state {
            PullState::Open => EventData::PrOpened(seen.clone()),
            PullState::Closed => EventData::PrClosed(seen.clone()),
            PullState::Merged => EventData::PrMerged(seen.clone()),
            PullState::Unknown => EventData::PrUpdated(seen.clone()),
        });
    } else if was.is_some_and(|was| contents(was) != contents(now)) {
        news.push(EventData::PrUpdated(seen.clone()));
    }
    if was.map(checks).unwrap_or_default() != checks(now) {
        news.push(EventData::CheckChanged(seen.clone()));
    }
    if was.map(review).unwrap_or_default() != review(now) {
        news.push(EventData::ReviewChanged(seen));
    }
    news
}

/// What is to be merged, and whether it can be.
fn contents(snapshot: &PullSnapshot) -> (&str, bool, Option<&[String]>) {
    (&snapshot.head, snapshot.draft, snapshot.conflicts.as_deref())
}

fn checks(snapshot: &PullSnapshot) -> Vec<&Check> {
    let mut checks: Vec<_> = snapshot.checks.iter().collect();
    // In which order a provider lists them is no news.
    checks.sort_by(|left, right| left.name.cmp(&right.name));
    checks
}

fn review(snapshot: &PullSnapshot) -> (ReviewDecision, Vec<&Thread>) {
    let mut threads: Vec<_> = snapshot.threads.iter().collect();
    threads.sort_by(|left, right| left.id.cmp(&right.id));
    (snapshot.decision, threads)
}
