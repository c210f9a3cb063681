//! Places in JSON: what stands where, and changes at one place.

use serde_json::{Map, Value};

/// A step into JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// A place in JSON, from the root.
pub(super) type Place = Vec<Step>;

/// Keys whose values belong to a plugin, an agent or a user: nothing in them is part of the contract.
const FREE: &[&str] = &["data", "cursor", "payload", "config_schema", "env", "environment", "links", "headers"];

/// As in the fixtures: `components[].slot`.
pub(super) fn shown(place: &[Step]) -> String {
    let mut text = String::new();
    for step in place {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Index(_) => text.push_str("[]"),
        }
    }
    text
}

/// Every place of the contract in a value, the root first.
pub(super) fn places(value: &Value) -> Vec<Place> {
    fn walk(value: &Value, here: &Place, found: &mut Vec<Place>) {
        found.push(here.clone());
        let below = |step: Step| [here.as_slice(), &[step]].concat();
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let place = below(Step::Key(key.clone()));
                    if FREE.contains(&key.as_str()) {
                        found.push(place);
                    } else {
                        walk(value, &place, found);
                    }
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    walk(value, &below(Step::Index(index)), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, &Vec::new(), &mut found);
    found
}

/// What stands at a place.
pub(super) fn at<'a>(value: &'a Value, place: &[Step]) -> Option<&'a Value> {
    place.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

fn at_mut<'a>(value: &'a mut Value, place: &[Step]) -> &'a mut Value {
    place.iter().fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key).unwrap(),
        Step::Index(index) => value.get_mut(index).unwrap(),
    })
}

/// The objects of the contract in a value. What is below a free key is none.
pub(super) fn objects(value: &Value) -> Vec<Place> {
    let free = |place: &Place| matches!(place.last(), Some(Step::Key(key)) if FREE.contains(&key.as_str()));
    places(value).into_iter().filter(|place| at(value, place).is_some_and(Value::is_object) && !free(place)).collect()
}

/// The members of the contract's objects in a value.
pub(super) fn members(value: &Value) -> Vec<Place> {
    places(value).into_iter().filter(|place| matches!(place.last(), Some(Step::Key(_)))).collect()
}

/// The value with the object at a place changed.
pub(super) fn edited(value: &Value, place: &[Step], edit: impl FnOnce(&mut Map<String, Value>)) -> Value {
    let mut value = value.clone();
    edit(at_mut(&mut value, place).as_object_mut().expect("an object"));
    value
}

/// The value with something else at a place.
pub(super) fn replaced(value: &Value, place: &[Step], by: Value) -> Value {
    let mut value = value.clone();
    *at_mut(&mut value, place) = by;
    value
}

/// The value without the member at a place.
pub(super) fn without(value: &Value, member: &[Step]) -> Value {
    let Some((Step::Key(key), object)) = member.split_last() else { panic!("{member:?} is no member") };
    edited(value, object, |object| {
        object.remove(key).expect("it was there");
    })
}
