//! Conversations, without a server.

use ao_agent_conversation::journal::{Choice, MOST_QUESTIONS, Phase, Queue};

use super::turns::message_id;
use super::*;
use crate::config::{Model, Server};
use crate::wire::{AskedKind, Info, Status};

const SESSION: &str = "ses_1";

/// A conversation and what became of its effects.
struct Scene {
    talk: Talk,
    now: i64,
    calls: Vec<Call>,
    notes: Vec<Event>,
    ended: Option<String>,
}

impl Scene {
    fn new(resume: Option<&str>) -> Self {
        let launch = Launch {
            version: 1,
            session: "app-1".parse().unwrap(),
            workspace: "/tree".into(),
            directory: "/state/app-1".into(),
            server: Server::Own,
            shared: None,
            binary: "opencode".into(),
            args: Vec::new(),
            resume: resume.map(str::to_owned),
            prompt_file: None,
            instructions_file: None,
            permissions: PermissionMode::AutoEdit,
            model: Some(Model { provider: "p".into(), name: "m".into() }),
            agent: "build".into(),
            turn_limit: Some(600),
            program: "ao".into(),
            hook: Vec::new(),
        };
        let known = (View::new(Timestamp::from_millis(0)), Queue::default());
        let mut talk = Talk::new(launch, Some("Be kind.".into()), Some("first".into()), known);
        talk.handle(Timestamp::from_millis(1), Input::Begin);
        Self { talk, now: 1_700_000_000_000, calls: Vec::new(), notes: Vec::new(), ended: None }
    }

    /// One that takes prompts, and has been handed its first.
    fn open() -> Self {
        let mut scene = Self::new(None);
        scene.give(Input::Up { version: Some("1.18.33".into()) });
        scene.give(Input::Listening);
        scene.give(Input::Answered(Call::Agents, Ok(json!([{"name": "build", "mode": "primary"}]))));
        let Some(new @ Call::New { .. }) = scene.calls.pop() else { panic!("{:?}", scene.calls) };
        scene.give(Input::Answered(new, Ok(json!({"id": SESSION}))));
        scene
    }

    fn give(&mut self, input: Input) -> Vec<Reply> {
        self.now += 1;
        let mut replies = Vec::new();
        for effect in self.talk.handle(Timestamp::from_millis(self.now), input) {
            match effect {
                Effect::Note(event) => self.notes.push(event),
                Effect::Call(call) => self.calls.push(call),
                Effect::Reply(_, reply) => replies.push(reply),
                Effect::End(why) => self.ended = Some(why),
                Effect::Show(_) => {}
            }
        }
        replies
    }

    fn status(&mut self, status: Status) {
        self.give(Input::Told(wire::Event::Status { session: SESSION.into(), status }));
    }

    fn looked(&mut self, status: Status, messages: Vec<Info>) {
        let look = Look { status, messages, relatives: Vec::new(), asked: Vec::new() };
        self.give(Input::Looked(Ok(look)));
    }

    fn phase(&self) -> Phase {
        self.talk.view().phase
    }

    /// What was handed over.
    fn prompts(&self) -> Vec<&Value> {
        self.calls
            .iter()
            .filter_map(|call| if let Call::Prompt { body, .. } = call { Some(body) } else { None })
            .collect()
    }
}

/// An answer to what was handed over last.
fn answer(number: u64) -> Info {
    let info = json!({
        // Between two of them is room for what is handed over.
        "id": format!("msg_ffffffff{:04}", number * 10), "role": "assistant", "modelID": "m", "finish": "stop", "cost": 0.001,
        "time": {"completed": 1}, "tokens": {"input": 10, "output": 2},
    });
    Info::of(&info).unwrap()
}

fn asked(id: &str, session: &str) -> wire::Asked {
    let choice = |id: &str, kind: &str| Choice { id: id.into(), kind: kind.into(), label: id.into() };
    let choices = vec![choice("once", "allow_once"), choice("reject", "reject_once")];
    let kind = AskedKind::Permission { tool: "bash".into(), text: "bash: ls".into(), choices };
    wire::Asked { id: id.into(), session: session.into(), kind }
}

