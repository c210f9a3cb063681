//! What older and newer ends may do to the JSON without the other noticing.

use std::collections::BTreeSet;

use ao_core::model::Timestamp;
use ao_core::model::event::EventKind;
use ao_core::slots::Slot;
use ao_core::{Code, plugin::Kind};
use serde_json::{Value, json};

use super::paths::{Step, at, edited, members, objects, places, replaced, shown, without};
use super::subject::{FRAME, file, subjects, text};

const FUTURE: &str = "of_the_future";

#[test]
fn every_method_of_every_slot_has_its_fixture_and_no_other() {
    for slot in Slot::ALL {
        let file = file(slot.as_str());
        let mut methods: Vec<_> = slot.methods().iter().map(|method| method.name).collect();
        methods.sort_unstable();
        assert_eq!(file.keys().collect::<Vec<_>>(), methods, "tests/wire/{slot}.json");
        for method in slot.methods() {
            let parts: &[&str] = if method.kind == Kind::Call { &["reply", "request"] } else { &["request"] };
            let there = file[method.name].keys().filter(|part| method.kind == Kind::Call || *part != FRAME);
            assert_eq!(there.collect::<Vec<_>>(), parts, "{slot}.{}", method.name);
        }
    }
}

#[test]
fn every_method_has_a_deadline() {
    for slot in Slot::ALL {
        for method in slot.methods() {
            assert!(method.deadline.is_some(), "{slot}.{} may take for ever", method.name);
        }
    }
}

#[test]
fn what_is_read_is_written_again_as_it_was() {
    for subject in subjects() {
        assert!(!subject.samples.samples.is_empty(), "{} has no samples", subject.name);
        for sample in &subject.samples.samples {
            let again = (subject.again)(sample).unwrap_or_else(|error| panic!("{}: {error}\n{sample}", subject.name));
            assert!(again == *sample, "{}:\n{sample}\nbecame\n{again}", subject.name);
        }
    }
}

#[test]
fn fields_of_the_future_are_skipped_wherever_they_stand() {
    for subject in subjects() {
        for sample in &subject.samples.samples {
            for place in objects(sample) {
                let newer = edited(sample, &place, |object| {
                    object.insert(FUTURE.to_owned(), json!({"deep": [1, null, {"x": "y"}]}));
                });
                let again = (subject.again)(&newer);
                let at = shown(&place);
                assert!(again.as_ref() == Ok(sample), "{}, at `{at}`:\n{newer}\nbecame\n{again:?}", subject.name);
            }
        }
    }
}

