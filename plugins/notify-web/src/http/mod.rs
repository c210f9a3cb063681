//! How a notification is posted: to one address, within the call's time, with errors that tell nothing secret.

mod address;
mod failure;
mod post;

pub(crate) use address::{Address, Scheme};
pub(crate) use post::{Post, Receiver};

use std::collections::BTreeMap;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;

/// What a service answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status code of HTTP.
    pub(crate) status: u16,
    /// Its headers, those of them that are texts, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// How it begins, at most 16 KiB.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// How long the service asks to be left alone: `retry_after` of a JSON answer (Discord, with fractions), else the
    /// header in whole seconds.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        const LONGEST: f64 = 86_400.0;
        let body = || serde_json::from_slice::<Value>(&self.body).ok()?.get("retry_after")?.as_f64();
        let header = || self.headers.get("retry-after")?.trim().parse::<u32>().ok().map(f64::from);
        let seconds = body().or_else(header).filter(|seconds| *seconds >= 0.0)?;
        Some(Duration::from_secs_f64(seconds.min(LONGEST)))
    }
}

/// How long a service has for its answer, from what the configuration says.
pub(crate) fn limit(seconds: u16) -> Result<Duration> {
    const LONGEST: u16 = 25;
    if (1..=LONGEST).contains(&seconds) {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let message = format!("{seconds} s is no time to wait for a service; write 1 to {LONGEST}");
    Err(Error::invalid_input(message).at_field("timeoutSeconds"))
}

/// The default of `timeoutSeconds`.
pub(crate) fn ten() -> u16 {
    10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(header: &str, body: &str) -> Answer {
        let headers = BTreeMap::from([("retry-after".to_owned(), header.to_owned())]);
        Answer { status: 429, headers, body: body.into() }
    }

    #[test]
    fn a_service_says_when_in_its_answer_or_its_header() {
        for (header, body, millis) in [
            ("30", "", Some(30_000)),
            ("2", r#"{"retry_after": 1.5, "global": false}"#, Some(1_500)),
            ("2", r#"{"retry_after": "soon"}"#, Some(2_000)),
            ("4000000000", "", Some(86_400_000)),
            ("-1", r#"{"retry_after": -1}"#, None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", "[]", None),
        ] {
            let came = answer(header, body).retry_after().map(|time| time.as_millis());
            assert_eq!(came, millis, "{header} {body}");
        }
    }
}
