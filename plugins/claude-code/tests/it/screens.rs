//! What is told from a screen, and how it goes together with what else is known.

use ao_plugin_sdk::core::model::draft::digest;
use ao_plugin_sdk::prelude::*;
use proptest::prelude::*;

use super::{Scratch, later, long_ago, look_at, pane, plain, state, target};

const WEAK: Strength = Strength::Weak;

async fn shown(pane: &str) -> AgentObservation {
    let mut target = target(json!({}));
    target.screen = Some(pane.to_owned());
    look_at(&plain(), target).await
}

fn on_screen(state: ActivityState) -> (ActivityState, &'static str, Strength) {
    (state, "screen", WEAK)
}

/// A screen whose composer shows this.
fn holding(text: &str) -> String {
    let pane = pane("idle-fresh");
    assert!(pane.contains("❯\u{a0}\n"), "an empty composer");
    pane.replace("❯\u{a0}\n", &format!("{text}\n"))
}

#[tokio::test]
async fn the_composer_is_told_from_its_placeholders() {
    for name in ["idle-fresh", "idle-after-turn", "idle-after-question", "permission-denied", "resumed", "resumed-done"]
    {
        let seen = shown(&pane(name)).await;
        assert_eq!(state(&seen), Some(on_screen(ActivityState::Ready)), "{name}");
        assert_eq!((seen.composer, seen.ask), (Composer::Empty, None), "{name}");
    }
    for name in ["working", "queued"] {
        let seen = shown(&pane(name)).await;
        assert_eq!(state(&seen), Some(on_screen(ActivityState::Active)), "{name}");
        assert_eq!(seen.composer, Composer::Empty, "{name}");
    }
    let draft = shown(&pane("draft")).await;
    let Composer::Draft { text } = &draft.composer else { panic!("{:?}", draft.composer) };
    let wanted = "first line of it\nsecond line that is rather longer than the screen is wide, so that it has to be broken \
                  somewhere in the middle of it, where nobody asked it to";
    assert_eq!(digest(text), digest(wanted));
    let suggested = holding("❯ Try \"edit <filepath> to…\"");
    assert_eq!(shown(&suggested).await.composer, Composer::Empty);
    let command = holding("! rm -rf .");
    assert_eq!(shown(&command).await.composer, Composer::Draft { text: "! rm -rf .".to_owned() });
}

#[tokio::test]
async fn a_long_draft_is_known_by_its_mark() {
    let long = vec!["a line"; 70].join("\n");
    let mut target = target(json!({}));
    target.screen = Some(pane("pasted-mark"));
    target.draft = Some(long.clone());
    let seen = look_at(&plain(), target.clone()).await;
    assert_eq!(seen.draft_digest, Some(digest(&long)));
    assert!(matches!(seen.composer, Composer::Draft { .. }));
    target.draft = Some(format!("{long}\none more"));
    assert_eq!(look_at(&plain(), target).await.draft_digest, None, "it is another's");
}

#[tokio::test]
async fn dialogs_are_asked_and_cover_the_composer() {
    let once = ["allow_once", "allow_always", "reject_once"].as_slice();
    for (name, text, kinds) in [
        ("permission", "echo more >> more.txt && git add -A && git commit -q -m more", once),
        ("permission-rm", "rm -f more.txt", once),
        ("permission-create", "Do you want to create work-new.txt?", once),
        ("ask-user", "Which colour?", ["1", "2"].as_slice()),
        ("ask-two", "Which colour?", ["1", "2"].as_slice()),
        ("ask-submit", "Ready to submit your answers?", ["1", "2"].as_slice()),
        ("ask-multi", "Which colours?", [].as_slice()),
        ("trust", "Accessing workspace: /home/dev/src/work tree é", [].as_slice()),
        ("bypass-dialog", "Bypass Permissions mode", [].as_slice()),
        ("api-key", "Do you want to use this API key?", [].as_slice()),
        ("settings-warning", "Unknown hook event", [].as_slice()),
    ] {
        let seen = shown(&pane(name)).await;
        assert_eq!(state(&seen), Some(on_screen(ActivityState::WaitingInput)), "{name}");
        assert_eq!(seen.composer, Composer::Dialog, "{name}");
        let ask = seen.ask.expect("a question");
        assert!(ask.text.contains(text), "{name}: {}", ask.text);
        let found: Vec<&str> = ask.options.iter().map(|option| option.answer.as_str()).collect();
        assert_eq!(found, kinds, "{name}");
    }
}

