//! Prompts: taken once, handed over in their order, answered, cancelled, failed.

use ao_plugin_sdk::prelude::*;
use rustix::process::Signal;

use super::stage::Stage;

const ACKED: DeliverPlan = DeliverPlan::Done { level: DeliveryLevel::Acked };

#[tokio::test]
async fn a_session_works_and_is_read_from_its_journal() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("first task")).await;
    let seen = stage.until_state(ActivityState::Ready).await;
    assert_eq!(seen.agent_session.as_deref(), Some("conversation-1"));
    assert_eq!(seen.activity.as_ref().map(|activity| activity.strength), Some(Strength::Strong));
    assert_eq!(seen.composer, Composer::None);
    stage.until("the first turn is counted", |seen| seen.usage.is_some()).await;
    assert_eq!(stage.send("m1", "second task").await.unwrap(), ACKED);
    assert_eq!(stage.send("m1", "second task").await.unwrap(), ACKED, "the same message");
    assert!(matches!(stage.confirm("m1").await, Proof::Found { .. }));
    assert_eq!(stage.confirm("m2").await, Proof::Absent);
    let seen = stage.until("both turns are counted", |seen| {
        seen.usage
            .iter()
            .flatten()
            .any(|usage| (usage.model.as_str(), usage.input_tokens, usage.output_tokens) == ("small", 20, 4))
    });
    assert_eq!(seen.await.ask, None);
    assert_eq!(stage.heard("prompt"), ["first task", "second task"]);
    let output = stage.output();
    assert!(output.contains("> second task\n") && output.contains("did second task\n# end turn"), "{output}");
    let log = std::fs::read_to_string(stage.directory().join("conversation/agent.log")).unwrap();
    assert!(log.contains("Welcome to the test agent.") && log.contains("a complaint"), "{log}");
    stage.until_woken("ready").await;
}

#[tokio::test]
async fn prompts_wait_for_their_turn_and_a_cancelled_one_makes_way() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("hang")).await;
    stage.until_heard("prompt", 1).await;
    for key in ["a", "b", "c"] {
        assert_eq!(stage.send(key, &format!("task {key}")).await.unwrap(), ACKED);
    }
    assert_eq!(stage.heard("prompt"), ["hang"], "no turn begins within another");
    // Somebody at the terminal presses Ctrl-C.
    stage.signal(Signal::INT);
    assert_eq!(stage.until_heard("prompt", 4).await, ["hang", "task a", "task b", "task c"]);
    assert_eq!(stage.heard("cancelled"), [true]);
}

#[tokio::test]
async fn an_interrupted_turn_ends_and_the_agent_takes_the_next() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("hang")).await;
    stage.until_heard("prompt", 1).await;
    stage.send("a", "task that waited").await.unwrap();
    let none = DeliverPlan::Done { level: DeliveryLevel::Withdrawn };
    for (key, stopped) in [("i1", &ACKED), ("i1", &ACKED), ("i2", &none)] {
        let mut request = InterruptAgent::new(key, "app-1".parse::<SessionId>().unwrap());
        request.directory = Some(stage.directory());
        assert_eq!(stage.plugin.interrupt(request).await.unwrap(), *stopped, "{key}");
        let seen = stage.until_state(ActivityState::Ready).await;
        assert!(seen.summary.is_some_and(|summary| summary.contains("told to stop")));
    }
    assert_eq!(stage.heard("cancelled"), [true], "once: nothing ran when it was told again");
    assert_eq!(stage.heard("prompt"), ["hang"], "nothing begins by itself");
    stage.send("m", "task").await.unwrap();
    assert_eq!(stage.until_heard("prompt", 3).await, ["hang", "task that waited", "task"]);
}

#[tokio::test]
async fn a_failed_turn_blocks_and_a_limit_is_told() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("fail invalid key")).await;
    let seen = stage.until_state(ActivityState::Blocked).await;
    assert_eq!((seen.summary.as_deref(), seen.limit), (Some("invalid key"), None));
    stage.send("m", "once HTTP 429: too many requests").await.unwrap();
    let seen = stage.until("the limit", |seen| seen.limit.is_some()).await;
    assert_eq!(seen.limit.unwrap().text, "HTTP 429: too many requests");
    stage.send("n", "task").await.unwrap();
    let refused = "once HTTP 429: too many requests";
    assert_eq!(stage.until_heard("prompt", 4).await[1..], [refused, refused, "task"]);
    assert_eq!(stage.until_state(ActivityState::Ready).await.limit, None);
}

#[tokio::test]
async fn noise_costs_nothing() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("noise")).await;
    stage.until_state(ActivityState::Ready).await;
    stage.send("m", "task").await.unwrap();
    stage.until_heard("prompt", 2).await;
    let kept = std::fs::metadata(stage.directory().join("conversation/agent.log")).unwrap().len();
    assert!(kept < 3_000_000, "{kept}");
}

#[tokio::test]
async fn an_agent_that_asks_without_end_and_reads_nothing_is_ended() {
    let mut stage = Stage::new(&[]);
    stage.launch(LaunchMode::Fresh, Some("flood")).await;
    assert_eq!(stage.ended().await.code(), Some(1));
    let seen = stage.look().await;
    assert!(seen.summary.as_deref().is_some_and(|why| why.contains("does not read")), "{seen:?}");
}

#[tokio::test]
async fn a_prompt_of_any_shape_arrives_as_it_is() {
    let mut stage = Stage::new(&[]);
    let long = format!("{} end", "x".repeat(1024 * 1024));
    let texts = ["-n", "/clear", "!rm -rf", "\u{1b}[31mred\u{7}", "  \n spaces \n", "日本 \"quoted\" \\ \u{0}", &long];
    stage.launch(LaunchMode::Fresh, Some(texts[0])).await;
    stage.until_state(ActivityState::Ready).await;
    for (number, text) in texts.iter().enumerate().skip(1) {
        stage.send(&format!("k{number}"), text).await.unwrap();
    }
    let handed = texts.map(|text| if text == "/clear" { "Message:\n/clear" } else { text });
    assert_eq!(stage.until_heard("prompt", texts.len()).await, handed);
    assert!(!stage.output().contains('\u{1b}'), "the terminal gets no sequence");
}
