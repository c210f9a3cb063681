//! The steps of operations, by the names that failpoints and `op.step` carry.

use std::fmt;

use ao_core::Result;
use ao_core::model::SessionId;

use super::Sessions;

/// One step of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    ReserveId,
    WriteIdentityRef,
    WorktreeAdd,
    PostCreate,
    WriteLaunchFiles,
    RuntimeCreate,
    FirstPrompt,
    IntentWrite,
    Paste,
    Enter,
    AckWrite,
    SignalTree,
    VerifyGone,
}

impl Step {
    /// `operation.step`.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::ReserveId => "spawn.reserve_id",
            Self::WriteIdentityRef => "spawn.write_identity_ref",
            Self::WorktreeAdd => "spawn.worktree_add",
            Self::PostCreate => "spawn.post_create",
            Self::WriteLaunchFiles => "spawn.write_launch_files",
            Self::RuntimeCreate => "spawn.runtime_create",
            Self::FirstPrompt => "spawn.first_prompt",
            Self::IntentWrite => "send.intent_write",
            Self::Paste => "send.paste",
            Self::Enter => "send.enter",
            Self::AckWrite => "send.ack_write",
            Self::SignalTree => "kill.signal_tree",
            Self::VerifyGone => "kill.verify_gone",
        }
    }

    /// The step's own name, as `op.step` and messages say it.
    pub(super) fn name(self) -> &'static str {
        self.label().split_once('.').map_or(self.label(), |(_, name)| name)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Sessions {
    /// Takes one step of the session's operation: written down first, between its two failpoints.
    pub(super) async fn step<T>(&self, id: &SessionId, step: Step, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.change(id, |session| {
            if let Some(op) = &mut session.op {
                step.name().clone_into(&mut op.step);
            }
        })?;
        self.between_failpoints(step, work).await
    }

    /// Does something between the two failpoints of a step.
    pub(super) async fn between_failpoints<T>(&self, step: Step, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.failpoints.pass(&format!("{}.before", step.label()))?;
        let done = work.await?;
        self.failpoints.pass(&format!("{}.after", step.label()))?;
        Ok(done)
    }
}
