//! What a session is decided by: the rules of its project, how much there is already, and what is red on the base.

use std::collections::BTreeSet;
use std::sync::Arc;

use ao_core::Result;
use ao_core::config::{Action, Limits, Project, Reactions};
use ao_core::lifecycle::decide::Rules;
use ao_core::lifecycle::{CheckPlan, Load, Policy, shown_checks, status};
use ao_core::model::Timestamp;
use ao_core::model::facts::Session;
use ao_core::slots::scm::{Check, CheckState};

use crate::checks;
use crate::store::{Reader, SessionFilter};

/// What the configuration in force says of a project.
#[derive(Debug)]
pub(crate) struct ProjectRules {
    /// Its rules.
    pub(crate) reactions: Reactions,
    /// How much may be started.
    pub(crate) limits: Limits,
    /// The checks that the host runs itself.
    pub(crate) checks: Option<CheckPlan>,
}

impl ProjectRules {
    /// Those of a project.
    pub(crate) fn of(project: &Project) -> Self {
        Self {
            reactions: project.reactions.clone(),
            limits: project.limits,
            checks: project.checks.as_ref().map(checks::plan),
        }
    }

    fn spawns(&self) -> bool {
        self.reactions.iter().any(|(_, rule)| matches!(rule.action, Action::Spawn(_)))
    }
}

/// What one session, or its project, is decided by at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Ruling {
    /// What the configuration says.
    pub(crate) project: Arc<ProjectRules>,
    timing: Policy,
    load: Load,
    red_on_base: BTreeSet<String>,
}

impl Ruling {
    /// For a session.
    pub(crate) fn of_session(
        project: Arc<ProjectRules>,
        session: &Session,
        reader: &dyn Reader,
        now: Timestamp,
    ) -> Result<Self> {
        let timing = Policy::default();
        let load = if project.spawns() { load(session, reader, &timing, now)? } else { Load::default() };
        Ok(Self { red_on_base: red_on_base(session, &project, reader)?, project, timing, load })
    }

    /// For the project of these sessions.
    pub(crate) fn of_project(project: Arc<ProjectRules>, sessions: &[Session], reader: &dyn Reader) -> Result<Self> {
        let mut red = BTreeSet::new();
        for session in sessions {
            red.extend(red_on_base(session, &project, reader)?);
        }
        Ok(Self { project, timing: Policy::default(), load: Load::default(), red_on_base: red })
    }

    /// Whether something is red on the base.
    pub(crate) fn has_red(&self) -> bool {
        !self.red_on_base.is_empty()
    }

    /// As decisions take them.
    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules {
            reactions: &self.project.reactions,
            timing: &self.timing,
            limits: &self.project.limits,
            load: self.load,
            red_on_base: &self.red_on_base,
        }
    }
}

/// How much there is, with this session as the parent of what would be started.
fn load(session: &Session, reader: &dyn Reader, timing: &Policy, now: Timestamp) -> Result<Load> {
    let there = reader.sessions(&SessionFilter::default())?;
    let runs = |session: &Session| status(session, now, timing).name.is_live();
    Ok(Load::of(&there, runs, (&session.project, &session.project_path), Some(&session.id), now))
}

/// The required checks that fail for a session's pull request and failed at the commit that its base stands at, as far as
/// the host has run them there: no agent mends these on its own branch.
fn red_on_base(session: &Session, project: &ProjectRules, reader: &dyn Reader) -> Result<BTreeSet<String>> {
    let (Some(pull), Some(plan)) = (&session.pull, &project.checks) else { return Ok(BTreeSet::new()) };
    let failed = |checks: &[Check]| -> BTreeSet<String> {
        let failed = checks.iter().filter(|check| check.required && check.state == CheckState::Failed);
        failed.map(|check| check.name.clone()).collect()
    };
    let mut red = failed(&pull.snapshot.checks);
    let Some(base) = pull.snapshot.base_commit.as_ref().filter(|_| !red.is_empty()) else { return Ok(BTreeSet::new()) };
    let on_base = failed(&shown_checks(plan, &reader.check_runs_of(&session.project_path, base)?));
    red.retain(|name| on_base.contains(name));
    Ok(red)
}
