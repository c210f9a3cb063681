//! The steps of operations, by the names that failpoints and `op.step` carry.

use std::fmt;

use ao_core::model::SessionId;
use ao_core::{Error, Result};

use super::Sessions;

/// One step of an operation; the steps of one operation in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    ReserveId,
    WriteIdentityRef,
    WorktreeAdd,
    PostCreate,
    WriteLaunchFiles,
    RuntimeCreate,
    FirstPrompt,
    IntentWrite,
    LoadBuffer,
    Paste,
    Enter,
    AckWrite,
    SignalTree,
    VerifyGone,
    PinRefs,
    Snapshot,
    Rename,
    BranchDelete,
    Relaunch,
    Expire,
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
            Self::LoadBuffer => "send.load_buffer",
            Self::Paste => "send.paste",
            Self::Enter => "send.enter",
            Self::AckWrite => "send.ack_write",
            Self::SignalTree => "kill.signal_tree",
            Self::VerifyGone => "kill.verify_gone",
            Self::PinRefs => "cleanup.pin_refs",
            Self::Snapshot => "cleanup.snapshot",
            Self::Rename => "cleanup.rename",
            Self::BranchDelete => "cleanup.branch_delete",
            Self::Relaunch => "restore.relaunch",
            Self::Expire => "trash.expire",
        }
    }

    /// The step's own name, as `op.step` and messages say it.
    pub(super) fn name(self) -> &'static str {
        self.label().split_once('.').map_or(self.label(), |(_, name)| name)
    }
}

impl Step {
    /// The steps of a spawn.
    const SPAWN: [Self; 7] = [
        Self::ReserveId,
        Self::WriteIdentityRef,
        Self::WorktreeAdd,
        Self::PostCreate,
        Self::WriteLaunchFiles,
        Self::RuntimeCreate,
        Self::FirstPrompt,
    ];

    /// The step of a spawn that a row names. One that this version does not know is taken for the launch, before which
    /// most is looked at.
    pub(super) fn of_spawn(name: &str) -> Self {
        Self::SPAWN.into_iter().find(|step| step.name() == name).unwrap_or(Self::RuntimeCreate)
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
        let own = self.own_process()?;
        let session = self.change(id, |session| {
            if let Some(op) = session.op.as_mut().filter(|op| op.owner == own) {
                step.name().clone_into(&mut op.step);
            }
        })?;
        if session.op.is_none_or(|op| op.owner != own) {
            return Err(Error::conflict(format!("somebody else works on `{id}` by now")));
        }
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
