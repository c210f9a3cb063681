//! Faults in how a plugin uses its host, and the fake host itself.

use std::sync::Arc;
use std::time::Duration;

use ao_plugin_sdk::conformance::{FakeHost, Fault as HostFault};
use ao_plugin_sdk::core::plugin::Host;
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::serde_json;

use crate::broken::{Fault, Good, run, says, subject};

/// Asks the host for a secret, and is sane about the answer.
struct Asks;

#[async_trait]
impl Fault for Asks {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        let answer = world.host.call("ao.secret", b"{}".to_vec()).await;
        Some(match answer {
            Ok(bytes) if serde_json::from_slice::<Value>(&bytes).is_err() => {
                Err(Error::unavailable("the host's answer cannot be read"))
            }
            Ok(_) => world.find(id),
            Err(error) => Err(error.context("the secret")),
        })
    }
}

#[test]
fn a_plugin_that_survives_its_host_is_not_skipped() {
    let report = run(subject(Asks));
    assert!(report.is_kept(), "\n{report}");
    for check in ["slow", "error", "panic", "garbage"].map(|fault| format!("host.{fault}_is_survived")) {
        assert!(report.passed().any(|record| record.check == check), "{check} was not made");
    }
}

struct Trusting;

#[async_trait]
impl Fault for Trusting {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        let answer = world.host.call("ao.secret", b"{}".to_vec()).await.expect("the host never fails");
        let _: Value = serde_json::from_slice(&answer).expect("the host answers JSON");
        Some(world.find(id))
    }
}

#[test]
fn a_plugin_that_trusts_its_host() {
    let report = run(subject(Trusting));
    says(&report, "host.error_is_survived", "the host never fails");
    says(&report, "host.panic_is_survived", "the host never fails");
    says(&report, "host.garbage_is_survived", "the host answers JSON");
}

/// Keeps what it was told by a host that was not well.
struct Sticky(std::sync::atomic::AtomicBool);

#[async_trait]
impl Fault for Sticky {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        use std::sync::atomic::Ordering;
        if world.host.call("ao.secret", b"{}".to_vec()).await.is_err() {
            self.0.store(true, Ordering::Relaxed);
        }
        if self.0.load(Ordering::Relaxed) {
            return Some(Err(Error::unavailable("never again")));
        }
        Some(world.find(id))
    }
}

#[test]
fn a_plugin_that_does_not_recover() {
    says(&run(subject(Sticky(false.into()))), "host.error_is_survived", "once the host is well again");
}

#[tokio::test]
async fn the_fake_host_records_and_answers() {
    let host = Arc::new(FakeHost::new().answering("ao.secret", Ok(json!({"value": "x"}))));
    assert_eq!(host.call("ao.secret", b"{}".to_vec()).await, Ok(b"{\"value\":\"x\"}".to_vec()));
    assert_eq!(host.call("ao.wake", Vec::new()).await, Ok(b"null".to_vec()));
    assert!(host.log_enabled(5, "anything"));
    host.log(7, 2, "target", "a line");
    assert_eq!(host.calls()[0].method, "ao.secret");
    assert_eq!((host.calls().len(), host.lines()[0].call, host.lines()[0].message.as_str()), (2, 7, "a line"));

    host.misbehave(Some(HostFault::Error(Error::conflict("busy"))));
    assert_eq!(host.call("ao.secret", Vec::new()).await.unwrap_err().code, Code::CONFLICT);
    host.misbehave(Some(HostFault::Garbage(b"\xff".to_vec())));
    assert_eq!(host.call("ao.secret", Vec::new()).await, Ok(b"\xff".to_vec()));
    host.misbehave(Some(HostFault::Slow(Duration::from_millis(5))));
    assert_eq!(host.call("ao.secret", Vec::new()).await, Ok(b"{\"value\":\"x\"}".to_vec()));
    let panicking = FakeHost::new().failing(HostFault::Panic);
    let mut calls = tokio::task::JoinSet::new();
    calls.spawn(async move { panicking.call("ao.secret", Vec::new()).await });
    assert!(calls.join_next().await.unwrap().unwrap_err().is_panic());
}
