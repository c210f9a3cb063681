//! The conversation without a process: what real agents said is said again, whole and cut, and what none should say.

use proptest::prelude::*;

use super::*;
use crate::journal::{MOST_QUESTIONS, Phase, Queue};
use crate::launch::LAUNCH_VERSION;
use crate::wire::{Lines, MOST};

/// Logs of real agents, `>` sent and `<` received; tests/fixtures/README.md says where they come from.
const CAPTURES: [(&str, &str); 6] = [
    ("claude", include_str!("../../tests/fixtures/acp-claude.jsonl")),
    ("codex", include_str!("../../tests/fixtures/acp-codex.jsonl")),
    ("copilot", include_str!("../../tests/fixtures/acp-copilot.jsonl")),
    ("gemini", include_str!("../../tests/fixtures/acp-gemini.jsonl")),
    ("opencode", include_str!("../../tests/fixtures/acp-opencode.jsonl")),
    ("qwen", include_str!("../../tests/fixtures/acp-qwen.jsonl")),
];

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn launch(permissions: PermissionMode) -> Launch {
    Launch {
        version: LAUNCH_VERSION,
        workspace: "/work/tree".into(),
        directory: "/state/app-1".into(),
        argv: vec!["agent".into()],
        resume: None,
        prompt_file: None,
        permissions,
        mode: None,
        model: None,
        hook: Vec::new(),
    }
}

/// A disk without links.
fn as_written(workspace: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    path.strip_prefix(workspace).ok().or_else(|| path.is_relative().then_some(path)).map(Utf8Path::to_owned)
}

fn talk(launch: Launch, prompt: Option<&str>) -> Talk {
    Talk::new(launch, prompt.map(str::to_owned), (View::new(at(0)), Queue::default()), as_written)
}

fn hears(talk: &mut Talk, frame: &Value) -> Vec<Effect> {
    talk.handle(at(1), Input::Line(Line::Whole(frame.to_string().into_bytes())))
}

fn sent(effects: &[Effect]) -> Vec<Value> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Send(frame) = effect { Some(frame.clone()) } else { None })
        .collect()
}

/// A conversation that is open, with these capabilities of the agent's.
fn opened(launch: Launch, prompt: Option<&str>) -> Talk {
    let mut talk = talk(launch, prompt);
    talk.handle(at(0), Input::Begin);
    hears(&mut talk, &json!({"id": 1, "result": {"protocolVersion": 1}}));
    hears(&mut talk, &json!({"id": 2, "result": {"sessionId": "s1"}}));
    talk
}

fn asks(talk: &mut Talk, options: &Value) -> Vec<Effect> {
    let tool = json!({"toolCallId": "t1", "title": "rm -rf", "kind": "execute"});
    hears(
        talk,
        &json!({"id": "q", "method": "session/request_permission", "params": {"toolCall": tool, "options": options}}),
    )
}

fn control(talk: &mut Talk, request: Request) -> Reply {
    let effects = talk.handle(at(2), Input::Control(7, request));
    let reply =
        effects.into_iter().find_map(|effect| if let Effect::Reply(7, reply) = effect { Some(reply) } else { None });
    reply.expect("a reply")
}

fn prompt(key: &str) -> Request {
    Request::Prompt { key: key.to_owned(), text: format!("do {key}") }
}

/// What a capture comes to, however its bytes are cut.
fn replayed(capture: &str, cut: Option<usize>) -> (View, Vec<Value>) {
    let mut talk = talk(launch(PermissionMode::Permissionless), Some("RUN_SHELL=…"));
    let mut said = sent(&talk.handle(at(0), Input::Begin));
    let received: String =
        capture.lines().filter_map(|line| line.strip_prefix("< ")).fold(String::new(), |all, line| all + line + "\n");
    let (first, second) = received.as_bytes().split_at(cut.unwrap_or_default().min(received.len()));
    let mut lines = Lines::new(MOST);
    for piece in [first, second] {
        let mut found = Vec::new();
        lines.push(piece, |line| found.push(line));
        for line in found {
            said.extend(sent(&talk.handle(at(1), Input::Line(line))));
        }
    }
    (talk.view().clone(), said)
}

