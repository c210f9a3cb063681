//! `ao inbox acknowledge`: what a human was told is known, and waits no more.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::{Notice, Timestamp};
use ao_core::text::one_line;
use ao_host::store::Fence;
use schemars::JsonSchema;
use serde::Serialize;

use crate::author::author;
use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::output::Page;
use crate::view::{Format, View};
use crate::{completion, manager, notice_view};

/// Say that you know what the inbox told you: it goes from there, and nobody is told of it any more
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Notices, by the numbers in `ao inbox` or by their ids, or all of a session
    #[arg(value_name = "NOTICE|SESSION", required_unless_present = "all", add = completion::sessions())]
    names: Vec<String>,
    /// Every notice
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[command(flatten)]
    format: Format,
}

/// What was acknowledged.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AcknowledgedView {
    /// In the order in which they were written down.
    notices: Vec<Notice>,
    /// Who is written down for it.
    by: String,
    /// When.
    at: Timestamp,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let waiting = notice_view::waiting(&*sessions.store, None)?;
        let wanted = if self.all { waiting } else { self.chosen(waiting)? };
        let session = manager::calling_session(edge)?;
        let by = author(edge, &edge.environment.current_directory, session.as_ref());
        let at = sessions.world.now();
        let mut notices = Vec::new();
        for notice in wanted {
            let changed = sessions.store.change_notice(Fence::None, &notice.id, &mut |notice| {
                notice.acknowledge(by.as_str(), at);
                Vec::new()
            });
            notices.extend(changed.map_err(Error::from)?);
        }
        self.format.show(&AcknowledgedView { notices, by, at })?;
        Ok(ExitCode::SUCCESS)
    }

    /// Those that are named. A name that names none ends it, before anything is changed.
    fn chosen(&self, waiting: Vec<Notice>) -> Result<Vec<Notice>, Failure> {
        let is_named = |notice: &Notice, name: &str| {
            notice.id == name
                || notice.number.to_string() == name.trim_start_matches('#')
                || notice.session.as_ref().is_some_and(|session| session.as_str() == name)
        };
        for name in &self.names {
            if !waiting.iter().any(|notice| is_named(notice, name)) {
                let message = format!("no notice waits that `{name}` names; `ao inbox` lists those that do");
                return Err(Error::not_found(message).into());
            }
        }
        let named = |notice: &Notice| self.names.iter().any(|name| is_named(notice, name));
        Ok(waiting.into_iter().filter(named).collect())
    }
}

impl View for AcknowledgedView {
    fn write(&self, page: &mut Page) {
        if self.notices.is_empty() {
            return page.line("no notice waits for you");
        }
        for notice in &self.notices {
            page.line(format_args!("acknowledged {}: {}", notice.number, one_line(&notice.title, 200)));
        }
    }
}
