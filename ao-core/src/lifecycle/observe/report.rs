//! What an agent says of itself, and when that is not taken.

use crate::model::Timestamp;
use crate::model::event::{EventData, ReportAccepted, ReportRejected, SessionAcked};
use crate::model::facts::{ReportFacts, ReportState, Reporter, Session};
use crate::model::pull_name::PullName;
use crate::model::spool::Report;
use crate::slots::agent::Role;
use crate::slots::scm::PullState;
use crate::text::plain;

/// The longest note of a report, in characters.
const LONGEST_NOTE: usize = 2000;

/// Why a report is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportRefusal {
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// An orchestrator works on nothing of its own; it may say whether it needs somebody.
    #[error(
        "it is an orchestrator, which has no work of its own: it reports `needs_input`, `waiting` or `working` alone"
    )]
    Orchestrator,
    /// Its work is merged.
    #[error("its pull request #{0} is merged: there is nothing left to do")]
    PullMerged(u64),
    /// Its pull request is closed, and no other is named.
    #[error("its pull request #{0} is closed; name the one that takes its place with `--pr`")]
    PullClosed(u64),
    /// Its agent had ended before.
    #[error("its agent is gone; `ao session restore` brings it back")]
    AgentGone,
    /// It is of a launch before this one.
    #[error("it is of a former launch")]
    FormerLaunch,
    /// Number and address name different pull requests.
    #[error("#{number} and {url} are not the same pull request")]
    PullsDiffer {
        /// The number.
        number: u64,
        /// The address.
        url: String,
    },
    /// An address that names no pull request.
    #[error("{url} is not the address of a pull request")]
    NoPull {
        /// The address.
        url: String,
    },
    /// Somebody else's agent says it.
    #[error("`{0}` reports it, and an agent reports of itself alone")]
    Stranger(crate::model::SessionId),
    /// The token is of no session's last launch.
    #[error("it comes with a token that no session was given at its last launch")]
    StaleToken,
}

/// Takes a report into the facts, or says why not. `id` names the report, `at` is when it was written.
pub fn report(
    session: &mut Session,
    id: &str,
    said: &Report,
    by: Reporter,
    at: Timestamp,
) -> Result<(), ReportRefusal> {
    let pull = named_pull(session, said)?;
    refuse_over(session, said.state, pull, at)?;
    let mut at = at;
    if let Some(runtime) = &session.runtime {
        // A launch is written down when it has happened, and a quick agent may speak before.
        if at < runtime.launched_at && runtime.launch > 1 {
            return Err(ReportRefusal::FormerLaunch);
        }
        at = at.max(runtime.launched_at);
    }
    // What was said later counts, in whatever order it arrives.
    if session.report.as_ref().is_some_and(|last| last.at > at) {
        return Ok(());
    }
    let mut facts = ReportFacts::new(id, said.state, at);
    facts.note = plain(&said.note).chars().take(LONGEST_NOTE).collect();
    (facts.pull, facts.by) = (pull, by);
    session.report = Some(facts);
    Ok(())
}

/// The same, with the events that tell what became of it.
pub fn report_telling(
    session: &mut Session,
    id: &str,
    said: &Report,
    by: Reporter,
    at: Timestamp,
) -> (Result<(), ReportRefusal>, Vec<EventData>) {
    let before = session.report.as_ref().map(|report| report.state);
    match report(session, id, said, by, at) {
        Ok(()) => {
            let mut accepted = ReportAccepted::new(id);
            (accepted.state, accepted.before, accepted.by) = (Some(said.state), before, by);
            accepted.pull = session.report.as_ref().and_then(|report| report.pull);
            let begun = (said.state == ReportState::Started).then(|| EventData::SessionAcked(SessionAcked::new()));
            (Ok(()), std::iter::once(EventData::AgentReportAccepted(accepted)).chain(begun).collect())
        }
        Err(refusal) => {
            let event = report_refused(session, id, said, by, &refusal);
            (Err(refusal), vec![event])
        }
    }
}