#[test]
fn a_prompt_is_handed_over_once_with_all_that_belongs_to_it() {
    let mut scene = Scene::open();
    let prompts = scene.prompts();
    assert_eq!(prompts.len(), 1);
    assert_eq!((&prompts[0]["agent"], &prompts[0]["system"]), (&json!("build"), &json!("Be kind.")));
    assert_eq!(prompts[0]["model"], json!({"providerID": "p", "modelID": "m"}));
    assert!(scene.talk.view().prompted, "the launch's prompt is taken");
    for _ in 0..2 {
        let more = Request::Prompt { key: "k".into(), text: "second".into() };
        assert_eq!(scene.give(Input::Control(1, more)), [Reply::Taken]);
    }
    assert_eq!(scene.prompts().len(), 1, "it waits for the turn");
    scene.status(Status::Busy);
    scene.status(Status::Idle);
    scene.status(Status::Idle);
    let looks = |scene: &Scene| scene.calls.iter().filter(|call| matches!(call, Call::Look { .. })).count();
    assert_eq!(looks(&scene), 1, "one look at a time");
    scene.looked(Status::Idle, vec![answer(1)]);
    let prompts = scene.prompts();
    assert_eq!(prompts.len(), 2);
    let id = |prompt: &Value| prompt["messageID"].as_str().unwrap().to_owned();
    assert!(id(prompts[1]) > id(prompts[0]), "messages are ordered by their ids");
    assert_eq!(scene.talk.view().cost, Some(1000));
}

#[test]
fn an_idle_session_is_not_taken_for_one_that_has_answered() {
    let mut scene = Scene::open();
    scene.status(Status::Idle);
    scene.looked(Status::Idle, Vec::new());
    assert_eq!(scene.phase(), Phase::Working, "the prompt is on its way");
    scene.status(Status::Idle);
    scene.looked(Status::Idle, vec![answer(1)]);
    assert_eq!(scene.phase(), Phase::Ready);
    // Told again, it counts once.
    scene.give(Input::Told(wire::Event::Message { session: SESSION.into(), info: answer(1) }));
    scene.give(Input::Told(wire::Event::Message { session: "ses_other".into(), info: answer(2) }));
    assert_eq!(scene.talk.view().used[0].input, 10);
}

#[test]
fn failures_limits_and_cancellations_are_told_apart() {
    let failed = |name: &str, words: &str| Info { error: Some((name.into(), words.into())), ..answer(1) };
    for (info, phase, limited) in [
        (failed("APIError", "429 Too Many Requests"), Phase::Blocked, true),
        (failed("ProviderAuthError", "no key"), Phase::Blocked, false),
        (failed("MessageAbortedError", "Aborted"), Phase::Ready, false),
        (Info { finish: Some("length".into()), ..answer(1) }, Phase::Blocked, false),
        (Info { is_complete: false, ..answer(1) }, Phase::Blocked, false),
    ] {
        let mut scene = Scene::open();
        scene.status(Status::Busy);
        scene.status(Status::Idle);
        scene.looked(Status::Idle, vec![info.clone()]);
        assert_eq!((scene.phase(), scene.talk.view().limited), (phase, limited), "{info:?}");
    }
    let mut scene = Scene::open();
    let until = Some(Timestamp::from_millis(5));
    scene.status(Status::Retry { why: "Too Many Requests (attempt 1)".into(), until });
    let view = scene.talk.view();
    assert_eq!((view.phase, view.limited, view.until), (Phase::Working, true, until));
    scene.status(Status::Busy);
    assert!(!scene.talk.view().limited);
}

#[test]
fn a_server_that_went_away_costs_its_turn_alone() {
    let mut scene = Scene::open();
    scene.status(Status::Busy);
    scene.give(Input::Lost);
    scene.give(Input::Control(1, Request::Prompt { key: "k".into(), text: "second".into() }));
    scene.give(Input::Up { version: None });
    scene.give(Input::Listening);
    let Some(Call::Look { depth: Depth::Whole, .. }) = scene.calls.last() else { panic!("{:?}", scene.calls) };
    scene.looked(Status::Idle, vec![Info { is_complete: false, ..answer(1) }]);
    assert!(scene.notes.iter().any(|event| matches!(event, Event::Cut { .. })), "{:?}", scene.notes);
    assert_eq!(scene.prompts().len(), 2, "what waited is handed over, what was handed over is not repeated");
}

#[test]
fn questions_are_those_of_the_conversation_and_answered_once() {
    let mut scene = Scene::open();
    scene.status(Status::Busy);
    scene.give(Input::Told(wire::Event::Began { session: "ses_child".into(), parent: SESSION.into() }));
    for (id, session) in [("per_1", "ses_child"), ("per_1", "ses_child"), ("per_2", "ses_other")] {
        scene.give(Input::Told(wire::Event::Asks(asked(id, session))));
    }
    assert_eq!(scene.talk.view().questions.len(), 1);
    let ask = scene.talk.view().questions[0].1.id.clone();
    let reply = |answer: &str| Request::Answer { key: "a".into(), ask: ask.clone(), answer: answer.into() };
    assert!(matches!(scene.give(Input::Control(1, reply("allow_always")))[..], [Reply::Answered { .. }]), "less");
    assert!(
        matches!(scene.give(Input::Control(1, reply("reject_once")))[..], [Reply::Answered { .. }]),
        "the same key"
    );
    let replies: Vec<_> = scene.calls.iter().filter(|call| matches!(call, Call::Reply { .. })).collect();
    assert_eq!(replies, [&Call::Reply { path: "/permission/per_1/reply".into(), body: json!({"reply": "once"}) }]);
    // A look that began before the answer still finds it.
    let look = Look {
        status: Status::Busy,
        messages: Vec::new(),
        relatives: Vec::new(),
        asked: vec![asked("per_1", SESSION)],
    };
    scene.give(Input::Looked(Ok(look)));
    assert!(scene.talk.view().questions.is_empty(), "it is not asked twice");
    // Somebody at OpenCode's own interface answers.
    scene.give(Input::Told(wire::Event::Asks(asked("per_3", SESSION))));
    scene.give(Input::Told(wire::Event::Answered { session: SESSION.into(), id: "per_3".into() }));
    assert!(scene.talk.view().questions.is_empty());
}

