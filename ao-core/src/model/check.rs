//! Runs of the checks that a host makes itself, and what they found.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CheckName, ExitStatus, ProcessId, ProjectName, SessionId, Timestamp};
use crate::record::record;
use crate::slots::scm::CheckState;

record! {
    /// One run: some checks of a project, at one commit, as they were defined at that time.
    #[derive(Eq, JsonSchema)]
    pub struct CheckRun {
        required {
            /// A ULID; also the name of the run's directory.
            id: String,
            /// The project's name.
            project: ProjectName,
            /// The project's directory. Two projects of one name are told apart by it.
            #[schemars(with = "String")]
            directory: Utf8PathBuf,
            /// The commit that is checked, by its whole id.
            commit: String,
            /// The digest of what is run, see [`CheckPlan`](crate::lifecycle::CheckPlan).
            definition: String,
            /// What is checked.
            names: Vec<CheckName>,
            /// When it was first wanted.
            requested_at: Timestamp,
            /// How far it is.
            state: RunState,
        }
        optional {
            /// Which attempt this is, from 1: the ones before ended without saying how. 0 before the first.
            attempt: u32,
            /// What the attempt's process bears in what it writes; what does not bear it was written by somebody else.
            nonce: Option<String>,
            /// When the last attempt began.
            started_at: Option<Timestamp>,
            /// When it ended.
            ended_at: Option<Timestamp>,
            /// The process that runs it.
            runner: Option<ProcessId>,
            /// The session whose pull request is checked.
            session: Option<SessionId>,
            /// The number of that pull request.
            pull: Option<u64>,
            /// What is not as in the commit, such as submodules that are empty.
            notes: Vec<String>,
            /// Why it ended as it did, where there is something to say.
            why: Option<String>,
            /// What was found so far.
            results: Vec<CheckResult>,
            /// Who asked for it once more when it is over: a run of these checks, of all of them where none is named.
            rerun: Option<Vec<CheckName>>,
        }
    }

    /// What one check found.
    #[derive(Eq, JsonSchema)]
    pub struct CheckResult {
        required {
            /// The check.
            name: CheckName,
            /// Passed or failed.
            state: CheckState,
            /// When it began.
            started_at: Timestamp,
            /// When it ended.
            ended_at: Timestamp,
        }
        optional {
            /// In which attempt of the run.
            attempt: u32,
            /// How its command ended; none where it was never started, or was ended.
            exit: Option<ExitStatus>,
            /// How long its command ran, in milliseconds, by a clock that does not jump.
            elapsed_ms: u64,
            /// What it printed.
            #[schemars(with = "Option<String>")]
            log: Option<Utf8PathBuf>,
            /// How many bytes of that were left out of the middle.
            dropped: u64,
            /// Paths that were there from an earlier run. None: everything was made fresh.
            #[schemars(with = "Vec<String>")]
            reused: Vec<Utf8PathBuf>,
            /// Why it failed.
            why: Option<String>,
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunState {
    /// It waits for its turn.
    Waiting,
    /// It runs.
    Running,
    /// Every check of it has a result.
    Ended,
    /// Nobody wants it any more: the head of the pull request has moved, or there is no open one.
    Superseded,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

impl RunState {
    /// The word for it, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Superseded => "superseded",
            Self::Unknown => "unknown",
        }
    }

    /// Whether something is still to come of it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

impl CheckRun {
    /// What one of its checks found.
    #[must_use]
    pub fn result(&self, name: &CheckName) -> Option<&CheckResult> {
        self.results.iter().find(|result| result.name == *name)
    }

    /// Its checks that have no result.
    pub fn left(&self) -> impl Iterator<Item = &CheckName> {
        self.names.iter().filter(|name| self.result(name).is_none())
    }

    /// Whether somebody has asked for a check once more since.
    #[must_use]
    pub fn is_asked_again(&self, name: &CheckName) -> bool {
        self.rerun.as_ref().is_some_and(|names| names.is_empty() || names.contains(name))
    }

    /// Asks for a check once more when this run is over; for all of them where none is named. What was asked for before stays
    /// asked for.
    pub fn ask_again(&mut self, name: Option<CheckName>) {
        let before = self.rerun.take();
        self.rerun = Some(match (name, before) {
            (Some(name), Some(mut names)) if !names.is_empty() => {
                if !names.contains(&name) {
                    names.push(name);
                }
                names
            }
            (Some(name), None) => vec![name],
            _ => Vec::new(),
        });
    }

    /// Puts a result in, unless the check has one. Whether it was news.
    pub fn add(&mut self, result: CheckResult) -> bool {
        let is_news = self.names.contains(&result.name) && self.result(&result.name).is_none();
        if is_news {
            self.results.push(result);
        }
        is_news
    }
}
