//! What each capture of a screen shows.

use ao_plugin_codex::screen::{Dialog, DialogKind, Draft, Screen, read};
use proptest::prelude::*;

use crate::screen;

fn dialog(name: &str) -> Dialog {
    match read(&screen(name)) {
        Screen::Dialog(dialog) => dialog,
        other => panic!("{name} shows {other:?}"),
    }
}

#[test]
fn an_empty_composer() {
    for name in ["idle-fresh", "idle-after-turn", "resumed", "working", "http400", "http429", "usage-limit"] {
        assert_eq!(read(&screen(name)), Screen::Composer { draft: Draft::Empty, working: false }, "{name}");
    }
    for name in ["http401", "http529"] {
        assert_eq!(read(&screen(name)), Screen::Composer { draft: Draft::Empty, working: true }, "{name}");
    }
}

#[test]
fn a_draft() {
    let draft = |name: &str| match read(&screen(name)) {
        Screen::Composer { draft, working: false } => draft,
        other => panic!("{name} shows {other:?}"),
    };
    let long = "indented line four and it is a long one that wraps because it has more than one hundred and twenty \
                characters in\nit, yes it has";
    assert_eq!(draft("draft-multiline"), Draft::Text(format!("line one\nline two - with more\n\n{long}")));
    assert_eq!(draft("draft-long-paste"), Draft::Pasted(1503));
    // Its beginning is out of sight, and an arrow says so.
    let lines: Vec<_> = (46..70).map(|number| format!("line {number}")).collect();
    assert_eq!(draft("draft-tall"), Draft::Text(lines.join("\n")));
}

#[test]
fn permissions_are_named_by_what_they_do() {
    for (name, text, kinds) in [
        ("permission", "Would you like to run the following command?", ["allow_once", "allow_always", "reject_once"]),
        ("permission-native", "Would you like to run the following", ["allow_once", "allow_always", "reject_once"]),
        (
            "permission-edit",
            "Would you like to make the following edits?",
            ["allow_once", "allow_always", "reject_once"],
        ),
    ] {
        let dialog = dialog(name);
        assert_eq!(dialog.kind, DialogKind::Permission, "{name}");
        assert!(dialog.text.starts_with(text), "{name}: {}", dialog.text);
        assert_eq!(dialog.options().iter().map(|option| option.answer.as_str()).collect::<Vec<_>>(), kinds, "{name}");
        assert_eq!(dialog.chosen("reject_once").map(|choice| choice.number), Some(3), "{name}");
    }
    let wrapped = &dialog("permission").choices[1].label;
    assert!(wrapped.ends_with("git commit -q -m more` (p)"), "{wrapped}");
}

#[test]
fn questions_and_what_is_asked_at_the_start() {
    for (name, kind, text, labels) in [
        (
            "question",
            DialogKind::Question,
            "Question 1/1 (1 unanswered)\nWhich database shall it be?",
            vec!["Postgres (Recommended)  The one in use", "SQLite                  A file", "None of the above"],
        ),
        ("trust", DialogKind::Setup, "Folder access", vec!["Trust and continue", "Back to Agent Command Center"]),
        ("model-nudge-dialog", DialogKind::Setup, "Meet GPT-6 Sol", vec!["Try new model", "Use existing model"]),
        ("hooks-review", DialogKind::Setup, "Hooks need review", vec!["Review hooks", "Trust all", "Continue without"]),
        (
            "login",
            DialogKind::Setup,
            "Welcome to Codex",
            vec!["Sign in with ChatGPT", "Sign in with Device", "Sign in"],
        ),
        ("locked", DialogKind::Setup, "", vec![]),
    ] {
        let dialog = dialog(name);
        assert_eq!(dialog.kind, kind, "{name}");
        assert!(dialog.text.starts_with(text), "{name}: {}", dialog.text);
        assert_eq!(dialog.choices.len(), labels.len(), "{name}: {:?}", dialog.choices);
        for (choice, label) in dialog.choices.iter().zip(labels) {
            assert!(choice.label.starts_with(label), "{name}: {}", choice.label);
        }
    }
    assert!(dialog("locked").text.contains("This conversation is open in another app"));
}

/// What was said in numbers is no dialog, and neither is what is being typed.
#[test]
fn a_list_is_no_dialog() {
    let said =
        "› 1. Fix the parser\n  2. Press enter to confirm\n\n• Done.\n\n› Ask Codex to do anything\n\n  GPT-5.5 · /w";
    assert_eq!(read(said), Screen::Composer { draft: Draft::Empty, working: false });
    let typed = "• Done.\n\n› 1. Fix the parser\n  2. Run it\n\n  GPT-5.5 default · /w";
    let draft = Draft::Text("1. Fix the parser\n2. Run it".to_owned());
    assert_eq!(read(typed), Screen::Composer { draft, working: false });
}

#[test]
fn a_command_line_is_a_draft() {
    let typed = "\n! echo hi\n\n  GPT-5.5 default · /w\n                              Shell mode";
    assert_eq!(read(typed), Screen::Composer { draft: Draft::Text("! echo hi".to_owned()), working: false });
}

proptest! {
    #[test]
    fn any_text_is_a_screen(text in "[›>•!0-9. \\n[:alpha:]·\\[\\]]{0,400}") {
        let _ = read(&text);
    }

    #[test]
    fn a_capture_that_is_cut_is_read_all_the_same(name in prop::sample::select(vec!["permission", "question", "draft-tall"]), at in 0_usize..4000) {
        let whole = screen(name);
        let cut: String = whole.chars().take(at).collect();
        if let Screen::Dialog(dialog) = read(&cut) {
            let _ = (dialog.id(), dialog.options(), dialog.chosen("allow_once"));
        }
    }
}

#[test]
fn who_tries_again_says_why() {
    let retry = |name: &str| ao_plugin_codex::screen::retry(&screen(name));
    assert_eq!(
        retry("http529").as_deref(),
        Some("Unexpected status 529 <unknown status code>: scripted 529; Reconnecting... 2/5")
    );
    assert_eq!(
        retry("busy").as_deref(),
        Some("Exceeded retry limit, last status: 429 Too Many Requests; Server is busy, reconnecting 1/5")
    );
    let alone = "◦ Reconnecting... waiting for network (3s • esc to interrupt)\n\n› Ask Codex to do anything\n";
    assert_eq!(ao_plugin_codex::screen::retry(alone).as_deref(), Some("Reconnecting... waiting for network"));
    for name in ["working", "idle-after-turn", "http429", "usage-limit", "permission"] {
        assert_eq!(retry(name), None, "{name}");
    }
}
