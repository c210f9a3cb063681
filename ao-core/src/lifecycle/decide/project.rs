//! What is to be done about a project as a whole: everything has ended, or what is red is red on the base.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::condition::{Condition, Seen, Standing, digest};
use super::episodes::{self, Move};
use super::intent::{About, Deed, Intent, Told};
use super::ledger::{Ledger, Stage, episode_key};
use super::roles::counts_for_all;
use super::{Rules, Validity, plan};
use crate::config::{Action, Reaction, RuleKey};
use crate::lifecycle::{Status, StatusName};
use crate::model::facts::Session;
use crate::model::{ProjectName, ReactionKey, Timestamp};
use crate::slots::scm::{CheckState, PullState};

/// Takes a look at a project into the ledger, as [`advance`](super::advance) does at a session.
pub fn advance_project(
    ledger: &mut Ledger,
    project: &ProjectName,
    directory: &Utf8Path,
    sessions: &[(&Session, &Status)],
    rules: &Rules<'_>,
    now: Timestamp,
) -> Vec<Move> {
    let looks = looks(project, sessions, rules);
    let moves = looks.into_iter().flat_map(|(key, seen)| {
        let rule = rules.reactions.get(key);
        let seen = if rule.is_some() { seen } else { Seen::Over };
        let watched = episodes::Watched { key, threshold: None, place: rule.and_then(|rule| rule.origin.rule()) };
        episodes::advance(ledger, &scope(project, directory), &watched, &seen, rules.timing, now)
    });
    moves.collect()
}

/// What is due about a project, as [`decide`](super::decide) says it of a session. `sessions` are all of its sessions.
#[must_use]
pub fn decide_project(
    project: &ProjectName,
    directory: &Utf8Path,
    sessions: &[(&Session, &Status)],
    ledger: &Ledger,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Vec<Intent> {
    let mut ledger = ledger.clone();
    advance_project(&mut ledger, project, directory, sessions, rules, now);
    let mut due = Vec::new();
    for (key, seen) in looks(project, sessions, rules) {
        let (Some(rule), Seen::Holds(condition)) = (rules.reactions.get(key), seen) else { continue };
        let Some(episode) = ledger.episode(&scope(project, directory), key, &condition.subject) else { continue };
        // Rows that go later make no second end of the same.
        let is_told = episode
            .current()
            .is_none_or(|occurrence| matches!(occurrence.stage, Stage::Done | Stage::Untouched | Stage::Planned));
        if key == ReactionKey::AllComplete && episode.attempts > 0 && is_told {
            continue;
        }
        let rule = match key {
            // No agent is told of what it did not do.
            ReactionKey::CiFailed => Reaction {
                action: Action::Notify,
                escalate_after: None,
                origin: rule.origin.clone().without(&[RuleKey::Action, RuleKey::EscalateAfter]),
                ..rule.clone()
            },
            _ => rule.clone(),
        };
        let case = plan::Case {
            key,
            rule: &rule,
            episode,
            condition: &condition,
            standing: Standing::AgentGone,
            project,
            session: None,
            limits: rules.limits,
            load: rules.load,
            timing: rules.timing,
        };
        due.extend(plan::due(&case, &episode_key(&scope(project, directory), key, &condition.subject)));
    }
    due
}

/// Whether what is told of a project is still so.
#[must_use]
pub fn validity_project(
    intent: &Intent,
    project: &ProjectName,
    sessions: &[(&Session, &Status)],
    rules: &Rules<'_>,
) -> Validity {
    let mut looks = looks(project, sessions, rules).into_iter().filter(|(key, _)| *key == intent.reaction);
    if looks.any(|(_, seen)| matches!(seen, Seen::Holds(_))) {
        return Validity::Valid;
    }
    Validity::Superseded(format!("`{}` is not so any more", intent.reaction))
}

/// No session's id has a `*` in it. Two repositories may give one name to different projects.
fn scope(project: &ProjectName, directory: &Utf8Path) -> String {
    format!("{project}/*{}", digest([directory.as_str()]))
}

fn looks(project: &ProjectName, sessions: &[(&Session, &Status)], rules: &Rules<'_>) -> [(ReactionKey, Seen); 2] {
    let of_project = || sessions.iter().filter(|(session, _)| session.project == *project);
    [
        (ReactionKey::AllComplete, all_complete(project, of_project())),
        (ReactionKey::CiFailed, red_on_base(of_project(), rules.red_on_base)),
    ]
}

fn holds(subject: &str, fingerprint: String, reason: String, about: About) -> Seen {
    Seen::Holds(Box::new(Condition { subject: subject.to_owned(), fingerprint, reason, about, is_settled: true }))
}

fn all_complete<'a>(project: &ProjectName, sessions: impl Iterator<Item = &'a (&'a Session, &'a Status)>) -> Seen {
    let workers: Vec<_> = sessions.filter(|(session, _)| counts_for_all(session.role)).collect();
    let is_over = |status: &Status| status.name.is_over() || status.name == StatusName::Cleanup;
    if workers.is_empty() || !workers.iter().all(|(_, status)| is_over(status)) {
        return Seen::Over;
    }
    // What is over may still have to be put away. That is no new beginning, whose end would be told once more.
    if workers.iter().any(|(session, _)| session.op.is_some()) {
        return Seen::Between { subject: "all".to_owned() };
    }
    let ended = workers.iter().map(|(session, status)| format!("{} {} {}", session.id, status.name, status.since));
    let mut about =
        About { sessions: workers.iter().map(|(session, _)| session.id.clone()).collect(), ..About::default() };
    about.sessions.sort();
    let reason = format!("every worker of {project} has ended");
    holds("all", digest(ended), reason, about)
}

