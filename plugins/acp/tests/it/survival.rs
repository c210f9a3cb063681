//! Who dies, and what becomes of the rest: the agent, its relatives, the helper, the conversation, the prompts that waited.

use ao_plugin_sdk::prelude::*;
use rustix::process::Signal;

use super::stage::{Stage, gone, kill};

fn resume() -> LaunchMode {
    LaunchMode::Resume { agent_session: "conversation-1".to_owned() }
}

#[tokio::test]
async fn a_killed_agent_ends_its_helper_with_its_status() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("relative")).await;
    let relative = stage.until_heard("relative", 1).await[0].as_i64().unwrap();
    kill(stage.agent_pid(), Signal::KILL);
    assert_eq!(stage.ended().await.code(), Some(137));
    gone(i32::try_from(relative).unwrap()).await;
    let seen = stage.look().await;
    assert_eq!(seen.activity.map(|activity| activity.state), Some(ActivityState::Exited));
    let error = stage.send("late", "task").await.unwrap_err();
    assert_eq!(error.code, Code::UNAVAILABLE, "{error}");
}

#[tokio::test]
async fn an_agent_that_ends_by_itself_is_told_with_its_code() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("die")).await;
    assert_eq!(stage.ended().await.code(), Some(3));
    assert!(stage.output().contains("a complaint"), "what it complained is shown: {}", stage.output());
}

#[tokio::test]
async fn a_helper_that_is_told_to_end_takes_everything_with_it() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut stage = Stage::new(&[]);
        stage.launch(LaunchMode::Fresh, Some("relative")).await;
        let relative = stage.until_heard("relative", 1).await[0].as_i64().unwrap();
        let agent = stage.agent_pid();
        stage.signal(signal);
        assert_eq!(stage.ended().await.code(), Some(code));
        gone(agent).await;
        gone(i32::try_from(relative).unwrap()).await;
    }
}

#[tokio::test]
async fn a_killed_helper_is_followed_by_one_that_goes_on() {
    for (ability, method) in [("loads", "session/load"), ("resumes", "session/resume")] {
        let mut stage = Stage::new(&[ability]);
        stage.launch(LaunchMode::Fresh, Some("task one")).await;
        stage.until("the turn is counted", |seen| seen.usage.is_some()).await;
        stage.send("m1", "hang").await.unwrap();
        stage.until_heard("prompt", 2).await;
        stage.send("m2", "task that waited").await.unwrap();
        let agent = stage.agent_pid();
        stage.signal(Signal::KILL);
        stage.ended().await;
        // Nobody tells it anything any more.
        gone(agent).await;
        stage.launch(resume(), Some("task two")).await;
        let prompts = stage.until_heard("prompt", 4).await;
        assert_eq!(prompts, ["task one", "hang", "task that waited", "task two"], "each once");
        assert_eq!(stage.heard("opened"), [json!("new"), json!(method)]);
        let seen = stage
            .until("all turns are counted", |seen| seen.usage.iter().flatten().any(|usage| usage.input_tokens == 30));
        let seen = seen.await;
        assert_eq!(seen.agent_session.as_deref(), Some("conversation-1"));
        assert!(seen.summary.is_some_and(|summary| summary.contains("the turn on `hang` was cut off")));
        assert!(!stage.output().contains("HISTORY"), "{}", stage.output());
        assert!(matches!(stage.confirm("m2").await, Proof::Found { .. }), "known to the next launch");
        stage.send("m2", "task that waited").await.unwrap();
        stage.send("m3", "last").await.unwrap();
        assert_eq!(stage.until_heard("prompt", 5).await.last(), Some(&json!("last")));
    }
}

#[tokio::test]
async fn a_helper_that_begins_again_with_the_same_launch_repeats_nothing() {
    let mut stage = Stage::new(&["loads"]);
    stage.launch(LaunchMode::Fresh, Some("task one")).await;
    stage.until("the turn is counted", |seen| seen.usage.is_some()).await;
    stage.signal(Signal::KILL);
    stage.ended().await;
    stage.start_again();
    stage.until_heard("opened", 2).await;
    stage.until_state(ActivityState::Ready).await;
    stage.send("m", "task two").await.unwrap();
    assert_eq!(stage.until_heard("prompt", 2).await, ["task one", "task two"]);
}

