//! What is due in one open episode.

use std::time::Duration;

use super::condition::{Condition, Standing};
use super::intent::{Deed, Intent, Told, ValidWhile};
use super::ledger::{Episode, EpisodeState, Occurrence, Stage};
use crate::config::{Action, EscalateAfter, Limits, Reaction, RuleKey};
use crate::lifecycle::{Load, Policy, exceeded};
use crate::model::{ProjectName, ReactionKey, SessionId};

/// How often one occurrence is acted on at most: an action that fails is tried again so often.
const MOST_TRIES: u32 = 3;
/// For how long what is not all known yet is waited for.
const SETTLE: Duration = Duration::from_mins(5);
/// How long after an action the next one waits where more of the same comes bit by bit, as comments do.
const GATHER: Duration = Duration::from_mins(2);

/// One rule, its condition, and what was done about it.
pub(super) struct Case<'a> {
    pub(super) key: ReactionKey,
    pub(super) rule: &'a Reaction,
    pub(super) episode: &'a Episode,
    pub(super) condition: &'a Condition,
    pub(super) standing: Standing,
    pub(super) project: &'a ProjectName,
    pub(super) session: Option<&'a SessionId>,
    pub(super) limits: &'a Limits,
    pub(super) load: Load,
    pub(super) timing: &'a Policy,
}

/// Whether the rule's action is done now.
enum Turn {
    Act,
    Wait,
    /// Never again, and a human has to know.
    GiveUp(Reached),
}

/// A limit that was reached.
struct Reached {
    why: String,
    /// What sets it.
    by: RuleKey,
}

/// The intents that are due: an action or a word in its place, and that the episode takes too long.
pub(super) fn due(case: &Case<'_>, key: &str) -> Vec<Intent> {
    let Case { episode, condition, rule, .. } = case;
    if episode.state != EpisodeState::Open {
        return Vec::new();
    }
    let unknown = Occurrence::new(condition.fingerprint.as_str());
    let occurrence = episode.current().unwrap_or(&unknown);
    let mut due = Vec::new();
    let mut reached = overdue(case);
    match deed(case) {
        Err(Reached { why, by }) if !occurrence.told && wants_a_word(occurrence) => {
            let told = Told::Instead { why };
            due.push(intent(case, key, Deed::Notify { priority: rule.priority, told }, by));
        }
        Err(_) => {}
        Ok(deed) => match turn(case, occurrence) {
            Turn::Act => due.push(intent(case, key, deed, RuleKey::Action)),
            Turn::Wait => {}
            Turn::GiveUp(limit) => reached = reached.or(Some(limit)),
        },
    }
    if let Some(Reached { why, by }) = reached.filter(|_| episode.escalated.is_none()) {
        let told = Told::Escalated { why };
        due.push(intent(case, key, Deed::Notify { priority: rule.escalate_priority, told }, by));
    }
    due
}

/// Whether something is still to be done about it, so that a human has to know that it is not.
const fn wants_a_word(occurrence: &Occurrence) -> bool {
    match occurrence.stage {
        Stage::Untouched | Stage::Failed => true,
        Stage::Done => occurrence.again,
        Stage::Planned | Stage::Refused | Stage::Uncertain => false,
    }
}

/// Whether a rule, as it is written now, still wants what was planned under it. A human who is told is told whatever it wants.
pub(super) fn still_wants(rule: &Reaction, deed: &Deed) -> bool {
    match (deed, &rule.action) {
        (Deed::Notify { .. }, _) => true,
        (Deed::Send, Action::SendToAgent) | (Deed::Merge { .. }, Action::AutoMerge) => rule.auto,
        (Deed::Spawn { role, agent }, Action::Spawn(wanted)) => {
            rule.auto && *role == wanted.role && *agent == wanted.agent
        }
        (Deed::Run { run }, Action::Run(wanted)) => rule.auto && run == wanted,
        _ => false,
    }
}

/// The rule's action, or why it is not done.
fn deed(case: &Case<'_>) -> Result<Deed, Reached> {
    let Case { rule, condition, .. } = case;
    let not = |why: String, by: RuleKey| Err(Reached { why, by });
    if let Action::Notify = rule.action {
        return Ok(Deed::Notify { priority: rule.priority, told: Told::Condition });
    }
    if !rule.auto {
        return not(format!("`{}` is not done by itself: `auto` is false", rule.action.as_str()), RuleKey::Auto);
    }
    match &rule.action {
        Action::SendToAgent if case.standing == Standing::AgentGone => {
            not("there is no agent that could be told; `ao session restore` starts one".to_owned(), RuleKey::Action)
        }
        Action::SendToAgent => Ok(Deed::Send),
        Action::Notify => Ok(Deed::Notify { priority: rule.priority, told: Told::Condition }),
        Action::AutoMerge => match (condition.about.pull, &condition.about.head) {
            (Some(number), Some(head)) if case.key == ReactionKey::ApprovedAndGreen => {
                Ok(Deed::Merge { number, head: head.clone() })
            }
            _ => not("only what is green is merged".to_owned(), RuleKey::Action),
        },
        Action::Spawn(spawn) => match exceeded(case.limits, case.load, case.project) {
            Some(exceeded) => not(format!("no session is started: {}", exceeded.message), RuleKey::Action),
            None => Ok(Deed::Spawn { role: spawn.role, agent: spawn.agent.clone() }),
        },
        Action::Run(run) => Ok(Deed::Run { run: run.clone() }),
    }
}

