//! Permissions and files: answered by what an answer does, by a human or by the session's mode.

use ao_plugin_sdk::prelude::*;

use super::stage::Stage;

fn selected(option: &str) -> Value {
    json!({"outcome": {"outcome": "selected", "optionId": option}})
}

#[tokio::test]
async fn a_human_is_asked_and_answers_once() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("ask rm -rf /")).await;
    let seen = stage.until_state(ActivityState::WaitingInput).await;
    let ask = seen.ask.unwrap();
    assert_eq!(ask.text, "execute: rm -rf /");
    assert_eq!(ask.options.iter().map(|option| option.label.as_str()).collect::<Vec<_>>(), ["Always", "Once", "No"]);
    let wrong = stage.answer("k0", "p9-none", "allow_once").await.unwrap_err();
    assert_eq!(wrong.code, Code::NOT_FOUND);
    let wrong = stage.answer("k1", &ask.id, "maybe").await.unwrap_err();
    assert!(wrong.message.contains("`allow_once` (Once)"), "{wrong}");
    for _ in 0..2 {
        stage.answer("k2", &ask.id, "allow_once").await.unwrap();
    }
    stage.until_state(ActivityState::Ready).await;
    assert_eq!(stage.heard("answer"), [selected("2")]);
    assert_eq!(stage.answer("k3", &ask.id, "reject_once").await.unwrap_err().code, Code::NOT_FOUND);
}

#[tokio::test]
async fn a_hook_tells_of_a_question_as_a_look_does() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("ask something")).await;
    let seen = stage.until_state(ActivityState::WaitingInput).await;
    let mut event = HookEvent::new("app-1".parse::<SessionId>().unwrap(), "conversation", json!({"phase": "working"}));
    event.directory = Some(stage.directory());
    let woken = stage.plugin.interpret(event.clone()).await.unwrap();
    assert_eq!(woken, [seen]);
    event.hook = "Stop".to_owned();
    assert_eq!(stage.plugin.interpret(event).await.unwrap(), []);
}

#[tokio::test]
async fn the_sessions_mode_answers_in_its_place() {
    for (permissions, option) in [(PermissionMode::Permissionless, "2"), (PermissionMode::Suggest, "3")] {
        let mut stage = Stage::new(&[]);
        stage.permissions = permissions;
        stage.launch(LaunchMode::Fresh, Some("ask run it")).await;
        assert_eq!(stage.until_heard("answer", 1).await, [selected(option)], "{permissions:?}");
        stage.until_state(ActivityState::Ready).await;
    }
}

#[tokio::test]
async fn an_edit_through_a_link_is_asked_about() {
    let mut stage = Stage::new(&[]);
    stage.permissions = PermissionMode::AutoEdit;
    stage.launch(LaunchMode::Fresh, None).await;
    stage.until_state(ActivityState::Ready).await;
    std::os::unix::fs::symlink("..", stage.tree().join("link")).unwrap();
    stage.send("a", &format!("edit {}", stage.tree().join("new/file"))).await.unwrap();
    assert_eq!(stage.until_heard("answer", 1).await, [selected("1")]);
    stage.send("b", &format!("edit {}", stage.tree().join("link/authorized_keys"))).await.unwrap();
    stage.until_state(ActivityState::WaitingInput).await;
}

#[tokio::test]
async fn files_of_the_worktree_are_written_and_no_others() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, None).await;
    stage.until_state(ActivityState::Ready).await;
    let (inside, outside) = (stage.tree().join("new/file"), stage.root.join("outside"));
    stage.send("a", &format!("write {inside}")).await.unwrap();
    stage.send("b", &format!("write {outside}")).await.unwrap();
    let answers = stage.until_heard("answer", 2).await;
    assert_eq!(answers[0], json!({}));
    assert!(answers[1]["message"].as_str().unwrap().contains("outside of the worktree"), "{answers:?}");
    assert_eq!(std::fs::read_to_string(inside).unwrap(), "written\n");
    assert!(!outside.exists());
}