#[tokio::test]
async fn what_was_said_to_an_agent_that_never_opened_is_told_to_the_next() {
    let mut stage = Stage::new(&["silent"]);
    stage.launch(LaunchMode::Fresh, Some("first task")).await;
    stage
        .until("the agent runs", |seen| seen.activity.as_ref().is_some_and(|seen| seen.strength == Strength::Strong))
        .await;
    until_taken(&stage, "m1").await;
    stage.signal(Signal::TERM);
    stage.ended().await;
    stage.plugin = super::agent(json!({"argv": [super::PROGRAM, "agent"]})).unwrap();
    stage.launch(LaunchMode::Fresh, Some("first task")).await;
    assert_eq!(stage.until_heard("prompt", 2).await, ["first task", "task m1"]);
    assert!(matches!(stage.confirm("m1").await, Proof::Found { .. }));
    stage.send("m1", "task m1").await.unwrap();
    stage.send("m2", "last").await.unwrap();
    assert_eq!(stage.until_heard("prompt", 3).await.last(), Some(&json!("last")), "the same message");
}

/// Sends a message, as soon as the helper listens.
async fn until_taken(stage: &Stage, key: &str) {
    for _ in 0..1000 {
        match stage.send(key, &format!("task {key}")).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.code, Code::UNAVAILABLE, "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nobody listens");
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_handed_over() {
    let mut stage = Stage::new(&["loads"]);
    stage.launch(LaunchMode::Fresh, Some("first task")).await;
    stage.until("the turn is counted", |seen| seen.usage.is_some()).await;
    // As where the disk is full: the journal does not grow any more.
    let length = std::fs::metadata(stage.directory().join("conversation/journal.jsonl")).unwrap().len();
    stage.bound_files(length + 10);
    let error = stage.send("m1", "task m1").await.unwrap_err();
    assert!(error.message.contains("cannot write the journal"), "{error}");
    stage.ended().await;
    assert_eq!(stage.heard("prompt"), ["first task"]);
    assert_eq!(stage.confirm("m1").await, Proof::Absent);
    stage.launch(resume(), None).await;
    stage.until_state(ActivityState::Ready).await;
    stage.send("m1", "task m1").await.unwrap();
    assert_eq!(stage.until_heard("prompt", 2).await, ["first task", "task m1"]);
}

#[tokio::test]
async fn an_agent_without_a_memory_begins_anew_and_it_is_said() {
    let mut stage = Stage::new(&[]);
    stage.launch(resume(), Some("task")).await;
    stage.until_heard("prompt", 1).await;
    assert_eq!(stage.heard("opened"), ["new"]);
    assert!(stage.output().contains("cannot go on with the conversation `conversation-1`"), "{}", stage.output());
    let seen = stage.until_state(ActivityState::Ready).await;
    assert!(seen.summary.is_some_and(|summary| summary.contains("cannot go on")));
}

#[tokio::test]
async fn two_helpers_do_not_speak_for_one_launch() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, None).await;
    stage.until_state(ActivityState::Ready).await;
    let first = stage.helper.take();
    stage.start_again();
    assert_eq!(stage.ended().await.code(), Some(1));
    stage.helper = first;
    stage.send("m", "task").await.unwrap();
    stage.until_heard("prompt", 1).await;
}

#[tokio::test]
async fn what_cannot_be_spoken_with_says_why() {
    let mut stage = Stage::new(&["logged-out"]);
    stage.launch(LaunchMode::Fresh, Some("task")).await;
    assert_eq!(stage.ended().await.code(), Some(1));
    let why = stage.look().await.summary.unwrap();
    assert!(why.contains("Run `test-agent login`"), "{why}");
    for (argv, code, sign) in [
        (vec!["/no/such/agent"], 127, "correct the agent's `argv`"),
        (vec![super::PROGRAM, "not-an-agent"], 3, "usage"),
    ] {
        let mut stage = Stage::new(&[]);
        stage.plugin = super::agent(json!({"argv": argv})).unwrap();
        stage.launch(LaunchMode::Fresh, Some("task")).await;
        assert_eq!(stage.ended().await.code(), Some(code));
        let why = stage.look().await.summary.unwrap() + &stage.output();
        let log = std::fs::read_to_string(stage.directory().join("conversation/agent.log")).unwrap_or_default();
        assert!(why.contains(sign) || log.contains(sign), "{why}\n{log}");
    }
}
