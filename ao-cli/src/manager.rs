//! The session manager, opened for a command, and the configuration that a session belongs to.

use std::collections::BTreeSet;
use std::sync::Arc;

use ao_core::Error;
use ao_core::config::Project;
use ao_core::model::facts::{OperationKind, Session};
use ao_core::model::{DeliveryLevel, ProjectName, SessionId};
use ao_host::failpoint::Failpoints;
use ao_host::registry::Condition;
use ao_host::sessions::{Crew, Killed, Recovered, Sessions, TOKEN_VARIABLE, Undelivered, holder_of, taken_from};
use ao_host::setup::{ConfigFiles, Setup};
use ao_host::store::{Backups, Reader, SqliteReader, SqliteStore};
use ao_host::world::World;

use crate::edge::{Edge, block_on};
use crate::failure::Failure;
use crate::output;

/// Opens the store for reading. Nothing is made where there is none.
pub(crate) fn reader(edge: &Edge) -> Result<SqliteReader, Failure> {
    Ok(SqliteReader::open(&edge.places.state_db()).map_err(Error::from)?)
}

/// Plugins that are not called as usual, by what this and other processes have written down.
pub(crate) fn plugin_conditions(edge: &Edge) -> Result<Vec<Condition>, Failure> {
    let world = World::system();
    let stored = reader(edge)?.plugin_conditions().map_err(Error::from)?;
    Ok(stored.into_iter().filter_map(|stored| stored.now(world.now(), &*world.proc)).collect())
}

/// What brings back what the database has lost.
pub(crate) const REBUILD: &str = "ao doctor --rebuild";

/// The sessions of which something is left and of which the database knows nothing.
pub(crate) fn lost(edge: &Edge) -> Result<BTreeSet<SessionId>, Failure> {
    let mut left = taken_from(&edge.places).all();
    if !left.is_empty() {
        for (known, _) in reader(edge)?.versions().map_err(Error::from)? {
            left.remove(&known);
        }
    }
    Ok(left)
}

/// Says that sessions are lost, and what brings them back.
pub(crate) fn warn_of_lost(edge: &Edge) -> Result<(), Failure> {
    let lost = lost(edge)?;
    let names: Vec<_> = lost.iter().map(SessionId::as_str).collect();
    let shown = match names.as_slice() {
        [] => return Ok(()),
        few if few.len() <= 5 => few.join(", "),
        few => format!("{} and {} others", few[..4].join(", "), names.len() - 4),
    };
    output::warning(format_args!(
        "the state database knows nothing of {shown}: `{REBUILD}` brings back what is left of them"
    ));
    Ok(())
}

/// Where this process is to fail. Only a build for tests can be made to fail on purpose.
pub(crate) fn failpoints(edge: &Edge) -> Result<Failpoints, Failure> {
    let set = edge.environment.variable("AO_FAILPOINTS").filter(|_| cfg!(debug_assertions)).unwrap_or_default();
    Ok(Failpoints::parse(set)?)
}

/// Opens the session manager, and nothing else: what others left half done stays so.
pub(crate) fn bare(edge: &Edge) -> Result<Sessions, Failure> {
    let failpoints = failpoints(edge)?;
    let store = SqliteStore::open_failing_at(&edge.places.state_db(), &failpoints).map_err(Error::from)?;
    Ok(Sessions {
        store: Arc::new(store),
        world: World::system(),
        places: edge.places.clone(),
        failpoints,
        program: edge.environment.program.clone(),
    })
}

/// Opens the session manager, and brings to an end what a killed command has left half done.
pub(crate) fn open(edge: &Edge) -> Result<Sessions, Failure> {
    edge.places.ensure().map_err(Error::from)?;
    let database = edge.places.state_db();
    if !database.exists() {
        warn_of_lost(edge)?;
    }
    let sessions = bare(edge)?;
    if let Err(error) = Backups::of(&database).take_if_due(sessions.world.now()) {
        output::warning(format_args!("the state database was not copied today: {}", Error::from(error)));
    }
    for session in sessions.interrupted()? {
        if let Err(failure) = recover(edge, &sessions, &session) {
            let why = failure.message();
            output::warning(format_args!("`{}` was left half done and cannot be brought to an end: {why}", session.id));
        }
    }
    Ok(sessions)
}