#[test]
fn several_questions_are_asked_one_after_the_other() {
    let mut scene = Scene::open();
    let choice = |label: &str| Choice { id: label.into(), kind: String::new(), label: label.into() };
    let questions = ["one?", "two?"].map(|text| (text.to_owned(), vec![choice("yes"), choice("no")])).to_vec();
    let asked = wire::Asked { id: "que_1".into(), session: SESSION.into(), kind: AskedKind::Questions(questions) };
    scene.give(Input::Told(wire::Event::Asks(asked)));
    for (key, answer) in [("a", "2"), ("b", "1")] {
        let ask = scene.talk.view().questions[0].1.id.clone();
        scene.give(Input::Control(1, Request::Answer { key: key.into(), ask, answer: answer.into() }));
    }
    let wanted = Call::Reply { path: "/question/que_1/reply".into(), body: json!({"answers": [["no"], ["yes"]]}) };
    assert_eq!(scene.calls.last(), Some(&wanted));
}

#[test]
fn no_question_is_forgotten_for_which_there_is_no_room() {
    let mut scene = Scene::open();
    scene.status(Status::Busy);
    let all: Vec<_> = (0..=MOST_QUESTIONS).map(|number| asked(&format!("per_{number}"), SESSION)).collect();
    for asked in &all {
        scene.give(Input::Told(wire::Event::Asks(asked.clone())));
    }
    assert_eq!(scene.talk.view().questions.len(), MOST_QUESTIONS);
    let ask = scene.talk.view().questions[0].1.id.clone();
    scene.give(Input::Control(1, Request::Answer { key: "a".into(), ask, answer: "allow_once".into() }));
    assert!(matches!(scene.calls.last(), Some(Call::Look { .. })), "{:?}", scene.calls);
    let look = Look { status: Status::Busy, messages: Vec::new(), relatives: Vec::new(), asked: all };
    scene.give(Input::Looked(Ok(look)));
    assert_eq!(scene.talk.view().questions.len(), MOST_QUESTIONS, "the last one is asked now, the first one not again");
}

#[test]
fn nothing_begins_behind_a_stop_or_a_failure() {
    let stop = |key: &str| Input::Control(7, Request::Cancel { key: key.into() });
    let prompt = |key: &str| Input::Control(1, Request::Prompt { key: key.into(), text: key.into() });
    let mut scene = Scene::open();
    scene.status(Status::Busy);
    scene.give(prompt("a"));
    for key in ["i", "i"] {
        assert_eq!(scene.give(stop(key)), [Reply::Cancelled]);
    }
    assert_eq!(scene.calls.iter().filter(|call| matches!(call, Call::Abort { .. })).count(), 1);
    assert!(scene.talk.is_stopping());
    scene.looked(Status::Idle, vec![Info { is_complete: false, ..answer(1) }]);
    assert!(!scene.talk.is_stopping());
    assert_eq!((scene.phase(), scene.prompts().len()), (Phase::Ready, 1), "what waits is held");
    assert_eq!(scene.give(stop("j")), [Reply::NoTurn]);
    assert_eq!(scene.give(stop("i")), [Reply::Cancelled], "the same word");
    scene.give(prompt("b"));
    assert_eq!(scene.prompts().len(), 2);

    scene.give(prompt("c"));
    scene.looked(Status::Idle, vec![Info { error: Some(("APIError".into(), "429".into())), ..answer(2) }]);
    assert_eq!((scene.phase(), scene.prompts().len()), (Phase::Blocked, 2), "so would the next fail");
    scene.give(prompt("d"));
    assert_eq!(scene.prompts().len(), 3);

    let mut scene = Scene::new(None);
    assert_eq!(scene.give(stop("i")), [Reply::NoTurn], "it is being opened");
    scene.give(Input::Up { version: None });
    scene.give(Input::Listening);
    scene.give(Input::Answered(Call::Agents, Ok(json!([{"name": "build"}]))));
    let Some(new @ Call::New { .. }) = scene.calls.pop() else { panic!("{:?}", scene.calls) };
    scene.give(Input::Answered(new, Ok(json!({"id": SESSION}))));
    assert_eq!((scene.phase(), scene.prompts().len()), (Phase::Ready, 0));
}

