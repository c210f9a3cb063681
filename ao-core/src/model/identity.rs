//! Who a session is, written where it survives the loss of the host's state: into the repository, and beside the
//! session's worktree.

use camino::Utf8PathBuf;

use super::facts::{AgentFacts, ChosenPlugins, Session, WorkspaceFacts};
use super::{BranchName, PluginName, ProjectName, SessionId, Timestamp};
use crate::record::record;

/// The version of [`Identity`]. A newer host keeps reading older ones.
pub const IDENTITY_VERSION: u32 = 1;

record! {
    /// Who a session is.
    #[derive(Eq)]
    pub struct Identity {
        required {
            /// [`IDENTITY_VERSION`].
            version: u32,
            /// Its id.
            session: SessionId,
            /// The project's key in the configuration.
            project: ProjectName,
            /// The installation that made it: sessions of another one are left to that.
            owner: String,
            /// Its branch.
            branch: BranchName,
            /// When it was asked for.
            #[serde(rename = "createdAt")]
            created_at: Timestamp,
        }
        optional {
            /// The project's directory.
            #[serde(rename = "projectPath")]
            project_path: Option<Utf8PathBuf>,
            /// The configuration file that it was spawned with.
            #[serde(rename = "configFile")]
            config_file: Option<Utf8PathBuf>,
            /// Its worktree's directory.
            path: Option<Utf8PathBuf>,
            /// What its branch was started from, such as `main`.
            #[serde(rename = "baseRef")]
            base_ref: Option<String>,
            /// The tracker's id of the issue that it works on.
            issue: Option<String>,
            /// The agent plugin.
            agent: Option<PluginName>,
            /// The agent's name in the configuration.
            #[serde(rename = "agentName")]
            agent_name: Option<PluginName>,
            /// The runtime plugin.
            runtime: Option<PluginName>,
            /// The workspace plugin.
            workspace: Option<PluginName>,
        }
    }
}

impl Identity {
    /// Reads what stands somewhere; none where it is not one.
    #[must_use]
    pub fn read(blob: &str) -> Option<Self> {
        serde_json::from_str(blob).ok()
    }

    /// The text that is written.
    #[must_use]
    pub fn blob(&self) -> String {
        serde_json::to_string(self).expect("a record is an object with text keys, which is always JSON")
    }

    /// The facts that it tells, of a session of the project in this directory. `workspace` is the plugin where it names none.
    #[must_use]
    pub fn facts(&self, project_path: Utf8PathBuf, workspace: &PluginName) -> Session {
        let mut session = Session::new(self.session.clone(), self.project.clone(), project_path, self.created_at);
        session.config_file.clone_from(&self.config_file);
        session.issue.clone_from(&self.issue);
        session.identity = Some(self.blob());
        if let Some(agent) = &self.agent {
            session.agent =
                Some(AgentFacts::new(agent.clone(), self.agent_name.clone().unwrap_or_else(|| agent.clone())));
        }
        let workspace = self.workspace.as_ref().unwrap_or(workspace);
        session.plugins = self.runtime.as_ref().map(|runtime| ChosenPlugins::new(runtime.clone(), workspace.clone()));
        if let Some(path) = &self.path {
            let mut facts = WorkspaceFacts::new(workspace.clone(), path.clone(), self.branch.clone());
            facts.base_ref = self.base_ref.clone().unwrap_or_default();
            session.workspace = Some(facts);
        }
        session
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_is_still_read() {
        let blob = r#"{"branch":"ao/app-1","createdAt":"2026-01-01T00:00:00.000Z","owner":"0a1b2c3d","project":"app","session":"app-1","version":1}"#;
        let identity = Identity::read(blob).expect("an identity");
        assert_eq!((identity.session.as_str(), identity.owner.as_str()), ("app-1", "0a1b2c3d"));
        let facts = identity.facts("/src/app".into(), &"worktree".parse().unwrap());
        assert_eq!((facts.project_path.as_str(), facts.workspace), ("/src/app", None));
        assert_eq!(Identity::read(&identity.blob()), Some(identity));
        assert_eq!(Identity::read("not JSON"), None);
    }
}
