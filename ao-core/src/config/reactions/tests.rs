//! Each key by itself, over its default.

use Priority::{Action as Decide, Info, Urgent, Warning};

use super::*;
use crate::slots::agent::Role;

fn written(json: &str) -> WrittenReactions {
    serde_json::from_str(json).expect("as the schema admits it")
}

fn resolve(all: &WrittenReactions, own: &WrittenReactions) -> Reactions {
    let layer = |written| Layer { written, node: None };
    Reactions::resolve(layer(all), layer(own))
}

fn rule(all: &str, own: &str, key: ReactionKey) -> Reaction {
    resolve(&written(all), &written(own)).get(key).expect("a rule").clone()
}

#[test]
fn the_defaults() {
    let count = Some(EscalateAfter::Actions(2));
    let minutes = |minutes| Some(EscalateAfter::Time(HumanDuration::minutes(minutes)));
    for (key, action, auto, priority, retries, escalate_after) in [
        (ReactionKey::PrClosed, Action::Notify, true, Decide, None, None),
        (ReactionKey::CiFailed, Action::SendToAgent, true, Warning, Some(2), count),
        (ReactionKey::ChangesRequested, Action::SendToAgent, true, Warning, None, minutes(30)),
        (ReactionKey::BugbotComments, Action::SendToAgent, true, Warning, None, minutes(30)),
        (ReactionKey::MergeConflicts, Action::SendToAgent, true, Warning, None, minutes(15)),
        (ReactionKey::ApprovedAndGreen, Action::Notify, false, Decide, None, None),
        (ReactionKey::AgentIdle, Action::SendToAgent, true, Warning, Some(2), minutes(15)),
        (ReactionKey::AgentStuck, Action::Notify, true, Urgent, None, None),
        (ReactionKey::AgentNeedsInput, Action::Notify, true, Urgent, None, None),
        (ReactionKey::AgentExited, Action::Notify, true, Urgent, None, None),
        (ReactionKey::AllComplete, Action::Notify, true, Info, None, None),
        (ReactionKey::ReportNeedsInput, Action::Notify, true, Urgent, None, None),
    ] {
        let rule = rule("{}", "{}", key);
        let found = (rule.action, rule.auto, rule.priority, rule.retries, rule.escalate_after);
        assert_eq!(found, (action, auto, priority, retries, escalate_after), "{key}");
        assert_eq!((rule.escalate_priority, rule.threshold), (Urgent, None), "{key}");
        assert_eq!(rule.include_summary, key == ReactionKey::AllComplete, "{key}");
    }
    let rules = resolve(&written(r#"{"report-stale": {}, "report-no-acknowledge": {}}"#), &written("{}"));
    assert_eq!(rules.iter().count(), ReactionKey::ALL.len());
    for (key, rule) in rules.iter() {
        assert!(rule.message.as_str().parse::<MessageTemplate>().is_ok(), "{key}");
    }
    let rules = Reactions::default();
    assert!(rules.get(ReactionKey::ReportStale).is_none() && rules.get(ReactionKey::ReportNoAcknowledge).is_none());
    assert_eq!(rules.iter().count(), ReactionKey::ALL.len() - 2);
}

#[test]
fn one_key_of_a_project_leaves_all_others_as_they_are() {
    let key = ReactionKey::CiFailed;
    let default = rule("{}", "{}", key);
    let all = r#"{"ci-failed": {"retries": 5, "priority": "info"}}"#;
    let both = rule(all, r#"{"ci-failed": {"escalateAfter": "1h", "escalate": {"priority": "action"}}}"#, key);
    let after = Some(EscalateAfter::Time(HumanDuration::minutes(60)));
    assert_eq!((both.retries, both.priority, both.escalate_after), (Some(5), Priority::Info, after));
    assert_eq!((both.escalate_priority, &both.message), (Priority::Action, &default.message));
    assert_eq!(rule(all, r#"{"ci-failed": {"retries": 0}}"#, key).retries, Some(0));
    assert_eq!(rule(all, "{}", key).escalate_priority, Priority::Info, "the priority that is written");
    let other = rule(all, r#"{"ci-failed": {"message": "{{ reason }}"}}"#, key);
    assert_eq!((other.message.as_str(), other.retries), ("{{ reason }}", Some(5)));
}

#[test]
fn what_is_switched_off_is_no_rule_and_what_is_written_is_one() {
    let off = written(r#"{"ci-failed": {"enabled": false}, "report-stale": {}}"#);
    let on = written(r#"{"ci-failed": {"enabled": true, "retries": 1}, "report-stale": {"enabled": false}}"#);
    let nothing = written("{}");
    let rules = resolve(&off, &nothing);
    assert!(rules.get(ReactionKey::CiFailed).is_none());
    assert_eq!(rules.get(ReactionKey::ReportStale).expect("written").threshold, Some(HumanDuration::minutes(30)));
    let rules = resolve(&off, &on);
    assert_eq!(rules.get(ReactionKey::CiFailed).map(|rule| rule.retries), Some(Some(1)));
    assert!(rules.get(ReactionKey::ReportStale).is_none());
}

#[test]
fn actions_are_words_and_maps() {
    let mut fixer = SpawnAction::new(Role::Worker);
    fixer.agent = Some("fixer".parse().unwrap());
    for (text, action) in [
        (r#""send-to-agent""#, Action::SendToAgent),
        (r#""auto-merge""#, Action::AutoMerge),
        (r#""spawn""#, Action::Spawn(SpawnAction::new(Role::Reviewer))),
        (r#"{"spawn": {"role": "worker", "agent": "fixer"}}"#, Action::Spawn(fixer)),
        (
            r#"{"run": ["make"], "timeout": "1m"}"#,
            Action::Run(RunAction::new(vec!["make".to_owned()], HumanDuration::minutes(1))),
        ),
    ] {
        let json = format!(r#"{{"approved-and-green": {{"action": {text}}}}}"#);
        assert_eq!(rule(&json, "{}", ReactionKey::ApprovedAndGreen).action, action, "{text}");
    }
}
