//! A host for tests: it records what a plugin asks and says, answers from a script, and misbehaves on request.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ao_core::plugin::Host;
use ao_core::{Error, Result};
use async_trait::async_trait;
use serde_json::Value;

/// What a host says that panics on purpose. A plugin that hands this on has not panicked itself.
pub(super) const PANIC: &str = "a host that panics on purpose";

/// How a host misbehaves when it is called.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// It answers this much later.
    Slow(Duration),
    /// It fails.
    Error(Error),
    /// It panics.
    Panic,
    /// It answers these bytes, whatever it was asked.
    Garbage(Vec<u8>),
}

/// A line that a plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The host's number of the call in which it was written; 0 outside of any.
    pub call: u64,
    /// 1 error to 5 trace.
    pub level: u8,
    /// The module that wrote it.
    pub target: String,
    /// What it says.
    pub message: String,
}

/// A call of the host by a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostCall {
    /// The host's method.
    pub method: String,
    /// What was handed over: JSON, where the plugin keeps to the contract.
    pub payload: Vec<u8>,
}

/// A host for tests.
///
/// Without a script it answers `null` to every method. A fault stands above the script.
#[derive(Debug, Default)]
pub struct FakeHost {
    answers: Mutex<BTreeMap<String, Result<Value>>>,
    fault: Mutex<Option<Fault>>,
    lines: Mutex<Vec<LogLine>>,
    calls: Mutex<Vec<HostCall>>,
}

impl FakeHost {
    /// A host that keeps every line and answers `null`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same host, answering a method like this from now on.
    #[must_use]
    pub fn answering(self, method: impl Into<String>, answer: Result<Value>) -> Self {
        held(&self.answers).insert(method.into(), answer);
        self
    }

    /// The same host, misbehaving.
    #[must_use]
    pub fn failing(self, fault: Fault) -> Self {
        self.misbehave(Some(fault));
        self
    }

    /// Misbehaves from now on, or behaves again.
    pub fn misbehave(&self, fault: Option<Fault>) {
        *held(&self.fault) = fault;
    }

    /// The lines so far, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<LogLine> {
        held(&self.lines).clone()
    }

    /// The calls so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<HostCall> {
        held(&self.calls).clone()
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Host for FakeHost {
    fn log_enabled(&self, _level: u8, _target: &str) -> bool {
        true
    }

    fn log(&self, call: u64, level: u8, target: &str, message: &str) {
        held(&self.lines).push(LogLine { call, level, target: target.to_owned(), message: message.to_owned() });
    }

    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
        held(&self.calls).push(HostCall { method: method.to_owned(), payload });
        let fault = held(&self.fault).clone();
        match fault {
            // Needs no runtime: the host is polled wherever the plugin runs.
            Some(Fault::Slow(delay)) => super::clock::after(delay).await,
            Some(Fault::Error(error)) => return Err(error),
            Some(Fault::Panic) => panic!("{PANIC}"),
            Some(Fault::Garbage(bytes)) => return Ok(bytes),
            None => {}
        }
        let answer = held(&self.answers).get(method).cloned().unwrap_or(Ok(Value::Null));
        answer.and_then(|answer| ao_core::plugin::encode(method, &answer))
    }
}