/// Checks that fail for open pull requests because they fail on the base.
fn red_on_base<'a>(sessions: impl Iterator<Item = &'a (&'a Session, &'a Status)>, red: &BTreeSet<String>) -> Seen {
    let mut failing = BTreeSet::new();
    let mut hit = BTreeSet::new();
    for (session, _) in sessions {
        let pull = session.pull.as_ref().filter(|pull| pull.snapshot.state == PullState::Open);
        for check in pull.into_iter().flat_map(|pull| &pull.snapshot.checks) {
            if check.required && check.state == CheckState::Failed && red.contains(&check.name) {
                failing.insert(check.name.clone());
                hit.insert(session.id.clone());
            }
        }
    }
    if failing.is_empty() {
        return if red.is_empty() { Seen::Over } else { Seen::Between { subject: "base".to_owned() } };
    }
    let names: Vec<_> = failing.iter().map(String::as_str).collect();
    let reason = format!("checks fail on the base branch, so no agent is told: {}", names.join(", "));
    let fingerprint = digest(&failing);
    let about =
        About { checks: failing.into_iter().collect(), sessions: hit.into_iter().collect(), ..About::default() };
    holds("base", fingerprint, reason, about)
}

/// Whether this is about checks of the base, of which the rule's own message says nothing.
pub(super) fn is_about_base(intent: &Intent) -> bool {
    intent.session.is_none()
        && intent.reaction == ReactionKey::CiFailed
        && matches!(intent.deed, Deed::Notify { told: Told::Condition, .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Policy, status};
    use crate::model::facts::{End, EndKind};
    use crate::slots::agent::Role;

    #[test]
    fn all_is_complete_when_every_worker_has_ended_and_there_was_one() {
        let now = Timestamp::from_millis(1000);
        let app: ProjectName = "app".parse().unwrap();
        let session = |number: usize, role, has_ended: bool| {
            let id: crate::model::SessionId = format!("app-{number}").parse().unwrap();
            let mut session = Session::new(id, app.clone(), "/app", Timestamp::from_millis(0));
            session.role = role;
            session.end = has_ended.then(|| End::new(EndKind::Merged, now));
            session
        };
        for (roles, holds) in [
            (vec![(Role::Worker, true)], true),
            (vec![(Role::Worker, true), (Role::Worker, false)], false),
            (vec![(Role::Worker, true), (Role::Orchestrator, false), (Role::Reviewer, false)], true),
            (vec![(Role::Worker, true), (Role::Unknown, false)], false),
            (vec![(Role::Orchestrator, true), (Role::Reviewer, true)], false),
        ] {
            let sessions: Vec<_> = roles.iter().zip(1..).map(|((role, over), id)| session(id, *role, *over)).collect();
            let statuses: Vec<_> = sessions.iter().map(|session| status(session, now, &Policy::default())).collect();
            let seen: Vec<_> = sessions.iter().zip(&statuses).collect();
            let found = all_complete(&app, seen.iter());
            assert_eq!(matches!(found, Seen::Holds(_)), holds, "{roles:?}: {found:?}");
        }
    }
}
