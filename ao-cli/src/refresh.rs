//! A look at every session before they are shown: by the host that runs, else by this process.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_core::model::Timestamp;
use ao_core::model::facts::{Probe, Session};
use ao_host::host::{Answer, CheckMode, HostState, ask_for_look, look};
use ao_host::sessions::Crew;
use ao_host::store::{Reader, SessionFilter};
use ao_host::world::World;

use crate::edge::Edge;
use crate::failure::Failure;
use crate::hosting::{Hosting, Predecessor, Voice};
use crate::{manager, output};

/// How long a host is waited for. The slowest call that a look makes has ten seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often another process may be faster to become the host.
const TRIES: u32 = 5;

/// Has every session looked at, and warns of what could not be looked at.
pub(crate) fn refresh(edge: &Edge, filter: &SessionFilter) -> Result<(), Failure> {
    let world = World::system();
    let asked = world.now();
    look_at_all(edge, &world)?;
    let sessions = manager::reader(edge)?.sessions(filter).map_err(ao_core::Error::from)?;
    let mut unseen: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for session in sessions.iter().filter(|session| is_unseen_since(session, asked)) {
        unseen.entry(why_not(edge, session)).or_default().push(session.id.as_str());
    }
    for (why, ids) in unseen {
        output::warning(format_args!("nothing new is known of {}: {why}", ids.join(", ")));
    }
    Ok(())
}

fn look_at_all(edge: &Edge, world: &World) -> Result<(), Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        match ask_for_look(&edge.places, world, PATIENCE)? {
            Answer::Looked => return Ok(()),
            Answer::TooLate => {
                let seconds = PATIENCE.as_secs();
                output::warning(format_args!("the host was asked to look, and has not done so within {seconds} s"));
                return Ok(());
            }
            Answer::NoHost => match once(edge) {
                // Somebody else has become the host just now: it is that one's to look.
                Err(_) if tries < TRIES && matches!(look(&edge.places), HostState::Running(_)) => {}
                looked => return looked,
            },
        }
    }
}

/// The pass of `ao reconcile`.
fn once(edge: &Edge) -> Result<(), Failure> {
    let files = edge.config_files_if_any();
    let hosting = Hosting { files, predecessor: Predecessor::Respected, voice: Voice::terminal(), log: None };
    let report = hosting.run_once(edge, CheckMode::Leave)?;
    report.unavailable.iter().for_each(|why| output::warning(format_args!("not asked: {why}")));
    Ok(())
}

fn is_unseen_since(session: &Session, asked: Timestamp) -> bool {
    let Some(runtime) = &session.runtime else { return false };
    session.end.is_none() && runtime.plugin.as_ref().map(Probe::looked_at).is_none_or(|looked| looked < asked)
}

/// Why the plugins of a session are not asked, as far as this process can tell.
fn why_not(edge: &Edge, session: &Session) -> String {
    let crew = manager::setup_for(edge, session).and_then(|setup| Ok(Crew::for_session(&setup, session)?));
    crew.err().map_or_else(|| "its runtime has not answered yet".to_owned(), |failure| failure.message())
}