/// What is told of a report that is refused.
#[must_use]
pub fn report_refused(session: &Session, id: &str, said: &Report, by: Reporter, why: &ReportRefusal) -> EventData {
    let mut rejected = ReportRejected::new(id, why.to_string());
    rejected.before = session.report.as_ref().map(|report| report.state);
    (rejected.state, rejected.by) = (Some(said.state), by);
    if let ReportRefusal::Stranger(caller) = why {
        rejected.caller = Some(caller.clone());
    }
    EventData::AgentReportRejected(rejected)
}

/// What is over is not reported on any more. What was said before it was over, and arrives later, is.
fn refuse_over(session: &Session, said: ReportState, pull: Option<u64>, at: Timestamp) -> Result<(), ReportRefusal> {
    let of_anybody = matches!(said, ReportState::NeedsInput | ReportState::Waiting | ReportState::Working);
    if session.role == Role::Orchestrator && (!of_anybody || pull.is_some()) {
        return Err(ReportRefusal::Orchestrator);
    }
    if session.end.is_some() {
        return Err(ReportRefusal::Ended);
    }
    let exit = session.runtime.as_ref().and_then(|runtime| runtime.exit.as_ref());
    if exit.is_some_and(|exit| exit.at < at) {
        return Err(ReportRefusal::AgentGone);
    }
    let Some(known) = &session.pull else { return Ok(()) };
    let number = known.snapshot.pull.number;
    match known.snapshot.state {
        PullState::Merged => Err(ReportRefusal::PullMerged(number)),
        PullState::Closed if pull.is_none_or(|pull| pull == number) => Err(ReportRefusal::PullClosed(number)),
        _ => Ok(()),
    }
}

