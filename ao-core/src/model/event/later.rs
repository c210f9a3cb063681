//! The details of events that have their names already, and whose features come later. What stands here is what is
//! decided of them: fields are added with the feature.

use camino::Utf8PathBuf;
use schemars::JsonSchema;

use crate::model::facts::{ReportState, Reporter};
use crate::model::{CheckName, SessionId, Timestamp};
use crate::record::record;

record! {
    /// An agent said that it has begun.
    #[derive(Eq, JsonSchema)]
    pub struct SessionAcked {}

    /// An agent was launched again.
    #[derive(Eq, JsonSchema)]
    pub struct SessionRestored {
        required {
            /// Which launch of the session this is, from 1.
            launch: u32,
        }
    }

    /// A workspace was put away.
    #[derive(Eq, JsonSchema)]
    pub struct SessionCleaned {}

    /// A running session was found.
    #[derive(Eq, JsonSchema)]
    pub struct SessionAdopted {}

    /// An identity was found without a session.
    #[derive(Eq, JsonSchema)]
    pub struct SessionOrphaned {}

    /// A report was taken.
    #[derive(Eq, JsonSchema)]
    pub struct ReportAccepted {
        required {
            /// The report's id.
            report: String,
        }
        optional {
            /// What it says.
            state: Option<ReportState>,
            /// What was said before.
            before: Option<ReportState>,
            /// Who says it.
            by: Reporter,
            /// The pull request that it names.
            pull: Option<u64>,
        }
    }

    /// A report was refused.
    #[derive(Eq, JsonSchema)]
    pub struct ReportRejected {
        required {
            /// The report's id.
            report: String,
            /// Why.
            reason: String,
        }
        optional {
            /// What it says.
            state: Option<ReportState>,
            /// What counts, as before.
            before: Option<ReportState>,
            /// Who says it.
            by: Reporter,
            /// The session whose agent tried to speak for another.
            caller: Option<SessionId>,
        }
    }

    /// An agent may do nothing for a while.
    #[derive(Eq, JsonSchema)]
    pub struct LimitHit {
        optional {
            /// Until when, where that is known.
            until: Option<Timestamp>,
        }
    }

    /// A session, or all of its project together, has used what it may.
    #[derive(Eq, JsonSchema)]
    pub struct BudgetExceeded {
        required {
            /// The budget's key in the configuration, such as `budgets.session.tokens`.
            key: String,
            /// How much it is: `2000000 tokens` or `$5.00`.
            limit: String,
            /// How much was used.
            used: String,
        }
        optional {
            /// What became of the agent's turn, in words.
            turn: Option<String>,
        }
    }

    /// Something about a pull request.
    #[derive(Eq, JsonSchema)]
    pub struct PullRequestSeen {
        required {
            /// Its number.
            number: u64,
        }
        optional {
            /// The commit at its head.
            head_sha: Option<String>,
            /// Where a human reads it.
            url: Option<String>,
        }
    }

    /// A session took a pull request over.
    #[derive(Eq, JsonSchema)]
    pub struct PullRequestClaimed {
        required {
            /// Its number.
            number: u64,
        }
        optional {
            /// The session that has it now, where another had it before.
            by: Option<SessionId>,
            /// The sessions that had it.
            from: Vec<SessionId>,
        }
    }

    /// Checks of the host's own were begun.
    #[derive(Eq, JsonSchema)]
    pub struct CheckRunStarted {
        required {
            /// The commit that is checked.
            sha: String,
            /// The run's id.
            run: String,
            /// What is checked.
            checks: Vec<CheckName>,
        }
        optional {
            /// Which attempt this is, from 1.
            attempt: u32,
            /// The number of the pull request.
            number: Option<u64>,
        }
    }

    /// A check of the host's own has a verdict.
    #[derive(Eq, JsonSchema)]
    pub struct EvidenceRecorded {
        required {
            /// The commit that was checked.
            sha: String,
            /// The run's id.
            run: String,
            /// The verdict: `passed` or `failed`.
            verdict: String,
        }
        optional {
            /// Which check.
            check: Option<CheckName>,
            /// The number of the pull request.
            number: Option<u64>,
            /// Why it failed.
            why: Option<String>,
            /// Paths that were there from an earlier run. None: everything was made fresh.
            #[schemars(with = "Vec<String>")]
            reused: Vec<Utf8PathBuf>,
        }
    }

    /// A human was to be told something.
    #[derive(Eq, JsonSchema)]
    pub struct NotifyTried {
        required {
            /// The key of what is told, in the ledger.
            intent: String,
        }
        optional {
            /// The notifier's name in the configuration.
            notifier: Option<String>,
            /// Why it did not work.
            reason: Option<String>,
        }
    }

    /// Something went into the trash, or out of it.
    #[derive(Eq, JsonSchema)]
    pub struct TrashMoved {
        required {
            /// Its id in the trash.
            item: String,
        }
    }
}
