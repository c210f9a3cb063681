//! Interrupting an agent's turn: the agent plugin says how, and its runtime does it. Nobody is typed over, and an agent that
//! waits already is left alone.

use ao_core::lifecycle::{Turn, attended};
use ao_core::model::SessionId;
use ao_core::model::facts::OperationKind;
use ao_core::slots::agent::{DeliverPlan, InterruptAgent};
use ao_core::slots::runtime::{Liveness, SendInput};
use ao_core::{Error, Result};

use super::observe::not_launched;
use super::typing::is_ready;
use super::{Crew, Sessions};

impl Sessions {
    /// Interrupts the turn of a session's agent, if there is one and it can be. `key` names this effect.
    pub async fn interrupt(&self, id: &SessionId, crew: &Crew, key: &str) -> Turn {
        let interrupted = async {
            self.refuse_unreachable(id)?;
            // Nobody types meanwhile.
            self.take_turn(id).await?;
            let interrupted = self.interrupt_in_turn(id, crew, key).await;
            self.release(id, OperationKind::Send)?;
            interrupted
        };
        interrupted.await.unwrap_or_else(|error: Error| Turn::GoesOn { why: error.to_string() })
    }

    async fn interrupt_in_turn(&self, id: &SessionId, crew: &Crew, key: &str) -> Result<Turn> {
        let session = self.get(id)?;
        let (seen, agent) = self.look_closely(&session, crew, None).await?;
        if is_ready(&agent) || matches!(seen.liveness, Liveness::Dead { .. }) {
            return Ok(Turn::None);
        }
        if let Some(who) = attended(&seen, &agent) {
            return Err(Error::unavailable(format!("somebody is at its terminal ({who})")));
        }
        let runtime = session.runtime.as_ref().ok_or_else(|| not_launched(id))?;
        let mut request = InterruptAgent::new(key, id.clone());
        (request.cursor, request.screen) = (agent.cursor, seen.screen);
        request.directory = Some(runtime.directory.clone());
        let inputs = match crew.agent.instance.interrupt(request).await? {
            DeliverPlan::Runtime { inputs } => inputs,
            DeliverPlan::Done { .. } => Vec::new(),
            _ => return Err(Error::unsupported("this kind of interruption")),
        };
        for input in inputs {
            crew.runtime.instance.send(SendInput::new(key, runtime.handle.clone(), input)).await?;
        }
        Ok(Turn::Interrupted)
    }
}
