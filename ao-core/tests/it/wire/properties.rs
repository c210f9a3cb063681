//! Whatever arrives: an answer or an error, never a panic. `PROPTEST_CASES` says how many cases.

use std::sync::{Arc, LazyLock};

use ao_core::model::event::Event;
use ao_core::plugin::{Kind, Manifest, decode};
use ao_core::slots::{Instance, Slot};
use ao_core::{Code, Error};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::paths::{Place, at, members, objects, places, replaced, without};
use super::subject::{Wire, now, subjects};

/// Any JSON, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop_oneof![Just("kind"), Just("unknown"), Just("open"), Just("1.0"), Just("tracker")].prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof!["[a-z_]{1,8}", Just("kind".to_owned()), Just("components".to_owned())];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// One change of a sample, at a place that is chosen among those that it has.
#[derive(Clone, Debug)]
enum Change {
    Remove(Index),
    Add(Index, String, Value),
    Replace(Index, Value),
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<Index>().prop_map(Change::Remove),
        (any::<Index>(), "[a-z_]{1,10}", any_json()).prop_map(|(at, key, value)| Change::Add(at, key, value)),
        (any::<Index>(), any_json()).prop_map(|(at, value)| Change::Replace(at, value)),
    ]
}

fn changed(value: &Value, change: &Change) -> Value {
    match change {
        Change::Remove(index) => {
            let members = members(value);
            if members.is_empty() { value.clone() } else { without(value, index.get::<Place>(&members)) }
        }
        Change::Add(index, key, added) => {
            let objects = objects(value);
            if objects.is_empty() {
                return value.clone();
            }
            let place = index.get::<Place>(&objects);
            let mut object = at(value, place).cloned().unwrap_or_default();
            object[key.as_str()] = added.clone();
            replaced(value, place, object)
        }
        Change::Replace(index, by) => replaced(value, index.get::<Place>(&places(value)), by.clone()),
    }
}

/// What the fixtures hold, without what reads it: name and samples.
static SAMPLES: LazyLock<Vec<(String, Vec<Value>)>> =
    LazyLock::new(|| subjects().into_iter().map(|subject| (subject.name, subject.samples.samples)).collect());

/// Calls every slot's dispatcher over a host's proxy whose library answers `reply`.
fn ask_all(request: &[u8], reply: &[u8]) -> Result<(), TestCaseError> {
    for slot in Slot::ALL {
        let ends = Instance::remote(*slot, Arc::new(Wire::answering(Ok(reply.to_vec())))).dispatcher();
        for method in slot.methods() {
            let answer = match method.kind {
                Kind::Call => now(ends.call(method.name, request)),
                Kind::Open => now(ends.open(method.name, request)).map(|_| Vec::new()),
            };
            if let Err(error) = answer {
                let honest = [Code::INVALID_INPUT, Code::PROTOCOL, Code::OTHER].contains(&error.code);
                prop_assert!(honest, "{}.{}: {}: {}", slot, method.name, error.code, error);
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_an_error(request in any::<Vec<u8>>(), reply in any::<Vec<u8>>()) {
        ask_all(&request, &reply)?;
        let _ = serde_json::from_slice::<Manifest>(&request);
        let _ = serde_json::from_slice::<Error>(&request);
        let _ = serde_json::from_slice::<Event>(&request);
        // A control frame.
        let _ = decode::<Value>("stream", &request);
    }

    #[test]
    fn any_json_is_an_answer_or_an_error(request in any_json(), reply in any_json()) {
        ask_all(request.to_string().as_bytes(), reply.to_string().as_bytes())?;
        let _ = serde_json::from_value::<Manifest>(request.clone());
        let _ = serde_json::from_value::<Error>(request.clone());
        let _ = serde_json::from_value::<Event>(request);
    }

    /// What can be read is written in a form that is read as the same, however far it is from the sample.
    #[test]
    fn changed_samples_are_read_to_the_end_or_refused(
        which in any::<Index>(),
        sample in any::<Index>(),
        changes in proptest::collection::vec(any_change(), 1..5),
    ) {
        let (name, samples) = which.get(&SAMPLES);
        let mut value = sample.get(samples).clone();
        for change in &changes {
            value = changed(&value, change);
        }
        let subject = subjects().into_iter().find(|subject| subject.name == *name).expect("it is there");
        if let Ok(again) = (subject.again)(&value) {
            let twice = (subject.again)(&again);
            prop_assert!(twice.as_ref() == Ok(&again), "{name}:\n{again}\nbecame\n{twice:?}");
        }
    }

    /// An error keeps whatever code it has.
    #[test]
    fn errors_keep_their_codes(code in "[a-z_]{1,20}", message in ".*", extra in any_json()) {
        let error: Error = serde_json::from_value(json!({"code": code, "message": message, "extra": extra})).unwrap();
        prop_assert_eq!(error.code.as_str(), code.as_str());
        prop_assert_eq!(json!(error), json!({"code": code, "message": message}));
    }
}
