//! The agent keeps the contract, and tells the truth about its program: by the record that it would write, and its screen.

use ao_plugin_example_agent::ExampleAgent;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

/// The plugin with this configuration, and a home with a record.
struct Desk {
    home: tempfile::TempDir,
    agent: ExampleAgent,
    plan: LaunchPlan,
}

fn agent(config: &Value) -> Result<ExampleAgent> {
    let config = Deserialize::deserialize(config).map_err(|error| Error::invalid_input(error.to_string()))?;
    ExampleAgent::new(config)
}

fn session() -> SessionId {
    "app-1".parse().expect("an id")
}

impl Desk {
    /// A launch in a home of its own.
    async fn new() -> Self {
        let home = tempfile::tempdir().expect("scratch");
        let agent = agent(&json!({})).expect("a plugin");
        let plan = agent.plan(Self::request(&home, LaunchMode::Fresh)).await.expect("a plan");
        Self { home, agent, plan }
    }

    fn request(home: &tempfile::TempDir, mode: LaunchMode) -> PlanLaunch {
        let mut request = PlanLaunch::new(session(), "/work", "/session");
        request.environment.insert("HOME".to_owned(), home.path().to_str().expect("UTF-8").to_owned());
        request.hook = vec!["/opt/an ao".to_owned(), "__hook".to_owned()];
        request.mode = mode;
        request
    }

    /// Adds lines to the record.
    fn write(&self, lines: &[Value]) {
        let directory = self.home.path().join(".example-agent");
        std::fs::create_dir_all(&directory).expect("a directory");
        let path = directory.join(self.plan.agent_session.as_deref().expect("a conversation")).with_extension("jsonl");
        let mut record = std::fs::File::options().append(true).create(true).open(path).expect("a record");
        for line in lines {
            std::io::Write::write_all(&mut record, format!("{line}\n").as_bytes()).expect("written");
        }
    }

    async fn look(&self, cursor: Option<&Value>, screen: &str) -> AgentObservation {
        let mut target = AgentTarget::new(session(), Liveness::Alive, Timestamp::from_millis(0), "/work");
        target.cursor = cursor.cloned();
        target.screen = Some(screen.to_owned());
        let request = ObserveAgents::new(vec![target], Timestamp::from_millis(9));
        self.agent.observe(request).await.expect("seen").pop().expect("one")
    }

    async fn proof(&self, text: &str, cursor: Option<&Value>) -> Proof {
        let mut request = ConfirmDelivery::new("key", session(), text);
        request.cursor = cursor.cloned();
        self.agent.confirm(request).await.expect("answered")
    }
}

fn state(seen: &AgentObservation) -> (ActivityState, &str, Strength) {
    let activity = seen.activity.as_ref().expect("a state");
    (activity.state, activity.source.as_str(), activity.strength)
}

#[test]
fn it_keeps_the_contract() {
    conformance::agent::<ExampleAgent>(json!({"model": "small", "args": ["--fast"]})).effects().check();
}

#[tokio::test]
async fn the_record_has_the_last_word_and_the_screen_is_weak() {
    let desk = Desk::new().await;
    let seen = desk.look(desk.plan.cursor.as_ref(), "example-agent is ready\n> \n\n").await;
    assert_eq!(state(&seen), (ActivityState::Ready, "screen", Strength::Weak));
    assert_eq!(seen.composer, Composer::Empty);
    desk.write(&[json!({"kind": "began"}), json!({"kind": "told", "text": "Fix \"it\""})]);
    let seen = desk.look(seen.cursor.as_ref(), "> Fix").await;
    assert_eq!(state(&seen), (ActivityState::Active, "record", Strength::Strong));
    assert_eq!(seen.composer, Composer::Draft { text: "Fix".to_owned() });
    assert_eq!(seen.summary.as_deref(), Some("Fix \"it\""));
    desk.write(&[
        json!({"kind": "used", "model": "m", "input": 5, "output": 1}),
        json!({"kind": "waits", "text": "429"}),
    ]);
    let seen = desk.look(seen.cursor.as_ref(), "working").await;
    assert_eq!((seen.limit.expect("a limit").text.as_str(), seen.composer), ("429", Composer::Dialog));
    desk.write(&[json!({"kind": "new to us"}), json!({"kind": "ended"})]);
    let seen = desk.look(seen.cursor.as_ref(), "> ").await;
    assert_eq!((state(&seen).0, seen.limit), (ActivityState::Ready, None));
    assert_eq!(seen.usage.expect("usage")[0].input_tokens, 5);
}

