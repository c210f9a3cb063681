//! What a session is doing, from its record, its hooks and its screen together.

use std::io::Write;

use ao_plugin_sdk::prelude::*;

use crate::{ASKING, FAILING, Scratch, agent, record, screen};

/// A session whose Codex has this directory.
struct Desk {
    home: Scratch,
    target: AgentTarget,
}

/// Before any line of the captures.
const LAUNCHED: &str = "2026-11-20T00:00:00.000Z";
const NOW: &str = "2026-11-22T12:00:00.000Z";

fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

impl Desk {
    fn new() -> Self {
        let target = AgentTarget::new(
            "app-1".parse::<SessionId>().expect("id"),
            Liveness::Alive,
            at(LAUNCHED),
            "/home/dev/src/wt-a",
        );
        let mut desk = Self { home: Scratch::new(), target };
        desk.shows("idle-fresh");
        desk
    }

    fn shows(&mut self, name: &str) -> &mut Self {
        self.target.screen = Some(screen(name));
        self
    }

    /// Puts a capture where Codex would.
    fn keeps(&self, id: &str, content: &[u8]) -> Utf8PathBuf {
        self.home.write(&format!("sessions/2026/11/22/rollout-2026-11-22T02-39-30-{id}.jsonl"), content)
    }

    async fn look(&mut self) -> AgentObservation {
        let seen = self.look_at(NOW).await;
        self.target.cursor.clone_from(&seen.cursor);
        seen
    }

    async fn look_at(&self, now: &str) -> AgentObservation {
        let agent = agent(json!({"env": {"CODEX_HOME": self.home.path()}})).expect("agent");
        let request = ObserveAgents::new(vec![self.target.clone()], at(now));
        agent.observe(request).await.expect("seen").pop().expect("one")
    }

    async fn state(&mut self) -> (ActivityState, String, Strength) {
        let activity = self.look().await.activity.expect("an activity");
        (activity.state, activity.source, activity.strength)
    }

    /// Lets a hook say something.
    async fn hears(&mut self, hook: &str, payload: Value, time: &str) {
        let mut event = HookEvent::new(self.target.session.clone(), hook, payload);
        (event.at, event.cursor) = (Some(at(time)), self.target.cursor.clone());
        let seen = agent(json!({})).expect("agent").interpret(event).await.expect("read").pop();
        self.target.cursor = seen.expect("something").cursor;
    }
}

fn found(state: ActivityState, source: &str, strength: Strength) -> (ActivityState, String, Strength) {
    (state, source.to_owned(), strength)
}

/// A capture up to the line that holds this.
fn until(id: &str, part: &str) -> Vec<u8> {
    let text = String::from_utf8(record(id)).expect("UTF-8");
    let end = text.find(part).expect("the part");
    let end = text[end..].find('\n').map_or(text.len(), |more| end + more + 1);
    text.as_bytes()[..end].to_vec()
}

#[tokio::test]
async fn before_the_first_message_the_screen_tells() {
    let mut desk = Desk::new();
    assert_eq!(desk.state().await, found(ActivityState::Ready, "screen", Strength::Weak));
    assert_eq!(desk.look().await.composer, Composer::Empty);
    desk.target.screen = Some("\n".to_owned());
    assert_eq!(desk.state().await, found(ActivityState::Active, "launch", Strength::Weak));
    for name in ["trust", "login", "model-nudge-dialog", "hooks-review", "locked"] {
        let seen = desk.shows(name).look().await;
        assert_eq!(seen.activity.map(|activity| activity.state), Some(ActivityState::WaitingInput), "{name}");
        assert_eq!((seen.composer, seen.ask.is_some()), (Composer::Dialog, true), "{name}");
    }
    desk.target.screen = None;
    assert!(desk.look().await.unknown.is_some());
}

#[tokio::test]
async fn the_record_tells_how_turns_go() {
    let mut desk = Desk::new();
    desk.target.agent_session = Some(ASKING.to_owned());
    desk.keeps(ASKING, &until(ASKING, "custom_tool_call"));
    assert_eq!(desk.state().await, found(ActivityState::Active, "record", Strength::Strong));
    desk.keeps(ASKING, &until(ASKING, "task_complete"));
    assert_eq!(desk.state().await, found(ActivityState::Ready, "record", Strength::Strong));
    desk.keeps(ASKING, &until(ASKING, "turn_aborted\",\"root"));
    let seen = desk.look().await;
    assert_eq!(seen.activity.map(|activity| activity.state), Some(ActivityState::Ready), "it was interrupted");
    assert_eq!(seen.summary.as_deref(), Some("PATCH=patched.txt;; go"));
    assert_eq!(seen.usage.expect("usage")[0].output_tokens, 150);
    // The end of the process has the last word, and what it used is known all the same.
    desk.target.liveness = Liveness::Dead { exit: None };
    let seen = desk.look().await;
    assert_eq!(seen.activity.map(|activity| activity.state), Some(ActivityState::Exited));
    assert!(seen.usage.is_some());
}

