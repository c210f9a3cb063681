//! What a plugin does with requests that are wrong, strange, or newer than it is.

use ao_core::plugin::Kind;
use ao_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::bench::{Bench, Opened};
use super::check::{Stop, Verdict, checks, demand, describe, failed, shown};
use super::request::{Must, Request, Touch, hostile_texts};
use super::slot_checks;

checks! {
    One "wire.malformed_json_is_refused": "a request that is no JSON is refused with `invalid_input`",
        "read requests with `ao_core::plugin::decode`, as the SDK's dispatcher does" => malformed_json;
    One "wire.missing_field_is_refused": "a request without a required field is refused with `invalid_input`",
        "let the slot's own request types read the JSON" => missing_field;
    One "wire.wrong_type_is_refused": "a field of the wrong type is refused with `invalid_input`",
        "let the slot's own request types read the JSON" => wrong_type;
    One "wire.unknown_field_is_accepted": "a field of a newer host is skipped",
        "do not derive `deny_unknown_fields` for requests" => unknown_field;
    One "wire.unknown_method_is_refused": "a method that the slot does not have is answered with `unknown_method`",
        "leave the answer to the SDK's dispatcher" => unknown_method;
    One "wire.call_and_open_are_told_apart": "a stream's method cannot be called; that is refused, without a panic",
        "leave the answer to the SDK's dispatcher" => kinds;
    Every "wire.unknown_variant_is_survived": "a value of a newer host does not panic, and a change of one is refused",
        "match the enum's `Unknown` variant; refuse it with `Error::unsupported` where it says what to change"
        => unknown_variant;
    Every "wire.hostile_text_is_survived": "no text panics: empty, very long, of any script, with control characters, `../`, `-`",
        "take texts from requests as data: never as a path, an option, a format or a shell's words" => hostile_text;
}

fn requests(bench: &Bench) -> Vec<Request> {
    let provided = |request: &Request| bench.subject.methods().iter().any(|name| name == request.method);
    (slot_checks(bench.slot()).requests)(&bench.samples).into_iter().filter(provided).collect()
}

/// The method refuses these bytes as input that it cannot read.
async fn invalid(opened: &Opened, method: &'static str, bytes: Vec<u8>) -> Verdict {
    let sent = String::from_utf8_lossy(&bytes).into_owned();
    let expected = || format!("`{method}` refuses {} with `invalid_input`", shown(&sent));
    match opened.call_bytes(method, bytes, None).await {
        Err(error) if error.code == Code::INVALID_INPUT => Ok(()),
        Err(error) => failed(expected(), describe(&error)),
        Ok(reply) => failed(expected(), String::from_utf8_lossy(&reply)),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

async fn malformed_json(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for request in requests(&bench) {
        let cut = request.payload.to_string();
        let cut = cut.as_bytes()[..cut.len() - 1].to_vec();
        for broken in [b"".to_vec(), b"{".to_vec(), b"\xff\xfe\0".to_vec(), b"not json".to_vec(), cut] {
            invalid(&opened, request.method, broken).await?;
        }
        for other in [json!("text"), json!(3), json!(null)] {
            invalid(&opened, request.method, bytes(&other)).await?;
        }
    }
    Ok(())
}

async fn missing_field(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for request in requests(&bench) {
        for field in request.fields().iter().filter(|field| !request.free.contains(&field.as_str())) {
            invalid(&opened, request.method, bytes(&request.without(field))).await?;
        }
    }
    Ok(())
}

async fn wrong_type(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for request in requests(&bench) {
        for field in request.fields().iter().filter(|field| !request.free.contains(&field.as_str())) {
            // No field of any request is made of this.
            let wrong = request.with(field, json!({"ofTheConformanceKit": [1]}));
            invalid(&opened, request.method, bytes(&wrong)).await?;
        }
    }
    Ok(())
}

async fn unknown_field(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for request in requests(&bench).iter().filter(|request| request.touch == Touch::Reads) {
        if is_stream(&bench, request.method) {
            continue;
        }
        let plain = opened.call(request.method, &request.payload).await;
        let newer = opened.call(request.method, &request.with("ofTheConformanceKit", json!({"a": [1]}))).await;
        let (plain, newer) = (code(&plain), code(&newer));
        let expected = format!("`{}` answers as without the field: {}", request.method, shown(&plain));
        demand(plain == newer, expected, newer)?;
    }
    Ok(())
}

fn is_stream(bench: &Bench, method: &str) -> bool {
    bench.slot().methods().iter().any(|known| known.name == method && known.kind == Kind::Open)
}

fn code(result: &Result<Value>) -> Option<&Code> {
    result.as_ref().err().map(|error: &Error| &error.code)
}

async fn unknown_method(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for method in ["of_the_conformance_kit", "", "GET", "get\0", "../get"] {
        match opened.call_bytes(method, b"{}".to_vec(), None).await {
            Err(error) if error.code == Code::UNKNOWN_METHOD => {}
            Err(error) => return failed(format!("`unknown_method` for `{}`", method.escape_debug()), describe(&error)),
            Ok(reply) => return failed("`unknown_method`", String::from_utf8_lossy(&reply)),
        }
    }
    Ok(())
}

async fn kinds(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for method in bench.slot().methods().iter().filter(|method| method.kind == Kind::Open) {
        invalid(&opened, method.name, b"{}".to_vec()).await?;
    }
    Ok(())
}

async fn unknown_variant(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for request in requests(&bench) {
        for unknown in &request.unknown {
            // A change that a plugin may carry out in spite of the value needs leave.
            if request.touch == Touch::Changes && unknown.must == Must::Survive && bench.effects().is_err() {
                continue;
            }
            let payload = request.with(unknown.field, unknown.value.clone());
            let came = opened.call(request.method, &payload).await;
            if let (Must::Refuse, Ok(reply)) = (unknown.must, came) {
                let expected = format!("`{}` refuses {} in `{}`", request.method, unknown.value, unknown.field);
                return failed(expected, shown(&reply));
            }
        }
    }
    Ok(())
}

async fn hostile_text(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for request in requests(&bench).iter().filter(|request| request.touch == Touch::Reads) {
        if is_stream(&bench, request.method) {
            continue;
        }
        for field in request.fields() {
            let is_text = request.payload[&field].is_string();
            if !is_text {
                continue;
            }
            for text in hostile_texts() {
                let came = opened.call(request.method, &request.with(&field, json!(text))).await;
                ended(request.method, &field, &text, came)?;
            }
        }
    }
    Ok(())
}

/// Any answer will do, as long as there is one.
fn ended(method: &str, field: &str, text: &str, came: Result<Value>) -> Verdict {
    match came {
        Err(error) if error.code == Code::TIMEOUT || error.code == Code::PANIC => Err(Stop::Failed {
            expected: format!("`{method}` answers with {} in `{field}`", shown(&text)),
            came: describe(&error),
        }),
        _ => Ok(()),
    }
}
