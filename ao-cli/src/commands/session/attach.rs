//! `ao session attach`: into a session's terminal.

use ao_core::Error;
use ao_core::model::SessionId;
use ao_core::slots::runtime::{Attach, AttachPlan};
use ao_host::sessions::Crew;

use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::{completion, manager, process};

/// Get into a session's terminal
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The session
    #[arg(add = completion::running())]
    session: SessionId,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let session = manager::session(&sessions, &self.session)?;
        let runtime = Crew::runtime_of(&manager::setup_for(edge, &session)?, &session)?;
        let handle = session.runtime.as_ref().map(|runtime| runtime.handle.clone());
        let handle = handle.ok_or_else(|| Error::conflict(format!("`{}` was never launched", session.id)))?;
        match block_on(runtime.instance.attach(Attach::new(handle)))?? {
            AttachPlan::Exec { argv } => Err(process::become_program(&argv).into()),
            AttachPlan::None { why } => Err(Error::unsupported(why).into()),
            _ => Err(Error::unsupported("this runtime's terminal cannot be shown yet; see `ao session logs`").into()),
        }
    }
}
