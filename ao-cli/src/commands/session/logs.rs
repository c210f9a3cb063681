//! `ao session logs`: what an agent has printed.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use ao_core::lifecycle::{Policy, status};
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_core::slots::Runtime;
use ao_host::sessions::{Bound, Crew, Sessions, overlay};

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::following::follow;
use crate::{completion, manager, output};

/// How often is looked for more: no file system tells what a terminal shows.
const OFTEN: Duration = Duration::from_millis(200);

/// So much is read at once, in bytes.
const AT_ONCE: u64 = 256 * 1024;

/// Print what a session's agent has printed
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The session
    #[arg(add = completion::sessions())]
    session: SessionId,
    /// At most so many bytes, the newest
    #[arg(long, value_name = "N", default_value_t = 1024 * 1024)]
    bytes: u64,
    /// Go on with what it prints next, until it has ended or this is interrupted
    #[arg(short, long)]
    follow: bool,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let session = manager::session(&sessions, &self.session)?;
        let runtime = Crew::runtime_of(&manager::setup_for(edge, &session)?, &session)?;
        let logs = block_on(sessions.logs(&session, &runtime, None, self.bytes))??;
        if logs.truncated {
            output::note(format_args!("(the newest {} bytes; there is more)", logs.text.len()));
        }
        let mut shower = Shower::default();
        shower.show(&logs.text)?;
        if self.follow
            && let Some(cursor) = logs.cursor
        {
            let following = Following { sessions: &sessions, id: &self.session, runtime: &runtime };
            block_on(following.run(edge, &mut shower, cursor))??;
        }
        shower.end()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints text in parts.
#[derive(Default)]
struct Shower {
    /// Whether a line was begun and not ended.
    in_line: bool,
}

impl Shower {
    fn show(&mut self, text: &str) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        self.in_line = !text.ends_with('\n');
        output::text(&output::printable(text))
    }

    fn end(&mut self) -> Result<(), Failure> {
        if std::mem::take(&mut self.in_line) { output::text("\n") } else { Ok(()) }
    }
}

/// Who is followed.
struct Following<'a> {
    sessions: &'a Sessions,
    id: &'a SessionId,
    runtime: &'a Bound<dyn Runtime>,
}

impl Following<'_> {
    /// Prints what is printed from the cursor on, until the agent has ended and all of it is shown.
    async fn run(&self, edge: &Edge, shower: &mut Shower, mut cursor: u64) -> Result<(), Failure> {
        follow(edge, OFTEN, async || {
            let session = self.sessions.get(self.id)?;
            if session.end.is_some() {
                // Its runtime may have forgotten it; what it printed was kept as one text, without our place in it.
                output::note(format_args!("(`{}` was ended; `ao session logs {}` has all of it)", self.id, self.id));
                return Ok(ControlFlow::Break(()));
            }
            // Before the output: what is printed after the end was seen does not exist.
            let over = is_over(self.sessions, &session);
            let logs = self.sessions.logs(&session, self.runtime, Some(cursor), AT_ONCE).await?;
            if logs.truncated {
                shower.end()?;
                output::note("(something that was printed meanwhile is left out)");
            }
            shower.show(&logs.text)?;
            cursor = logs.cursor.unwrap_or(cursor);
            Ok(if over && logs.text.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .await
    }
}

fn is_over(sessions: &Sessions, session: &Session) -> bool {
    let now = overlay(session, &sessions.world);
    status(&now, sessions.world.now(), &Policy::default()).name.is_over()
}