#[test]
fn every_real_agent_is_understood() {
    for (name, capture) in CAPTURES {
        let (view, said) = replayed(capture, None);
        assert_eq!((view.phase, view.why.clone(), view.questions.len()), (Phase::Ready, None, 0), "{name}");
        assert!(view.session.is_some(), "{name}");
        let methods: Vec<_> = said.iter().filter_map(|frame| frame["method"].as_str()).collect();
        assert_eq!(methods, ["initialize", "session/new", "session/prompt"], "{name}");
        let answers: Vec<_> = said.iter().filter_map(|frame| frame.pointer("/result/outcome/optionId")).collect();
        // By what they do: in each of these lists the first one allows for good.
        let allows_once = match name {
            "codex" => vec![],
            "opencode" => vec![json!("once")],
            "claude" => vec![json!("allow")],
            "copilot" => vec![json!("allow_once")],
            _ => vec![json!("proceed_once")],
        };
        assert_eq!(answers, allows_once.iter().collect::<Vec<_>>(), "{name}");
        let used: Vec<_> =
            view.used.iter().map(|used| (used.model.as_str(), used.input, used.cache_read, used.output)).collect();
        match name {
            "opencode" => assert_eq!((used, view.cost), (vec![("fake/fake-model", 800, 200, 50)], Some(6300))),
            "qwen" => assert_eq!(used, [("$runtime|openai|fake-model(openai)", 1600, 400, 100)]),
            "gemini" => assert_eq!(used, [("gemini-3.8-flash", 1000, 0, 50), ("auto", 1000, 0, 50)]),
            "copilot" => assert_eq!(used, [("Copilot", 1600, 400, 100)]),
            _ => assert_eq!(used, []),
        }
    }
}

#[test]
fn where_a_capture_is_cut_does_not_matter() {
    for (name, capture) in CAPTURES {
        let whole = replayed(capture, None);
        let length = capture.len();
        for cut in (0..length).step_by(1 + length / 600).chain(length - 200..length) {
            assert_eq!(replayed(capture, Some(cut)), whole, "{name} at {cut}");
        }
    }
}

#[test]
fn a_capture_that_stops_anywhere_leaves_a_state_that_goes_on() {
    for (name, capture) in CAPTURES {
        let lines: Vec<&str> = capture.lines().collect();
        for end in 0..lines.len() {
            let (view, _) = replayed(&lines[..end].join("\n"), None);
            assert_ne!(view.phase, Phase::Ended, "{name} up to line {end}");
        }
    }
}

#[test]
fn a_prompt_is_taken_once_and_handed_over_in_its_turn() {
    let mut talk = opened(launch(PermissionMode::Default), Some("first"));
    for key in ["a", "b", "a"] {
        assert_eq!(control(&mut talk, prompt(key)), Reply::Taken);
    }
    let mut handed = Vec::new();
    for id in 3..8 {
        let effects = hears(&mut talk, &json!({"id": id, "result": {"stopReason": "end_turn"}}));
        handed.extend(sent(&effects).iter().filter_map(|frame| frame.pointer("/params/prompt/0/text").cloned()));
    }
    assert_eq!(handed, ["do a", "do b"]);
    assert_eq!(talk.view().phase, Phase::Ready);
    let more: Vec<_> = (0..100).map(|number| control(&mut talk, prompt(&format!("k{number}")))).collect();
    assert!(matches!(more.last(), Some(Reply::Refused { code, .. }) if *code == Code::UNAVAILABLE), "{more:?}");
}

#[test]
fn what_begins_like_a_command_is_a_message() {
    for (text, handed) in [
        ("/home/ci: look", "Message:\n/home/ci: look"),
        (" \n\u{feff}/init", "Message:\n \n\u{feff}/init"),
        ("see /init", "see /init"),
        ("!ls", "!ls"),
    ] {
        let mut talk = opened(launch(PermissionMode::Default), None);
        let request = Request::Prompt { key: "k".to_owned(), text: text.to_owned() };
        let said = sent(&talk.handle(at(2), Input::Control(1, request)));
        assert_eq!(said[0].pointer("/params/prompt/0/text"), Some(&json!(handed)));
    }
}