/// The pull request that a report names, if it names one, and one only.
fn named_pull(session: &Session, said: &Report) -> Result<Option<u64>, ReportRefusal> {
    let Some(url) = &said.url else { return Ok(said.pull) };
    let url = plain(url);
    let Ok(name) = url.parse::<PullName>() else { return Err(ReportRefusal::NoPull { url }) };
    let number = said.pull.unwrap_or(name.number);
    let known = session.pull.as_ref().map(|pull| &pull.snapshot.pull).filter(|pull| pull.number == number);
    let elsewhere = known.and_then(|pull| pull.url.as_ref()).is_some_and(|page| !PullName::is_same_page(page, &url));
    if number != name.number || elsewhere {
        return Err(ReportRefusal::PullsDiffer { number, url });
    }
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ExitStatus;
    use crate::model::facts::{End, EndKind, ExitFacts, PullFacts, RuntimeFacts};
    use crate::model::{PluginName, SessionId};
    use crate::slots::runtime::RuntimeHandle;
    use crate::slots::scm::{PullRef, PullSnapshot};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn session() -> Session {
        let id: SessionId = "app-1".parse().unwrap();
        let plugin: PluginName = "process".parse().unwrap();
        let mut session = Session::new(id.clone(), "app".parse::<crate::model::ProjectName>().unwrap(), "/app", at(0));
        session.runtime =
            Some(RuntimeFacts::new("/s", RuntimeHandle::new(plugin, id, "key", serde_json::json!({})), at(10)));
        session
    }

    fn with(change: impl FnOnce(&mut Session)) -> Session {
        let mut session = session();
        change(&mut session);
        session
    }

    fn pull(state: PullState) -> Session {
        let mut named = PullRef::new(7_u64);
        named.url = Some("https://forge.example/acme/app/pull/7".to_owned());
        let snapshot = PullSnapshot::new(named, state, "head");
        with(|session| {
            session.pull = Some(PullFacts::new("x".parse::<PluginName>().unwrap(), "acme/app", snapshot, at(0)));
        })
    }

    fn naming(pull: Option<u64>, url: Option<&str>) -> Report {
        let mut said = Report::new(ReportState::PrCreated);
        (said.pull, said.url) = (pull, url.map(str::to_owned));
        said
    }

    #[test]
    fn what_is_refused_and_why() {
        let exited = || {
            with(|session| {
                session.runtime.as_mut().unwrap().exit = Some(ExitFacts::new(ExitStatus::Code { code: 0 }, at(20)));
            })
        };
        let (own, other) = ("https://forge.example/acme/app/pull/7/files", "https://forge.example/acme/lib/pull/7");
        let differ = |number, url: &str| ReportRefusal::PullsDiffer { number, url: url.to_owned() };
        for (mut session, said, seconds, expected) in vec![
            (session(), naming(None, None), 20, Ok(None)),
            (session(), naming(Some(3), None), 20, Ok(Some(3))),
            (session(), naming(None, Some(own)), 20, Ok(Some(7))),
            (session(), naming(Some(8), Some(own)), 20, Err(differ(8, own))),
            (session(), naming(None, Some("nonsense")), 20, Err(ReportRefusal::NoPull { url: "nonsense".to_owned() })),
            (pull(PullState::Open), naming(Some(7), Some(own)), 20, Ok(Some(7))),
            (pull(PullState::Open), naming(Some(7), Some(other)), 20, Err(differ(7, other))),
            (pull(PullState::Merged), naming(Some(8), None), 20, Err(ReportRefusal::PullMerged(7))),
            (pull(PullState::Closed), naming(None, None), 20, Err(ReportRefusal::PullClosed(7))),
            (pull(PullState::Closed), naming(Some(8), None), 20, Ok(Some(8))),
            (
                with(|session| session.role = Role::Orchestrator),
                naming(None, None),
                20,
                Err(ReportRefusal::Orchestrator),
            ),
            (
                with(|session| session.end = Some(End::new(EndKind::Killed, at(15)))),
                naming(None, None),
                20,
                Err(ReportRefusal::Ended),
            ),
            (exited(), naming(None, None), 21, Err(ReportRefusal::AgentGone)),
            (exited(), naming(None, None), 20, Ok(None)),
        ] {
            let before = session.clone();
            let (taken, events) = report_telling(&mut session, "r", &said, Reporter::Human, at(seconds));
            let facts = session.report.clone();
            match expected {
                Ok(number) => {
                    assert_eq!(taken, Ok(()), "{said:?}");
                    let facts = facts.unwrap();
                    assert_eq!((facts.pull, facts.by), (number, Reporter::Human), "{said:?}");
                }
                Err(why) => {
                    assert_eq!((taken, &session), (Err(why.clone()), &before), "{said:?}");
                    let [EventData::AgentReportRejected(told)] = events.as_slice() else { panic!("{events:?}") };
                    let expected = (why.to_string(), Some(ReportState::PrCreated), Reporter::Human);
                    assert_eq!((told.reason.clone(), told.state, told.by), expected);
                }
            }
        }
    }

    #[test]
    fn an_orchestrator_says_whether_it_needs_somebody_and_no_more() {
        for (state, pull, taken) in [
            (ReportState::NeedsInput, None, true),
            (ReportState::Waiting, None, true),
            (ReportState::Working, None, true),
            (ReportState::Working, Some(7), false),
            (ReportState::Started, None, false),
            (ReportState::Completed, None, false),
        ] {
            let mut session = with(|session| session.role = Role::Orchestrator);
            let mut said = Report::new(state);
            said.pull = pull;
            let expected = if taken { Ok(()) } else { Err(ReportRefusal::Orchestrator) };
            assert_eq!(report(&mut session, "r", &said, Reporter::Agent, at(20)), expected, "{state:?} {pull:?}");
        }
    }

    #[test]
    fn the_log_tells_what_was_said_before() {
        let mut session = session();
        let mut say =
            |id: &str, state| report_telling(&mut session, id, &Report::new(state), Reporter::Agent, at(20)).1;
        let [EventData::AgentReportAccepted(first), EventData::SessionAcked(_)] = &say("1", ReportState::Started)[..]
        else {
            panic!("the first report acknowledges")
        };
        assert_eq!((first.state, first.before), (Some(ReportState::Started), None));
        let [EventData::AgentReportAccepted(second)] = &say("2", ReportState::Waiting)[..] else { panic!("one event") };
        assert_eq!((second.state, second.before), (Some(ReportState::Waiting), Some(ReportState::Started)));
    }
}
