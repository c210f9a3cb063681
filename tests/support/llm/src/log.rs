//! What a server was asked, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::asked::{Api, Purpose};
use crate::usage::{Served, Tokens};

/// One question.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Counted from 1.
    pub number: usize,
    /// What was called.
    pub api: Api,
    /// The HTTP method, path and query.
    pub target: String,
    /// What the answer is for; none where no model was asked.
    pub purpose: Option<Purpose>,
    /// Of which model.
    pub model: String,
    /// The last thing that the user said, without what agents put beside it.
    pub user: String,
    /// How many tools were called since then.
    pub round: usize,
    /// All standing instructions.
    pub system: String,
    /// The tools that the agent offers.
    pub tools: Vec<String>,
    /// Names in lower case. Keys and tokens are hidden.
    pub headers: BTreeMap<String, String>,
    /// All of it.
    pub body: Value,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It is not answered yet, or not wholly.
    Open,
    /// It was answered, and these numbers were said.
    Answered(Tokens),
    /// It was answered, and cost nothing.
    Free,
    /// It was refused, with this HTTP status.
    Refused(u16),
    /// Whoever asked went away, or was cut off, before the end.
    Gone,
}

/// What was waited for did not come.
#[derive(Clone, Debug)]
pub struct TimedOut {
    waited: Duration,
    asked: Vec<String>,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no such request came within {:?}; what came was [{}]", self.waited, self.asked.join(", "))
    }
}

impl std::error::Error for TimedOut {}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = self.user.chars().take(60).collect();
        write!(f, "{} {} ({start:?}, round {}: {:?})", self.number, self.target, self.round, self.outcome)
    }
}

/// What is written of each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Detail {
    #[default]
    Summary,
    Bodies,
}

/// All that was asked.
#[derive(Default)]
pub(crate) struct Log {
    requests: Mutex<Vec<Request>>,
    changed: Condvar,
    lines: Option<Mutex<Box<dyn Write + Send>>>,
    detail: Detail,
}

impl Log {
    pub(crate) fn new(lines: Option<Box<dyn Write + Send>>, detail: Detail) -> Self {
        Self { lines: lines.map(Mutex::new), detail, ..Self::default() }
    }

    /// Writes a question down; its number is given here.
    pub(crate) fn asked(self: &Arc<Self>, request: impl FnOnce(usize) -> Request) -> Ticket {
        let mut requests = self.requests();
        let request = request(requests.len() + 1);
        let number = request.number;
        let mut line = json!({ "event": "asked", "request": request });
        if self.detail == Detail::Summary {
            for key in ["body", "headers", "system"] {
                line["request"].as_object_mut().and_then(|request| request.remove(key));
            }
        }
        requests.push(request);
        drop(requests);
        self.write(&line);
        self.changed.notify_all();
        Ticket { log: Arc::clone(self), number, is_open: true }
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What was served for this purpose.
    pub(crate) fn served(&self, purpose: Purpose) -> Served {
        let mut served = Served::new();
        for request in self.requests().iter().filter(|request| request.purpose == Some(purpose)) {
            if let Outcome::Answered(tokens) = request.outcome {
                *served.entry(request.model.clone()).or_default() += tokens;
            }
        }
        served
    }

    /// Waits until some request is as wanted.
    pub(crate) fn wait_for(&self, most: Duration, wanted: impl Fn(&Request) -> bool) -> Result<Request, TimedOut> {
        let absent = |requests: &mut Vec<Request>| !requests.iter().any(&wanted);
        let waited = self.changed.wait_timeout_while(self.requests(), most, absent);
        let (requests, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        let found = requests.iter().find(|request| wanted(request)).cloned();
        found.ok_or_else(|| TimedOut { waited: most, asked: requests.iter().map(ToString::to_string).collect() })
    }

    fn write(&self, line: &Value) {
        let Some(lines) = &self.lines else { return };
        let mut lines = lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Whoever reads along may have gone.
        let _ = writeln!(lines, "{line}").and_then(|()| lines.flush());
    }
}

/// A question that has been asked, until something comes of it: if nothing does, whoever asked has gone.
pub(crate) struct Ticket {
    log: Arc<Log>,
    number: usize,
    is_open: bool,
}

impl Ticket {
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Writes down what came of it, once.
    pub(crate) fn ends(&mut self, outcome: Outcome) {
        if std::mem::take(&mut self.is_open) {
            if let Some(request) = self.log.requests().get_mut(self.number - 1) {
                request.outcome = outcome;
            }
            self.log.write(&json!({ "event": "ended", "number": self.number, "outcome": outcome }));
            self.log.changed.notify_all();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.ends(Outcome::Gone);
    }
}
