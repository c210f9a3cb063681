//! What a message may speak of: every variable of its template, whichever reaction it belongs to. What there is nothing to
//! say of is empty and never missing, so that a template that is right once is always right.

use schemars::JsonSchema;
use serde::Serialize;

/// The variables of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MessageFacts {
    /// What is reacted to, such as `ci-failed`.
    pub reaction: String,
    /// Why, in a few words.
    pub reason: String,
    /// Which action of the episode this is, from 1; 0 where a human is told in its place.
    pub attempt: u32,
    /// The session.
    pub session: SessionWords,
    /// Its pull request.
    pub pull: PullWords,
    /// The checks that it is about.
    pub checks: Vec<CheckWords>,
    /// The review threads that it is about.
    pub threads: Vec<ThreadWords>,
    /// The files that conflict with the base.
    pub conflicts: Vec<String>,
    /// The agent.
    pub agent: AgentWords,
    /// What the agent last said of itself.
    pub report: ReportWords,
    /// The project's sessions, where it is about all of them.
    pub sessions: Vec<SessionWords>,
}

/// A session, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionWords {
    /// Its id.
    pub id: String,
    /// Its project.
    pub project: String,
    /// Its status, such as `ci_failed`.
    pub status: String,
    /// Its branch.
    pub branch: String,
    /// The issue that it works on: label and title.
    pub issue: String,
}

/// A pull request, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PullWords {
    /// Its number; 0 where there is none.
    pub number: u64,
    /// Where a human reads it.
    pub url: String,
    /// Its title.
    pub title: String,
    /// The commit at its head.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
}

/// A check, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckWords {
    /// Its name.
    pub name: String,
    /// How it stands, such as `failed`.
    pub state: String,
    /// Where a human reads it.
    pub url: String,
    /// The end of its log.
    pub log: String,
}

/// A review thread, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ThreadWords {
    /// The provider's id.
    pub id: String,
    /// The file and the line that it is about, such as `src/main.rs:12`.
    pub at: String,
    /// Who wrote its last comment.
    pub author: String,
    /// The last comment.
    pub body: String,
}

/// An agent, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AgentWords {
    /// Its name in the configuration.
    pub name: String,
    /// What it is about, in its own words.
    pub summary: String,
    /// What it asks.
    pub ask: String,
}

/// A report, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportWords {
    /// What it says, such as `working`.
    pub state: String,
    /// In the agent's own words.
    pub note: String,
}

impl MessageFacts {
    /// Facts in which nothing is empty: what a template is tried on.
    pub(super) fn sample() -> Self {
        let text = || "x".to_owned();
        let session = SessionWords { id: text(), project: text(), status: text(), branch: text(), issue: text() };
        Self {
            reaction: text(),
            reason: text(),
            attempt: 1,
            session: session.clone(),
            pull: PullWords { number: 1, url: text(), title: text(), head: text(), base: text() },
            checks: vec![CheckWords { name: text(), state: text(), url: text(), log: text() }],
            threads: vec![ThreadWords { id: text(), at: text(), author: text(), body: text() }],
            conflicts: vec![text()],
            agent: AgentWords { name: text(), summary: text(), ask: text() },
            report: ReportWords { state: text(), note: text() },
            sessions: vec![session],
        }
    }
}