#[test]
fn a_server_that_does_not_heed_a_stop_is_ended() {
    let mut scene = Scene::open();
    scene.status(Status::Busy);
    scene.give(Input::Interrupt);
    scene.give(Input::Unheeded);
    assert_eq!(scene.ended, None, "nobody relies on what is pressed at the terminal");
    scene.give(Input::Control(7, Request::Cancel { key: "i".into() }));
    scene.give(Input::Unheeded);
    assert!(scene.ended.is_some_and(|why| why.contains("told to stop")));
}

#[test]
fn a_prompt_that_a_helper_took_with_it_is_told_and_not_repeated() {
    let scene = Scene::open();
    let known = (scene.talk.ledger().view.clone(), scene.talk.ledger().queue.clone());
    let mut next = Talk::new(scene.talk.launch.clone(), None, None, known);
    next.noted(Timestamp::from_millis(2), &Event::Started { helper: 2 });
    next.handle(Timestamp::from_millis(3), Input::Begin);
    assert!(next.view().notice.as_deref().is_some_and(|notice| notice.contains("`first` was cut off")));
    assert_eq!((&next.ledger().queue.handed, next.ledger().queue.waiting.len()), (&None, 0));
}

#[test]
fn a_turn_that_takes_too_long_is_aborted() {
    let mut scene = Scene::open();
    scene.status(Status::Busy);
    let is_aborted = |scene: &Scene| scene.calls.iter().any(|call| matches!(call, Call::Abort { .. }));
    let ticks = |scene: &mut Scene, seconds: u32| {
        for _ in 0..seconds {
            scene.now += 999;
            scene.give(Input::Tick);
        }
    };
    ticks(&mut scene, 590);
    // What a human takes to answer is none of the turn's, nor is a machine's sleep.
    scene.give(Input::Told(wire::Event::Asks(asked("per_1", SESSION))));
    ticks(&mut scene, 3600);
    scene.give(Input::Told(wire::Event::Answered { session: SESSION.into(), id: "per_1".into() }));
    assert!(!is_aborted(&scene));
    ticks(&mut scene, 9);
    assert!(!is_aborted(&scene));
    ticks(&mut scene, 2);
    assert!(is_aborted(&scene));
    scene.looked(
        Status::Idle,
        vec![Info { error: Some(("MessageAbortedError".into(), "Aborted".into())), ..answer(1) }],
    );
    assert_eq!(scene.phase(), Phase::Blocked);
    assert!(scene.talk.view().why.as_deref().is_some_and(|why| why.contains("`turnMinutes`")));
}

#[test]
fn an_unknown_agent_and_an_old_conversation() {
    let mut scene = Scene::new(None);
    scene.give(Input::Up { version: None });
    scene.give(Input::Listening);
    scene.give(Input::Answered(Call::Agents, Ok(json!([{"name": "plan"}, {"name": "build", "mode": "subagent"}]))));
    assert!(scene.ended.is_some_and(|why| why.contains("it has plan")));

    let mut scene = Scene::new(Some(SESSION));
    scene.give(Input::Up { version: None });
    scene.give(Input::Listening);
    scene.give(Input::Answered(Call::Agents, Ok(json!([{"name": "build"}]))));
    let Some(old @ Call::Old { .. }) = scene.calls.pop() else { panic!("{:?}", scene.calls) };
    let rules = crate::rules::of_session(PermissionMode::AutoEdit);
    scene.give(Input::Answered(old, Ok(json!({"id": SESSION, "permission": rules}))));
    assert!(matches!(scene.calls.last(), Some(Call::Look { depth: Depth::Whole, .. })), "the same rules are not added");
    // Somebody's turn still runs in a shared server.
    scene.looked(Status::Busy, vec![answer(1)]);
    assert_eq!((scene.phase(), scene.prompts().len()), (Phase::Working, 0));
    scene.status(Status::Idle);
    scene.looked(Status::Idle, vec![answer(1)]);
    assert_eq!(scene.prompts().len(), 1);
}

/// Else a clock that was set back would have it stand before what was said last, and be taken for answered.
#[test]
fn a_prompt_comes_behind_what_was_said_whatever_the_clock_says() {
    let at = Timestamp::from_millis;
    let first = message_id(at(1_800_000_000_000), "a", "");
    let second = message_id(at(1_700_000_000_000), "b", &first);
    let third = message_id(at(1_900_000_000_000), "c", &second);
    assert!(first < second && second < third, "{first} {second} {third}");
    assert_eq!((first.len(), message_id(at(0), "d", "msg_of-another-form").len()), (30, 30));
    assert!(message_id(at(0), "e", "msg_é").as_str() > "msg_000000000000");
}