#[test]
fn what_was_handed_over_is_not_handed_over_by_the_next_helper() {
    let mut talk = opened(launch(PermissionMode::Default), Some("first"));
    control(&mut talk, prompt("a"));
    let known = (talk.view().clone(), talk.ledger().queue.clone());
    let mut next = Talk::new(launch(PermissionMode::Default), Some("first".to_owned()), known, as_written);
    next.handle(at(3), Input::Begin);
    let can = json!({"protocolVersion": 1, "agentCapabilities": {"loadSession": true}});
    let loads = sent(&hears(&mut next, &json!({"id": 1, "result": can})));
    assert_eq!((&loads[0]["method"], &loads[0]["params"]["sessionId"]), (&json!("session/load"), &json!("s1")));
    let replay = json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "history"}});
    assert_eq!(hears(&mut next, &json!({"method": "session/update", "params": {"update": replay}})), []);
    let handed = sent(&hears(&mut next, &json!({"id": 2, "result": null})));
    assert_eq!(handed.len(), 1, "{handed:?}");
    let notice = next.view().notice.clone().unwrap_or_default();
    assert!(notice.contains("the turn on `first` was cut off"), "{notice}");
    control(&mut next, prompt("b"));
    assert_eq!(next.view().notice, None, "somebody has said something since");
    assert_eq!(handed[0].pointer("/params/prompt/0/text"), Some(&json!("do a")));
}

#[test]
fn an_old_conversation_goes_on_as_the_agent_can() {
    let resumed = |capabilities: Value| {
        let mut launch = launch(PermissionMode::Default);
        launch.resume = Some("old".to_owned());
        let mut talk = talk(launch, None);
        talk.handle(at(0), Input::Begin);
        let effects = hears(&mut talk, &json!({"id": 1, "result": {"agentCapabilities": capabilities}}));
        (talk, sent(&effects)[0]["method"].clone())
    };
    let (mut talk, method) = resumed(json!({"loadSession": true, "sessionCapabilities": {"resume": {}}}));
    assert_eq!(method, "session/resume");
    let again = sent(&hears(&mut talk, &json!({"id": 2, "error": {"code": -32601, "message": "Method not found"}})));
    assert_eq!(again[0]["method"], "session/load");
    let effects = hears(&mut talk, &json!({"id": 3, "error": {"code": -32603, "message": "no such session"}}));
    let end = effects
        .iter()
        .any(|effect| matches!(effect, Effect::End(why) if why.contains("`old`") && why.contains("no such session")));
    assert!(end, "another conversation is not the same: {effects:?}");
    let (talk, method) = resumed(json!({"loadSession": false}));
    assert_eq!(method, "session/new");
    assert!(talk.is_opening());
}

#[test]
fn model_and_mode_are_set_before_the_first_prompt() {
    let mut wanted = launch(PermissionMode::Default);
    (wanted.model, wanted.mode) = (Some("big".to_owned()), Some("plan".to_owned()));
    let mut talk = talk(wanted, Some("go"));
    talk.handle(at(0), Input::Begin);
    hears(&mut talk, &json!({"id": 1, "result": {}}));
    let options = json!([{"id": "m", "category": "model", "currentValue": "small"}]);
    let modes = json!({"currentModeId": "build", "availableModes": [{"id": "build"}]});
    let first = sent(&hears(
        &mut talk,
        &json!({"id": 2, "result": {"sessionId": "s", "configOptions": options, "modes": modes}}),
    ));
    assert_eq!(first[0]["method"], "session/set_config_option");
    assert_eq!(first[0]["params"], json!({"sessionId": "s", "configId": "m", "value": "big"}));
    let second = sent(&hears(&mut talk, &json!({"id": 3, "result": {}})));
    assert_eq!((&second[0]["method"], &second[0]["params"]["modeId"]), (&json!("session/set_mode"), &json!("plan")));
    let third = sent(&hears(&mut talk, &json!({"id": 4, "result": {}})));
    assert_eq!(third[0]["method"], "session/prompt");
    assert_eq!(talk.view().model.as_deref(), Some("big"));
}

#[test]
fn who_only_suggests_is_put_into_the_mode_that_only_plans() {
    for (name, capture) in CAPTURES {
        let opened = capture
            .lines()
            .filter_map(|line| line.strip_prefix("< "))
            .find(|line| line.contains("\"result\":{\"sessionId\"") || line.contains("\"id\":2,\"result\""))
            .unwrap();
        let mut talk = talk(launch(PermissionMode::Suggest), Some("go"));
        talk.handle(at(0), Input::Begin);
        hears(&mut talk, &json!({"id": 1, "result": {}}));
        let said = sent(&talk.handle(at(1), Input::Line(Line::Whole(opened.as_bytes().to_vec()))));
        let (method, params) = (said[0]["method"].as_str().unwrap(), &said[0]["params"]);
        let set = params.get("modeId").or_else(|| params.get("value")).and_then(Value::as_str);
        match name {
            // It begins in it.
            "codex" => assert_eq!(method, "session/prompt", "{name}"),
            "opencode" => assert_eq!((method, set), ("session/set_config_option", Some("plan")), "{name}"),
            _ => assert!(method == "session/set_mode" && set.unwrap().ends_with("plan"), "{name}: {said:?}"),
        }
    }
}

