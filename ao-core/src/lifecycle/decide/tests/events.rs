//! What the log says of what is decided: enough to understand each event without another.

use super::*;
use crate::model::event::{DeedKind, EventData, IntentMoved, OutcomeKind};

fn moved(event: EventData) -> IntentMoved {
    match event {
        EventData::IntentPlanned(data)
        | EventData::IntentClaimed(data)
        | EventData::IntentHeld(data)
        | EventData::IntentDone(data)
        | EventData::IntentSuperseded(data)
        | EventData::IntentFailed(data) => data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_episode_is_told_from_its_beginning_to_its_end() {
    let mut world =
        World::new("ci-failed: { escalateAfter: 1, action: send-to-agent }, approved-and-green: { enabled: false }");
    world.edit(|session| set(session, "test", CheckState::Failed)).now += TICK;
    let moves = world.with(advance);
    let [Move::Opened(opened)] = &moves[..] else { panic!("{moves:?}") };
    assert_eq!((opened.key.as_str(), opened.reaction), ("app/app-1/ci-failed/7", ReactionKey::CiFailed));
    assert_eq!(
        moves[0].clone().event().to_string(),
        "ci-failed: #7: required checks fail: test [/r/agent-orchestrator.yaml:3:14 reactions.ci-failed]"
    );
    let due = world.tick();
    let [send] = &due[..] else { panic!("{due:?}") };
    let data = moved(send.planned());
    assert_eq!((data.deed, data.attempt, data.at_most, data.pull), (DeedKind::Send, 1, Some(1), Some(7)));
    assert_eq!(data.escalates_after.as_deref(), Some("1 action"));
    assert_eq!(data.rule.as_ref().map(|rule| rule.key.as_str()), Some("reactions.ci-failed.action"));
    assert_eq!(
        send.planned().to_string(),
        "ci-failed: tell the agent (action 1 of 1), because #7: required checks fail: test \
         [/r/agent-orchestrator.yaml:3:45 reactions.ci-failed.action]"
    );
    assert_eq!(send.escalated(), None);
    // What is stored and read again says the same.
    let stored: Intent = serde_json::from_value(serde_json::to_value(send).unwrap()).unwrap();
    assert_eq!(stored.planned(), send.planned());

    for (outcome, kind, word, text) in [
        (Outcome::Done, "intent.done", OutcomeKind::Done, "ci-failed: tell the agent (action 1 of 1)"),
        (fail(), "intent.failed", OutcomeKind::Failed, "ci-failed: tell the agent (action 1 of 1): no room"),
        (
            Outcome::Refused { why: "no".into() },
            "intent.failed",
            OutcomeKind::Refused,
            "ci-failed: tell the agent (action 1 of 1): refused: no",
        ),
        (
            Outcome::Superseded { why: "green".into() },
            "intent.superseded",
            OutcomeKind::Superseded,
            "ci-failed: tell the agent (action 1 of 1): green",
        ),
    ] {
        let event = send.ended(&outcome);
        assert_eq!(event.kind().as_str(), kind);
        assert!(event.to_string().starts_with(text), "{event}");
        assert_eq!(moved(event).outcome, Some(word));
    }

    world.settle(&due, &Outcome::Done);
    world.edit(|session| pull(session).head = "head2".to_owned());
    let due = world.tick();
    let [human] = &due[..] else { panic!("{due:?}") };
    let Some(EventData::ReactionEscalated(told)) = human.escalated() else { panic!("{human:?}") };
    assert_eq!((told.why.as_str(), told.priority), ("it is not over after 1 action", Priority::Urgent));
    assert_eq!(told.rule.map(|rule| rule.key).as_deref(), Some("reactions.ci-failed.escalateAfter"));
    assert_eq!((moved(human.planned()).attempt, moved(human.planned()).deed), (0, DeedKind::Escalate));

    world.edit(|session| set(session, "test", CheckState::Passed)).now += TICK;
    let moves = world.with(advance);
    let [Move::Closed(closed)] = &moves[..] else { panic!("{moves:?}") };
    assert_eq!((closed.actions, closed.escalated, closed.reason.as_str()), (1, true, ""));
    assert!(closed.elapsed_ms > 0);
    world.edit(|session| set(session, "test", CheckState::Failed)).now += TICK;
    let moves = world.with(advance);
    assert!(matches!(&moves[..], [Move::Opened(opened)] if opened.again && opened.actions == 1), "{moves:?}");
}

#[test]
fn an_end_closes_by_name_and_a_default_has_no_place() {
    let mut world = World::new("pr-closed: {}");
    world.edit(|session| set(session, "test", CheckState::Failed));
    let due = world.tick();
    assert_eq!(due[0].rule, None);
    assert!(!due[0].planned().to_string().contains('['), "{}", due[0].planned());
    world.edit(|session| session.end = Some(End::new(EndKind::Killed, Timestamp::from_millis(0))));
    let moves = world.with(advance);
    let [Move::Closed(closed)] = &moves[..] else { panic!("{moves:?}") };
    assert_eq!((closed.reaction, closed.actions), (ReactionKey::CiFailed, 1));
}

#[test]
fn what_is_not_done_names_the_key_that_says_so() {
    let mut world = World::new("ci-failed: { auto: false }");
    world.edit(|session| set(session, "test", CheckState::Failed));
    let due = world.tick();
    assert_eq!(due[0].rule.as_ref().map(|rule| rule.key.as_str()), Some("reactions.ci-failed.auto"));
    assert_eq!(moved(due[0].planned()).deed, DeedKind::Instead);
}
