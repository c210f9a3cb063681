//! Bringing an ended session back: its workspace out of the trash, or made again from what was kept of it, and its agent
//! launched once more.

use ao_core::lifecycle::{Policy, status};
use ao_core::model::event::{EventData, TrashMoved};
use ao_core::model::facts::{OperationKind, Session, TrashItem, TrashState, WorkspaceFacts};
use ao_core::model::process::CARD_FILE;
use ao_core::model::{DeliveryLevel, SessionId};
use ao_core::slots::agent::LaunchMode;
use ao_core::slots::runtime::{DestroyRuntime, ListRuntimes, Liveness, ObserveRuntimes};
use ao_core::slots::workspace::{Purpose, RelocateWorkspace, RestoreWorkspace};
use ao_core::slots::{Runtime, Workspace};
use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::launch::{INSTRUCTIONS_FILE, Launch, Parts, launch_directory, launch_key};
use super::steps::Step;
use super::{Bound, Sessions, SpawnRequest, Spawned, overlay};
use crate::store::Message;
use crate::world::files;

/// How long what is left of the last launch may take to end, in milliseconds.
const GRACE_MS: u64 = 3000;

impl Sessions {
    /// Brings a session back that is over. `request` says what it works with now; its issue and prompt are the session's.
    pub async fn restore(&self, id: &SessionId, request: &SpawnRequest<'_>) -> Result<Spawned> {
        self.refuse_living(&self.get(id)?, &request.crew.runtime).await?;
        request.refuse_unusable_agent().await?;
        let operation = self.operation(OperationKind::Restore, Step::Relaunch.name())?;
        let claim = self.store.claim(id, &operation, &*self.world.proc)?;
        let session = self.refuse_interrupted(claim, OperationKind::Restore)?;
        match self.bring_back(&session, request).await {
            Ok(prompt) => self.settle(id, request, prompt).await,
            Err(error) => {
                self.release(id, OperationKind::Restore)?;
                Err(error.context(format!("`{id}` is not brought back")))
            }
        }
    }

    async fn refuse_living(&self, session: &Session, runtime: &Bound<dyn Runtime>) -> Result<()> {
        let id = &session.id;
        if session.runtime.is_none() && (session.failure.is_some() || session.workspace.is_none()) {
            let message =
                format!("`{id}` was never launched, so there is nothing to bring back; `ao spawn` starts anew");
            return Err(Error::conflict(message));
        }
        if self.is_over(session, runtime).await? {
            return Ok(());
        }
        let now = overlay(session, &self.world);
        let name = status(&now, self.world.now(), &Policy::default()).name;
        Err(Error::conflict(format!("`{id}` has not ended: it is {name}")))
    }

    /// Whether a session can be brought back: it is over, has no agent yet, or its agent is gone by the process table and
    /// by its runtime, which is asked now. What cannot be seen is not over.
    pub async fn is_over(&self, session: &Session, runtime: &Bound<dyn Runtime>) -> Result<bool> {
        let now = overlay(session, &self.world);
        if status(&now, self.world.now(), &Policy::default()).name.is_over() {
            return Ok(true);
        }
        let Some(facts) = &now.runtime else { return Ok(session.op.is_none() && session.workspace.is_some()) };
        let is_gone = |liveness| matches!(liveness, Liveness::Dead { .. });
        if session.op.is_some() || !facts.process.as_ref().is_some_and(|probe| is_gone(probe.now())) {
            return Ok(false);
        }
        let seen = runtime.instance.observe(ObserveRuntimes::new(vec![facts.handle.clone()])).await?;
        Ok(seen.into_iter().next().is_some_and(|seen| is_gone(seen.liveness)))
    }

    /// Everything up to the launch. Returns the prompt, where it is to be sent as a message.
    async fn bring_back(&self, session: &Session, request: &SpawnRequest<'_>) -> Result<Option<String>> {
        let id = &session.id;
        if let Some(runtime) = &session.runtime {
            // Two agents in one worktree would be worse than none.
            let destroy = DestroyRuntime::new(runtime.handle.clone(), GRACE_MS);
            super::kill::verify(id, &request.crew.runtime.instance.destroy(destroy).await?)?;
        }
        let workspace = self.bring_workspace_back(session, &request.crew.workspace).await?;
        let next = self.next_launch(session, request)?;
        if next.prompt.is_some() {
            self.withdraw_prompt(session)?;
        }
        let plan = self.write_launch_files(id, request, &workspace, &next).await?;
        let launch = self.create_runtime(id, request, &plan, &workspace, &next);
        let launched = self.step(id, Step::Relaunch, launch).await;
        if let Err(error) = launched {
            self.end_launch(id, request, next.number).await?;
            return Err(error);
        }
        Ok(plan.to_send(next.prompt))
    }

    /// The prompt is told anew: a message that still waits to tell it would be a second one.
    fn withdraw_prompt(&self, session: &Session) -> Result<()> {
        let is_prompt =
            |message: &Message| session.prompt.as_ref().is_some_and(|prompt| prompt.sha256 == message.sha256);
        let waiting = self.store.messages(&session.id)?.into_iter();
        for message in waiting.filter(|message| message.level == DeliveryLevel::Queued && is_prompt(message)) {
            self.withdraw(&message, "the agent is launched anew with it")?;
        }
        Ok(())
    }

