//! Each rule by itself: what opens its episode, what is done once, what counts as another occurrence, what closes it.

use super::*;

#[test]
fn every_rule_acts_once_for_what_it_sees_and_again_for_what_is_new() {
    type Edit = fn(&mut Session);
    struct Row(ReactionKey, i64, Edit, Edit, Edit, Deed);
    let rows = [
        Row(
            ReactionKey::PrClosed,
            1,
            |s| pull(s).state = PullState::Closed,
            |s| s.pull.as_mut().unwrap().since = Some(Timestamp::from_millis(5)),
            |s| pull(s).state = PullState::Open,
            told(Priority::Action),
        ),
        Row(
            ReactionKey::CiFailed,
            1,
            |s| set(s, "test", CheckState::Failed),
            |s| pull(s).head = "head2".to_owned(),
            |s| set(s, "test", CheckState::Passed),
            Deed::Send,
        ),
        Row(
            ReactionKey::ChangesRequested,
            1,
            |s| pull(s).decision = ReviewDecision::ChangesRequested,
            |s| pull(s).threads.push(thread("1", "more", false)),
            |s| (pull(s).decision, pull(s).threads) = (ReviewDecision::Approved, Vec::new()),
            Deed::Send,
        ),
        Row(
            ReactionKey::BugbotComments,
            1,
            |s| pull(s).threads = vec![thread("1", "a", true)],
            |s| pull(s).threads = vec![thread("1", "b", true)],
            |s| pull(s).threads.clear(),
            Deed::Send,
        ),
        Row(
            ReactionKey::MergeConflicts,
            1,
            |s| pull(s).conflicts = Some(vec!["a".to_owned()]),
            |s| pull(s).base_commit = Some("other".to_owned()),
            |s| pull(s).conflicts = Some(Vec::new()),
            Deed::Send,
        ),
        Row(
            ReactionKey::ApprovedAndGreen,
            1,
            |s| set(s, "test", CheckState::Passed),
            |s| pull(s).head = "head2".to_owned(),
            |s| pull(s).draft = true,
            told(Priority::Action),
        ),
        Row(
            ReactionKey::AgentIdle,
            10,
            |s| doing(s, ActivityState::Idle, 0),
            |s| doing(s, ActivityState::Idle, 1),
            |s| says(s, "r", ReportState::Completed, 0),
            Deed::Send,
        ),
        Row(
            ReactionKey::AgentStuck,
            1,
            |s| doing(s, ActivityState::Blocked, 0),
            |s| doing(s, ActivityState::Blocked, 1),
            active,
            told(Priority::Urgent),
        ),
        Row(
            ReactionKey::AgentNeedsInput,
            1,
            |s| doing(s, ActivityState::WaitingInput, 0),
            |s| s.agent.as_mut().unwrap().ask = Some(Ask::new("q2", "sure?")),
            active,
            told(Priority::Urgent),
        ),
        Row(
            ReactionKey::AgentExited,
            1,
            |s| {
                let exit = ExitFacts::new(ExitStatus::Code { code: 1 }, Timestamp::from_millis(1));
                s.runtime.as_mut().unwrap().exit = Some(exit);
            },
            |s| s.runtime.as_mut().unwrap().launch = 2,
            |s| s.runtime.as_mut().unwrap().exit = None,
            told(Priority::Urgent),
        ),
        Row(
            ReactionKey::ReportNoAcknowledge,
            21,
            |_| (),
            |s| s.runtime.as_mut().unwrap().launch = 2,
            |s| says(s, "r", ReportState::Started, 1),
            told(Priority::Warning),
        ),
        Row(
            ReactionKey::ReportStale,
            61,
            |s| says(s, "r1", ReportState::Working, 1),
            |s| says(s, "r2", ReportState::Working, 2),
            |s| says(s, "r3", ReportState::Waiting, 3),
            told(Priority::Warning),
        ),
        Row(
            ReactionKey::ReportNeedsInput,
            1,
            |s| says(s, "r1", ReportState::NeedsInput, 1),
            |s| says(s, "r2", ReportState::NeedsInput, 2),
            |s| says(s, "r3", ReportState::Working, 3),
            told(Priority::Urgent),
        ),
    ];
    assert_eq!(rows.len(), ReactionKey::ALL.len() - 1, "all but `all-complete`, which is the project's");
    for Row(key, after, holds, another, over, deed) in rows {
        // No clock of an escalation is in the way, and only this rule is there.
        let yaml = format!("{key}: {{ escalateAfter: 20h, retries: 5, auto: true }}");
        let only = |world: &mut World| {
            let rule = world.reactions.get(key).cloned();
            world.reactions = reactions("").iter().fold(world.reactions.clone(), |all, (key, _)| all.with(key, None));
            world.reactions = world.reactions.clone().with(key, rule);
        };
        let mut world = World::new(&yaml);
        only(&mut world);
        if key != ReactionKey::ReportNoAcknowledge {
            assert_eq!(world.done(3), [], "{key}: nothing is wrong");
        }
        world.edit(holds);
        assert_eq!(of(&world.done(after), key), [&deed], "{key}: once");
        assert_eq!(world.done(100), [], "{key}: and no more");
        world.edit(another);
        assert_eq!(of(&world.done(after.max(5)), key), [&deed], "{key}: something new");
        let opened = world.ledger.episodes().values().filter(|episode| episode.state == EpisodeState::Open).count();
        assert_eq!(opened, 1, "{key}");
        world.edit(over).now += TICK;
        let moves = world.with(advance);
        assert!(matches!(&moves[..], [Move::Closed(_)]), "{key}: {moves:?}");
        assert_eq!(world.done(60), [], "{key}");
        assert!(world.ledger.episodes().is_empty(), "{key}: nothing is kept of it");
    }
}