/// Read by position, they would fix the order of the fields.
#[test]
fn an_array_in_the_place_of_a_record_is_refused() {
    let mut seen = 0;
    for subject in subjects() {
        for sample in &subject.samples.samples {
            for place in objects(sample) {
                let object = at(sample, &place).and_then(Value::as_object).unwrap();
                let kind = object.get("kind").into_iter();
                let rest: serde_json::Map<_, _> = object.clone().into_iter().filter(|(key, _)| key != "kind").collect();
                for array in [
                    json!([]),
                    kind.clone().cloned().collect(),
                    kind.clone().chain(rest.values()).cloned().collect(),
                    kind.cloned().chain([json!(rest)]).collect(),
                ] {
                    let again = (subject.again)(&replaced(sample, &place, array.clone()));
                    let at = shown(&place);
                    assert!(again.is_err(), "{}, at `{at}`: {array} is read as {again:?}", subject.name);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 500, "{seen} arrays");
    for json in [r#"["conflict","somebody else was first",[],null,null]"#, r#"["conflict","somebody else was first"]"#]
    {
        let error = serde_json::from_str::<ao_core::Error>(json).unwrap_err();
        assert!(error.to_string().contains("invalid type: sequence"), "{error}");
    }
    let manifest = r#"["1.0",["acme","0.1.0","0.1.0"],[]]"#;
    let error = serde_json::from_str::<ao_core::plugin::Manifest>(manifest).unwrap_err();
    assert_eq!(error.to_string(), "invalid type: sequence, expected an object at line 1 column 0");
}

#[test]
fn what_is_optional_stays_optional() {
    let mut wrong = Vec::new();
    for subject in subjects() {
        let samples = &subject.samples.samples;
        let mut required = BTreeSet::new();
        for sample in samples {
            let needed = |place: &Vec<Step>| (subject.again)(&without(sample, place)).is_err();
            required.extend(members(sample).iter().filter(|place| needed(place)).map(|place| shown(place)));
        }
        if required != subject.samples.required {
            wrong.push(format!("{}: {}", subject.name, json!(required)));
        }
    }
    assert!(wrong.is_empty(), "what may not be absent is not what `required` says:\n{}", wrong.join("\n"));
}

#[test]
fn all_that_is_optional_may_be_absent_at_once() {
    for subject in subjects() {
        for sample in &subject.samples.samples {
            let optional = |place: &Vec<Step>| !subject.samples.required.contains(&shown(place));
            let mut least = sample.clone();
            // From the end, so that what is inside goes before what it is in.
            for place in members(sample).iter().filter(|place| optional(place)).rev() {
                if at(&least, place).is_some() {
                    least = without(&least, place);
                }
            }
            let again = (subject.again)(&least);
            assert!(again.is_ok(), "{}:\n{least}\n{again:?}", subject.name);
        }
    }
}

/// Unknown ones that are not written again: a manifest's component for a slot of the future, and a composer of which
/// nothing is known, which is what an absent one is.
fn is_left_out(name: &str, place: &str) -> bool {
    (name == "manifest" && place == "components[].slot") || place.trim_end_matches(".kind").ends_with("composer")
}

/// Replaces each text by a word of the future. It is a free text, which survives; or an enum's variant, which becomes
/// the unknown one; or a type with a form of its own, which no variant can be added to.
#[test]
fn variants_of_the_future_are_unknown_and_no_error() {
    for subject in subjects() {
        for sample in &subject.samples.samples {
            for place in places(sample).into_iter().filter(|place| at(sample, place).is_some_and(Value::is_string)) {
                let newer = replaced(sample, &place, json!(FUTURE));
                let (name, shown) = (&subject.name, shown(&place));
                match (subject.again)(&newer) {
                    Ok(again) => {
                        let there = at(&again, &place).and_then(Value::as_str);
                        let left_out = is_left_out(name, &shown);
                        let survived = there.is_some_and(|text| [FUTURE, "unknown", "unrecognised"].contains(&text));
                        assert!(survived || left_out, "{name}, at `{shown}`: {again}");
                    }
                    Err(error) => {
                        let text = at(sample, &place).and_then(Value::as_str).unwrap();
                        assert!(text.parse::<Timestamp>().is_ok(), "{name}, at `{shown}`, is closed: {error}");
                    }
                }
            }
        }
    }
}

/// A tagged variant of the future may carry what it likes.
#[test]
fn variants_of_the_future_may_carry_data() {
    let mut seen = 0;
    for subject in subjects() {
        for sample in &subject.samples.samples {
            let tagged = |place: &Vec<Step>| at(sample, place).is_some_and(|value| value.get("kind").is_some());
            for place in objects(sample).into_iter().filter(tagged) {
                let newer = replaced(sample, &place, json!({"kind": FUTURE, "cargo": {"weight": [1, 2]}, "why": 7}));
                let again = (subject.again)(&newer).unwrap_or_else(|error| panic!("{}: {error}", subject.name));
                let (name, shown) = (&subject.name, shown(&place));
                match at(&again, &place).map(|value| &value["kind"]) {
                    Some(kind) => assert!(kind == "unknown" || kind == "unrecognised", "{name}, at `{shown}`: {kind}"),
                    None => assert!(is_left_out(name, &shown), "{name}, at `{shown}`: it is gone"),
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen} tagged values");
}

#[test]
fn every_error_code_has_its_sample() {
    let file = file("error");
    let samples = file["error"]["value"].samples.iter();
    let sampled: Vec<_> = samples.map(|sample| sample["code"].as_str().unwrap()).collect();
    assert_eq!(sampled, Code::ALL.iter().map(Code::as_str).collect::<Vec<_>>());
}

#[test]
fn every_type_of_event_has_its_sample() {
    let file = file("event");
    let samples = file["event"]["value"].samples.iter();
    let sampled: BTreeSet<_> = samples.map(|sample| sample["type"].as_str().unwrap()).collect();
    assert_eq!(sampled, EventKind::ALL.iter().map(|kind| kind.as_str()).collect());
}

/// An enum of the contract, as its source declares it: its name, and its variants on the wire. Variants that an absent
/// field stands for are never written, and those for the future are in the tests above.
fn enums(source: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let (mut inside, mut attributes) = (false, String::new());
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("pub enum ") {
            found.push((name.trim_end_matches(" {").to_owned(), Vec::new()));
            inside = true;
        } else if line == "}" {
            inside = false;
        } else if let Some(item) = line.strip_prefix("    ").filter(|item| inside && !item.starts_with([' ', '/', '}']))
        {
            if item.starts_with("#[") {
                attributes.push_str(item);
                continue;
            }
            let name: String = item.chars().take_while(|character| character.is_alphanumeric()).collect();
            let renamed = attributes.split("rename = \"").nth(1).and_then(|rest| rest.split('"').next());
            let absent = attributes.contains("#[default]") || attributes.contains("serde(other");
            if !absent {
                let (_, variants) = found.last_mut().unwrap();
                variants.push(renamed.map_or_else(|| words(&name), str::to_owned));
            }
            attributes.clear();
        }
    }
    found
}

/// `WaitingInput` as `waiting_input`.
fn words(name: &str) -> String {
    let mut text = String::new();
    for (index, character) in name.char_indices() {
        if character.is_uppercase() && index > 0 {
            text.push('_');
        }
        text.extend(character.to_lowercase());
    }
    text
}

#[test]
fn every_variant_is_in_a_sample() {
    let source = |path: &str| std::fs::read_to_string(format!("{}/src/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let of_slot = |slot: &Slot| match slot {
        Slot::Scm => "slots/scm/mod.rs".to_owned(),
        slot => format!("slots/{slot}.rs"),
    };
    let slots = Slot::ALL.iter().map(|slot| (of_slot(slot), slot.as_str(), None));
    let shared = [
        ("slots/common.rs", "tracker", None),
        ("slots/scm/pull.rs", "scm", None),
        ("model/delivery.rs", "runtime", None),
        ("model/process.rs", "runtime", Some("ExitStatus")),
        ("model/facts/agent.rs", "agent", Some("ExitMeaning")),
    ];
    let shared = shared.into_iter().map(|(path, file, only)| (path.to_owned(), file, only));
    let mut variants_seen = 0;
    for (path, file, only) in slots.chain(shared) {
        let fixtures = text(file);
        for (name, variants) in enums(&source(&path)) {
            if only.is_some_and(|only| only != name) {
                continue;
            }
            for variant in variants {
                let kebab = variant.replace('_', "-");
                let there = [&variant, &kebab].iter().any(|word| fixtures.contains(&format!("\"{word}\"")));
                assert!(there, "tests/wire/{file}.json has no `{variant}` of `{name}`");
                variants_seen += 1;
            }
        }
    }
    assert!(variants_seen > 80, "{variants_seen} variants were found in the sources");
}
