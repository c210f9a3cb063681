//! What is written down, what is held, and how things end.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use ao_scripted_llm::{Api, Outcome, Purpose, Rule, Script, Tokens};
use serde_json::{Value, json};

use crate::{Llm, PATIENCE, chat, messages, post, responses, start};

#[test]
fn every_request_is_kept_without_its_secrets() {
    let llm = start();
    post(&llm, "/v1/messages", &messages("hello", true)).events();
    let request = llm.wait_for(PATIENCE, |request| request.outcome != Outcome::Open).unwrap();
    assert_eq!((request.number, request.api, request.purpose), (1, Api::Messages, Some(Purpose::Turn)));
    assert_eq!((request.model.as_str(), request.user.as_str(), request.round), ("claude-x", "hello", 0));
    assert_eq!((request.system.as_str(), request.tools), ("You are.", vec!["Bash".to_owned()]));
    assert_eq!((request.target.as_str(), &request.body["max_tokens"]), ("POST /v1/messages", &json!(1000)));
    assert_eq!(
        (&*request.headers["authorization"], &*request.headers["content-type"]),
        ("(hidden)", "application/json")
    );

    let late = llm.wait_for(Duration::ZERO, |request| request.user == "bye").unwrap_err().to_string();
    assert!(late.contains("1 POST /v1/messages (\"hello\", round 0"), "{late}");
}

/// Each API's own numbers, read as its documentation says, are the totals that a test compares with.
#[test]
fn what_was_served_is_what_was_said() {
    let llm = start();
    let mut said = BTreeMap::<String, Tokens>::new();
    let number =
        |usage: &Value, place: &str| usage.pointer(place).unwrap_or_else(|| panic!("{usage}")).as_u64().unwrap();
    for user in ["RUN_SHELL=ls;;", "SAY=a longer text than the other;;"] {
        let events = post(&llm, "/v1/messages", &messages(user, true)).events();
        let usage = &events.iter().find(|(name, _)| name == "message_delta").unwrap().1["usage"];
        *said.entry("claude-x".into()).or_default() += Tokens {
            input: number(usage, "/input_tokens"),
            output: number(usage, "/output_tokens"),
            cache_read: number(usage, "/cache_read_input_tokens"),
            cache_write: number(usage, "/cache_creation_input_tokens"),
            thought: 0,
        };
        let usage = &post(&llm, "/v1/chat/completions", &chat(user, false)).json()["usage"];
        let cached = number(usage, "/prompt_tokens_details/cached_tokens");
        *said.entry("chat-x".into()).or_default() += Tokens {
            input: number(usage, "/prompt_tokens") - cached,
            output: number(usage, "/completion_tokens"),
            cache_read: cached,
            cache_write: 0,
            thought: number(usage, "/completion_tokens_details/reasoning_tokens"),
        };
        let events = post(&llm, "/v1/responses", &responses(user, true)).events();
        let usage = &events.last().unwrap().1["response"]["usage"];
        let cached = number(usage, "/input_tokens_details/cached_tokens");
        let written = number(usage, "/input_tokens_details/cache_write_tokens");
        *said.entry("gpt-x".into()).or_default() += Tokens {
            input: number(usage, "/input_tokens") - cached - written,
            output: number(usage, "/output_tokens"),
            cache_read: cached,
            cache_write: written,
            thought: number(usage, "/output_tokens_details/reasoning_tokens"),
        };
    }
    assert_eq!(llm.served(), said);

    let mut title = chat("Generate a title: RUN_SHELL=ls;;", false);
    title["messages"][0]["content"] = json!("You are a title generator.");
    let title = post(&llm, "/v1/chat/completions", &title).json();
    assert_eq!(title["choices"][0]["message"]["content"], "A scripted title");
    assert_eq!(llm.served(), said, "what is asked beside is counted by itself");
    assert_eq!(llm.served_beside().keys().collect::<Vec<_>>(), ["chat-x"]);
    assert_eq!((llm.turns().len(), llm.requests().len()), (6, 7));
}

#[test]
fn a_rule_says_what_an_answer_costs() {
    let tokens = Tokens { input: 900_000, output: 100_000, cache_read: 1, cache_write: 2, thought: 3 };
    let llm = Llm::start(Script::new().rule(Rule::on("dear").usage(tokens).say("x"))).unwrap();
    post(&llm, "/v1/responses", &responses("a dear one", true)).events();
    post(&llm, "/v1/chat/completions", &chat("a dear one", true)).events();
    assert_eq!(llm.served()["gpt-x"], tokens);
    assert_eq!(llm.served()["chat-x"], Tokens { input: 900_002, cache_write: 0, ..tokens });
}

#[test]
fn a_text_is_held_until_its_gate_opens() {
    let llm = Llm::start(Script::new().rule(Rule::on("wait").held("gate", "first then"))).unwrap();
    let mut held = post(&llm, "/v1/messages", &messages("wait", true));
    let begun = held.read_until(r#""text":"first ""#);
    assert!(!begun.contains("then"), "{begun}");
    assert_eq!(llm.requests()[0].outcome, Outcome::Open);
    llm.open("another");
    llm.open("gate");
    assert!(held.text().contains("message_stop"));
    assert!(matches!(llm.requests()[0].outcome, Outcome::Answered(_)));
    let after = post(&llm, "/v1/messages", &messages("wait", false)).json();
    assert_eq!(after["content"][0]["text"], "first then", "an open gate holds nothing");
}

#[test]
fn whoever_hangs_up_is_gone() {
    let llm = Llm::start(Script::new().rule(Rule::on("wait").held("gate", "first then"))).unwrap();
    let mut held = post(&llm, "/v1/responses", &responses("wait", true));
    held.read_until("first");
    drop(held);
    llm.wait_for(PATIENCE, |request| request.outcome == Outcome::Gone).unwrap();
    assert_eq!(llm.served(), BTreeMap::new());
}

#[test]
fn nothing_comes_while_it_hangs_and_the_end_ends_it() {
    let llm = start();
    let url = llm.url();
    let ask = std::thread::Builder::new().spawn(move || {
        let ask = crate::client().post(url + "/v1/messages").send(messages("HANG", true).to_string());
        ask.err().map(|error| error.to_string())
    });
    llm.wait_for(PATIENCE, |request| request.user == "HANG").unwrap();
    drop(llm);
    assert!(ask.unwrap().join().unwrap().is_some());
}

#[test]
fn a_text_is_cut_as_often_as_it_is_said() {
    let llm = start();
    let mut cut = post(&llm, "/v1/messages", &messages("CUT=1 SAY=whole;;", true));
    cut.read_until("no ");
    let mut rest = String::new();
    assert!(cut.body.as_reader().read_to_string(&mut rest).is_err(), "it ended well: {rest}");
    assert!(!rest.contains("message_stop"), "{rest}");
    let again = post(&llm, "/v1/messages", &messages("CUT=1 SAY=whole;;", false)).json();
    assert_eq!(again["content"][0]["text"], "whole");
}
