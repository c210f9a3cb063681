//! From what was asked to what is answered: a pure function of both and of the faults so far.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::asked::{Api, Asked, Purpose};
use crate::directive;
use crate::script::{Refusal, Round, Script};
use crate::tool::{self, Call, Reach};
use crate::usage::Tokens;

/// What is to be done with a question.
#[derive(Debug, PartialEq)]
pub(crate) enum Decision {
    Answer(Answer),
    Refuse(Refusal),
    Hang,
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) call: Option<Call>,
    pub(crate) pace: Pace,
    pub(crate) tokens: Tokens,
}

/// How a streamed text comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    AtOnce,
    /// A word a second.
    Slow,
    /// All but the first word once this gate is open.
    Held(String),
    /// The connection closes before the end.
    Cut,
}

/// How often each fault was played, by the rule, the round, and what the user had said.
pub(crate) type Faults = BTreeMap<(usize, usize, String), u32>;

/// What stands behind the last round.
const CLOSING: &str = "That is done.";
/// What is said where nobody directs anything.
const DEFAULT: &str = "I have read that.";
/// What is said before a tool is called. Real models do so, and whoever reads their records meets both in one message.
const BEFORE_CALL: &str = "I will do that now.";
const TITLE: &str = "A scripted title";

/// Decides what is answered.
pub(crate) fn decide(api: Api, script: &Script, asked: &Asked, faults: &mut Faults) -> Decision {
    if asked.purpose() == Purpose::Side {
        let text = asked.schema.as_ref().map_or_else(|| TITLE.to_owned(), |schema| fitting(schema).to_string());
        return answer(api, asked, None, Pace::AtOnce, None, text);
    }
    let applies = |rule: &&crate::Rule| asked.user.contains(&rule.on) && asked.model.contains(&rule.model);
    let (number, rounds, usage) = match script.rules.iter().enumerate().find(|(_, rule)| applies(rule)) {
        Some((number, rule)) => (number, rule.reply.clone(), rule.usage),
        None => (usize::MAX, directive::rounds(&asked.user), None),
    };
    let mut done = asked.rounds;
    for (place, round) in rounds.iter().enumerate() {
        if let Round::Refuse(Refusal { times, .. }) | Round::Cut { times } = round {
            let played = faults.entry((number, place, asked.user.clone())).or_default();
            if done == 0 && times.is_none_or(|times| *played < times) {
                *played += 1;
                return play(api, asked, usage, round);
            }
        } else if done == 0 {
            return play(api, asked, usage, round);
        } else {
            done -= 1;
        }
    }
    let text = if rounds.is_empty() { DEFAULT } else { CLOSING };
    answer(api, asked, usage, Pace::AtOnce, None, text.to_owned())
}

fn play(api: Api, asked: &Asked, usage: Option<Tokens>, round: &Round) -> Decision {
    let say = |pace, text| answer(api, asked, usage, pace, None, text);
    let call = |call: Option<Call>, instead: String| match call {
        Some(call) => answer(api, asked, usage, Pace::AtOnce, Some(call), BEFORE_CALL.to_owned()),
        None => say(Pace::AtOnce, instead),
    };
    let lacking = |what: &str| {
        let names: Vec<&str> = asked.tools.iter().map(|tool| tool.name.as_str()).collect();
        format!("I have no {what} among my tools: {}.", names.join(", "))
    };
    match round {
        Round::Say(text) => say(Pace::AtOnce, text.clone()),
        Round::Slow(words) => say(Pace::Slow, words_of(*words)),
        Round::Held { gate, text } => say(Pace::Held(gate.clone()), text.clone()),
        Round::Long(bytes) => say(Pace::AtOnce, text_of(*bytes)),
        Round::Cut { .. } => say(Pace::Cut, "This has no end.".to_owned()),
        Round::Shell(command) => call(tool::shell(&asked.tools, command, Reach::Usual), lacking("shell")),
        Round::Escalate(command) => call(tool::shell(&asked.tools, command, Reach::Escalated), lacking("shell")),
        Round::Ask { question, options } => call(tool::question(&asked.tools, question, options), question.clone()),
        Round::Tool { name, input } => call(Some(tool::any(&asked.tools, name, input)), String::new()),
        Round::Refuse(refusal) => Decision::Refuse(refusal.clone()),
        Round::Hang => Decision::Hang,
    }
}

