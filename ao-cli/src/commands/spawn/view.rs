//! What `ao spawn` shows: the session that is there now, or the plan of one.

use ao_core::lifecycle::{PlannedStep, SpawnPlan};
use ao_core::model::DeliveryLevel;
use ao_core::model::facts::IssueFacts;
use ao_host::sessions::Spawned;
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::{self, Page};
use crate::session_view::{Full, Row};
use crate::view::View;

/// What a spawn did, or would do.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::commands) enum SpawnView {
    /// A session that was spawned.
    Spawned {
        /// The session.
        session: Box<Row>,
        /// Why its prompt did not reach it for certain.
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt: Option<String>,
    },
    /// What would be done; nothing was.
    Planned {
        /// The plan.
        plan: Box<SpawnPlan>,
    },
}

impl SpawnView {
    pub(in crate::commands) fn of_session(spawned: &Spawned, world: &World) -> Self {
        let session = Box::new(Full::now(&spawned.session, world).row());
        Self::Spawned { session, prompt: prompt_problem(spawned) }
    }

    pub(super) fn of_plan(plan: SpawnPlan) -> Self {
        Self::Planned { plan: Box::new(plan) }
    }

    /// What a person is told beside the data.
    pub(in crate::commands) fn tell(&self) {
        match self {
            Self::Planned { .. } => output::note("nothing was made"),
            Self::Spawned { session, prompt } => {
                let part = |part: &Option<String>| part.clone().unwrap_or_default();
                if let Some(issue) = &session.issue_facts {
                    output::note(format_args!("issue     {}", shown(issue)));
                }
                output::note(format_args!("agent     {}", part(&session.agent)));
                output::note(format_args!("branch    {}", part(&session.branch)));
                output::note(format_args!("worktree  {}", part(&session.worktree)));
                if let Some(problem) = prompt {
                    output::note(format_args!("prompt    {problem}"));
                }
            }
        }
    }
}

/// Why the prompt of a session that was spawned did not reach it for certain.
pub(in crate::commands) fn prompt_problem(spawned: &Spawned) -> Option<String> {
    match spawned.prompt.as_ref()? {
        Ok(sent) => {
            let why = sent.why.as_ref()?;
            Some(match sent.level {
                DeliveryLevel::Failed => format!("the prompt was not sent: {why}"),
                level if level.is_final() => why.to_string(),
                _ => format!("held back: {why}; the host delivers it when it can, or `ao send` with the next message"),
            })
        }
        Err(error) => Some(format!("the prompt was not sent: {error}")),
    }
}

fn shown(issue: &IssueFacts) -> String {
    let url = issue.url.as_ref().map(|url| format!(" ({url})")).unwrap_or_default();
    format!("{}{url}", issue.name())
}

impl View for SpawnView {
    fn write(&self, page: &mut Page) {
        match self {
            Self::Spawned { session, .. } => page.line(&session.id),
            Self::Planned { plan } => write_plan(plan, page),
        }
    }
}

fn write_plan(plan: &SpawnPlan, page: &mut Page) {
    let commit = plan.base_commit.as_ref().map(|commit| format!(", {commit}")).unwrap_or_default();
    let mut fields =
        vec![("session", plan.session.to_string()), ("project", format!("{} ({})", plan.project, plan.project_path))];
    fields.extend(plan.issue_facts.as_ref().map(|issue| ("issue", shown(issue))));
    fields.extend(plan.plugins.tracker.as_ref().map(|tracker| ("tracker", tracker.to_string())));
    fields.extend([
        ("branch", format!("{}, from {}{commit}", plan.branch, plan.base)),
        ("worktree", format!("{} ({})", plan.worktree, plan.plugins.workspace)),
        ("agent", format!("{} ({})", plan.agent, plan.plugins.agent)),
        ("runtime", plan.plugins.runtime.to_string()),
    ]);
    fields.extend(plan.symlinks.iter().map(|link| ("symlink", link.to_string())));
    fields.extend(plan.post_create.iter().map(|step| ("postCreate", words(step))));
    page.fields(fields);
    if let Some(prompt) = &plan.prompt {
        page.gap();
        page.line("prompt:");
        page.line(prompt.trim_end_matches('\n'));
    }
}

/// An argument list such that one argument cannot be taken for two.
fn words(step: &PlannedStep) -> String {
    let is_plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_graphic() && !"\"'\\".contains(c));
    let word = |word: &String| if is_plain(word) { word.clone() } else { format!("{word:?}") };
    step.argv.iter().map(word).collect::<Vec<_>>().join(" ")
}