#[test]
fn a_human_is_asked_and_answers_by_kind() {
    let mut talk = opened(launch(PermissionMode::Default), Some("go"));
    let options = json!([{"optionId": "x", "kind": "allow_always", "name": "Always"}, {"optionId": "y", "kind": "reject_once", "name": "No"}]);
    assert_eq!(sent(&asks(&mut talk, &options)), Vec::<Value>::new());
    let (_, question) = talk.view().questions[0].clone();
    assert_eq!(question.text, "execute: rm -rf");
    let answer = |key: &str, ask: &str, answer: &str| Request::Answer {
        key: key.into(),
        ask: ask.into(),
        answer: answer.into(),
    };
    let refused = control(&mut talk, answer("k1", &question.id, "allow_once"));
    assert!(
        matches!(&refused, Reply::Refused { message, .. } if message.contains("`reject_once` (No)")),
        "{refused:?}"
    );
    let effects = talk.handle(at(3), Input::Control(1, answer("k2", &question.id, "reject_always")));
    assert_eq!(
        sent(&effects),
        [wire::result(&json!("q"), &json!({"outcome": {"outcome": "selected", "optionId": "y"}}))]
    );
    let note = effects.iter().position(|effect| matches!(effect, Effect::Note(Event::Answered { .. })));
    let send = effects.iter().position(|effect| matches!(effect, Effect::Send(_)));
    assert!(note < send, "written down first: {effects:?}");
    assert_eq!(control(&mut talk, answer("k2", &question.id, "reject_always")), Reply::Answered { label: "No".into() });
    let late = control(&mut talk, answer("k3", &question.id, "reject_once"));
    assert!(matches!(late, Reply::Refused { code, .. } if code == Code::NOT_FOUND));
}

#[test]
fn a_cancelled_turn_withdraws_its_questions() {
    let mut talk = opened(launch(PermissionMode::Default), Some("go"));
    asks(&mut talk, &json!([{"optionId": "x", "kind": "allow_once"}]));
    let said = sent(&talk.handle(at(2), Input::Interrupt));
    assert_eq!(said[0]["method"], "session/cancel");
    assert_eq!(said[1]["result"]["outcome"]["outcome"], "cancelled");
    hears(&mut talk, &json!({"id": 3, "result": {"stopReason": "cancelled"}}));
    assert_eq!((talk.view().phase, talk.view().questions.len()), (Phase::Ready, 0));
    assert_eq!(talk.handle(at(4), Input::Interrupt), [], "nothing runs");
}

/// The first words of the prompts that effects hand over.
fn handed(effects: &[Effect]) -> Vec<Value> {
    sent(effects).iter().filter_map(|frame| frame.pointer("/params/prompt/0/text").cloned()).collect()
}

fn fails(talk: &mut Talk, id: u64, message: &str) -> Vec<Effect> {
    hears(talk, &json!({"id": id, "error": {"code": -32603, "message": message}}))
}

#[test]
fn what_waits_behind_a_turn_that_failed_waits_on() {
    let said = json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "Well"}});
    let said = json!({"method": "session/update", "params": {"update": said}});
    for (message, begun, next) in [
        ("HTTP 429: too many requests", false, "do first"),
        ("HTTP 429: too many requests", true, "do a"),
        ("invalid x-api-key", false, "do a"),
    ] {
        let mut talk = opened(launch(PermissionMode::Default), Some("do first"));
        for key in ["a", "b"] {
            control(&mut talk, prompt(key));
        }
        if begun {
            hears(&mut talk, &said);
        }
        assert_eq!(handed(&fails(&mut talk, 3, message)), Vec::<Value>::new(), "{message}");
        assert_eq!(talk.view().phase, Phase::Blocked);
        // The same message again is no news.
        assert_eq!(handed(&talk.handle(at(3), Input::Control(1, prompt("a")))), Vec::<Value>::new());
        let effects = talk.handle(at(3), Input::Control(1, prompt("c")));
        assert_eq!(handed(&effects), [next], "{message}, {begun}");
        let effects = hears(&mut talk, &json!({"id": 4, "result": {"stopReason": "end_turn"}}));
        assert_eq!(handed(&effects).len(), 1, "it goes on");
    }
}

