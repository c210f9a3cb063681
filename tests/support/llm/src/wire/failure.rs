//! Errors, as each service words them.

use serde_json::{Value, json};

use crate::asked::Api;

/// The body of an error.
pub(crate) fn failure(api: Api, status: u16, message: Option<&str>) -> Value {
    let (anthropic, openai, code, text) = match status {
        400 => ("invalid_request_error", "invalid_request_error", json!(null), "the request is not valid"),
        401 => ("authentication_error", "invalid_request_error", json!("invalid_api_key"), "this key is not known"),
        403 => ("permission_error", "invalid_request_error", json!(null), "this key may not do that"),
        404 => ("not_found_error", "invalid_request_error", json!(null), "there is no such thing here"),
        413 => ("request_too_large", "invalid_request_error", json!(null), "the request is too large"),
        429 => ("rate_limit_error", "rate_limit_exceeded", json!("rate_limit_exceeded"), "too many requests: wait"),
        529 => ("overloaded_error", "server_error", json!("server_is_overloaded"), "overloaded"),
        _ => ("api_error", "server_error", json!("server_error"), "something is broken here"),
    };
    let message = message.unwrap_or(text);
    match api {
        Api::Messages | Api::CountTokens => {
            json!({ "type": "error", "error": { "type": anthropic, "message": message }, "request_id": "req_refused" })
        }
        _ => json!({ "error": { "message": message, "type": openai, "param": null, "code": code } }),
    }
}
