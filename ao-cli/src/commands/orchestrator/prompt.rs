//! `ao orchestrator prompt`: what an orchestrator is told.

use std::process::ExitCode;

use ao_core::config::{Config, Project};
use ao_core::lifecycle::{Brief, orchestrator_prompt};
use ao_core::model::ProjectName;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::{completion, handbook, manager, output};

/// Print what an orchestrator is told: how it works, its project, your rules, and every command
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The project; the only one, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files()?)?;
        let project = manager::project(edge, &setup, self.project.as_ref())?;
        output::text(&text(&setup.loaded.config, project))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The whole text.
pub(super) fn text(config: &Config, project: &Project) -> String {
    let agents: Vec<_> = config.agents().keys().collect();
    orchestrator_prompt(&Brief { project, agents: &agents, manual: &handbook::text() })
}

#[cfg(test)]
mod tests {
    use ao_core::config::Document;

    use super::*;

    /// Beside the rules, which the configuration bounds.
    const MOST_BYTES: usize = 24 * 1024;

    #[test]
    fn it_is_short_enough_to_be_read_at_every_launch() {
        let text = "version: 1\nprojects: { app: { path: /r, orchestratorRules: Be quick. } }\n";
        let document = Document::parse("/r/agent-orchestrator.yaml".into(), text.as_bytes()).unwrap();
        let config = Config::layered([document], None).unwrap();
        let text = super::text(&config, config.project(&"app".parse().unwrap()).unwrap());
        assert!(text.len() < MOST_BYTES, "{} bytes", text.len());
        for said in ["Be quick.", "ao spawn [ISSUE]", "ao orchestrator prompt", "`ao report needs_input"] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}
