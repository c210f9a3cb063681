//! A frame of JSON-RPC 2.0, as agents write it.

use ao_plugin_sdk::prelude::*;

use super::MOST_ID;
use super::lines::Line;

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// The agent asks for something, and wants an answer under this id.
    Request { id: Value, method: String, params: Value },
    /// The agent tells something.
    Notification { method: String, params: Value },
    /// The agent answers what it was asked under this id.
    Response { id: u64, outcome: Result<Value, Problem> },
    /// It is no frame: a program's own words on its standard output, or an answer that nobody asked for.
    Noise(String),
}

/// An error as the agent says it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    /// The error's code; 0 where it has none.
    pub(crate) code: i64,
    /// In words.
    pub(crate) message: String,
    /// Whatever it adds.
    pub(crate) data: Value,
}

impl Frame {
    /// Reads a line. The protocol knows no batches: one could hold millions of frames.
    pub(crate) fn read(line: &Line) -> Self {
        let bytes = match line {
            Line::Whole(bytes) => bytes,
            Line::TooLong(length) => return Self::Noise(format!("a line of {length} bytes")),
        };
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Self::Noise(String::from_utf8_lossy(bytes).into_owned());
        }
        // Broken UTF-8 within a text costs the text, not the frame.
        let text = String::from_utf8_lossy(bytes);
        match serde_json::from_str(&text) {
            Ok(value @ Value::Object(_)) => Self::of(value),
            _ => Self::Noise(text.into_owned()),
        }
    }

    fn of(mut value: Value) -> Self {
        let method = value.get("method").and_then(Value::as_str).map(str::to_owned);
        let id = value.get("id").filter(|id| !id.is_null()).cloned();
        if !id.as_ref().is_none_or(is_id) {
            return Self::Noise("a frame whose id is none".to_owned());
        }
        match (method, id) {
            (Some(method), Some(id)) => Self::Request { id, method, params: value["params"].take() },
            (Some(method), None) => Self::Notification { method, params: value["params"].take() },
            (None, Some(id)) => match number(&id) {
                Some(id) => Self::Response { id, outcome: outcome(&mut value) },
                None => Self::Noise(value.to_string()),
            },
            (None, None) => Self::Noise(value.to_string()),
        }
    }
}

/// A number or a short text: ids are kept until they are answered.
fn is_id(id: &Value) -> bool {
    id.is_number() || id.as_str().is_some_and(|text| text.len() <= MOST_ID)
}

/// Our ids are numbers; some hand them back as text.
fn number(id: &Value) -> Option<u64> {
    id.as_u64().or_else(|| id.as_str()?.parse().ok())
}

fn outcome(value: &mut Value) -> Result<Value, Problem> {
    let Some(error) = value.get_mut("error").filter(|error| !error.is_null()) else {
        return Ok(value.get_mut("result").map(Value::take).unwrap_or_default());
    };
    let message = error.get("message").and_then(Value::as_str).unwrap_or("an error without words").to_owned();
    let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
    let data = error.get_mut("data").map(Value::take).unwrap_or_default();
    Err(Problem { code, message, data })
}

/// A request of ours.
pub(crate) fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// Something that we tell.
pub(crate) fn notification(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

/// Our answer to a request of the agent's.
pub(crate) fn result(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// Our refusal of one.
pub(crate) fn failure(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> [Frame; 1] {
        [Frame::read(&Line::Whole(text.as_bytes().to_vec()))]
    }

    #[test]
    fn frames_are_told_apart() {
        let notification = |method: &str| Frame::Notification { method: method.to_owned(), params: Value::Null };
        assert_eq!(read(r#"{"method":"a"}"#), [notification("a")]);
        assert_eq!(read(r#"{"method":"a","id":null}"#), [notification("a")]);
        let asked = Frame::Request { id: json!("x"), method: "a".to_owned(), params: json!({"b": 1}) };
        assert_eq!(read(r#"{"method":"a","id":"x","params":{"b":1},"more":[]}"#), [asked]);
        let answered = |outcome| Frame::Response { id: 3, outcome };
        assert_eq!(read(r#"{"id":3,"result":{"a":1}}"#), [answered(Ok(json!({"a": 1})))]);
        assert_eq!(read(r#"{"id":"3","result":null,"error":null}"#), [answered(Ok(Value::Null))]);
        let problem = Problem { code: 0, message: "an error without words".to_owned(), data: Value::Null };
        assert_eq!(read(r#"{"id":3,"error":"no"}"#), [answered(Err(problem))]);
        let long = json!({"method": "a", "id": "x".repeat(MOST_ID + 1)}).to_string();
        for noise in [
            "ready.",
            "3",
            "{",
            "[",
            r#"[{"method":"a"}]"#,
            &format!("[{}0]", "0,".repeat(100_000)),
            "{}",
            r#"{"id":-1,"result":{}}"#,
            r#"{"id":"x"}"#,
            &"[".repeat(9999),
            r#"{"method":"a","id":{}}"#,
            &long,
        ] {
            assert!(matches!(read(noise).as_slice(), [Frame::Noise(_)]), "{noise}");
        }
    }

    proptest! {
        #[test]
        fn reading_is_total(bytes: Vec<u8>) {
            let _ = Frame::read(&Line::Whole(bytes));
        }
    }
}