#[test]
fn a_prompt_that_is_always_refused_stands_in_nobodys_way_for_ever() {
    let mut talk = opened(launch(PermissionMode::Default), Some("quota"));
    control(&mut talk, prompt("a"));
    let mut seen = Vec::new();
    for id in 3..20 {
        fails(&mut talk, id, "no quota");
        seen.extend(handed(&talk.handle(at(3), Input::Control(1, prompt(&format!("k{id}"))))));
    }
    assert!(seen.contains(&json!("do a")), "{seen:?}");
}

#[test]
fn who_is_interrupted_begins_nothing_until_something_is_said() {
    let mut talk = opened(launch(PermissionMode::Default), Some("first"));
    control(&mut talk, prompt("a"));
    let stop = || Input::Control(7, Request::Cancel { key: "i".to_owned() });
    let effects = talk.handle(at(2), stop());
    assert_eq!(sent(&effects)[0]["method"], "session/cancel");
    assert!(matches!(effects[0], Effect::Note(Event::Interrupted { .. })), "written down first: {effects:?}");
    assert!(talk.is_stopping());
    let ended = hears(&mut talk, &json!({"id": 3, "result": {"stopReason": "cancelled"}}));
    assert_eq!((handed(&ended), talk.view().phase, talk.is_stopping()), (vec![], Phase::Ready, false));
    // Whoever asks again under the same key means the same turn.
    assert_eq!(talk.handle(at(3), stop()), [Effect::Reply(7, Reply::Cancelled)]);
    let known = (talk.view().clone(), talk.ledger().queue.clone());
    assert_eq!(handed(&talk.handle(at(3), Input::Control(1, prompt("b")))), ["do a"]);
    assert_eq!(talk.handle(at(4), stop()), [Effect::Reply(7, Reply::Cancelled)], "not this one");
    // It holds across helpers, too.
    let mut next = Talk::new(launch(PermissionMode::Default), None, known, as_written);
    next.noted(at(5), &Event::Started { helper: 1 });
    next.handle(at(5), Input::Begin);
    hears(&mut next, &json!({"id": 1, "result": {"agentCapabilities": {"loadSession": true}}}));
    assert_eq!(handed(&hears(&mut next, &json!({"id": 2, "result": null}))), Vec::<Value>::new());
    assert_eq!(handed(&next.handle(at(6), Input::Control(1, prompt("c")))), ["do a"]);
}

#[test]
fn who_is_interrupted_before_it_began_does_not_begin() {
    let mut talk = talk(launch(PermissionMode::Default), Some("first"));
    talk.handle(at(0), Input::Begin);
    assert_eq!(control(&mut talk, Request::Cancel { key: "i".to_owned() }), Reply::NoTurn);
    hears(&mut talk, &json!({"id": 1, "result": {}}));
    assert_eq!(sent(&hears(&mut talk, &json!({"id": 2, "result": {"sessionId": "s"}}))), Vec::<Value>::new());
    assert!(talk.view().notice.is_some(), "it is said");
    assert_eq!(handed(&talk.handle(at(3), Input::Control(1, prompt("a")))), ["first"]);
}

#[test]
fn who_does_not_heed_an_interruption_is_ended() {
    let mut talk = opened(launch(PermissionMode::Default), Some("first"));
    assert_eq!(talk.handle(at(2), Input::Unheeded), []);
    talk.handle(at(2), Input::Interrupt);
    assert!(!talk.is_stopping(), "somebody at the terminal sees for themselves");
    control(&mut talk, Request::Cancel { key: "i".to_owned() });
    let effects = talk.handle(at(3), Input::Unheeded);
    assert!(matches!(effects.last(), Some(Effect::End(why)) if why.contains("told to stop")), "{effects:?}");
}