fn turn(case: &Case<'_>, occurrence: &Occurrence) -> Turn {
    let Case { episode, rule, .. } = case;
    let waited = |duration: Duration| u128::from(episode.since_action_ms) >= duration.as_millis();
    // A word to a human is said again only where it did not get through. One that is on its way keeps no other back.
    let is_word = rule.action == Action::Notify;
    if episode.is_busy() && (!is_word || occurrence.stage == Stage::Planned) {
        return Turn::Wait;
    }
    let wants = match occurrence.stage {
        Stage::Untouched => true,
        Stage::Done => occurrence.again && rule.action == Action::SendToAgent && episode.escalated.is_none(),
        Stage::Failed if occurrence.attempts >= MOST_TRIES => {
            let why = format!("it was tried {MOST_TRIES} times: {}", occurrence.why);
            return Turn::GiveUp(Reached { why, by: RuleKey::Action });
        }
        // A human who was told looks after it.
        Stage::Failed => episode.escalated.is_none(),
        Stage::Refused | Stage::Uncertain => {
            return Turn::GiveUp(Reached { why: occurrence.why.clone(), by: RuleKey::Action });
        }
        Stage::Planned => false,
    };
    if !wants {
        return Turn::Wait;
    }
    let settled = case.condition.is_settled || u128::from(episode.present_ms) >= SETTLE.as_millis();
    if !settled {
        return Turn::Wait;
    }
    let (most, by) = rule.most_actions();
    if !is_word && episode.attempts >= most {
        let actions =
            if episode.attempts == 1 { "1 action".to_owned() } else { format!("{} actions", episode.attempts) };
        return Turn::GiveUp(Reached { why: format!("it is not over after {actions}"), by });
    }
    let pause = match (occurrence.stage, case.key) {
        (Stage::Failed, _) => case.timing.resync,
        (_, ReactionKey::ChangesRequested | ReactionKey::BugbotComments | ReactionKey::MergeConflicts) => GATHER,
        _ => Duration::ZERO,
    };
    if episode.attempts > 0 && !waited(pause) { Turn::Wait } else { Turn::Act }
}

/// Why a human is told that it is not over: it has taken too long.
fn overdue(case: &Case<'_>) -> Option<Reached> {
    let Some(EscalateAfter::Time(after)) = case.rule.escalate_after else { return None };
    let elapsed = u128::from(case.episode.elapsed_ms);
    let why = || format!("it is not over after {after}");
    (elapsed >= after.get().as_millis()).then(|| Reached { why: why(), by: RuleKey::EscalateAfter })
}

/// An intent, and which key of the rule wants it.
fn intent(case: &Case<'_>, episode: &str, deed: Deed, by: RuleKey) -> Intent {
    let fingerprint = case.condition.fingerprint.as_str();
    let next = case.episode.attempts.saturating_add(1);
    let (tail, attempt, valid_while) = match &deed {
        Deed::Notify { told: Told::Escalated { .. }, .. } => {
            (format!("escalated/{}", case.episode.opened), 0, ValidWhile::Lasts)
        }
        Deed::Notify { told: Told::Instead { .. }, .. } => {
            (format!("{fingerprint}/told/{}", case.episode.opened), 0, ValidWhile::Same)
        }
        _ => (format!("{fingerprint}/{}/{next}", case.episode.opened), next, ValidWhile::Same),
    };
    let key = format!("{episode}/{tail}");
    let at_most = match &deed {
        Deed::Notify { .. } => None,
        _ => Some(case.rule.most_actions().0),
    };
    let mut intent = Intent::new(key, case.key, case.project.clone(), episode, fingerprint, deed, valid_while);
    intent.session = case.session.cloned();
    intent.attempt = attempt;
    intent.opened = Some(case.episode.opened);
    intent.reason.clone_from(&case.condition.reason);
    intent.about = case.condition.about.clone();
    intent.at_most = at_most;
    intent.escalate_after = case.rule.escalate_after;
    intent.rule = case.rule.origin.nearest(by).cloned();
    intent
}
