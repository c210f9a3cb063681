//! Entering what an agent plugin has planned, other than a message.

use ao_core::model::facts::RuntimeFacts;
use ao_core::slots::agent::DeliverPlan;
use ao_core::slots::runtime::SendInput;
use ao_core::{Error, Result};

use super::{Crew, Sessions};

impl Sessions {
    /// Has the runtime enter a plan's keys; a plan that the plugin has carried out by itself needs none. `key` names the
    /// effect.
    pub(super) async fn enter(&self, plan: DeliverPlan, to: &RuntimeFacts, crew: &Crew, key: &str) -> Result<()> {
        let inputs = match plan {
            DeliverPlan::Runtime { inputs } => inputs,
            DeliverPlan::Done { .. } => Vec::new(),
            _ => return Err(Error::unsupported("what the agent's plugin plans is not known to this version of `ao`")),
        };
        for input in inputs {
            crew.runtime.instance.send(SendInput::new(key, to.handle.clone(), input)).await?;
        }
        Ok(())
    }
}
