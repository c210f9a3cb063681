//! What a program is doing, told from what it prints.

use ao_plugin_command::observe::{Patterns, observe};
use ao_plugin_sdk::prelude::*;
use proptest::prelude::*;
use regex::Regex;

const LAUNCH: i64 = 1_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(LAUNCH + millis)
}

fn target() -> AgentTarget {
    let session: SessionId = "app-1".parse().expect("session id");
    let mut target = AgentTarget::new(session, Liveness::Alive, at(0), "/worktree");
    target.screen = Some(String::new());
    target
}

/// Looks at a program at these moments, at what it shows then; returns what it was told to be doing, and since when.
fn watch(ready: Option<&str>, looks: &[(i64, &str)]) -> Vec<(ActivityState, i64)> {
    let ready = ready.map(|ready| Regex::new(ready).expect("pattern"));
    let patterns = Patterns { ready, ..Patterns::default() };
    let mut target = target();
    let look = |&(millis, screen): &(i64, &str)| {
        target.screen = Some(screen.to_owned());
        let seen = observe(&target, &patterns, at(millis));
        target.cursor = seen.cursor;
        let activity = seen.activity.expect("activity");
        assert_eq!((activity.strength, seen.composer), (Strength::Weak, Composer::Unknown));
        (activity.state, activity.since.as_millis() - LAUNCH)
    };
    looks.iter().map(look).collect()
}

use ActivityState::{Active, Exited, Ready, WaitingInput};

fn waiting_for(ready: &str) -> Patterns {
    Patterns { ready: Some(Regex::new(ready).expect("pattern")), ..Patterns::default() }
}

#[test]
fn a_question_stands_at_the_end_of_the_screen() {
    let patterns =
        Patterns { ask: Some(Regex::new(r"Overwrite .*\?( \[y/n\])?").expect("pattern")), ..Patterns::default() };
    let mut target = target();
    let mut look = |millis, screen: &str| {
        target.screen = Some(screen.to_owned());
        let seen = observe(&target, &patterns, at(millis));
        target.cursor.clone_from(&seen.cursor);
        (seen.activity.expect("activity"), seen.ask)
    };
    assert_eq!(look(100, "working").0.state, Active);
    let (activity, ask) = look(200, "working\nOverwrite a.txt? [y/n]\n\n");
    assert_eq!((activity.state, activity.since), (WaitingInput, at(200)));
    let first = ask.expect("a question");
    assert_eq!(first.text, "Overwrite a.txt? [y/n]");
    let (activity, ask) = look(900, "working\nOverwrite a.txt? [y/n] ");
    assert_eq!((activity.state, activity.since), (WaitingInput, at(200)));
    assert_eq!(ask.map(|ask| ask.id), Some(first.id.clone()), "the same question");
    let answered = look(1000, "working\nOverwrite a.txt? [y/n] y\ndone");
    assert_eq!((answered.0.state, answered.1), (Active, None));
    let (_, ask) = look(1100, "done\nOverwrite b.txt?");
    assert_ne!(ask.expect("a question").id, first.id);
}

#[test]
fn a_composer_is_told_by_its_pattern_and_covered_by_a_question() {
    let pattern = |text| Some(Regex::new(text).expect("pattern"));
    let patterns =
        Patterns { ask: pattern(r"Overwrite .*\?"), draft: pattern(r"(?m)^> ?(.*)$"), ..Patterns::default() };
    let mut target = target();
    let mut look = |screen: &str| {
        target.screen = Some(screen.to_owned());
        observe(&target, &patterns, at(100)).composer
    };
    assert_eq!(look("hello\n> "), Composer::Empty);
    assert_eq!(look("hello\n> fix it"), Composer::Draft { text: "fix it".to_owned() });
    assert_eq!(look("> fix it\nOverwrite a.txt?"), Composer::Dialog);
    assert_eq!(look("loading"), Composer::Dialog, "there is nothing to type into yet");
}

#[test]
fn the_first_message_comes_after_half_a_second_of_quiet() {
    let told = watch(None, &[(0, ""), (300, ""), (400, "hi"), (800, "hi"), (900, "hi"), (901, "hi")]);
    assert_eq!(told, [(Active, 0), (Active, 0), (Active, 0), (Active, 0), (Ready, 400), (Ready, 400)]);
    assert_eq!(watch(None, &[(0, ""), (500, "")]), [(Active, 0), (Ready, 0)]);
}

#[test]
fn then_output_within_five_seconds_is_activity() {
    let looks = [(600, ""), (1000, "a"), (5999, "a"), (6000, "a"), (9000, "b"), (12000, "c"), (17000, "c")];
    let told = watch(None, &looks);
    let expected =
        [(Ready, 0), (Active, 1000), (Active, 1000), (Ready, 1000), (Active, 9000), (Active, 9000), (Ready, 12000)];
    assert_eq!(told, expected);
}

#[test]
fn a_pattern_decides_when_it_is_given() {
    let looks = [(600, "loading"), (9000, "loading"), (9100, "x\n> "), (9300, "x\n> y"), (9400, "> "), (20000, "> ")];
    let told = watch(Some("(?m)^> $"), &looks);
    let expected = [(Active, 0), (Active, 0), (Ready, 9100), (Active, 9300), (Ready, 9400), (Ready, 9400)];
    assert_eq!(told, expected);
    // It worked in silence: no longer active, though the pattern is gone.
    let told = watch(Some("> "), &[(0, "> "), (100, "busy"), (5100, "busy")]);
    assert_eq!(told, [(Ready, 0), (Active, 100), (Ready, 100)]);
}

