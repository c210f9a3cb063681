//! `ao trash show`: one thing in the trash, and what was kept of it.

use std::process::ExitCode;

use ao_core::model::facts::TrashItem;
use ao_core::model::{SessionId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::list::{size, what};
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::session_view::age;
use crate::view::{Format, View};
use crate::{completion, expiring, manager};

/// Show what was kept of a worktree that was moved away
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The session, or the item's id
    #[arg(value_name = "SESSION", add = completion::sessions())]
    name: String,
    #[command(flatten)]
    format: Format,
}

/// One thing in the trash.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ItemView {
    /// Whose it is.
    session: SessionId,
    /// What is known of it.
    item: TrashItem,
    /// When it goes for good.
    expires_at: Timestamp,
    /// When this was put together.
    at: Timestamp,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let (session, item) = sessions.trash_item(&self.name)?;
        let expires_at = item.at.after(expiring::shown_policy(edge).keep);
        self.format.show(&ItemView { session: session.id, item, expires_at, at: sessions.world.now() })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View for ItemView {
    fn write(&self, page: &mut Page) {
        let item = &self.item;
        let mut fields = vec![
            ("item", item.id.clone()),
            ("session", self.session.to_string()),
            ("stood at", item.origin.to_string()),
            ("is at", item.place.to_string()),
            ("moved", format!("{} ago; goes in {}", age(self.at, item.at), age(self.expires_at, self.at))),
            ("kept", what(item.state).to_owned()),
            ("size", format!("{}, of which git ignores {}", size(item.bytes), size(item.ignored_bytes))),
        ];
        if let Some(receipt) = &item.receipt {
            fields.extend(receipt.head.clone().map(|head| ("commit", head)));
            fields.extend(receipt.branch.as_ref().map(|branch| ("branch", branch.to_string())));
            fields.extend(receipt.snapshot.clone().map(|snapshot| ("files", format!("as of {snapshot}"))));
            fields.extend(receipt.staged.clone().map(|staged| ("staged", format!("as of {staged}"))));
        }
        page.fields(fields);
        let Some(receipt) = &item.receipt else { return };
        if !receipt.refs.is_empty() {
            page.gap();
            page.line("kept by these refs:");
            receipt.refs.iter().for_each(|name| page.line(format_args!("  {name}")));
        }
        if !receipt.only_there.is_empty() {
            page.gap();
            page.line("nowhere but in the directory, besides what git ignores:");
            receipt.only_there.iter().for_each(|path| page.line(format_args!("  {path}")));
        }
    }
}
