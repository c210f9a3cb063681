//! What `session cleanup`, `gc` and `kill --cleanup` share: which sessions' workspaces go into the trash, and why the
//! others stay.

use std::collections::BTreeMap;
use std::process::ExitCode;

use ao_core::lifecycle::{Tidiness, tidiness};
use ao_core::model::SessionId;
use ao_core::model::facts::{EndKind, Session};
use ao_core::slots::scm::PullState;
use ao_core::slots::workspace::Merged;
use ao_host::sessions::{Crew, MERGED, Sessions};
use ao_host::store::SessionFilter;
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::Failure;
use crate::manager;
use crate::output::Page;

/// What became, or would become, of a session's workspace.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Tidied {
    /// Whose it is.
    pub(crate) session: SessionId,
    /// What is done with it.
    pub(crate) action: Action,
    /// Why it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// Where it stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) workspace: Option<Utf8PathBuf>,
    /// Its id in the trash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<String>,
    /// Where it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) place: Option<Utf8PathBuf>,
    /// Why its branch stays, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch_kept: Option<String>,
    /// What the command is to exit with for this.
    #[serde(skip)]
    exit_code: u8,
}

/// What is done with a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It goes into the trash, or would.
    Trash,
    /// It stays where it is.
    Stay,
    /// It could not be moved.
    Fail,
}

/// How a clean-up is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Say what would be done.
    DryRun,
    /// Do it.
    Do,
}

/// Cleans up everything that is finished. A look at every workspace comes first.
pub(crate) fn finished(edge: &Edge, sessions: &Sessions, mode: Mode) -> Result<Vec<Tidied>, Failure> {
    let all = sessions.store.sessions(&SessionFilter::default()).map_err(ao_core::Error::from)?;
    let mut groups: BTreeMap<String, Vec<Session>> = BTreeMap::new();
    for session in all.into_iter().filter(|session| session.workspace.is_some()) {
        // What lives is not even looked at.
        if session.end.is_some() || session.failure.is_some() {
            let plugin = session.plugins.as_ref().map(|plugins| &plugins.workspace);
            let key = format!("{:?} {} {plugin:?}", session.config_file, session.project);
            groups.entry(key).or_default().push(session);
        }
    }
    let mut tidied = Vec::new();
    for group in groups.into_values() {
        let Some(first) = group.first() else { continue };
        let workspace = Crew::workspace_of(&manager::setup_for(edge, first)?, first)?;
        for session in block_on(sessions.look_at_workspaces(&group, &workspace))?? {
            match tidiness(&session) {
                Tidiness::Nothing => {}
                Tidiness::Stays { why } => tidied.push(stays(&session, Action::Stay, why)),
                Tidiness::Finished if mode == Mode::DryRun => tidied.push(would_go(&session)),
                Tidiness::Finished => tidied.push(one(edge, sessions, &session)),
            }
        }
    }
    tidied.sort_by(|one, other| one.session.cmp(&other.session));
    Ok(tidied)
}

/// Moves one session's workspace, whatever is in it: somebody asks for it by name, and it can be had back.
pub(crate) fn one(edge: &Edge, sessions: &Sessions, session: &Session) -> Tidied {
    match try_one(edge, sessions, session) {
        Ok(tidied) => tidied,
        Err(failure) => Tidied { exit_code: failure.exit_code(), ..stays(session, Action::Fail, failure.message()) },
    }
}

fn try_one(edge: &Edge, sessions: &Sessions, session: &Session) -> Result<Tidied, Failure> {
    let workspace = Crew::workspace_of(&manager::setup_for(edge, session)?, session)?;
    let by_pull = session.pull.as_ref().is_some_and(|pull| pull.snapshot.state == PullState::Merged);
    let by_end = session.end.as_ref().is_some_and(|end| end.kind == EndKind::Merged);
    let merged = (by_pull || by_end).then_some(Merged::Told);
    if by_pull && session.end.is_none() && session.failure.is_none() {
        // Nothing is left for its agent to do.
        manager::kill(edge, sessions, &session.id, MERGED)?;
    }
    let cleaned = block_on(sessions.cleanup(&session.id, &workspace, merged))??;
    let mut tidied = would_go(session);
    if let Some(item) = cleaned.item {
        (tidied.item, tidied.place) = (Some(item.id), Some(item.place));
    } else {
        tidied.action = Action::Stay;
        tidied.why = Some("there was nothing to move".to_owned());
    }
    tidied.branch_kept = cleaned.branch_kept;
    Ok(tidied)
}

/// What a clean-up would move.
pub(crate) fn would_go(session: &Session) -> Tidied {
    Tidied {
        session: session.id.clone(),
        action: Action::Trash,
        why: None,
        workspace: session.workspace.as_ref().map(|workspace| workspace.path.clone()),
        item: None,
        place: None,
        branch_kept: None,
        exit_code: 0,
    }
}

fn stays(session: &Session, action: Action, why: String) -> Tidied {
    Tidied { action, why: Some(why), ..would_go(session) }
}

/// What to exit with: 0, or as the first that failed says.
pub(crate) fn exit_code(tidied: &[Tidied]) -> ExitCode {
    tidied.iter().map(|one| one.exit_code).find(|code| *code != 0).unwrap_or_default().into()
}

/// A line for each.
pub(crate) fn write(page: &mut Page, mode: Mode, tidied: &[Tidied]) {
    for one in tidied {
        let id = &one.session;
        let why = one.why.as_deref().unwrap_or_default();
        let line = match (one.action, mode) {
            (Action::Trash, Mode::DryRun) => {
                let path = one.workspace.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{id}: {path} would go into the trash")
            }
            (Action::Trash, Mode::Do) => {
                format!("{id}: in the trash; `ao trash restore {id}` puts it back where it was")
            }
            (Action::Stay, _) => format!("{id}: stays: {why}"),
            (Action::Fail, _) => format!("{id}: could not be moved: {why}"),
        };
        page.line(line);
    }
}
