//! Faults in how calls are made: blocking, panics, locks, codes that are not in the table.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ao_plugin_sdk::prelude::*;

use crate::broken::{Fault, Good, found, run, run_briefly, says, subject};

struct Blocks;

#[async_trait]
impl Fault for Blocks {
    #[expect(clippy::disallowed_methods, reason = "what a plugin must not do")]
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        if id == "slow" {
            std::thread::sleep(Duration::from_millis(800));
        }
        Some(world.find(id))
    }
}

#[test]
fn a_call_that_blocks_its_thread() {
    let report = run(subject(Blocks));
    says(&report, "call.thread_is_not_held", "gives its thread back");
}

struct Deadlock(AtomicBool);

#[async_trait]
impl Fault for Deadlock {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        // A lock that is not given back when the call ends at the `await`.
        if self.0.swap(true, Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.0.store(false, Ordering::Relaxed);
        Some(world.find(id))
    }
}

#[test]
fn a_lock_that_a_cancelled_call_keeps() {
    let report = run_briefly(subject(Deadlock(AtomicBool::new(false))));
    says(&report, "call.cancelled_leaves_it_usable", "timeout");
}

struct OneAtATime(tokio::sync::Mutex<()>);

#[async_trait]
impl Fault for OneAtATime {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        let _held = self.0.lock().await;
        if id == "slow" {
            tokio::time::sleep(Duration::from_hours(1)).await;
        }
        Some(world.find(id))
    }
}

#[test]
fn a_slow_call_that_all_instances_wait_for() {
    // The fault is shared by the instances, as a static would be.
    let report = run(subject(OneAtATime(tokio::sync::Mutex::new(()))));
    says(&report, "call.slow_delays_nobody", "no answer");
}

struct Racy(AtomicU64);

#[async_trait]
impl Fault for Racy {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        let under_way = self.0.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.0.fetch_sub(1, Ordering::SeqCst);
        if under_way > 8 {
            return Some(Err(Error::unavailable("too many calls")));
        }
        Some(world.find(id))
    }
}

#[test]
fn an_answer_that_depends_on_other_calls() {
    let report = run(subject(Racy(AtomicU64::new(0))));
    says(&report, "call.concurrent_are_equal", "unavailable");
}

struct Panics;

#[async_trait]
impl Fault for Panics {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        assert!(!id.contains('\0'), "who would ask for that");
        Some(world.find(id))
    }
}

#[test]
fn a_panic_on_a_strange_text() {
    let report = found(Panics, &["wire.hostile_text_is_survived", "tracker.get.strange_id_is_no_other_issue"]);
    says(&report, "tracker.get.strange_id_is_no_other_issue", "who would ask for that");
}

struct Moody;

#[async_trait]
impl Fault for Moody {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        if id.is_empty() {
            return Some(Err(Error::unsupported("empty ids")));
        }
        Some(world.find(id))
    }
}

#[test]
fn a_method_that_is_declined_now_and_then() {
    found(Moody, &["call.unsupported_is_constant"]);
}

struct OwnCode;

#[async_trait]
impl Fault for OwnCode {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        let code: Code = ao_plugin_sdk::serde_json::from_str("\"gone_fishing\"").expect("any text is a code");
        Some(world.find(id).map_err(|_| Error::new(code, "away")))
    }
}

#[test]
fn a_code_that_is_not_in_the_table() {
    says(&run(subject(OwnCode)), "tracker.get.missing_is_not_found", "gone_fishing");
}

struct NoMethod;

#[async_trait]
impl Fault for NoMethod {
    async fn list(&self, _world: &Good, _request: &ListIssues) -> Option<Result<IssuePage>> {
        Some(Err(Error::new(Code::UNKNOWN_METHOD, "what is a list?")))
    }
}

#[test]
fn an_answer_that_only_a_dispatcher_gives() {
    says(&run(subject(NoMethod)), "tracker.list.pages_end", "unknown_method");
}

struct Waits;

#[async_trait]
impl Fault for Waits {
    async fn describe(&self, request: &DescribeIssue) -> Option<Result<IssueText>> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Some(Ok(IssueText::from_issue(&request.issue)))
    }
}

#[test]
fn a_pure_method_that_waits() {
    let report = found(Waits, &["call.pure_is_at_once"]);
    says(&report, "call.pure_is_at_once", "it waits for something");
}
