//! What a look at a session finds: its status, its messages, what it asks.

use ao_agent_conversation::journal::{Choice, Used};
use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use super::{MOST_TEXT, id, text};

/// How many questions of one request are asked, and how many answers of one are offered.
const MOST_QUESTIONS: usize = 16;

/// What a session does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It works.
    Busy,
    /// Its provider let it wait, until then.
    Retry { why: String, until: Option<Timestamp> },
    /// It waits for a prompt.
    Idle,
}

impl Status {
    /// Of a `status` object. One that is unknown is one in which it works.
    pub(crate) fn of(value: &Value) -> Self {
        match value.get("type").and_then(Value::as_str).unwrap_or_default() {
            "idle" => Self::Idle,
            "retry" => {
                let attempt = value.get("attempt").and_then(Value::as_u64).unwrap_or(1);
                let message = text(value, "/message").unwrap_or_else(|| "its provider lets it wait".to_owned());
                let until = value.get("next").and_then(Value::as_i64).map(Timestamp::from_millis);
                Self::Retry { why: format!("{message} (attempt {attempt})"), until }
            }
            _ => Self::Busy,
        }
    }
}

/// What is kept of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) id: String,
    pub(crate) is_assistant: bool,
    pub(crate) is_complete: bool,
    /// Why it failed, by the error's name and in words.
    pub(crate) error: Option<(String, String)>,
    pub(crate) finish: Option<String>,
    pub(crate) used: Used,
    /// What it cost, in millionths of a US dollar.
    pub(crate) cost: u64,
}

impl Info {
    /// Reads the `info` of a message.
    pub(crate) fn of(info: &Value) -> Option<Self> {
        let count = |pointer| info.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        Some(Self {
            id: id(info, "/id")?,
            is_assistant: info.get("role").and_then(Value::as_str) == Some("assistant"),
            is_complete: info.pointer("/time/completed").is_some_and(Value::is_number),
            error: info.get("error").filter(|error| error.is_object()).map(error),
            finish: text(info, "/finish"),
            used: Used {
                model: text(info, "/modelID").unwrap_or_else(|| "unknown".to_owned()),
                input: count("/tokens/input"),
                output: count("/tokens/output").saturating_add(count("/tokens/reasoning")),
                cache_read: count("/tokens/cache/read"),
                cache_write: count("/tokens/cache/write"),
            },
            cost: info.get("cost").and_then(micros).unwrap_or_default(),
        })
    }
}

/// An error by its name and in words.
pub(super) fn error(value: &Value) -> (String, String) {
    let name = text(value, "/name").unwrap_or_else(|| "an error".to_owned());
    let words = text(value, "/data/message").or_else(|| text(value, "/message")).unwrap_or_else(|| name.clone());
    (name, words)
}

/// An answer of the server's that is a refusal, in words.
pub(crate) fn problem(status: u16, body: &Value) -> String {
    let (name, words) = error(body);
    one_line(&format!("{name} ({status}): {words}"), MOST_TEXT)
}

/// Dollars as millionths of one.
fn micros(amount: &Value) -> Option<u64> {
    let micros = (amount.as_f64()? * 1e6).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds just looked at")]
    (0.0..1e15).contains(&micros).then_some(micros as u64)
}

/// Something that a session asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The server's id for it.
    pub(crate) id: String,
    pub(crate) session: String,
    pub(crate) kind: AskedKind,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AskedKind {
    /// A permission, for a tool.
    Permission { tool: String, text: String, choices: Vec<Choice> },
    /// Questions, one after the other, each with its answers.
    Questions(Vec<(String, Vec<Choice>)>),
}

impl Asked {
    /// Reads a request for a permission.
    pub(crate) fn permission(value: &Value) -> Option<Self> {
        let tool = text(value, "/permission")?;
        let about =
            ["/metadata/command", "/metadata/filepath", "/metadata/url", "/metadata/description", "/patterns/0"];
        let about = about.into_iter().find_map(|pointer| text(value, pointer));
        let words = about.map_or_else(|| tool.clone(), |about| one_line(&format!("{tool}: {about}"), MOST_TEXT));
        let patterns: Vec<&str> =
            value.get("always").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let always = one_line(&format!("Allow always: {}", patterns.join(", ")), 120);
        let choice =
            |id: &str, kind: &str, label: &str| Choice { id: id.into(), kind: kind.into(), label: label.into() };
        let mut choices = vec![choice("once", "allow_once", "Allow once")];
        if !patterns.is_empty() {
            choices.push(choice("always", "allow_always", &always));
        }
        choices.push(choice("reject", "reject_once", "Reject"));
        Some(Self {
            id: id(value, "/id")?,
            session: id(value, "/sessionID")?,
            kind: AskedKind::Permission { tool, text: words, choices },
        })
    }