#[test]
fn a_prompt_that_never_got_there_waits_again() {
    let mut talk = opened(launch(PermissionMode::Default), None);
    let effects = talk.handle(at(2), Input::Control(1, prompt("a")));
    let frame = sent(&effects).remove(0);
    talk.close();
    let cancel = wire::notification("session/cancel", &json!({}));
    assert_eq!(talk.came_back(at(3), &cancel), []);
    assert_eq!(talk.came_back(at(3), &frame), [Effect::Note(Event::Returned { key: "a".to_owned() })]);
    assert_eq!(talk.came_back(at(3), &frame), [], "once");
    assert_eq!(talk.ledger().queue.waiting.iter().map(|letter| &*letter.key).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn every_question_is_told_and_can_be_answered() {
    let mut talk = opened(launch(PermissionMode::Default), Some("go"));
    let options = json!([{"optionId": "y", "kind": "allow_once", "name": "Yes"}]);
    let asks = |talk: &mut Talk, number: usize| {
        let tool = json!({"toolCallId": format!("t{number}"), "title": "ls", "kind": "execute"});
        let params = json!({"toolCall": tool, "options": options});
        hears(talk, &json!({"id": number, "method": "session/request_permission", "params": params}))
    };
    for number in 0..MOST_QUESTIONS {
        assert_eq!(sent(&asks(&mut talk, number)), Vec::<Value>::new(), "{number}");
    }
    let refused = sent(&asks(&mut talk, MOST_QUESTIONS));
    assert_eq!(refused[0]["error"]["message"], "too many questions are open");
    let mut answered = Vec::new();
    while let Some((_, question)) = talk.view().questions.first().cloned() {
        let key = format!("k{}", answered.len());
        let request = Request::Answer { key, ask: question.id, answer: "allow_once".to_owned() };
        answered.extend(sent(&talk.handle(at(3), Input::Control(1, request))).iter().map(|frame| frame["id"].clone()));
    }
    assert_eq!(answered, (0..MOST_QUESTIONS).map(|number| json!(number)).collect::<Vec<_>>());
}

#[test]
fn an_edit_is_allowed_for_what_it_is_about() {
    let allowed = |talk: &mut Talk, tool: Value| {
        let options = json!([{"optionId": "y", "kind": "allow_once", "name": "Yes"}]);
        let params = json!({"toolCall": tool, "options": options});
        !sent(&hears(talk, &json!({"id": 1, "method": "session/request_permission", "params": params}))).is_empty()
    };
    let announce = |talk: &mut Talk, id: &str, status: &str| {
        let tool = json!({"sessionUpdate": "tool_call", "toolCallId": id, "kind": "edit", "status": status});
        hears(talk, &json!({"method": "session/update", "params": {"update": tool}}));
    };
    let mut talk = opened(launch(PermissionMode::AutoEdit), Some("go"));
    announce(&mut talk, "t", "pending");
    assert!(allowed(&mut talk, json!({"toolCallId": "t"})), "it was announced");
    announce(&mut talk, "t", "completed");
    assert!(!allowed(&mut talk, json!({"toolCallId": "t"})), "that one is over");
    announce(&mut talk, "", "pending");
    assert!(!allowed(&mut talk, json!({})), "whose?");
    announce(&mut talk, "u", "pending");
    hears(&mut talk, &json!({"id": 3, "result": {"stopReason": "end_turn"}}));
    assert!(!allowed(&mut talk, json!({"toolCallId": "u"})), "another turn");
    for (path, is_allowed) in [("a", true), ("/work/tree/a", true), ("/work/tree/.git/hooks/x", false), ("/etc", false)]
    {
        let tool = json!({"toolCallId": path, "kind": "edit", "locations": [{"path": path}]});
        assert_eq!(allowed(&mut talk, tool), is_allowed, "{path}");
    }
    talk.locate = |_, _| None;
    let tool = json!({"toolCallId": "v", "kind": "edit", "locations": [{"path": "/work/tree/link/authorized_keys"}]});
    assert!(!allowed(&mut talk, tool), "a link leads elsewhere");
}

#[test]
fn failures_are_told_and_limits_apart() {
    for (message, limited) in [("HTTP 429: rate limit exceeded", true), ("invalid x-api-key", false)] {
        let mut talk = opened(launch(PermissionMode::Default), Some("go"));
        hears(
            &mut talk,
            &json!({"id": 3, "error": {"code": -32603, "message": "Internal error", "data": {"details": message}}}),
        );
        let view = talk.view();
        assert_eq!((view.phase, view.limited), (Phase::Blocked, limited));
        assert_eq!(view.why.as_deref(), Some(format!("Internal error: {message}").as_str()));
        control(&mut talk, prompt("again"));
        assert_eq!(talk.view().phase, Phase::Working);
    }
    for (stop, phase) in [("max_tokens", Phase::Blocked), ("refusal", Phase::Blocked), ("end_turn", Phase::Ready)] {
        let mut talk = opened(launch(PermissionMode::Default), Some("go"));
        hears(&mut talk, &json!({"id": 3, "result": {"stopReason": stop}}));
        assert_eq!(talk.view().phase, phase, "{stop}");
    }
}

#[test]
fn who_is_not_logged_in_is_told_how() {
    let mut talk = talk(launch(PermissionMode::Default), Some("go"));
    talk.handle(at(0), Input::Begin);
    let methods = json!([{"id": "x", "name": "Log in", "description": "Run `agent login`"}]);
    hears(&mut talk, &json!({"id": 1, "result": {"protocolVersion": 1, "authMethods": methods}}));
    let effects = hears(&mut talk, &json!({"id": 2, "error": {"code": -32000, "message": "Authentication required"}}));
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::End(why) if why.contains("Run `agent login`"))),
        "{effects:?}"
    );
    assert!(matches!(control(&mut talk, prompt("late")), Reply::Refused { .. }));
}

