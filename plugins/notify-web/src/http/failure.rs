//! What went wrong with a post, as an error whose code says whether it may have arrived and what to do.

use std::io::ErrorKind;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use ureq::Timeout;

use super::{Address, Answer};

/// The answer of a service that took the notification, or why it did not.
pub(super) fn judged(address: &Address, answer: Answer) -> Result<Answer> {
    let (shown, status) = (&address.shown, answer.status);
    let said = address.quote(&String::from_utf8_lossy(&answer.body));
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let error = |code, what: &str| Error::new(code, format!("{shown} {what} (status {status}){said}"));
    match status {
        200..=299 => Ok(answer),
        300..=399 => Err(error(
            Code::INVALID_INPUT,
            "sends on to another address, which is not followed; write the address that it ends at as `url`",
        )
        .at_field("url")),
        401 | 403 | 407 => Err(error(
            Code::UNAUTHORIZED,
            "does not accept who sends; renew the URL or the secret in the configuration",
        )),
        404 | 410 => Err(error(
            Code::NOT_FOUND,
            "knows no such receiver; it may have been removed, so make a new one and write its URL into the configuration",
        )),
        408 | 425 | 500..=599 => {
            let mut error = error(Code::UNAVAILABLE, "cannot take it now");
            error.retry_after_ms = answer.retry_after().map(millis);
            Err(error)
        }
        429 => Err(rate_limited(address, answer.retry_after().unwrap_or_default())),
        _ => Err(error(Code::INVALID_INPUT, "does not take the notification in this form")),
    }
}

/// The service asks for a pause that is longer than the call may take.
pub(super) fn rate_limited(address: &Address, pause: Duration) -> Error {
    let message = format!("{} asks to be called less often, again in {:.1} s", address.shown, pause.as_secs_f64());
    let mut error = Error::new(Code::RATE_LIMITED, message);
    error.retry_after_ms = Some(millis(pause));
    error
}

/// No answer came. Nothing that `ureq` says about addresses is repeated, as it may quote them.
pub(super) fn unanswered(address: &Address, error: &ureq::Error) -> Error {
    let shown = &address.shown;
    let unreachable = |why: String| Error::unavailable(format!("cannot reach {shown}: {why}"));
    let in_doubt = |code, why: &str| Error::new(code, format!("{shown} {why}, so it may or may not have arrived"));
    match error {
        ureq::Error::HostNotFound => unreachable("its name leads to no address; is the network up?".to_owned()),
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            unreachable("it does not answer; is the network up?".to_owned())
        }
        ureq::Error::Timeout(_) => in_doubt(Code::TIMEOUT, "gave no answer in time"),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied => unreachable(address.quote(&error.to_string())),
            // What TLS says of a certificate, before anything was sent.
            ErrorKind::InvalidData => insecure(address, error),
            _ => in_doubt(Code::LOST, "ended the connection without an answer"),
        },
        ureq::Error::Rustls(error) => insecure(address, error),
        ureq::Error::Tls(_) | ureq::Error::TlsRequired | ureq::Error::ConnectionFailed => {
            unreachable("no connection could be made".to_owned())
        }
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            unreachable("the proxy that HTTPS_PROXY or ALL_PROXY names does not let it through".to_owned())
        }
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            in_doubt(Code::LOST, "does not answer as HTTP is spoken")
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::RequireHttpsOnly(_) => {
            Error::invalid_input("`url` cannot be posted to; write it as `https://example.org/hooks/ao`")
                .at_field("url")
        }
        _ => in_doubt(Code::LOST, "could not be posted to"),
    }
}

fn insecure(address: &Address, error: &dyn std::error::Error) -> Error {
    let why = address.quote(&error.to_string());
    Error::unavailable(format!(
        "cannot reach {}: no secure connection ({why}); is its certificate valid, and known to this system?",
        address.shown
    ))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Scheme;
    use super::*;

    #[test]
    fn the_code_says_what_to_do() {
        let address = Address::parse("https://example.org/s3cr3t", Scheme::Any).expect("an address");
        for (status, code) in [
            (301, Code::INVALID_INPUT),
            (307, Code::INVALID_INPUT),
            (400, Code::INVALID_INPUT),
            (401, Code::UNAUTHORIZED),
            (403, Code::UNAUTHORIZED),
            (404, Code::NOT_FOUND),
            (410, Code::NOT_FOUND),
            (413, Code::INVALID_INPUT),
            (429, Code::RATE_LIMITED),
            (500, Code::UNAVAILABLE),
            (503, Code::UNAVAILABLE),
        ] {
            let headers = BTreeMap::from([("retry-after".to_owned(), "7".to_owned())]);
            let answer = Answer { status, headers, body: b"nothing at /s3cr3t".to_vec() };
            let error = judged(&address, answer).unwrap_err();
            assert_eq!(error.code, code, "{status}");
            let waits = [Code::RATE_LIMITED, Code::UNAVAILABLE].contains(&code);
            assert_eq!(error.retry_after_ms, waits.then_some(7_000), "{status}");
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn whether_it_may_have_arrived_is_known() {
        let address = Address::parse("https://example.org/s3cr3t", Scheme::Any).expect("an address");
        for (error, doubt) in [
            (ureq::Error::HostNotFound, false),
            (ureq::Error::Timeout(Timeout::Connect), false),
            (ureq::Error::Timeout(Timeout::RecvResponse), true),
            (ureq::Error::Io(ErrorKind::ConnectionRefused.into()), false),
            (ureq::Error::Io(ErrorKind::ConnectionReset.into()), true),
            (ureq::Error::Io(ErrorKind::UnexpectedEof.into()), true),
            (ureq::Error::BadUri("https://example.org/s3cr3t".to_owned()), false),
        ] {
            let told = unanswered(&address, &error);
            assert_eq!(told.outcome_unknown(), doubt, "{error}");
            assert!(!told.to_string().contains("s3cr3t"), "{told}");
        }
    }
}