#[test]
fn a_runtime_s_coarse_clock_and_the_screen_complete_each_other() {
    // Printed at 9.4 s, which tmux reports as 9 s; first seen at 9.5 s.
    let mut target = target();
    target.screen = Some("text".into());
    target.last_output_at = Some(at(9000));
    let seen = observe(&target, &Patterns::default(), at(9500));
    assert_eq!(seen.activity.expect("activity").state, Active);
    target.cursor = seen.cursor;
    assert_eq!(observe(&target, &Patterns::default(), at(10000)).activity.expect("activity").state, Ready);
    // First looked at after a day: the runtime knows that it has been quiet for hours.
    target.cursor = None;
    target.last_output_at = Some(at(9000));
    let activity = observe(&target, &Patterns::default(), at(86_400_000)).activity.expect("activity");
    assert_eq!((activity.state, activity.since), (Ready, at(10000)));
    // A progress display that is back at the same picture is still output.
    let seen = observe(&target, &Patterns::default(), at(86_400_000));
    target.cursor = seen.cursor;
    target.last_output_at = Some(at(86_401_000));
    assert_eq!(observe(&target, &Patterns::default(), at(86_401_500)).activity.expect("activity").state, Active);
}

#[test]
fn an_end_is_told_by_its_evidence() {
    let mut target = target();
    for (exit, strength) in [(Some(ExitStatus::Code { code: 0 }), Strength::Strong), (None, Strength::Weak)] {
        target.liveness = Liveness::Dead { exit };
        target.cursor = None;
        let seen = observe(&target, &Patterns::default(), at(10));
        assert_eq!(seen.activity.as_ref().map(|one| (one.state, one.strength)), Some((Exited, strength)));
        target.cursor = seen.cursor;
        assert_eq!(observe(&target, &Patterns::default(), at(99)).activity.expect("activity").since, at(10));
    }
}

#[test]
fn what_cannot_be_told_is_unknown_and_forgets_nothing() {
    let mut target = target();
    target.cursor = observe(&target, &Patterns::default(), at(600)).cursor;
    let known = target.cursor.clone();
    target.liveness = Liveness::Unknown { why: "tmux does not answer".into() };
    let seen = observe(&target, &Patterns::default(), at(700));
    assert_eq!((seen.activity, seen.unknown.as_deref()), (None, Some("tmux does not answer")));
    assert_eq!(seen.cursor, known);
    target.liveness = Liveness::Alive;
    target.screen = None;
    assert!(observe(&target, &Patterns::default(), at(700)).unknown.is_some());
    target.last_output_at = Some(at(0));
    assert!(observe(&target, &Patterns::default(), at(700)).unknown.is_none());
    assert!(observe(&target, &waiting_for("x"), at(700)).unknown.is_some());
}

#[test]
fn a_new_launch_starts_afresh() {
    let mut target = target();
    target.cursor = observe(&target, &Patterns::default(), at(600)).cursor;
    target.launched_at = at(10_000);
    assert_eq!(observe(&target, &Patterns::default(), at(10_100)).activity.expect("activity").state, Active);
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), ".{0,8}".prop_map(Value::from)];
    let keys = prop_oneof!["launched_at|screen|seen_at|started|state|since", ".{0,4}"];
    leaf.prop_recursive(2, 8, 6, move |inner| {
        proptest::collection::btree_map(keys.clone(), inner, 0..6).prop_map(|map| json!(map))
    })
}

proptest! {
    #[test]
    fn looking_is_total(now: i64, launched: i64, printed: Option<i64>, screen: Option<String>, cursor in json(), pattern: bool) {
        let mut target = target();
        target.launched_at = Timestamp::from_millis(launched);
        target.last_output_at = printed.map(Timestamp::from_millis);
        target.screen = screen;
        target.cursor = Some(cursor);
        let now = Timestamp::from_millis(now);
        let seen = observe(&target, &if pattern { waiting_for("x") } else { Patterns::default() }, now);
        prop_assert!(seen.activity.is_some() != seen.unknown.is_some());
        prop_assert!(seen.activity.is_none_or(|activity| activity.since <= now));
    }

    /// While nothing changes, a program goes from active to ready once and never back, and `since` stays.
    #[test]
    fn quiet_leads_one_way(
        before in proptest::collection::vec((0..8000i64, "[ab]{0,2}"), 1..6),
        pauses in proptest::collection::vec(0..4000i64, 1..8),
    ) {
        let mut now = 0;
        let mut looks: Vec<(i64, &str)> = Vec::new();
        for (pause, screen) in &before {
            now += pause;
            looks.push((now, screen));
        }
        let (count, last) = (looks.len(), before.last().expect("one").1.as_str());
        for pause in &pauses {
            now += pause;
            looks.push((now, last));
        }
        let told = watch(None, &looks);
        let quiet = &told[count - 1..];
        let first_ready = quiet.iter().position(|(state, _)| *state == Ready).unwrap_or(quiet.len());
        prop_assert!(quiet[..first_ready].iter().all(|one| *one == quiet[0]));
        prop_assert!(quiet[first_ready..].windows(2).all(|pair| pair[0] == pair[1]));
        prop_assert!(told.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }
}
