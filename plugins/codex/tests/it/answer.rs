//! Answers go to the dialog that is on the screen, and to no other.

use ao_plugin_codex::screen::{Screen, read};
use ao_plugin_sdk::prelude::*;

use crate::{agent, screen};

async fn answered(ask: &str, answer: &str, shown: Option<String>) -> Result<Vec<Input>> {
    let session: SessionId = "app-1".parse().expect("id");
    let mut request = AnswerAsk::new("key", session, ask, answer);
    request.screen = shown;
    match agent(json!({}))?.answer(request).await? {
        DeliverPlan::Runtime { inputs } => Ok(inputs),
        other => panic!("{other:?}"),
    }
}

fn id(name: &str) -> String {
    match read(&screen(name)) {
        Screen::Dialog(dialog) => dialog.id(),
        other => panic!("{name} shows {other:?}"),
    }
}

#[tokio::test]
async fn a_digit_answers() {
    let digit = |digit: &str| vec![Input::Keys { text: digit.to_owned() }];
    for (name, answer, keys) in [
        ("permission", "allow_once", digit("1")),
        ("permission", "allow_always", digit("2")),
        ("permission", "reject_once", digit("3")),
        ("permission", "3", digit("3")),
        ("question", "2", digit("2")),
        ("model-nudge-dialog", "2", digit("2")),
        ("trust", "1", vec![Input::Key { key: Key::Enter }]),
    ] {
        assert_eq!(answered(&id(name), answer, Some(screen(name))).await.expect("keys"), keys, "{name}: {answer}");
    }
}

#[tokio::test]
async fn what_is_not_asked_is_not_answered() {
    let permission = id("permission");
    let code = |result: Result<Vec<Input>>| result.expect_err("refused").code;
    let gone = answered(&permission, "allow_once", Some(screen("idle-after-turn"))).await;
    assert_eq!(code(gone), Code::CONFLICT, "it was answered meanwhile");
    let other = answered(&permission, "allow_once", Some(screen("permission-edit"))).await;
    assert_eq!(code(other), Code::CONFLICT, "something else is asked");
    assert_eq!(code(answered(&permission, "allow_once", None).await), Code::UNAVAILABLE);
    let unknown = answered(&permission, "reject_always", Some(screen("permission"))).await.expect_err("no such answer");
    assert_eq!(unknown.code, Code::INVALID_INPUT);
    assert!(unknown.message.contains("`allow_once`, `allow_always`, `reject_once`"), "{}", unknown.message);
}
