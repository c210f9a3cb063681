//! Sessions' pull requests: one call a repository of an scm instance, for all sessions that are due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ao_core::lifecycle::decide::counts_for_all;
use ao_core::model::SessionId;
use ao_core::model::facts::{PullDetection, Session};
use ao_core::slots::scm::{PullFound, PullState};
use ao_core::{Error, Result};

use super::crews::Hosted;
use super::look::Answers;
use super::{Asked, Done, Engine, Facet, Lane, look};
use crate::sessions::Forge;

/// Pull requests are looked at this often; nobody tells when one changes.
const PULLS_EVERY: Duration = Duration::from_secs(30);
/// The shortest time between two looks at a pull request, whoever asks for one.
const PULLS_APART: Duration = Duration::from_secs(2);

/// What the engine keeps about looks at pull requests.
#[derive(Default)]
pub(super) struct PullLooks {
    /// When all are due again.
    next: Duration,
    /// What an scm wants handed back at its next look.
    known: BTreeMap<Lane, String>,
    /// When each session's was looked at last.
    looked: BTreeMap<SessionId, Duration>,
}

impl PullLooks {
    /// Forgets what instances said that are gone.
    pub(super) fn forget_instances(&mut self) {
        self.known.clear();
    }

    /// Forgets sessions that are gone.
    pub(super) fn retain(&mut self, keep: impl Fn(&SessionId) -> bool) {
        self.looked.retain(|id, _| keep(id));
    }

    /// When everything is due again.
    pub(super) const fn next(&self) -> Duration {
        self.next
    }
}

/// Whether there is, or may come, a pull request that changes. Only who works on something opens one.
pub(super) fn may_change(session: &Session) -> bool {
    session.workspace.is_some()
        && session.end.is_none()
        && session.pull.as_ref().is_none_or(|pull| pull.snapshot.state != PullState::Merged)
        && (session.pull.is_some() || session.pull_detection == PullDetection::On && counts_for_all(session.role))
}

impl Engine {
    /// Asks for a look at every pull request, if it is time.
    pub(super) fn look_at_pulls(&mut self, now: Duration) {
        if now >= self.pulls.next {
            self.pulls.next = now + PULLS_EVERY;
            self.wake_pulls(now);
        }
    }

    /// Asks for a look at every pull request.
    pub(super) fn wake_pulls(&mut self, now: Duration) {
        let ids: Vec<_> = self.live.keys().cloned().collect();
        for id in ids {
            self.wake_pull(id, now);
        }
    }

    /// Asks for a look at a session's pull request, unless its scm rests.
    pub(super) fn wake_pull(&mut self, id: SessionId, now: Duration) {
        let Some(session) = self.live.get(&id).filter(|session| may_change(session)) else { return };
        let nobody_asks = self.crews.has_no_forge(session);
        if !nobody_asks {
            let apart = self.pulls.looked.get(&id).map_or(now, |looked| *looked + PULLS_APART);
            self.queue.add_unless_failed((Facet::Pull, id), apart.max(now));
        }
    }

    /// Begins a look at the pull requests of these sessions.
    pub(super) fn ask_scm(&mut self, hosted: Hosted, sessions: Vec<Session>) {
        let Hosted { forge, lane } = hosted;
        let known = self.pulls.known.get(&lane).cloned();
        let asked = self.context.sessions.world.now();
        self.calls.spawn(async move {
            let seen = look::pulls(Arc::clone(&forge), sessions, known, asked).await;
            Done::Pulls { hosted: Hosted { forge, lane }, seen }
        });
    }

    /// Writes down what a look at pull requests brought back.
    pub(super) fn finish_pulls(&mut self, hosted: &Hosted, seen: look::Pulls) -> Result<()> {
        let Hosted { forge, lane } = hosted;
        let (now, look::Pulls { asked, mut answers, known, error }) = (self.elapsed(), seen);
        self.busy.remove(lane);
        self.leave_to_owners(&forge.repository, &mut answers);
        self.overlay_pulls(&mut answers)?;
        self.book.pulls(forge, &answers, asked)?;
        self.checking.ask(now);
        self.merging.ask(now);
        let in_use = |session: &Session| self.crews.known_forge(session).is_some_and(|now| now.lane == *lane);
        let known = known.filter(|_| answers.keys().filter_map(|id| self.live.get(id)).any(in_use));
        match known {
            Some(known) => drop(self.pulls.known.insert(*lane, known)),
            // Or its instance is gone, and what it wants back is no other's.
            None => drop(self.pulls.known.remove(lane)),
        }
        let rest = error.as_ref().and_then(|error| error.retry_after_ms).map_or(Duration::ZERO, Duration::from_millis);
        // One for all: who fails together is asked together again.
        let chance = self.chance();
        for (id, found) in &answers {
            self.pulls.looked.insert(id.clone(), now);
            let key = (Facet::Pull, id.clone());
            let why = match found {
                _ if error.is_some() => None,
                PullFound::Unknown { why } => Some(why.as_str()),
                PullFound::Unrecognised => Some("the answer is of a newer version"),
                _ => {
                    self.unavailable.remove(&Asked::Session(key.clone()));
                    self.queue.went_well(&key);
                    continue;
                }
            };
            if let Some(why) = why {
                let told = format!("the pull request of `{id}` could not be looked at: {why}");
                self.unavailable.insert(Asked::Session(key.clone()), told);
            }
            self.queue.failed(key, now, chance, rest);
        }
        self.say_unavailable(*lane, error.map(|error| scm_failed(forge, &error)));
        let ids: Vec<_> = answers.keys().cloned().collect();
        self.remember_versions(&ids)
    }
}

impl Engine {
    /// A pull request is one session's: what another has already is not found for one whose agent only says that it is its.
    fn leave_to_owners(&self, repository: &str, answers: &mut Answers<PullFound>) {
        let known = |session: &Session| {
            let pull = session.pull.as_ref().filter(|pull| pull.repository == repository)?;
            (pull.snapshot.state == PullState::Open).then_some(())?;
            Some((pull.snapshot.pull.number, session.id.clone()))
        };
        let mut owners: BTreeMap<_, _> = self.live.values().filter_map(known).collect();
        for (id, found) in answers {
            let PullFound::Found { snapshot } = &*found else { continue };
            let said = self.live.get(id).and_then(|session| session.report.as_ref()?.pull);
            if said != Some(snapshot.pull.number) {
                continue;
            }
            if owners.entry(snapshot.pull.number).or_insert_with(|| id.clone()) != id {
                *found = PullFound::Absent;
            }
        }
    }
}

fn scm_failed(forge: &Forge, error: &Error) -> String {
    format!("the scm `{}` cannot be asked about `{}`: {error}", forge.scm.plugin, forge.repository)
}
