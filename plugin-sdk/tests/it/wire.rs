//! Faults at the boundary itself: configurations, and transports that do not speak the contract.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use ao_plugin_sdk::conformance::{Door, Progress, Record, Subject, TrackerKit};
use ao_plugin_sdk::core::plugin::{CallContext, ComponentManifest, Transport};
use ao_plugin_sdk::core::slots::Slot;
use ao_plugin_sdk::prelude::*;

use crate::broken::{Sound, failed, must_be_empty, no_keys, run, says, tracker, world};

type Change = fn(&str, &[u8], Result<Vec<u8>>) -> Result<Vec<u8>>;

/// The sound tracker behind a transport that changes answers.
struct Changed(Box<dyn ao_plugin_sdk::core::plugin::Dispatch>, Change);

#[async_trait]
impl Transport for Changed {
    fn has(&self, method: &str) -> bool {
        self.0.method(method).is_some()
    }

    async fn call(&self, _context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<Vec<u8>> {
        let answer = self.0.call(method, &payload).await;
        (self.1)(method, &payload, answer)
    }

    async fn open(&self, _context: CallContext, _method: &'static str, _payload: Vec<u8>) -> Result<BoxStream> {
        Err(Error::unsupported("streams"))
    }
}

fn changed(change: Change) -> Subject {
    let methods: Vec<String> = Slot::Tracker.methods().iter().map(|method| method.name.to_owned()).collect();
    let name: PluginName = "broken".parse().expect("a name");
    let world = world();
    Subject::transports(&ComponentManifest::new(Slot::Tracker, name, methods, no_keys()), move |config, host| {
        must_be_empty(config)?;
        let instance = tracker(&world, host, Arc::new(Sound));
        Ok(Arc::new(Changed(instance.dispatcher(), change)))
    })
}

#[test]
fn a_sound_transport_passes() {
    let report = run(changed(|_, _, answer| answer));
    assert!(report.is_kept(), "\n{report}");
}

#[test]
fn garbage_for_an_answer() {
    let report =
        run(changed(|method, _, answer| if method == "get" { answer.map(|_| b"\xff{".to_vec()) } else { answer }));
    says(&report, "tracker.get.answers_the_issue", "`protocol`");
    assert!(failed(&report).contains(&"call.repeated_is_equal"), "\n{report}");
}

#[test]
fn bad_requests_that_are_taken_for_good() {
    let lenient: Change = |_, _, answer| match answer {
        Err(error) if error.code == Code::INVALID_INPUT => Ok(b"null".to_vec()),
        other => other,
    };
    let report = run(changed(lenient));
    for check in ["wire.malformed_json_is_refused", "wire.missing_field_is_refused", "wire.wrong_type_is_refused"] {
        assert!(failed(&report).contains(&check), "{check}\n{report}");
    }
}

#[test]
fn unknown_methods_and_fields() {
    let strict: Change = |_, payload, answer| {
        if payload.windows(19).any(|part| part == b"ofTheConformanceKit") {
            return Err(Error::invalid_input("unknown field"));
        }
        answer.map_err(|error| if error.code == Code::UNKNOWN_METHOD { Error::other("what?") } else { error })
    };
    let report = run(changed(strict));
    assert_eq!(failed(&report), ["wire.unknown_field_is_accepted", "wire.unknown_method_is_refused"], "\n{report}");
}

fn configured(schema: Value, make: fn(&Value) -> Result<()>) -> Subject {
    let world = world();
    Subject::instances(Slot::Tracker, "broken", schema, move |config, host| {
        make(&config)?;
        Ok(tracker(&world, host, Arc::new(Sound)))
    })
}

#[test]
fn a_schema_that_is_none() {
    let report =
        run(configured(json!({"type": "object", "properties": [], "additionalProperties": false}), must_be_empty));
    assert_eq!(failed(&report), ["config.schema_is_valid"], "\n{report}");
    let report = run(configured(json!({"type": "string"}), must_be_empty));
    assert_eq!(failed(&report), ["config.schema_is_valid"], "\n{report}");
}

#[test]
fn a_typo_that_nobody_notices() {
    let report = run(configured(json!({"type": "object"}), |config| {
        if config.is_object() { Ok(()) } else { Err(Error::invalid_input("no object")) }
    }));
    assert_eq!(failed(&report), ["config.unknown_key_is_refused"], "\n{report}");
}

struct Unfollowed;

impl Progress for Unfollowed {
    fn begins(&mut self, _check: &str, _door: Door) {}

    fn ended(&mut self, _record: &Record) {}
}

#[test]
fn a_constructor_that_panics_refuses_or_waits() {
    let report = run(configured(no_keys(), |config| {
        assert!(config.is_object(), "a configuration is an object");
        must_be_empty(config)
    }));
    assert_eq!(failed(&report), ["config.wrong_type_is_refused"], "\n{report}");

    let report = run(configured(no_keys(), |config| {
        must_be_empty(config)?;
        Err(Error::unavailable("no network"))
    }));
    assert!(failed(&report).contains(&"config.given_is_accepted"), "\n{report}");

    #[expect(clippy::disallowed_methods, reason = "what a constructor must not do")]
    let slow = configured(no_keys(), |config| {
        must_be_empty(config)?;
        std::thread::sleep(std::time::Duration::from_millis(600));
        Ok(())
    });
    // Only the one check: every other one makes instances too.
    let kit = TrackerKit::of(slow, json!({})).into_kit();
    let others = kit.plan().into_iter().filter(|(check, _)| *check != "config.constructor_is_quick");
    let done = others.map(|(check, door)| (check.to_owned(), door)).collect();
    let report = kit.run_following(&done, &mut Unfollowed);
    assert_eq!(report.checks.len(), 2, "\n{report}");
    assert!(failed(&report).contains(&"config.constructor_is_quick"), "\n{report}");
}

#[test]
fn samples_are_read_as_on_a_command_line() {
    let kit = || TrackerKit::of(configured(no_keys(), must_be_empty), json!({})).into_kit();
    assert!(kit().sample("issue", "12").unwrap().sample("effects", "yes").is_ok());
    assert!(kit().sample("effects", "no").unwrap_err().message.contains("`effects=yes`"));
    let error = kit().sample("isue", "12").unwrap_err();
    assert!(error.message.contains("it has issue, missing"), "{error}");
}

#[test]
fn a_check_without_its_sample_says_how_to_give_it() {
    let report = TrackerKit::of(configured(no_keys(), must_be_empty), json!({})).run();
    assert!(report.is_kept(), "\n{report}");
    let text = report.to_string();
    assert!(
        text.contains("needs the sample `.issue(…)` (`--sample issue=…`): the id of an issue that exists"),
        "{text}"
    );
    assert!(text.contains("needs the sample `.effects()` (`--sample effects=yes`)"), "{text}");
}

#[test]
fn the_failure_of_an_author_s_test_is_a_table() {
    let broken = configured(json!({"type": "object"}), |_| Ok(()));
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| TrackerKit::of(broken, json!({})).check())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    for part in [
        "FAILED  config.unknown_key_is_refused (by native)",
        "  demand    a key",
        "  to do     derive the",
        "breaks the contract",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