#[tokio::test]
async fn a_provider_that_lets_it_wait() {
    let mut desk = Desk::new();
    desk.target.agent_session = Some(FAILING.to_owned());
    desk.keeps(FAILING, &until(FAILING, "task_complete"));
    let seen = desk.look().await;
    assert_eq!(seen.activity.map(|activity| activity.state), Some(ActivityState::Blocked));
    let limit = seen.limit.expect("a limit");
    assert_eq!(limit.text, "exceeded retry limit, last status: 429 Too Many Requests");
    desk.keeps(FAILING, &record(FAILING));
    let seen = desk.look().await;
    assert_eq!((seen.activity.map(|activity| activity.state), seen.limit), (Some(ActivityState::Ready), None));
}

#[tokio::test]
async fn a_turn_of_an_earlier_process_is_over() {
    let mut desk = Desk::new();
    desk.target.agent_session = Some(ASKING.to_owned());
    desk.keeps(ASKING, &record(ASKING));
    assert_eq!(desk.state().await, found(ActivityState::Active, "record", Strength::Strong));
    desk.target.launched_at = at("2026-11-22T03:00:00.000Z");
    desk.target.cursor = None;
    assert_eq!(desk.shows("resumed").state().await, found(ActivityState::Ready, "screen", Strength::Weak));
    assert_eq!(desk.look().await.agent_session.as_deref(), Some(ASKING));
}

#[tokio::test]
async fn a_permission_is_told_by_the_hook_and_shown_by_the_screen() {
    let mut desk = Desk::new();
    desk.keeps(ASKING, &until(ASKING, "\"type\":\"custom_tool_call\""));
    let payload = json!({"session_id": ASKING, "transcript_path": null, "tool_name": "Bash",
        "tool_input": {"command": "make", "description": "to build"}});
    desk.target.agent_session = Some(ASKING.to_owned());
    assert_eq!(desk.state().await.0, ActivityState::Active);
    desk.hears("PermissionRequest", payload, "2026-11-22T02:39:36.000Z").await;
    // The dialog is not there yet.
    let seen = desk.look_at("2026-11-22T02:39:37.000Z").await;
    assert_eq!(seen.activity.map(|activity| activity.state), Some(ActivityState::WaitingInput));
    let told = seen.ask.expect("a question");
    assert_eq!(told.text, "Bash (to build): make");
    // It is there.
    desk.shows("permission");
    let seen = desk.look_at("2026-11-22T02:50:00.000Z").await;
    let activity = seen.activity.expect("an activity");
    assert_eq!((activity.state, activity.strength), (ActivityState::WaitingInput, Strength::Strong));
    assert_eq!(activity.since, at("2026-11-22T02:39:36.000Z"));
    let shown = seen.ask.expect("a question");
    assert_eq!((shown.options.len(), &shown.id), (3, &told.id), "it is the same question");
    let mut answer = AnswerAsk::new("key", desk.target.session.clone(), shown.id, "allow_once");
    (answer.screen, answer.cursor) = (Some(screen("permission")), seen.cursor);
    let plan = agent(json!({})).expect("agent").answer(answer.clone()).await.expect("a plan");
    assert_eq!(plan, DeliverPlan::Runtime { inputs: vec![Input::Keys { text: "1".to_owned() }] });
    answer.screen = Some(screen("permission-edit"));
    assert_eq!(agent(json!({})).expect("agent").answer(answer).await.expect_err("another").code, Code::CONFLICT);
    // It was answered, and what it asked for goes on for long.
    desk.shows("http401");
    let seen = desk.look_at("2026-11-22T02:51:00.000Z").await;
    assert_eq!(seen.activity.map(|activity| activity.state), Some(ActivityState::Active));
    assert_eq!(seen.ask, None);
}

/// What was said an hour ahead of the clock, or before the launch, as after the clock was set.
#[tokio::test]
async fn a_clock_that_was_set_makes_no_state_last() {
    let mut desk = Desk::new();
    desk.target.agent_session = Some(ASKING.to_owned());
    desk.keeps(ASKING, &until(ASKING, "\"type\":\"custom_tool_call\""));
    let payload = json!({"session_id": ASKING, "transcript_path": null, "tool_name": "Bash", "tool_input": {}});
    assert_eq!(desk.state().await.0, ActivityState::Active);
    desk.hears("PermissionRequest", payload, "2026-11-22T02:39:36.000Z").await;
    // It was answered since.
    let an_hour_before = "2026-11-22T01:39:40.000Z";
    let seen = desk.shows("working").look_at(an_hour_before).await;
    let activity = seen.activity.expect("an activity");
    assert_eq!((activity.state, activity.since), (ActivityState::Active, at(an_hour_before)), "never in the future");
    let seen = desk.shows("permission").look_at(an_hour_before).await;
    assert_eq!(seen.activity.map(|activity| activity.state), Some(ActivityState::WaitingInput));
    // The record is behind the launch: the screen tells.
    desk.target.launched_at = at("2026-11-22T03:39:00.000Z");
    for (screen, state) in [("http401", ActivityState::Active), ("idle-after-turn", ActivityState::Ready)] {
        let seen = desk.shows(screen).look_at("2026-11-22T03:40:00.000Z").await;
        assert_eq!(seen.activity.map(|activity| activity.state), Some(state), "{screen}");
    }
}