fn recover(edge: &Edge, sessions: &Sessions, session: &Session) -> Result<(), Failure> {
    let setup = setup_for(edge, session)?;
    let (runtime, workspace) = (Crew::runtime_of(&setup, session)?, Crew::workspace_of(&setup, session)?);
    let id = &session.id;
    match block_on(sessions.recover(session, &runtime, &workspace))?? {
        Recovered::Finished => {
            output::note(format_args!("`{id}`: its spawn was interrupted after the launch; it goes on"));
            let prompt = sessions.get(id)?.prompt.filter(|prompt| prompt.delivery == DeliveryLevel::Failed);
            if let Some(prompt) = prompt {
                output::note(format_args!("its prompt was not sent: `ao send --file {} {id}`", prompt.file));
            }
        }
        Recovered::Undone => output::note(format_args!("`{id}`: its spawn was interrupted and has been undone")),
        Recovered::Kept(what) => {
            output::warning(format_args!("`{id}`: its spawn was interrupted, and not all of it is undone: {what}"));
        }
        Recovered::Released if session.op.as_ref().is_some_and(|op| op.kind == OperationKind::Send) => {
            resume_messages(sessions, &setup, session)?;
        }
        Recovered::Cleaned => output::note(format_args!("`{id}`: its clean-up was interrupted and has been finished")),
        Recovered::Released => {}
    }
    Ok(())
}

/// Goes on with messages whose sender was killed. Where nobody knows how to look at the agent any more, they are as
/// doubtful as they were.
fn resume_messages(sessions: &Sessions, setup: &Setup, session: &Session) -> Result<(), Failure> {
    let id = &session.id;
    let Ok(crew) = Crew::for_session(setup, session) else {
        sessions.give_up_messages(id, Undelivered::Keep)?;
        return Ok(());
    };
    for sent in block_on(sessions.deliver_waiting(id, &crew))?? {
        let why = sent.why.map(|why| format!(": {why}")).unwrap_or_default();
        output::note(format_args!("`{id}`: a message was on its way; it is {}{why}", sent.level));
    }
    Ok(())
}

/// The configuration that a session was spawned with, as it is now. A session stays reachable without it.
pub(crate) fn setup_for(edge: &Edge, session: &Session) -> Result<Setup, Failure> {
    let mut files = ConfigFiles { local: None, ..edge.config_files_if_any() };
    files.local = session.config_file.clone().filter(|file| file.is_file());
    edge.setup_of(files).or_else(|failure| {
        let why = failure.message();
        output::warning(format_args!(
            "the configuration of `{}` cannot be used; built-in settings are: {why}",
            session.id
        ));
        edge.setup_of(ConfigFiles::default())
    })
}

/// A session, or why the id on the command line names none.
pub(crate) fn session(sessions: &Sessions, id: &SessionId) -> Result<Session, Failure> {
    Ok(sessions.get(id)?)
}

/// The session whose agent runs this command, if one does: the one whose token it holds, else the one that it says it is.
/// Its word is taken for it: this guards against accidents.
pub(crate) fn calling_session(edge: &Edge) -> Result<Option<SessionId>, Failure> {
    let said = edge.environment.variable("AO_SESSION_ID").and_then(|id| id.parse().ok());
    let Some(token) = edge.environment.variable(TOKEN_VARIABLE) else { return Ok(said) };
    Ok(holder_of(token, said.as_ref(), &reader(edge)?)?.or(said))
}

/// Ends a session's agent and all that it started; its worktree stays.
pub(crate) fn kill(edge: &Edge, sessions: &Sessions, id: &SessionId, reason: &str) -> Result<Killed, Failure> {
    let session = session(sessions, id)?;
    let runtime = Crew::runtime_of(&setup_for(edge, &session)?, &session)?;
    Ok(block_on(sessions.kill(id, &runtime, reason))??)
}

/// The project that a command is about: the named one, the only one, or the one that the current directory is in.
pub(crate) fn project<'a>(edge: &Edge, setup: &'a Setup, named: Option<&ProjectName>) -> Result<&'a Project, Failure> {
    let config = &setup.loaded.config;
    if let Some(name) = named {
        return Ok(config.project(name)?);
    }
    let projects: Vec<_> = config.projects().collect();
    if let [only] = projects.as_slice() {
        return Ok(only);
    }
    let here = &edge.environment.current_directory;
    let around =
        projects.iter().filter(|project| project.path.canonicalize_utf8().is_ok_and(|path| here.starts_with(path)));
    if let Some(innermost) = around.max_by_key(|project| project.path.components().count()) {
        return Ok(innermost);
    }
    let names: Vec<_> = projects.iter().map(|project| project.name.as_str()).collect();
    let message = match names.as_slice() {
        [] => "there is no project here; run `ao init` in a git repository".to_owned(),
        names => format!("which project? Say `--project` with one of {}", names.join(", ")),
    };
    Err(Error::invalid_input(message).into())
}
