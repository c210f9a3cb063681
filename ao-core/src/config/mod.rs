//! The configuration model, its JSON Schema and its diagnostics.
//!
//! YAML bytes become one spanned tree ([`Node`]). That tree is what the JSON Schema validates, what the types are read
//! from, what plugins' settings are split off from and what every [`Diagnostic`] points into, so a message always shows
//! the text that caused it. The steps:
//!
//! 1. [`Document::parse`] reads one file and checks its keys and types.
//! 2. [`Config::layered`] merges the files and fills in the defaults.
//! 3. [`SlotConfig::check`] holds a plugin's settings against the schema in its manifest.
//! 4. [`SlotConfig::expand`] replaces `${VARIABLE}` and `file:PATH`, once the files are trusted.
//!
//! Nothing here reads a file, the environment or a clock: callers pass text, names and lookups.

mod budgets;
pub(crate) mod checked;
mod checks;
mod diagnostic;
mod document;
mod events;
mod example;
mod expand;
mod key_path;
mod later;
mod lifecycle;
mod limits;
mod merge;
mod model;
mod node;
mod notifiers;
mod orchestrator;
mod paths;
mod prefix;
mod project;
mod reactions;
mod resolve;
mod reviewers;
mod scalars;
mod schema;
mod secrets;
mod slot;
mod source;
mod suggest;
mod trash;
mod tree;
mod validate;
mod violation;

pub use budgets::{Budget, Budgets};
pub use checks::{CheckCache, CheckCommand, CheckStep, Checks, expand_variables};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use document::Document;
pub use events::EventLimits;
pub use example::example_block;
pub use expand::{Expanded, Lookup};
pub use key_path::{KeyPath, Segment};
pub use lifecycle::AfterMerge;
pub use limits::Limits;
pub(crate) use model::Duration as DurationText;
pub use model::Isolation;
pub use node::{Entry, Kind, Mapping, Node};
pub use notifiers::Notifiers;
pub use orchestrator::Orchestrator;
pub use project::{PostCreateCommand, PostCreateStep, Project};
pub use reactions::{
    Action, AgentWords, CheckWords, EscalateAfter, MessageFacts, MessageTemplate, PullWords, Reaction, Reactions,
    ReportWords, RuleKey, RuleOrigin, RunAction, SessionWords, SpawnAction, ThreadWords,
};
pub(crate) use reactions::{PriorityWord, WrittenReactions};
pub use resolve::{Config, PluginLibrary};
pub use scalars::{ByteSize, HumanDuration, MethodName, RelativePath, RepositoryName, Sha256Hex};
pub use schema::schema;
pub use secrets::Secrets;
pub use slot::{Choice, SlotConfig};
pub use source::{Place, Source};
pub use suggest::closest;
pub use trash::TrashLimits;
pub use tree::MAX_BYTES;
pub use validate::validate_plugin_block;

#[cfg(test)]
mod tests;
