//! `ao trash empty`: lets go what was moved away.

use std::process::ExitCode;

use ao_core::lifecycle::{Because, Portion, Removal};
use schemars::JsonSchema;
use serde::Serialize;

use super::list::size;
use crate::edge::Edge;
use crate::expiring::{self, Gone};
use crate::failure::Outcome;
use crate::output::Page;
use crate::tidying::Mode;
use crate::view::{Format, View};
use crate::{completion, manager};

/// Let go for good what was moved away; nothing brings it back
///
/// Without names and `--all`, what has been there for long enough, and what is too much.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// These sessions', or items by their ids
    #[arg(value_name = "SESSION", add = completion::sessions())]
    names: Vec<String>,
    /// Everything
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Show what would go, and let nothing go
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

/// What went.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EmptyView {
    /// Oldest first.
    items: Vec<Gone>,
    /// Whether nothing was done.
    dry_run: bool,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Do };
        let sessions = manager::open(edge)?;
        let asked = |(session, item): (ao_core::model::facts::Session, ao_core::model::facts::TrashItem)| Removal {
            session: session.id,
            item: item.id,
            what: Portion::Everything,
            why: Because::Asked,
        };
        let due: Vec<Removal> = if self.all {
            sessions.trash()?.into_iter().map(asked).collect()
        } else if self.names.is_empty() {
            expiring::due(edge, &sessions)?
        } else {
            let found = self.names.iter().map(|name| sessions.trash_item(name).map(asked));
            found.collect::<Result<_, _>>()?
        };
        let items = expiring::let_go(edge, &sessions, &due, mode)?;
        let failed = items.iter().any(|item| item.error.is_some());
        self.format.show(&EmptyView { items, dry_run: self.dry_run })?;
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl View for EmptyView {
    fn write(&self, page: &mut Page) {
        if self.items.is_empty() {
            return page.line("nothing is due");
        }
        expiring::write(page, if self.dry_run { Mode::DryRun } else { Mode::Do }, &self.items);
        page.line(format_args!("{} in all", size(self.items.iter().map(|item| item.bytes).sum())));
    }
}
