//! `ao session attach`: into a session's terminal.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_core::slots::runtime::{Attach, AttachPlan};
use ao_host::sessions::Crew;

use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::relay::{self, DetachKey, End};
use crate::{completion, manager, output, process};

/// Get into a session's terminal
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The session
    #[arg(add = completion::running())]
    session: SessionId,
    /// The key that leaves the terminal and the agent running; tmux has its own
    #[arg(long, value_name = "KEY", default_value_t)]
    detach_key: DetachKey,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        visit(edge, &manager::session(&sessions, &self.session)?, self.detach_key)
    }
}

/// Into a session's terminal, until `key` leaves it.
pub(in crate::commands) fn visit(edge: &Edge, session: &Session, key: DetachKey) -> Outcome {
    let runtime = Crew::runtime_of(&manager::setup_for(edge, session)?, session)?;
    let handle = session.runtime.as_ref().map(|runtime| runtime.handle.clone());
    let handle = handle.ok_or_else(|| Error::conflict(format!("`{}` was never launched", session.id)))?;
    match block_on(runtime.instance.attach(Attach::new(handle.clone())))?? {
        AttachPlan::Exec { argv } => Err(process::become_program(&argv).into()),
        AttachPlan::Stream => {
            let end = block_on(relay::visit(&*runtime.instance, handle, key))??;
            output::note(farewell(&session.id, end));
            Ok(ExitCode::SUCCESS)
        }
        AttachPlan::None { why } => Err(Error::unsupported(why).into()),
        _ => {
            Err(Error::unsupported("this runtime's terminal cannot be shown by this version; see `ao session logs`")
                .into())
        }
    }
}

fn farewell(session: &SessionId, end: End) -> String {
    match end {
        End::Detached => format!("detached from `{session}`, whose agent goes on"),
        End::Exited(Some(status)) => format!("the agent of `{session}` has ended with {status}"),
        End::Exited(None) => format!("the agent of `{session}` has ended"),
    }
}
