//! What goes out of the trash for good: when it is due, and how.

use ao_core::lifecycle::{Because, Portion, Removal, TrashPolicy};
use ao_core::model::SessionId;
use ao_host::sessions::{Crew, Sessions};
use ao_host::setup::Loaded;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::Failure;
use crate::output::Page;
use crate::tidying::Mode;
use crate::{manager, output};

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

/// How long things are kept, and how much, as the configuration of the user says. One that cannot be used says nothing:
/// what would be removed by another than the user's own rule may be just what they want to keep.
fn policy(edge: &Edge) -> Result<TrashPolicy, Failure> {
    let config = Loaded::in_force(edge.config_files_if_any(), &edge.environment, &edge.places)?;
    Ok(config.trash().policy())
}

/// The same to be shown, with a warning where there is no telling.
pub(crate) fn shown_policy(edge: &Edge) -> TrashPolicy {
    policy(edge).unwrap_or_else(|failure| {
        unclear(&failure);
        TrashPolicy::default()
    })
}

fn unclear(failure: &Failure) {
    let why = failure.message();
    output::warning(format_args!("how long the trash keeps things cannot be told, so nothing goes by itself: {why}"));
}

/// What is due.
pub(crate) fn due(edge: &Edge, sessions: &Sessions) -> Result<Vec<Removal>, Failure> {
    match policy(edge) {
        Ok(policy) => Ok(sessions.due(policy)?),
        Err(failure) => {
            unclear(&failure);
            Ok(Vec::new())
        }
    }
}

/// Lets one thing go that is due: what is to go goes by and by, a thing with each command that changes something. It
/// comes after the command's own work, which does not fail by it.
pub(crate) fn one_more(edge: &Edge, sessions: &Sessions) {
    let is_empty = fs_err::read_dir(edge.places.trash()).map_or(true, |mut entries| entries.next().is_none());
    if is_empty {
        return;
    }
    let next = policy(edge).and_then(|policy| Ok(sessions.due(policy)?.into_iter().take(1).collect::<Vec<_>>()));
    match next.and_then(|next| let_go(edge, sessions, &next, Mode::Do)) {
        Ok(gone) => gone.iter().for_each(|one| match &one.error {
            None => output::note(output::printable(&line(one, Mode::Do))),
            // Whoever works on that session just now is no news.
            Some(error) => tracing::debug!("`{}` stays in the trash for now: {error}", one.item),
        }),
        Err(failure) => tracing::debug!("nothing goes out of the trash: {}", failure.message()),
    }
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
    for one in gone {
        page.line(line(one, mode));
    }
}

fn line(gone: &Gone, mode: Mode) -> String {
    let Gone { session, what, why, error, .. } = gone;
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
        (Some(error), _) => format!("{session}: {what} could not go: {error}"),
        (None, Mode::DryRun) => format!("{session}: {what} would go: {why}"),
        (None, Mode::Do) => format!("{session}: {what} went: {why}"),
    }
}
