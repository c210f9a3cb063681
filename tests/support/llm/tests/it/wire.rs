//! What goes over the wire, whole and streamed.

use ao_scripted_llm::{Refusal, Rule, Script};
use serde_json::{Value, json};

use crate::{Llm, chat, client, messages, post, responses, start};

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

/// The texts at one place of the events of one name, put together.
fn joined(events: &[(String, Value)], name: &str, place: &str) -> String {
    let here = |(_, data): &(String, Value)| data.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    events.iter().filter(|(other, _)| other == name).map(here).collect()
}

#[test]
fn messages_come_as_anthropic_streams_them() {
    let llm = start();
    let events = post(&llm, "/v1/messages?beta=true", &messages("SAY=one two;;", true)).events();
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names(&events), expected);
    for (name, data) in &events {
        assert_eq!(data["type"], name.as_str());
    }
    assert_eq!(joined(&events, "content_block_delta", "/delta/text"), "one two");
    assert_eq!(events[0].1["message"]["usage"]["output_tokens"], 1);
    assert_eq!(events[6].1["delta"], json!({ "stop_reason": "end_turn", "stop_sequence": null }));

    let events = post(&llm, "/v1/messages", &messages("RUN_SHELL=ls -l;;", true)).events();
    let calling: Vec<&str> = names(&events).into_iter().skip_while(|name| *name != "content_block_stop").collect();
    let expected = [
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(calling, expected);
    let input = joined(&events, "content_block_delta", "/delta/partial_json");
    assert_eq!(serde_json::from_str::<Value>(&input).unwrap(), json!({ "command": "ls -l" }));
    assert_eq!(events[events.len() - 2].1["delta"]["stop_reason"], "tool_use");
}

#[test]
fn chat_completions_come_as_openai_streams_them() {
    let llm = start();
    let events = post(&llm, "/v1/chat/completions", &chat("RUN_SHELL=ls -l;;", true)).events();
    let data: Vec<&Value> = events.iter().map(|(_, data)| data).collect();
    let [first, .., finish, usage, done] = data.as_slice() else { panic!("{data:?}") };
    assert_eq!(first["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    assert_eq!((&finish["choices"][0]["finish_reason"], &usage["choices"]), (&json!("tool_calls"), &json!([])));
    assert_eq!((*done, &usage["usage"]["prompt_tokens_details"]["cached_tokens"]), (&json!("[DONE]"), &json!(512)));
    let arguments = joined(&events, "", "/choices/0/delta/tool_calls/0/function/arguments");
    assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap(), json!({ "command": "ls -l" }));
    assert_eq!(joined(&events, "", "/choices/0/delta/tool_calls/0/function/name"), "bash");
    assert_eq!(joined(&events, "", "/choices/0/delta/content"), "I will do that now.");

    let mut without = chat("SAY=x;;", true);
    without["stream_options"] = Value::Null;
    let events = post(&llm, "/v1/chat/completions", &without).events();
    assert!(events.iter().all(|(_, data)| data.get("usage").is_none()), "nobody asked for it: {events:?}");
}

#[test]
fn responses_come_as_openai_streams_them() {
    let llm = start();
    let events = post(&llm, "/v1/responses", &responses("RUN_SHELL=ls;;", true)).events();
    let delta = "response.output_text.delta";
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        delta,
        delta,
        delta,
        delta,
        delta,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(names(&events), expected);
    for (place, (name, data)) in events.iter().enumerate() {
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(name), &json!(place)));
    }
    let completed = &events.last().unwrap().1["response"];
    assert_eq!(completed["status"], "completed");
    assert_eq!(completed["output"][0]["content"][0]["text"], joined(&events, delta, "/delta"));
    assert_eq!(completed["output"][1]["arguments"], r#"{"cmd":"ls"}"#);
    assert_eq!(completed["output"][1], events[15].1["item"]);
}

#[test]
fn a_tool_that_takes_a_text_gets_one() {
    let rule = Rule::on("patch").tool("apply_patch", json!("*** Begin Patch"));
    let llm = Llm::start(Script::new().rule(rule)).unwrap();
    let events = post(&llm, "/v1/responses", &responses("patch it", true)).events();
    assert_eq!(joined(&events, "response.custom_tool_call_input.delta", "/delta"), "*** Begin Patch");
    let item = &events.last().unwrap().1["response"]["output"][1];
    assert_eq!((&item["type"], &item["input"]), (&json!("custom_tool_call"), &json!("*** Begin Patch")));
}

#[test]
fn whole_answers_say_what_streams_say() {
    let llm = start();
    let whole = post(&llm, "/v1/messages", &messages("RUN_SHELL=ls;;", false)).json();
    assert_eq!(whole["content"][1]["input"], json!({ "command": "ls" }));
    assert_eq!((&whole["stop_reason"], &whole["usage"]["cache_read_input_tokens"]), (&json!("tool_use"), &json!(512)));
    let whole = post(&llm, "/v1/chat/completions", &chat("RUN_SHELL=ls;;", false)).json();
    let choice = &whole["choices"][0];
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], r#"{"command":"ls"}"#);
    assert_eq!((&choice["finish_reason"], &whole["object"]), (&json!("tool_calls"), &json!("chat.completion")));
    let whole = post(&llm, "/v1/responses", &responses("SAY=hello;;", false)).json();
    assert_eq!(whole["output"][0]["content"][0]["text"], "hello");
    assert_eq!(whole["usage"]["output_tokens_details"]["reasoning_tokens"], 5);
}

#[test]
fn refusals_are_worded_as_each_service_words_them() {
    let rule =
        Rule::on("go").refuse(Refusal::new(429).times(1).retry_after(7)).refuse(Refusal::new(529).times(1)).say("went");
    let llm = Llm::start(Script::new().rule(rule)).unwrap();
    let first = post(&llm, "/v1/messages", &messages("go", true));
    assert_eq!((first.status, first.header("retry-after"), first.header("request-id")), (429, "7", "req_000001"));
    assert_eq!(first.json()["error"]["type"], "rate_limit_error");
    let second = post(&llm, "/v1/messages", &messages("go", true));
    assert_eq!((second.status, second.header("retry-after")), (529, ""));
    assert_eq!(second.json()["error"]["type"], "overloaded_error");
    assert_eq!(post(&llm, "/v1/messages", &messages("go", true)).status, 200);

    let refused = post(&llm, "/v1/chat/completions", &chat("HTTP_401", false));
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["error"]["code"], "invalid_api_key");
}

#[test]
fn what_agents_ask_besides_is_answered() {
    let llm = start();
    let there = client().head(llm.url()).call().unwrap();
    assert_eq!(there.status(), 200);
    let mut models = client().get(llm.url() + "/v1/models").call().unwrap();
    let models: Value = serde_json::from_str(&models.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!((&models["object"], &models["data"][0]["id"]), (&json!("list"), &json!("scripted")));
    let counted = post(&llm, "/v1/messages/count_tokens", &messages("hello", false)).json();
    assert!(counted["input_tokens"].as_u64().unwrap() > 100, "{counted}");
    assert_eq!(post(&llm, "/v1/embeddings", &json!({})).status, 404);
    assert_eq!(post(&llm, "/v1/messages", &Value::Null).status, 200, "every JSON is a question of sorts");
    assert!(llm.served().keys().all(String::is_empty), "of the others none cost anything: {:?}", llm.served());
}
