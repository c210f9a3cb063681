//! How questions are answered.

use ao_plugin_sdk::prelude::*;

use super::{look_at, pane, plain, target};

async fn asked(screen: &str) -> Ask {
    let mut target = target(json!({}));
    target.screen = Some(pane(screen));
    look_at(&plain(), target).await.ask.expect("a question")
}

async fn answer(ask: &str, answer: &str, screen: &str) -> Result<DeliverPlan> {
    let mut request = AnswerAsk::new("key", super::id(), ask, answer);
    request.screen = Some(pane(screen));
    plain().answer(request).await
}

#[tokio::test]
async fn the_key_of_the_answer() {
    for (screen, kind, key) in [
        ("permission", "allow_once", "1"),
        ("permission", "allow_always", "2"),
        ("permission-create", "reject_once", "3"),
        ("ask-user", "2", "2"),
        ("ask-submit", "1", "1"),
    ] {
        let plan = answer(&asked(screen).await.id, kind, screen).await.expect("a plan");
        assert_eq!(
            plan,
            DeliverPlan::Runtime { inputs: vec![Input::Keys { text: key.to_owned() }] },
            "{screen} {kind}"
        );
    }
}

#[tokio::test]
async fn a_question_that_has_gone_is_not_answered() {
    let ask = asked("permission").await.id;
    for screen in ["permission-rm", "idle-after-turn", "working", "ask-user", "trust"] {
        let error = answer(&ask, "allow_once", screen).await.expect_err("refused");
        assert_eq!(error.code, Code::CONFLICT, "{screen}");
    }
    let mut blind = AnswerAsk::new("key", super::id(), ask, "allow_once");
    blind.screen = None;
    assert_eq!(plain().answer(blind).await.expect_err("refused").code, Code::CONFLICT);
}

#[tokio::test]
async fn what_cannot_be_answered_from_here_says_so() {
    let error = answer(&asked("permission").await.id, "reject_always", "permission").await.expect_err("refused");
    assert_eq!((&error.code, error.field.as_deref()), (&Code::INVALID_INPUT, Some("answer")));
    assert!(error.to_string().contains("allow_once, allow_always, reject_once"), "{error}");
    for (screen, kind) in [("trust", "1"), ("bypass-dialog", "2"), ("api-key", "1"), ("ask-multi", "1")] {
        let error = answer(&asked(screen).await.id, kind, screen).await.expect_err("refused");
        assert_eq!(error.code, Code::UNSUPPORTED, "{screen}");
    }
}
