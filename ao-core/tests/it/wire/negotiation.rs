//! A host and a library of different ages: who knows more methods than the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use ao_core::plugin::{Kind, Life, Manifest, RemoteLife};
use ao_core::slots::{Instance, Slot};
use ao_core::{Code, Error};

use super::subject::{Wire, file, now};

/// Calls a method of an instance behind `wire` with its fixture's request.
fn ask(slot: Slot, method: &str, kind: Kind, wire: &Arc<Wire>) -> Result<(), Error> {
    let request = file(slot.as_str())[method]["request"].samples[0].to_string();
    let ends = Instance::remote(slot, wire.clone()).dispatcher();
    match kind {
        Kind::Call => now(ends.call(method, request.as_bytes())).map(|_| ()),
        Kind::Open => now(ends.open(method, request.as_bytes())).map(|_| ()),
    }
}

#[test]
fn a_method_that_the_library_lacks_is_answered_by_its_default_without_a_call() {
    let mut defaults = Vec::new();
    for slot in Slot::ALL {
        for method in slot.methods() {
            let wire = Arc::new(Wire { methods: Some(BTreeSet::new()), ..Wire::answering(Ok(b"{}".to_vec())) });
            match ask(*slot, method.name, method.kind, &wire) {
                Ok(()) => defaults.push(format!("{slot}.{}", method.name)),
                Err(error) => assert_eq!(error.code, Code::UNSUPPORTED, "{slot}.{}: {error}", method.name),
            }
            assert!(wire.asked.lock().unwrap().is_empty(), "{slot}.{} was called", method.name);
        }
    }
    // Those with an answer of their own: a default that goes away is a change for every older library.
    let expected = [
        "runtime.doctor",
        "agent.interpret",
        "agent.deliver",
        "agent.confirm",
        "agent.doctor",
        "workspace.identities",
        "workspace.doctor",
        "tracker.find_effect",
        "tracker.describe",
        "tracker.doctor",
        "scm.find_effect",
        "scm.doctor",
        "notifier.doctor",
        "terminal.doctor",
    ];
    assert_eq!(defaults, expected);
}

#[test]
fn no_error_of_a_method_that_the_library_has_is_taken_for_a_default() {
    for slot in Slot::ALL {
        for method in slot.methods() {
            for code in [Code::UNSUPPORTED, Code::UNKNOWN_METHOD, Code::OTHER] {
                let said = Error::new(code, "the plugin's own word");
                let wire = Arc::new(Wire {
                    methods: Some([method.name.to_owned()].into()),
                    ..Wire::answering(Err(said.clone()))
                });
                let answer = ask(*slot, method.name, method.kind, &wire);
                assert_eq!(answer, Err(said), "{slot}.{}", method.name);
                assert_eq!(wire.asked.lock().unwrap().len(), 1, "it is not asked twice");
            }
        }
    }
}

#[test]
fn a_library_from_before_the_reserved_methods_answers_by_refusing_them() {
    let life = |answer| RemoteLife(Arc::new(Wire::answering(answer)));
    let said = |code| Err(Error::new(code, "the library's own word"));
    for older in [Ok(b"{}".to_vec()), said(Code::UNKNOWN_METHOD)] {
        assert_eq!(now(life(older.clone()).ping()), Ok(()));
        assert_eq!(now(life(older.clone()).shutdown()), Ok(()));
        assert!(now(life(older).health()).is_ok());
    }
    for code in [Code::TIMEOUT, Code::LOST, Code::PANIC] {
        assert_eq!(now(life(said(code.clone())).ping()).unwrap_err().code, code);
    }
}

#[test]
fn a_method_of_the_future_is_refused_by_name() {
    for slot in Slot::ALL {
        let ends = Instance::remote(*slot, Arc::new(Wire::answering(Ok(b"{}".to_vec())))).dispatcher();
        assert!(ends.method("of_the_future").is_none());
        let error = now(ends.call("of_the_future", b"{}")).unwrap_err();
        assert_eq!(error.code, Code::UNKNOWN_METHOD, "{error}");
        let error = now(ends.open("of_the_future", b"{}")).err().expect("nothing is opened");
        assert_eq!(error.code, Code::UNKNOWN_METHOD, "{error}");
    }
}

#[test]
fn a_library_may_list_methods_that_no_host_knows() {
    let mut manifest = file("manifest")["manifest"]["value"].samples[0].clone();
    manifest["wire"] = "1.9".into();
    manifest["components"][0]["methods"] = ["create", "of_the_future"].as_slice().into();
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    let runtime = manifest.component(Slot::Runtime, "acme").unwrap();
    assert_eq!(runtime.methods, ["create", "of_the_future"]);
}