#[tokio::test]
async fn who_is_not_logged_in_gets_no_message() {
    let seen = shown(&pane("not-logged-in")).await;
    assert_eq!(state(&seen), Some(on_screen(ActivityState::WaitingInput)));
    assert_eq!(seen.composer, Composer::Dialog);
    assert!(seen.ask.expect("a question").text.contains("/login"));
    for name in ["onboarding-offline-exit1", "root-exit1", "exited"] {
        assert_ne!(
            shown(&pane(name)).await.activity.map(|found| found.state),
            Some(ActivityState::WaitingInput),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_lets_it_wait_is_shown() {
    for name in ["api-retry", "api-retry-401"] {
        let seen = shown(&pane(name)).await;
        let limit = seen.limit.clone().expect("a limit").text;
        assert!(limit.starts_with("API error, trying again (attempt "), "{limit}");
        assert_eq!(state(&seen), Some(on_screen(ActivityState::Active)), "{name}");
    }
    assert_eq!(shown(&pane("working")).await.limit, None);
}

#[tokio::test]
async fn an_answered_dialog_is_no_dialog() {
    // A list in an answer above the composer, and one in what a tool printed.
    let listed = holding("❯ 1. Yes\n  2. No");
    assert!(matches!(shown(&listed).await.composer, Composer::Draft { .. }), "it is a draft");
    let above = format!("Do you want to proceed?\n❯ 1. Yes\n  2. No\n{}", pane("idle-fresh"));
    assert_eq!(shown(&above).await.composer, Composer::Empty);
}

#[tokio::test]
async fn an_end_is_an_end() {
    let scratch = Scratch::new();
    let mut gone = target(scratch.cursor(super::LONG));
    gone.liveness = Liveness::Dead { exit: None };
    gone.screen = Some(pane("working"));
    let seen = look_at(&plain(), gone.clone()).await;
    assert_eq!(state(&seen), Some((ActivityState::Exited, "process", WEAK)));
    let since = seen.activity.expect("one").since;
    gone.cursor = seen.cursor;
    let request = ObserveAgents::new(vec![gone], later().after(std::time::Duration::from_hours(1)));
    let again = plain().observe(request).await.expect("an observation").remove(0);
    assert_eq!(again.activity.expect("one").since, since, "it ended once");
    let mut unknown = target(json!({}));
    unknown.liveness = Liveness::Unknown { why: "no /proc".to_owned() };
    assert_eq!(look_at(&plain(), unknown).await.unknown.as_deref(), Some("no /proc"));
}

#[tokio::test]
async fn the_screen_has_the_last_word_where_nothing_is_told() {
    let hook = |state: &str| json!({"conversation": "c", "hook": {"state": state, "at": long_ago()}});
    for (said, screen, wanted) in [
        // Escape before the first record of a turn calls no hook and writes nothing.
        ("active", "idle-after-turn", ActivityState::Ready),
        ("active", "working", ActivityState::Active),
        ("waiting_input", "idle-after-turn", ActivityState::Ready),
        ("waiting_input", "working", ActivityState::Active),
        ("ready", "working", ActivityState::Ready),
        ("blocked", "idle-after-turn", ActivityState::Blocked),
    ] {
        let mut target = target(hook(said));
        target.screen = Some(pane(screen));
        let seen = look_at(&plain(), target).await;
        assert_eq!(seen.activity.map(|found| found.state), Some(wanted), "{said} {screen}");
    }
}

/// What was said an hour ahead of the clock, or behind its launch, as after the clock was set.
#[tokio::test]
async fn a_clock_that_was_set_makes_no_state_last() {
    let hour = std::time::Duration::from_hours(1);
    let ahead = later().after(hour);
    let hook = |state: &str, at: Timestamp| json!({"conversation": "c", "hook": {"state": state, "at": at}});
    for (said, at, screen, wanted) in [
        ("waiting_input", ahead, "idle-after-turn", ActivityState::Ready),
        ("waiting_input", ahead, "working", ActivityState::Active),
        ("waiting_input", ahead, "permission", ActivityState::WaitingInput),
        ("active", ahead, "idle-after-turn", ActivityState::Ready),
        ("active", ahead, "working", ActivityState::Active),
        ("ready", ahead, "idle-after-turn", ActivityState::Ready),
        ("ready", long_ago(), "idle-after-turn", ActivityState::Ready),
        ("active", long_ago(), "working", ActivityState::Active),
    ] {
        let mut target = target(hook(said, at));
        target.launched_at = later().after(hour / 2);
        target.screen = Some(pane(screen));
        let seen = look_at(&plain(), target).await;
        assert_eq!(seen.activity.map(|found| found.state), Some(wanted), "{said} {at} {screen}");
    }
}

#[tokio::test]
async fn one_that_starts_is_not_ready_before_its_composer_is() {
    let scratch = Scratch::new();
    // It goes on with a conversation, of which nothing was said to this process yet.
    super::add(&scratch.transcript(super::LONG), &super::fixture("transcripts/headless.jsonl"));
    let mut cursor = scratch.cursor(super::LONG);
    cursor["hook"] = json!({"state": "ready", "at": later()});
    let mut target = target(cursor);
    target.launched_at = later();
    for (screen, wanted) in [(String::new(), ActivityState::Active), (pane("resumed"), ActivityState::Ready)] {
        target.screen = Some(screen);
        let seen = look_at(&plain(), target.clone()).await;
        assert_eq!(seen.activity.expect("one").state, wanted);
    }
}

#[tokio::test]
async fn a_session_file_tells_of_what_calls_no_hook() {
    let scratch = Scratch::new();
    let mut file: Value = serde_json::from_slice(&super::fixture("session-file.json")).expect("JSON");
    let mut cursor = scratch.cursor(super::LONG);
    cursor["hook"] = json!({"state": "active", "at": long_ago()});
    for (status, wanted) in
        [("idle", ActivityState::Ready), ("busy", ActivityState::Active), ("waiting", ActivityState::WaitingInput)]
    {
        file["status"] = json!(status);
        let path = scratch.path("home/.claude/sessions/18877.json");
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        ao_plugin_sdk::files::write_atomically(&path, file.to_string().as_bytes()).expect("written");
        let mut live = target(cursor.clone());
        let seen = look_at(&plain(), live.clone()).await;
        assert_eq!(seen.activity.expect("one").state, wanted);
        // One that a killed process left says nothing of the next.
        live.launched_at = later();
        let seen = look_at(&plain(), live).await;
        assert_eq!(seen.activity.expect("one").state, ActivityState::Active, "as the hook said");
    }
}

proptest! {
    #[test]
    fn any_screen_is_read(screen in "(?s)(([─❯ 1-9.\\[\\]+]|Yes|No|[a-z]|\\PC){0,12}\n){0,40}", cut in 0_usize..2000) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let whole = format!("{}{screen}", pane("permission"));
        let cut = whole.floor_char_boundary(cut.min(whole.len()));
        for screen in [&screen[..], &whole[..cut], &whole[cut..]] {
            let seen = runtime.block_on(shown(screen));
            if seen.ask.is_some() {
                prop_assert_eq!(seen.composer, Composer::Dialog);
            }
        }
    }
}