#[test]
fn what_is_not_understood_is_refused_or_kept() {
    let mut talk = opened(launch(PermissionMode::Suggest), None);
    let code = |effects: &[Effect]| sent(effects)[0].pointer("/error/code").cloned();
    let request = |method: &str, params: Value| json!({"id": 9, "method": method, "params": params});
    assert_eq!(code(&hears(&mut talk, &request("terminal/create", json!({})))), Some(json!(-32601)));
    assert_eq!(code(&hears(&mut talk, &request("fs/read_text_file", json!({})))), Some(json!(-32602)));
    assert_eq!(
        code(&hears(&mut talk, &request("fs/write_text_file", json!({"path": "a", "content": ""})))),
        Some(json!(-32000))
    );
    let strays = |effects: &[Effect]| effects.iter().filter(|effect| matches!(effect, Effect::Stray(_))).count();
    for strange in [json!({"id": 99, "result": {}}), json!("hello"), json!({})] {
        assert_eq!(strays(&hears(&mut talk, &strange)), 1, "{strange}");
    }
    assert_eq!(hears(&mut talk, &json!({"method": "x/unknown"})), []);
    assert_eq!(
        hears(&mut talk, &json!({"method": "session/update", "params": {"update": {"sessionUpdate": "new"}}})),
        []
    );
    assert_eq!(talk.view().phase, Phase::Ready);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Frames of a real agent with one value replaced by another type's: nothing breaks, and the next prompt is taken.
    #[test]
    fn no_value_of_another_type_breaks_it(which in 0..6_usize, line in 0..60_usize, spot in any::<prop::sample::Index>(), other in 0..5_usize) {
        let capture = CAPTURES[which].1;
        let received: Vec<&str> = capture.lines().filter_map(|line| line.strip_prefix("< ")).collect();
        let mut talk = talk(launch(PermissionMode::Permissionless), Some("go"));
        talk.handle(at(0), Input::Begin);
        for (number, text) in received.iter().enumerate() {
            let mut frame: Value = serde_json::from_str(text).unwrap();
            if number == line % received.len() {
                let mut pointers = Vec::new();
                places(&frame, String::new(), &mut pointers);
                let other = [json!(null), json!(-1), json!("x"), json!([[]]), json!({"": {}})][other].clone();
                if let Some(value) = frame.pointer_mut(spot.get(pointers.as_slice()).as_str()) {
                    *value = other;
                }
            }
            hears(&mut talk, &frame);
        }
        let reply = control(&mut talk, prompt("next"));
        prop_assert_eq!(reply == Reply::Taken, talk.stage != Stage::Closed, "{:?}", reply);
        // It is closed where the conversation could not be had, and nowhere else.
        prop_assert!(talk.stage != Stage::Closed || talk.view().session.is_none());
    }
}

fn places(value: &Value, at: String, found: &mut Vec<String>) {
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in entries {
        places(value, format!("{at}/{name}"), found);
    }
    found.push(at);
}
