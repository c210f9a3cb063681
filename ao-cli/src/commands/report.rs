//! `ao report`: what an agent says of itself.

use std::process::ExitCode;

use ao_core::lifecycle::{Policy, StatusName, status};
use ao_core::model::facts::{ReportState, Session};
use ao_core::model::spool::{Report, SPOOL_VARIABLE};
use ao_core::model::{PullName, SessionId};
use ao_core::{Code, Error};
use ao_host::sessions::{Speaker, TOKEN_VARIABLE, leave_report, overlay};
use ao_host::world::World;
use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Serialize;

use super::pr;
use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Page};
use crate::view::{Format, View};
use crate::{completion, manager};

/// Say how a session's agent gets on
///
/// For agents: what they say counts for five minutes, unless something better is known. Without a session it is the one of
/// the agent that asks. Where the state cannot be written, as in a sandbox, the report is left for the host in `AO_SPOOL`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `started`, `working`, `waiting`, `needs_input`, `fixing_ci`, `addressing_reviews`, `pr_created`, `draft_pr_created`,
    /// `ready_for_review` or `completed`
    #[arg(value_name = "STATE")]
    state: ReportState,
    #[command(flatten)]
    rest: Rest,
    /// The pull request that is meant, by its number or its address; it becomes the session's if the scm knows it
    #[arg(long = "pr", value_name = "NUMBER|URL")]
    pulls: Vec<PullName>,
}

/// What every report may say.
#[derive(clap::Args)]
pub(super) struct Rest {
    /// In your own words
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    note: Option<String>,
    /// The session; `AO_SESSION_ID` says which one is an agent's own
    #[arg(value_name = "SESSION", add = completion::running())]
    session: Option<SessionId>,
    /// The same, as an option
    #[arg(short = 's', long = "session", value_name = "SESSION", conflicts_with = "session", add = completion::running())]
    named: Option<SessionId>,
    #[command(flatten)]
    format: Format,
}

/// How a report got to its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delivery {
    /// It is written down.
    Recorded,
    /// It lies where the host takes it.
    Left,
}

/// A report that was handed in.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReportView {
    /// The session.
    session: SessionId,
    /// What was reported.
    state: ReportState,
    /// How it was delivered.
    delivery: Delivery,
    /// What was reported before, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<ReportState>,
    /// The session's status now, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusName>,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let mut said = Report::new(self.state);
        name_pulls(&mut said, &self.pulls)?;
        self.rest.hand_in(edge, said)
    }
}

/// The pull request as it is named: twice is once, where both are the same.
fn name_pulls(said: &mut Report, pulls: &[PullName]) -> Result<(), Error> {
    for name in pulls {
        let differs = said.pull.is_some_and(|number| number != name.number)
            || matches!((&said.url, &name.url), (Some(one), Some(other)) if !PullName::is_same_page(one, other));
        if differs && said.url.is_none() && name.url.is_none() {
            let message = format!("#{} and {name} are not the same pull request", said.pull.unwrap_or_default());
            return Err(Error::invalid_input(message));
        }
        // What disagrees is refused, and told, where the report is taken.
        if name.url.is_none() || said.pull.is_none() {
            said.pull = Some(name.number);
        }
        said.url = name.url.clone().or(said.url.take());
    }
    Ok(())
}

impl Rest {
    /// Hands a report in.
    pub(super) fn hand_in(self, edge: &Edge, mut said: Report) -> Outcome {
        said.note = self.note.unwrap_or_default();
        let own = edge.environment.variable("AO_SESSION_ID").and_then(|id| id.parse::<SessionId>().ok());
        let Some(id) = self.session.or(self.named).or_else(|| own.clone()) else {
            let message = "which session? Name it: only an agent's own environment says which one is its";
            return Err(Error::invalid_input(message).into());
        };
        let spool = edge.environment.variable(SPOOL_VARIABLE).filter(|_| own.as_ref() == Some(&id));
        let view = match (record(edge, &id, &said), spool) {
            (Err(Failure::Error(error)), Some(spool)) if is_out_of_reach(&error) => {
                leave_report(Utf8Path::new(spool), &said, &World::system())?;
                ReportView { session: id, state: said.state, delivery: Delivery::Left, before: None, status: None }
            }
            (recorded, _) => recorded?,
        };
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether a sandbox may be why the state cannot be written. What it hides looks as if it were not there.
fn is_out_of_reach(error: &Error) -> bool {
    [Code::UNAVAILABLE, Code::NOT_FOUND].contains(&error.code)
}

/// Writes a report down.
fn record(edge: &Edge, id: &SessionId, said: &Report) -> Result<ReportView, Failure> {
    let database = edge.places.state_db();
    if !database.exists() {
        return Err(Error::not_found(format!("there is no session `{id}`: there is no `{database}`")).into());
    }
    let sessions = manager::bare(edge)?;
    let before = sessions.get(id)?.report.map(|report| report.state);
    let speaker = Speaker::of(edge.environment.variable(TOKEN_VARIABLE), id, &*sessions.store)?;
    let mut session = sessions.report(id, said, &speaker)?;
    if let Some(number) = session.report.as_ref().and_then(|report| report.pull) {
        confirm(edge, &session, number);
        session = sessions.get(id)?;
    }
    let now = overlay(&session, &sessions.world);
    let name = status(&now, sessions.world.now(), &Policy::default()).name;
    let (session, state) = (id.clone(), said.state);
    Ok(ReportView { session, state, delivery: Delivery::Recorded, before, status: Some(name) })
}

/// A report is taken whatever becomes of the pull request that it names.
fn confirm(edge: &Edge, session: &Session, number: u64) {
    if session.pull.as_ref().is_some_and(|pull| pull.snapshot.pull.number == number) {
        return;
    }
    match pr::confirm(edge, session, number) {
        Ok(None) => {}
        Ok(Some(why)) => output::warning(format_args!("reported, but it is not the session's pull request: {why}")),
        Err(failure) => {
            output::warning(format_args!("reported, but #{number} could not be looked at: {}", failure.message()));
        }
    }
}

impl View for ReportView {
    fn write(&self, page: &mut Page) {
        let Self { session, state, .. } = self;
        match (self.delivery, self.status) {
            (Delivery::Recorded, Some(status)) => {
                page.line(format_args!("{session}: {state} is recorded; it is {status}"));
            }
            (Delivery::Recorded, None) => page.line(format_args!("{session}: {state} is recorded")),
            (Delivery::Left, _) => page.line(format_args!("{session}: {state} is left for the host")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_may_be_named_twice() {
        let named = |pulls: &[&str]| {
            let pulls: Vec<_> = pulls.iter().map(|text| text.parse().unwrap()).collect();
            let mut said = Report::new(ReportState::PrCreated);
            name_pulls(&mut said, &pulls).map(|()| (said.pull, said.url)).ok()
        };
        let page = "https://forge.example/a/b/pull/7";
        assert_eq!(named(&["7", "#7"]), Some((Some(7), None)));
        assert_eq!(named(&["7", page]), Some((Some(7), Some(page.to_owned()))));
        assert_eq!(named(&[page, "8"]), Some((Some(8), Some(page.to_owned()))), "it is refused where it is taken");
        assert_eq!(named(&["7", "8"]), None);
    }
}