fn answer(api: Api, asked: &Asked, usage: Option<Tokens>, pace: Pace, call: Option<Call>, text: String) -> Decision {
    let bytes = text.len() + call.as_ref().map_or(0, |call| call.input.to_string().len());
    let tokens = usage.unwrap_or_else(|| Tokens::of(asked, bytes)).said_by(api);
    Decision::Answer(Answer { text, call, pace, tokens })
}

fn words_of(count: u32) -> String {
    let words: Vec<String> = (1..=count).map(|number| format!("word-{number}")).collect();
    words.join(" ")
}

fn text_of(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let mut line = 1;
    while text.len() < bytes {
        writeln!(text, "{line:>8}: the quick brown fox jumps over the lazy dog").expect("a string takes it");
        line += 1;
    }
    text.truncate(bytes);
    text
}

/// The smallest value that a schema takes, with a title where one is wanted.
fn fitting(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let value = |key: &str| {
                if key == "title" { json!(TITLE) } else { fitting(&schema["properties"][key]) }
            };
            Value::Object(required.map(|key| (key.to_owned(), value(key))).collect::<Map<_, _>>())
        }
        Some("array") => json!([]),
        Some("boolean") => json!(false),
        Some("integer" | "number") => json!(0),
        _ => schema["enum"].get(0).cloned().unwrap_or_else(|| json!("scripted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;
    use crate::tool::{Form, Tool};

    fn asked(user: &str, rounds: usize) -> Asked {
        let schema = json!({ "properties": { "command": {} } });
        let tools = vec![Tool { name: "Bash".into(), form: Form::Function(schema) }];
        Asked { model: "some-model".into(), user: user.into(), rounds, tools, ..Asked::default() }
    }

    fn said(script: &Script, asked: &Asked, faults: &mut Faults) -> String {
        match decide(Api::Messages, script, asked, faults) {
            Decision::Answer(Answer { call: Some(call), .. }) => call.input["command"].to_string(),
            Decision::Answer(answer) => answer.text,
            Decision::Refuse(refusal) => refusal.status.to_string(),
            Decision::Hang => "hang".into(),
        }
    }

    #[test]
    fn the_rounds_of_a_turn_follow_from_the_question_alone() {
        let rule = Rule::on("fix").refuse(Refusal::new(529).times(2)).shell("one").shell("two");
        let script = Script::new().rule(Rule::on("fix").model("other").say("no")).rule(rule);
        let mut faults = Faults::new();
        let mut say = |user, rounds| said(&script, &asked(user, rounds), &mut faults);
        assert_eq!([say("fix it", 0), say("fix it", 0), say("fix it", 0)], ["529", "529", "\"one\""]);
        assert_eq!([say("fix it", 1), say("fix it", 2), say("fix it", 9)], ["\"two\"", CLOSING, CLOSING]);
        assert_eq!(say("fix it", 0), "\"one\"", "the faults are over");
        assert_eq!(say("fix that", 0), "529", "and this was said for the first time");
        assert_eq!([say("hello", 0), say("RUN_SHELL=ls;;", 0)], [DEFAULT, "\"ls\""]);
    }

    #[test]
    fn what_is_asked_beside_follows_no_script() {
        let script = Script::new().rule(Rule::always().hang());
        let schema =
            json!({ "type": "object", "required": ["title", "n"], "properties": { "n": { "type": "number" } } });
        let title = Asked { schema: Some(schema), ..asked("<session>HANG</session>", 0) };
        let fitting = format!(r#"{{"n":0,"title":"{TITLE}"}}"#);
        assert_eq!(said(&script, &title, &mut Faults::new()), fitting);
        let title = Asked { system: "You are a title generator.".into(), ..asked("HTTP_429", 0) };
        assert_eq!(said(&script, &title, &mut Faults::new()), TITLE);
        assert_eq!(said(&script, &asked("x", 0), &mut Faults::new()), "hang");
    }

    #[test]
    fn a_tool_that_is_not_there_is_said() {
        let bare = Asked { tools: Vec::new(), ..asked("RUN_SHELL=ls;;", 0) };
        assert!(said(&Script::new(), &bare, &mut Faults::new()).starts_with("I have no shell"));
        assert_eq!(text_of(100).len(), 100);
        assert_eq!(words_of(2), "word-1 word-2");
    }
}
