//! Interrupting an agent's turn: the agent plugin says how, and its runtime does it. Nobody is typed over, an agent that waits
//! already is left alone, and only what was seen to stop has stopped.

use std::time::Duration;

use ao_core::lifecycle::{Turn, attended};
use ao_core::model::facts::{OperationKind, Session};
use ao_core::model::{DeliveryLevel, SessionId};
use ao_core::slots::agent::{ActivityState, AgentObservation, DeliverPlan, InterruptAgent};
use ao_core::slots::runtime::Liveness;
use ao_core::{Error, Result};
use tokio::time::Instant;

use super::observe::not_launched;
use super::typing::{LOOK_EVERY, is_ready};
use super::{Crew, Sessions};

/// How long an agent may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

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
        if let Some(turn) = over(&seen.liveness, &agent) {
            return Ok(turn);
        }
        if let Some(who) = attended(&seen, &agent) {
            return Err(Error::unavailable(format!("somebody is at its terminal ({who})")));
        }
        if !works(&agent) {
            // What a key would do there nobody knows.
            let why = agent.unknown.map_or_else(String::new, |why| format!(": {why}"));
            return Err(Error::unavailable(format!("what it does cannot be told{why}")));
        }
        let runtime = session.runtime.as_ref().ok_or_else(|| not_launched(id))?;
        let mut request = InterruptAgent::new(key, id.clone());
        (request.cursor, request.screen) = (agent.cursor, seen.screen);
        request.directory = Some(runtime.directory.clone());
        let plan = crew.agent.instance.interrupt(request).await?;
        if matches!(plan, DeliverPlan::Done { level: DeliveryLevel::Withdrawn }) {
            // Its plugin knows better: no turn ran, and none will before somebody says something.
            return Ok(Turn::None);
        }
        self.enter(plan, runtime, crew, key).await?;
        self.wait_until_stopped(&session, crew).await
    }

    async fn wait_until_stopped(&self, session: &Session, crew: &Crew) -> Result<Turn> {
        let give_up = Instant::now() + STOPS_WITHIN;
        loop {
            let why = match self.look_closely(session, crew, None).await {
                Ok((seen, agent)) if over(&seen.liveness, &agent).is_some() => return Ok(Turn::Interrupted),
                Ok((_, agent)) => agent.unknown,
                Err(error) => Some(error.to_string()),
            };
            if Instant::now() >= give_up {
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                let seconds = STOPS_WITHIN.as_secs();
                return Ok(Turn::GoesOn { why: format!("it was not seen to stop within {seconds} s{why}") });
            }
            tokio::time::sleep(LOOK_EVERY * 4).await;
        }
    }
}

/// What there is to say of an agent that has no turn to interrupt.
fn over(liveness: &Liveness, agent: &AgentObservation) -> Option<Turn> {
    let asks = agent.activity.as_ref().is_some_and(|activity| activity.state == ActivityState::WaitingInput);
    match liveness {
        Liveness::Dead { .. } => Some(Turn::None),
        _ if is_ready(agent) => Some(Turn::None),
        // The key that interrupts a turn would be an answer.
        _ if asks => Some(Turn::Asks),
        _ => None,
    }
}

/// Whether a turn is seen that can be interrupted.
fn works(agent: &AgentObservation) -> bool {
    let state = agent.activity.as_ref().filter(|_| agent.unknown.is_none()).map(|activity| activity.state);
    matches!(state, Some(ActivityState::Active | ActivityState::Blocked))
}
