//! `ao __schemas`: the JSON Schemas of everything that `--json` prints, by the name of the command, and of every event, by
//! its type.

use std::collections::BTreeMap;
use std::process::ExitCode;

use ao_core::model::event::{self, Event, EventKind};
use schemars::{Schema, schema_for};

use super::session::{claim_pr, cleanup, list, show};
use super::{
    adopt, agent, answer, batch_spawn, config, doctor, gc, inbox, issue, notify, plugin, pr, reactions, reconcile,
    report, send, spawn, status, stop, trash, trust, why,
};
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::holding::HeldView;
use crate::output;

/// Print the JSON Schemas of what `--json` prints
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Of what
    #[arg(default_value = "results")]
    of: Of,
}

/// What there are schemas of.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    /// What commands print.
    Results,
    /// Events.
    Events,
}

impl Arguments {
    pub(crate) fn run(self, _: &Edge) -> Outcome {
        output::json(&match self.of {
            Of::Results => all(),
            Of::Events => EventKind::ALL.iter().map(|kind| (kind.as_str(), event::schema(*kind))).collect(),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// One line for each command with `--json`.
fn all() -> BTreeMap<&'static str, Schema> {
    BTreeMap::from([
        ("inbox-acknowledge", schema_for!(inbox::acknowledge::AcknowledgedView)),
        ("acknowledge", schema_for!(report::ReportView)),
        ("adopt", schema_for!(adopt::AdoptView)),
        ("batch-spawn", schema_for!(batch_spawn::BatchView)),
        ("config-check", schema_for!(config::Checked)),
        ("config-show", schema_for!(config::Shown)),
        ("demo", schema_for!(Event)),
        ("doctor", schema_for!(doctor::DoctorView)),
        ("events", schema_for!(Event)),
        ("gc", schema_for!(gc::GcView)),
        ("inbox", schema_for!(inbox::InboxView)),
        ("issue-list", schema_for!(issue::list::IssueList)),
        ("issue-show", schema_for!(issue::show::IssueView)),
        ("notify-test", schema_for!(notify::TestedView)),
        ("orchestrator-start", schema_for!(spawn::SpawnView)),
        ("pause", schema_for!(HeldView)),
        ("plugin-add", schema_for!(plugin::Added)),
        ("plugin-certify", schema_for!(plugin::Certification)),
        ("plugin-inspect", schema_for!(plugin::Inspection)),
        ("plugin-list", schema_for!(plugin::PluginList)),
        ("plugin-remove", schema_for!(plugin::Removed)),
        ("plugin-trust", schema_for!(plugin::TrustedLibraries)),
        ("plugin-untrust", schema_for!(plugin::Untrusted)),
        ("plugin-verify", schema_for!(plugin::Verification)),
        ("pr-create", schema_for!(pr::create::CreatedView)),
        ("pr-list", schema_for!(pr::list::PullList)),
        ("pr-merge", schema_for!(pr::merge::MergedView)),
        ("pr-show", schema_for!(pr::show::PullView)),
        ("pr-checks", schema_for!(pr::checks::ChecksView)),
        ("reactions-list", schema_for!(reactions::list::RuleList)),
        ("reactions-test", schema_for!(reactions::test::TestView)),
        ("reconcile", schema_for!(reconcile::ReconcileView)),
        ("resume", schema_for!(HeldView)),
        ("report", schema_for!(report::ReportView)),
        ("send", schema_for!(send::SentView)),
        ("answer", schema_for!(answer::AnswerView)),
        ("agent-list", schema_for!(agent::list::AgentList)),
        ("session-claim-pr", schema_for!(claim_pr::ClaimView)),
        ("session-cleanup", schema_for!(cleanup::CleanupView)),
        ("session-list", schema_for!(list::SessionList)),
        ("session-review", schema_for!(spawn::SpawnView)),
        ("session-show", schema_for!(show::ShowView)),
        ("spawn", schema_for!(spawn::SpawnView)),
        ("status", schema_for!(status::StatusView)),
        ("stop", schema_for!(stop::StopView)),
        ("trash-empty", schema_for!(trash::EmptyView)),
        ("trash-list", schema_for!(trash::list::TrashList)),
        ("trash-show", schema_for!(trash::show::ItemView)),
        ("trust", schema_for!(trust::Trusted)),
        ("why", schema_for!(why::WhyView)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands with `--json`, named as the schemas are.
    fn with_json(command: &clap::Command, name: &str, found: &mut Vec<String>) {
        if command.get_arguments().any(|argument| argument.get_id() == "json") {
            found.push(name.to_owned());
        }
        for below in command.get_subcommands() {
            let joined =
                if name.is_empty() { below.get_name().to_owned() } else { format!("{name}-{}", below.get_name()) };
            with_json(below, &joined, found);
        }
    }

    #[test]
    fn everything_that_prints_json_has_a_schema() {
        let mut commands = Vec::new();
        with_json(&crate::cli::definition(), "", &mut commands);
        commands.sort();
        assert_eq!(commands, all().into_keys().collect::<Vec<_>>());
    }
}
