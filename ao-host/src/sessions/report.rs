//! What an agent says of itself, taken at once or left where the host finds it.

use ao_core::lifecycle::observe::{ReportRefusal, report_refused, report_telling};
use ao_core::model::SessionId;
use ao_core::model::facts::{Reporter, Session};
use ao_core::model::spool::{MAX_SPOOL_FILE, REPORT_HOOK, Report};
use ao_core::{Code, Error, Result};
use camino::Utf8Path;

use super::{Sessions, overlay};
use crate::store::Reader;
use crate::world::World;
use crate::world::files::{self, PRIVATE_FILE};

/// Who reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The session's agent.
    Agent,
    /// Somebody who is no agent.
    Human,
    /// The agent of this other session.
    Stranger(SessionId),
    /// Whoever holds a token that no session was given at its last launch.
    Nobody,
}

impl Speaker {
    /// By the token that came with a report on a session; none is a human's.
    pub fn of(token: Option<&str>, session: &SessionId, store: &dyn Reader) -> Result<Self> {
        let Some(token) = token else { return Ok(Self::Human) };
        Ok(match super::holder_of(token, Some(session), store)? {
            Some(holder) if holder == *session => Self::Agent,
            Some(other) => Self::Stranger(other),
            None => Self::Nobody,
        })
    }

    const fn reporter(&self) -> Reporter {
        match self {
            Self::Human => Reporter::Human,
            Self::Agent | Self::Stranger(_) | Self::Nobody => Reporter::Agent,
        }
    }

    fn refusal(&self) -> Option<ReportRefusal> {
        match self {
            Self::Agent | Self::Human => None,
            Self::Stranger(other) => Some(ReportRefusal::Stranger(other.clone())),
            Self::Nobody => Some(ReportRefusal::StaleToken),
        }
    }
}

impl Sessions {
    /// Takes a report. One that is refused is told of in the log, and is the error.
    pub fn report(&self, id: &SessionId, said: &Report, speaker: &Speaker) -> Result<Session> {
        let (report, now, by) = (self.world.ulid().to_string(), self.world.now(), speaker.reporter());
        let mut refused = None;
        let session = self.change_telling(id, |session| {
            let told = if let Some(why) = speaker.refusal() {
                let event = report_refused(session, &report, said, by, &why);
                refused = Some(why);
                vec![event]
            } else {
                // An agent that has just ended says nothing any more, though nobody has looked yet.
                let mut seen = overlay(session, &self.world);
                let (taken, told) = report_telling(&mut seen, &report, said, by, now);
                refused = taken.err();
                session.report = seen.report;
                told
            };
            told.into_iter().map(|data| self.event(id, data)).collect()
        })?;
        refused.map_or(Ok(session), |why| Err(refusal(id, &why)))
    }
}

fn refusal(id: &SessionId, why: &ReportRefusal) -> Error {
    let message = format!("the report on `{id}` is refused: {why}");
    match why {
        ReportRefusal::PullsDiffer { .. } | ReportRefusal::NoPull { .. } => Error::invalid_input(message),
        _ => Error::conflict(message),
    }
}

/// Leaves a report in a session's spool, whole: the host takes it once, by the id that is returned.
pub fn leave_report(spool: &Utf8Path, said: &Report, world: &World) -> Result<String> {
    let id = world.ulid().to_string();
    let path = spool.join(format!("{id}.{REPORT_HOOK}.json"));
    let cannot = |error: &std::io::Error| Error::wrap(Code::UNAVAILABLE, format!("cannot write `{path}`"), error);
    let bytes = serde_json::to_vec(said).map_err(|error| cannot(&error.into()))?;
    if bytes.len() > MAX_SPOOL_FILE {
        return Err(Error::invalid_input(format!("a report is at most {MAX_SPOOL_FILE} bytes long")));
    }
    files::write_atomic(&path, &bytes, PRIVATE_FILE).map_err(|error| cannot(&error))?;
    Ok(id)
}