#[tokio::test]
async fn a_message_has_arrived_once_the_record_says_so() {
    let desk = Desk::new().await;
    let before = desk.look(desk.plan.cursor.as_ref(), "> ").await.cursor;
    assert_eq!(desk.proof("Fix it\n", before.as_ref()).await, Proof::Absent);
    desk.write(&[json!({"kind": "told", "text": "Fix it"})]);
    assert!(matches!(desk.proof("Fix it\n", before.as_ref()).await, Proof::Found { .. }));
    let behind = desk.look(before.as_ref(), "> ").await.cursor;
    assert_eq!(desk.proof("Fix it", behind.as_ref()).await, Proof::Absent, "that was an earlier one");
}

#[tokio::test]
async fn a_question_is_answered_while_it_shows() {
    let desk = Desk::new().await;
    desk.write(&[json!({"kind": "asked", "id": "7", "text": "May I commit?"})]);
    // The hook tells of it before anybody looks.
    let mut event = HookEvent::new(session(), "changed", json!({}));
    (event.at, event.cursor) = (Some(Timestamp::from_millis(5)), desk.plan.cursor.clone());
    let seen = desk.agent.interpret(event).await.expect("an answer").pop().expect("one");
    assert_eq!(state(&seen), (ActivityState::WaitingInput, "hook", Strength::Strong));
    let mut answer = AnswerAsk::new("key", session(), "7", "allow_once");
    answer.cursor = seen.cursor;
    desk.agent.answer(answer.clone()).await.expect_err("it is not on the screen");
    answer.screen = Some("working\nMay I commit? [y/n] ".to_owned());
    let inputs = vec![Input::Keys { text: "y".to_owned() }, Input::Key { key: Key::Enter }];
    assert_eq!(desk.agent.answer(answer.clone()).await.expect("a plan"), DeliverPlan::Runtime { inputs });
    answer.ask = "6".to_owned();
    desk.agent.answer(answer).await.expect_err("another question");
}

#[tokio::test]
async fn a_conversation_goes_on_under_its_name() {
    let desk = Desk::new().await;
    let id = desk.plan.agent_session.clone().expect("a conversation");
    desk.write(&[
        json!({"kind": "told", "text": "Fix it"}),
        json!({"kind": "used", "model": "m", "input": 5, "output": 1}),
    ]);
    let request = |mode| Desk::request(&desk.home, mode);
    let resumed = desk.agent.plan(request(LaunchMode::Resume { agent_session: id.clone() })).await.expect("a plan");
    assert_eq!(resumed.argv[..4], ["example-agent", "--conversation", &id, "--resume"]);
    assert_eq!(resumed.argv[4..], ["--hook", "'/opt/an ao' __hook changed"]);
    // What the process before was doing is over; what it has used is not.
    let seen = desk.look(resumed.cursor.as_ref(), "example-agent is ready").await;
    assert_eq!(state(&seen), (ActivityState::Active, "launch", Strength::Weak));
    assert!(seen.usage.is_some());
    assert_ne!(desk.agent.plan(request(LaunchMode::Fresh)).await.expect("a plan").agent_session, Some(id));
    for wrong in ["", "../x", "--help"] {
        let refused = desk.agent.plan(request(LaunchMode::Resume { agent_session: wrong.to_owned() })).await;
        assert_eq!(refused.expect_err("no name").code, Code::INVALID_INPUT);
    }
}

#[tokio::test]
async fn the_program_is_looked_for() {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/program.sh");
    let there = agent(&json!({"binary": program})).expect("a plugin").detect(DetectAgent::new()).await.expect("found");
    assert_eq!(
        (there.state, there.version.as_deref()),
        (AvailabilityState::Usable, Some("1.0.0")),
        "{}",
        there.message
    );
    let none = agent(&json!({"binary": "/nonexistent/program"})).expect("a plugin");
    assert_eq!(none.detect(DetectAgent::new()).await.expect("an answer").state, AvailabilityState::Missing);
    assert!(agent(&json!({"args": ["--resume"]})).is_err(), "ao resumes");
}
