//! The domain: what a session, a project, an issue or a pull request is, whoever provides it.

pub mod ids;

pub use ids::{BranchName, InvalidName, PluginName, ProjectName, SessionId, SessionPrefix};
