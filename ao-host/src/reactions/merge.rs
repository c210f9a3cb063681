//! Merging: at the head whose gates were seen green, and at no other.

use ao_core::Result;
use ao_core::lifecycle::decide::Outcome;
use ao_core::slots::scm::{MergeMethod, MergeOutcome, MergeRequest, PullState};

use super::{Errand, SOON, Subject, Turn, rest};

impl Errand {
    /// Merges it. It was looked at just now.
    pub(super) async fn merge(&mut self, number: u64, head: &str, subject: &Subject) -> Result<Turn> {
        let pull = subject.session.as_ref().and_then(|(session, _)| session.pull.as_ref());
        let (Some(pull), Some(forge)) = (pull, &self.forge) else {
            return Ok(Turn::Over(Outcome::Refused {
                why: "the project names no `scm` any more, so there is nowhere to merge".to_owned(),
            }));
        };
        let snapshot = &pull.snapshot;
        if snapshot.pull.number != number {
            return Ok(Turn::Over(Outcome::Superseded { why: format!("it is about #{} now", snapshot.pull.number) }));
        }
        match snapshot.state {
            PullState::Merged => return Ok(Turn::Over(Outcome::Done)),
            PullState::Open if snapshot.head == head => {}
            _ => return Ok(Turn::Over(Outcome::Superseded { why: "it stands at another commit".to_owned() })),
        }
        let (key, repository) = (self.effect()?.to_owned(), forge.repository.as_str());
        let mut request = MergeRequest::new(key, repository, snapshot.pull.clone(), head, MergeMethod::Merge);
        request.expected_base.clone_from(&snapshot.base_commit);
        let outcome = match forge.scm.instance.merge(request).await {
            Ok(outcome) => outcome,
            // The next look shows whether it happened.
            Err(error) if error.outcome_unknown() || error.retryable() => {
                return Ok(Turn::Wait(rest(&error, SOON), error.to_string()));
            }
            Err(error) => return Ok(Turn::Over(Outcome::Refused { why: error.to_string() })),
        };
        Ok(match outcome {
            MergeOutcome::Merged { .. } => {
                if let Some((session, _)) = &subject.session {
                    // The facts show it at once, and not at the next look.
                    let seen = Box::pin(self.look_at_pull(session.clone())).await;
                    let _ =
                        seen.inspect_err(|error| tracing::debug!("#{number} is merged, and not seen so yet: {error}"));
                }
                Turn::Over(Outcome::Done)
            }
            // A merge queue takes its time; the look after its end shows what became of it.
            MergeOutcome::Queued => Turn::Over(Outcome::Done),
            // The next look sees where they stand now, and whether it is still wanted.
            MergeOutcome::HeadMoved => Turn::Wait(SOON, "it got new commits".to_owned()),
            MergeOutcome::BaseMoved => Turn::Wait(SOON, "its base has moved".to_owned()),
            MergeOutcome::Blocked { why, remedy, .. } => {
                let remedy = remedy.map(|remedy| format!("; `{remedy}`")).unwrap_or_default();
                Turn::Over(Outcome::Refused { why: format!("{why}{remedy}") })
            }
            _ => Turn::Over(Outcome::Uncertain { why: "how it ended is of a newer version".to_owned() }),
        })
    }
}
