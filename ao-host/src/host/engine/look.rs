//! One call for many sessions: what the engine asks of plugins, and how the answers are told apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use ao_core::Error;
use ao_core::lifecycle::Policy;
use ao_core::model::facts::Session;
use ao_core::model::{SessionId, Timestamp};
use ao_core::slots::agent::{AgentObservation, ObserveAgents};
use ao_core::slots::runtime::{Liveness, ObserveRuntimes, RuntimeObservation};
use ao_core::slots::scm::{PullFound, PullState, PullTarget, SnapshotRequest};
use ao_core::slots::workspace::{ObserveWorkspaces, WorkspaceObservation};
use ao_core::slots::{Agent, Runtime, Workspace};

use crate::sessions::{Forge, SCREEN_LINES, agent_target};

/// What is known of a session after a look; an error where the plugin did not answer.
pub(super) type Answers<T> = BTreeMap<SessionId, T>;

/// Asks a runtime about sessions. What it does not answer for is unknown.
pub(super) async fn runtimes(
    runtime: Arc<dyn Runtime>,
    sessions: Vec<Session>,
) -> (Answers<RuntimeObservation>, Option<Error>) {
    let handles: Vec<_> =
        sessions.iter().filter_map(|session| session.runtime.as_ref()).map(|facts| facts.handle.clone()).collect();
    let mut request = ObserveRuntimes::new(handles);
    request.screen_lines = SCREEN_LINES;
    let (seen, error) = match runtime.observe(request).await {
        Ok(seen) => (seen, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut answers: Answers<_> = seen.into_iter().map(|seen| (seen.session.clone(), seen)).collect();
    for session in sessions {
        answers.entry(session.id.clone()).or_insert_with(|| {
            let why =
                error.as_ref().map_or_else(|| "the runtime says nothing about it".to_owned(), ToString::to_string);
            RuntimeObservation::new(session.id, Liveness::Unknown { why })
        });
    }
    (answers, error)
}

/// Asks an agent plugin about sessions, with what their runtimes saw.
pub(super) async fn agents(
    agent: Arc<dyn Agent>,
    sessions: Vec<(Session, RuntimeObservation)>,
    now: Timestamp,
) -> (Answers<AgentObservation>, Option<Error>) {
    let targets: Vec<_> = sessions.iter().filter_map(|(session, seen)| agent_target(session, seen)).collect();
    let (seen, error) = match agent.observe(ObserveAgents::new(targets, now)).await {
        Ok(seen) => (seen, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut answers: Answers<_> = seen.into_iter().map(|seen| (seen.session.clone(), seen)).collect();
    for (session, _) in sessions {
        answers.entry(session.id.clone()).or_insert_with(|| {
            let mut nothing = AgentObservation::new(session.id);
            nothing.cursor = session.agent.and_then(|agent| agent.cursor);
            nothing.unknown = Some(
                error.as_ref().map_or_else(|| "the agent plugin says nothing about it".to_owned(), ToString::to_string),
            );
            nothing
        });
    }
    (answers, error)
}

/// Asks a workspace plugin about sessions' copies.
pub(super) async fn workspaces(
    workspace: Arc<dyn Workspace>,
    sessions: Vec<Session>,
) -> (Answers<Result<WorkspaceObservation, String>>, Option<Error>) {
    let paths: Vec<_> =
        sessions.iter().filter_map(|session| session.workspace.as_ref()).map(|facts| facts.path.clone()).collect();
    let (seen, error) = match workspace.observe(ObserveWorkspaces::new(paths)).await {
        Ok(seen) => (seen, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let by_path: BTreeMap<_, _> = seen.into_iter().map(|seen| (seen.path.clone(), seen)).collect();
    let why =
        error.as_ref().map_or_else(|| "the workspace plugin says nothing about it".to_owned(), ToString::to_string);
    let of = |session: &Session| {
        let path = &session.workspace.as_ref()?.path;
        by_path.get(path).cloned()
    };
    let answers = sessions.iter().map(|session| (session.id.clone(), of(session).ok_or_else(|| why.clone()))).collect();
    (answers, error)
}

/// What was seen of pull requests.
pub(super) struct Pulls {
    /// When it was asked.
    pub(super) asked: Timestamp,
    pub(super) answers: Answers<PullFound>,
    /// For the next look.
    pub(super) known: Option<String>,
    pub(super) error: Option<Error>,
}

/// Asks an scm about the pull requests of sessions in one repository.
pub(super) async fn pulls(forge: Arc<Forge>, sessions: Vec<Session>, known: Option<String>, asked: Timestamp) -> Pulls {
    let targets: Vec<_> =
        sessions.iter().filter_map(|session| pull_target(session, &forge.repository, asked)).collect();
    let mut request = SnapshotRequest::new(forge.repository.as_str(), targets);
    request.known.clone_from(&known);
    let (seen, known, error) = match forge.scm.instance.snapshot(request).await {
        Ok(snapshot) => (snapshot.pulls, snapshot.known, None),
        Err(error) => (Vec::new(), known, Some(error)),
    };
    let mut seen: BTreeMap<_, _> = seen.into_iter().map(|seen| (seen.session, seen.found)).collect();
    let why = error.as_ref().map_or_else(|| "the scm plugin says nothing about it".to_owned(), ToString::to_string);
    let answers = sessions.into_iter().map(|session| {
        let found = seen.remove(&session.id).unwrap_or_else(|| PullFound::Unknown { why: why.clone() });
        (session.id, found)
    });
    Pulls { asked, answers: answers.collect(), known, error }
}

/// What is asked about a session. One that is closed is looked for by its branch: another may have taken its place. Where
/// none is known, the one that the agent has just named goes before whatever is on the branch.
fn pull_target(session: &Session, repository: &str, now: Timestamp) -> Option<PullTarget> {
    let mut target = PullTarget::new(session.id.clone(), session.workspace.as_ref()?.branch.clone());
    let open = session.pull.as_ref().filter(|pull| {
        pull.repository == repository && !matches!(pull.snapshot.state, PullState::Closed | PullState::Merged)
    });
    let fresh = |at: Timestamp| now.since(at) <= Policy::default().report_fresh;
    let said = session.report.as_ref().filter(|report| fresh(report.at)).and_then(|report| report.pull);
    target.number = open.map(|pull| pull.snapshot.pull.number).or(said);
    Some(target)
}