    /// The launch after the last one. An agent that knows its conversation goes on with it; any other is told again.
    fn next_launch(&self, session: &Session, request: &SpawnRequest<'_>) -> Result<Launch> {
        let own = self.session_directory(&session.id)?;
        let last = session.runtime.as_ref().map_or(0, |runtime| runtime.launch);
        // Where the state was lost, there may be records of launches that nobody remembers.
        let is_used = |number: &u32| launch_directory(&own, *number).join(CARD_FILE).exists();
        let number = (last + 1..u32::MAX).find(|number| !is_used(number)).unwrap_or(u32::MAX);
        let directory = launch_directory(&own, number);
        files::private_directory(&directory)
            .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot make `{directory}`"), &error))?;
        let conversation = session.agent.as_ref().and_then(|agent| agent.agent_session.clone());
        let prompt = session.prompt.as_ref().filter(|_| conversation.is_none());
        let prompt = prompt.map(|prompt| fs_err::read_to_string(&prompt.file)).transpose();
        let prompt =
            prompt.map_err(|error| Error::wrap(Code::OTHER, "cannot read the prompt of the session", &error))?;
        let prompt = request.whole_prompt().or(prompt);
        let mode = conversation.map_or(LaunchMode::Fresh, |agent_session| LaunchMode::Resume { agent_session });
        let parts = if prompt.is_some() { request.parts() } else { standing_instructions(&own)? };
        Ok(Launch { number, directory, mode, prompt, parts })
    }

    /// Ends what a launch that failed may have started.
    async fn end_launch(&self, id: &SessionId, request: &SpawnRequest<'_>, number: u32) -> Result<()> {
        let (runtime, key) = (&request.crew.runtime.instance, launch_key(id, number));
        for handle in runtime.list(ListRuntimes::new(self.places.owner())).await? {
            if handle.session == *id && handle.key == key {
                super::kill::verify(id, &runtime.destroy(DestroyRuntime::new(handle, GRACE_MS)).await?)?;
            }
        }
        Ok(())
    }

    /// The workspace where it was, from wherever it is now. One that is there stays as it is.
    pub async fn bring_workspace_back(
        &self,
        session: &Session,
        workspace: &Bound<dyn Workspace>,
    ) -> Result<Utf8PathBuf> {
        let id = &session.id;
        let Some(facts) = &session.workspace else {
            return Err(Error::conflict(format!("`{id}` never had a workspace")));
        };
        let item = session.trash.iter().rev().find(|item| item.state.is_kept()).cloned();
        let is_stored = item.as_ref().is_some_and(|item| item.place.exists());
        match item {
            Some(mut item) if is_stored => {
                if facts.path.exists() && !facts.path.read_dir_utf8().is_ok_and(|mut found| found.next().is_none()) {
                    let message = format!("`{}` is there, and so is what was moved to `{}`", facts.path, item.place);
                    return Err(Error::conflict(message + ": move one of them away"));
                }
                // An empty directory that somebody left there is no obstacle.
                let _ = fs_err::remove_dir(&facts.path);
                super::cleanup::relocate(item.place.clone(), facts.path.clone()).await?;
                self.failpoints.pass("restore.moved")?;
                self.follow_back(session, facts, &item, workspace).await?;
                self.taken_out(id, &mut item)?;
            }
            // It was moved back, and what followed was not written down.
            Some(mut item) if facts.path.exists() => {
                self.follow_back(session, facts, &item, workspace).await?;
                self.taken_out(id, &mut item)?;
            }
            item if !facts.path.exists() => {
                let parent = facts.path.parent().unwrap_or(&facts.path);
                files::private_directory(parent)
                    .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot make `{parent}`"), &error))?;
                let mut restore =
                    RestoreWorkspace::new(session.project_path.clone(), facts.path.clone(), facts.branch.clone());
                restore.receipt = item.as_ref().and_then(|item| item.receipt.clone());
                restore.symlinks.clone_from(&facts.symlinks);
                workspace.instance.restore(restore).await?;
                if let Some(mut item) = item {
                    self.taken_out(id, &mut item)?;
                }
            }
            _ => {}
        }
        Ok(facts.path.clone())
    }

    async fn follow_back(
        &self,
        session: &Session,
        facts: &WorkspaceFacts,
        item: &TrashItem,
        workspace: &Bound<dyn Workspace>,
    ) -> Result<()> {
        let mut moved = RelocateWorkspace::new(session.project_path.clone(), facts.path.clone(), Purpose::Work);
        moved.receipt.clone_from(&item.receipt);
        match workspace.instance.relocate(moved).await {
            Err(error) if error.code == Code::UNSUPPORTED => Ok(()),
            other => other.map(drop),
        }
    }

    fn taken_out(&self, id: &SessionId, item: &mut TrashItem) -> Result<()> {
        item.state = TrashState::Restored;
        (item.bytes, item.ignored_bytes) = (0, 0);
        let event = self.event(id, EventData::TrashRestored(TrashMoved::new(item.id.clone())));
        let label = super::cleanup::label(item);
        self.change_telling(id, |session| {
            super::cleanup::put(session, item.clone());
            vec![event]
        })?;
        match fs_err::remove_file(&label) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::wrap(Code::OTHER, format!("cannot remove `{label}`"), &error))
            }
            _ => Ok(()),
        }
    }
}

/// What holds for all that an agent does, as it was told at its first launch: a program need not keep it with a conversation
/// that it goes on with.
fn standing_instructions(own: &Utf8Path) -> Result<Option<Parts>> {
    let file = own.join(INSTRUCTIONS_FILE);
    match fs_err::read_to_string(&file) {
        Ok(instructions) => Ok(Some(Parts { task: None, instructions })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::wrap(Code::OTHER, "cannot read the instructions of the session", &error)),
    }
}
