//! The domain: what a session, a project, an issue or a pull request is, whoever provides it.

pub mod check;
pub mod condition;
pub mod delivery;
pub mod dollars;
pub mod draft;
pub mod event;
pub mod facts;
pub mod identity;
pub mod ids;
pub mod notice;
pub mod output_log;
pub mod process;
pub mod pull_name;
pub mod reaction;
pub mod rule_place;
pub mod spool;
pub mod terminal;
pub mod time;

pub use check::{CheckResult, CheckRun, RunState};
pub use delivery::{DeliveryLevel, MESSAGES_DIRECTORY};
pub use dollars::Dollars;
pub use identity::{IDENTITY_VERSION, Identity};
pub use ids::{BranchName, CheckName, InvalidName, IssueId, PluginName, ProjectName, SessionId, SessionPrefix};
pub use notice::{Acknowledged, DeliveryState, Notice, NoticeDelivery, NoticeState};
pub use process::{ExitStatus, ProcessId};
pub use pull_name::{InvalidPullName, PullName};
pub use reaction::ReactionKey;
pub use rule_place::RulePlace;
pub use time::Timestamp;
