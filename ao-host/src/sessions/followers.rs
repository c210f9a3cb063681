//! Sessions that are spawned for another session's work: reviewers, and workers that follow up.

use ao_core::lifecycle::review_prompt;
use ao_core::model::SessionId;
use ao_core::slots::agent::Role;
use ao_core::slots::scm::PullSnapshot;

use super::SpawnRequest;

impl SpawnRequest<'_> {
    /// The same as a reviewer of a pull request: on a branch of its own that begins at the head, told what to read and how to
    /// conclude. The head's commit must be in the project's repository.
    #[must_use]
    pub fn reviewing(mut self, parent: Option<SessionId>, pull: &PullSnapshot) -> Self {
        (self.role, self.parent) = (Role::Reviewer, parent);
        self.base = Some(pull.head.clone());
        self.prompt = Some(review_prompt(pull, self.project.approval));
        self
    }

    /// The same as a worker that follows another session's work up, with this to do.
    #[must_use]
    pub fn following(mut self, parent: SessionId, prompt: String) -> Self {
        (self.role, self.parent, self.prompt) = (Role::Worker, Some(parent), Some(prompt));
        self
    }
}