    /// Reads questions.
    pub(crate) fn questions(value: &Value) -> Option<Self> {
        let questions = value.get("questions").and_then(Value::as_array)?;
        let question = |question: &Value| {
            let options = question.get("options").and_then(Value::as_array).into_iter().flatten();
            let choice = |option: &Value| {
                let id = option.get("label").and_then(Value::as_str)?.to_owned();
                Some(Choice { label: one_line(&id, 120), kind: String::new(), id })
            };
            let words = text(question, "/question").or_else(|| text(question, "/header"));
            (
                words.unwrap_or_else(|| "it does not say what".to_owned()),
                options.take(MOST_QUESTIONS).filter_map(choice).collect(),
            )
        };
        let questions: Vec<_> = questions.iter().take(MOST_QUESTIONS).map(question).collect();
        let kind = AskedKind::Questions(questions);
        Some(Self { id: id(value, "/id")?, session: id(value, "/sessionID")?, kind })
    }
}

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) status: Status,
    /// The session's messages, the oldest first: all, or the newest.
    pub(crate) messages: Vec<Info>,
    /// Those of the sessions that it began itself.
    pub(crate) relatives: Vec<(String, Vec<Info>)>,
    pub(crate) asked: Vec<Asked>,
}

impl Look {
    /// Puts together what the server answers to the parts of a look.
    pub(crate) fn of(
        session: &str,
        statuses: &Value,
        messages: &[Value],
        relatives: Vec<(String, Vec<Value>)>,
        asked: (&Value, &Value),
    ) -> Self {
        let infos = |messages: &[Value]| messages.iter().filter_map(|one| Info::of(one.get("info")?)).collect();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let permissions = list(asked.0).into_iter().filter_map(|one| Asked::permission(&one));
        let questions = list(asked.1).into_iter().filter_map(|one| Asked::questions(&one));
        Self {
            status: statuses.get(session).map_or(Status::Idle, Status::of),
            messages: infos(messages),
            relatives: relatives.into_iter().map(|(id, messages)| (id, infos(&messages))).collect(),
            asked: permissions.chain(questions).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_once_and_dollars_rounded() {
        let info = json!({
            "id": "msg_1", "role": "assistant", "modelID": "m", "cost": 0.000_975, "time": {"created": 1, "completed": 2},
            "tokens": {"total": 701, "input": 155, "output": 29, "reasoning": 5, "cache": {"read": 512, "write": 0}},
        });
        let info = Info::of(&info).unwrap();
        let used = Used { model: "m".into(), input: 155, output: 34, cache_read: 512, cache_write: 0 };
        assert_eq!((info.used, info.cost, info.is_complete, info.is_assistant), (used, 975, true, true));
        let odd = Info::of(&json!({"id": "m", "cost": -1, "tokens": [], "time": "x", "error": 7})).unwrap();
        assert!(odd.used.is_nothing() && odd.cost == 0 && odd.error.is_none() && !odd.is_complete);
        assert_eq!(Info::of(&json!({"id": "a/../b"})), None, "an id becomes part of a path");
    }

    #[test]
    fn what_is_asked_is_told_with_its_answers() {
        let asked = json!({
            "id": "per_1", "sessionID": "ses_1", "permission": "bash", "patterns": ["git commit -m x"],
            "metadata": {"command": "git commit\n-m x"}, "always": ["git commit *"],
        });
        let AskedKind::Permission { text, choices, .. } = Asked::permission(&asked).unwrap().kind else { panic!() };
        assert_eq!(text, "bash: git commit -m x");
        let told: Vec<_> = choices.iter().map(|choice| (choice.id.as_str(), choice.kind.as_str())).collect();
        assert_eq!(told, [("once", "allow_once"), ("always", "allow_always"), ("reject", "reject_once")]);
        let asked = json!({"id": "que_1", "sessionID": "ses_1", "questions": [
            {"question": "Which?", "options": [{"label": "the first"}, {"label": "the second"}, 7]}, {}]});
        let AskedKind::Questions(questions) = Asked::questions(&asked).unwrap().kind else { panic!() };
        assert_eq!((questions.len(), questions[0].0.as_str(), questions[0].1.len()), (2, "Which?", 2));
        assert_eq!(Asked::permission(&json!({"id": 7})), None);
    }

    #[test]
    fn states_are_told_apart() {
        assert_eq!(Status::of(&json!({"type": "idle"})), Status::Idle);
        assert_eq!(Status::of(&json!({"type": "what"})), Status::Busy);
        let retry = Status::of(&json!({"type": "retry", "attempt": 2, "message": "Too Many Requests", "next": 1000}));
        let until = Some(Timestamp::from_millis(1000));
        assert_eq!(retry, Status::Retry { why: "Too Many Requests (attempt 2)".into(), until });
    }
}