/// A record that grows by 48 MiB while it is looked at.
#[tokio::test]
async fn a_record_that_grows_while_it_is_watched() {
    let mut desk = Desk::new();
    desk.target.agent_session = Some(ASKING.to_owned());
    let path = desk.keeps(ASKING, &until(ASKING, "\"type\":\"custom_tool_call\""));
    let output =
        json!({"type": "response_item", "payload": {"type": "function_call_output", "output": "x".repeat(1_000_000)}});
    let lines = format!("{output}\n").repeat(4).into_bytes();
    let used = desk.look().await.usage;
    let mut began = 0;
    for look in 0..12 {
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("a file");
        // The rest of the line that was begun, and a beginning of the next.
        file.write_all(&lines[began..]).expect("written");
        began = 70_001 * (look + 1);
        file.write_all(&lines[..began]).expect("written");
        let seen = desk.look().await;
        assert_eq!(seen.activity.map(|activity| activity.state), Some(ActivityState::Active));
        assert_eq!(seen.usage, used);
        let cursor = seen.cursor.expect("a cursor");
        let read = cursor["mark"]["offset"].as_u64().expect("an offset");
        assert_eq!(
            read,
            std::fs::metadata(&path).expect("a file").len() - began as u64,
            "all but the line that was begun"
        );
        assert!(cursor.to_string().len() < 4096, "what is remembered stays small");
    }
}

/// A question of which no hook told is believed weakly.
#[tokio::test]
async fn a_dialog_alone_is_weak() {
    let mut desk = Desk::new();
    let seen = desk.shows("question").look().await;
    let activity = seen.activity.expect("an activity");
    assert_eq!((activity.state, activity.strength), (ActivityState::WaitingInput, Strength::Weak));
    let options = seen.ask.expect("a question").options;
    assert_eq!(options.iter().map(|option| option.answer.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_hook_is_sooner_than_the_record() {
    let mut desk = Desk::new();
    desk.target.agent_session = Some(ASKING.to_owned());
    let payload = json!({"session_id": ASKING, "transcript_path": null});
    desk.keeps(ASKING, &until(ASKING, "task_complete"));
    desk.look().await;
    desk.hears("UserPromptSubmit", payload.clone(), "2026-11-22T02:40:57.400Z").await;
    assert_eq!(desk.state().await, found(ActivityState::Active, "record", Strength::Strong));
    desk.keeps(ASKING, &until(ASKING, "deny me > deny.txt"));
    desk.look().await;
    desk.hears("Stop", payload, "2026-11-22T02:40:58.900Z").await;
    assert_eq!(desk.state().await.0, ActivityState::Ready);
    desk.keeps(ASKING, &until(ASKING, "aborted by user"));
    assert_eq!(desk.state().await.0, ActivityState::Active, "it went on after all");
}

/// Two worktrees of which one's path begins like the other's, in the same second, and conversations of Codex's own.
#[tokio::test]
async fn a_conversation_belongs_to_its_worktree() {
    let mut desk = Desk::new();
    desk.target.launched_at = at("2026-11-22T02:39:00.000Z");
    let asking = String::from_utf8(record(ASKING)).expect("UTF-8");
    desk.keeps(FAILING, asking.replace("/src/wt-a\"", "/src/wt-a-2\"").replace(ASKING, FAILING).as_bytes());
    let own = "01a2011f-9bc0-71e3-ab42-ae30dde1bbba";
    desk.keeps(
        own,
        asking.replace("\"thread_source\":\"user\"", "\"thread_source\":\"subagent\"").replace(ASKING, own).as_bytes(),
    );
    assert_eq!(desk.look().await.agent_session, None, "none of them is ours");
    desk.keeps(ASKING, asking.as_bytes());
    assert_eq!(desk.look().await.agent_session.as_deref(), Some(ASKING));
    // One from before the launch is another session's, which worked here before.
    let mut later = Desk::new();
    later.target.launched_at = at("2026-11-22T02:39:31.000Z");
    later.keeps(ASKING, asking.as_bytes());
    assert_eq!(later.look().await.agent_session, None);
}

#[tokio::test]
async fn a_long_text_is_recognised_by_its_length() {
    let mut desk = Desk::new();
    let text = "word ".repeat(300) + "end";
    desk.shows("draft-long-paste").target.draft = Some(text.clone());
    let seen = desk.look().await;
    assert_eq!(seen.draft_digest, Some(ao_plugin_sdk::core::model::draft::digest(&text)));
    desk.target.draft = Some(text + "!");
    let seen = desk.look().await;
    assert!(matches!(seen.composer, Composer::Draft { .. }) && seen.draft_digest.is_none(), "another one");
}
