//! What goes out of the trash for good: when it is due, and how.

use ao_core::lifecycle::{Because, Portion, Removal, TrashPolicy, expiry};
use ao_core::model::SessionId;
use ao_host::sessions::{Crew, Sessions};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::Failure;
use crate::manager;
use crate::output::Page;
use crate::tidying::Mode;

/// Something that went, or would go.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Gone {
    /// Whose it was.
    session: SessionId,
    /// Its id.
    item: String,
    /// What of it goes: `ignored` files, its `directory`, or `everything`.
    what: &'static str,
    /// Why: its `age`, the `quota`, or because it was `asked` for.
    why: &'static str,
    /// How much that is, in bytes.
    pub(crate) bytes: u64,
    /// Why it is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// What is due.
pub(crate) fn due(sessions: &Sessions) -> Result<Vec<Removal>, Failure> {
    let items = sessions.trash()?;
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let items = items.iter().map(|(session, item)| (&session.id, item));
    Ok(expiry(items, TrashPolicy::default(), sessions.world.now()))
}

/// Lets things go, or says what would.
pub(crate) fn let_go(edge: &Edge, sessions: &Sessions, due: &[Removal], mode: Mode) -> Result<Vec<Gone>, Failure> {
    let mut gone = Vec::new();
    for removal in due {
        let session = manager::session(sessions, &removal.session)?;
        let item = session.trash.iter().find(|item| item.id == removal.item);
        let bytes =
            item.map_or(0, |item| if removal.what == Portion::Ignored { item.ignored_bytes } else { item.bytes });
        let mut one = Gone {
            session: removal.session.clone(),
            item: removal.item.clone(),
            what: match removal.what {
                Portion::Ignored => "ignored",
                Portion::Directory => "directory",
                Portion::Everything => "everything",
            },
            why: match removal.why {
                Because::Age => "age",
                Because::Quota => "quota",
                Because::Asked => "asked",
            },
            bytes,
            error: None,
        };
        if mode == Mode::Do {
            let workspace = Crew::workspace_of(&manager::setup_for(edge, &session)?, &session)?;
            one.error = block_on(sessions.let_go(removal, &workspace))?.err().map(|error| error.to_string());
        }
        gone.push(one);
    }
    Ok(gone)
}

/// A line for each.
pub(crate) fn write(page: &mut Page, mode: Mode, gone: &[Gone]) {
    for Gone { session, what, why, error, .. } in gone {
        let what = match *what {
            "ignored" => "the ignored files of the worktree",
            "directory" => "the worktree (its commits and saved files stay)",
            _ => "the worktree, its pinned commits and saved files",
        };
        let why = match *why {
            "age" => "it was there for long enough",
            "quota" => "the trash holds too much",
            _ => "asked for",
        };
        match (error, mode) {
            (Some(error), _) => page.line(format_args!("{session}: {what} could not go: {error}")),
            (None, Mode::DryRun) => page.line(format_args!("{session}: {what} would go: {why}")),
            (None, Mode::Do) => page.line(format_args!("{session}: {what} went: {why}")),
        }
    }
}
