//! What is held by the fixtures: each request, reply, manifest, error and event, read and written again by the code that
//! does so in a host and in a library.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use ao_core::model::event::Event;
use ao_core::plugin::{BoxStream, CallContext, Kind, Manifest, Transport};
use ao_core::slots::runtime::{TerminalControl, WakeNote};
use ao_core::slots::{Instance, Slot};
use ao_core::{Error, Result};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The samples of one thing that crosses.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Samples {
    /// With every field set, and every variant in one of them.
    pub(super) samples: Vec<Value>,
    /// The paths of what may not be absent; everything else may.
    pub(super) required: BTreeSet<String>,
}

/// What the control frames of a stream stand under, where they are ours to define.
pub(super) const FRAME: &str = "frame";

/// By method, then by `request`, `reply` and [`FRAME`].
pub(super) type File = BTreeMap<String, BTreeMap<String, Samples>>;

/// One thing that crosses, and how it is read and written again.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) samples: Samples,
    pub(super) again: Again,
}

/// Reads a value and writes it again.
pub(super) type Again = Box<dyn Fn(&Value) -> Result<Value>>;

/// The text of a fixture file.
pub(super) fn text(name: &str) -> String {
    let path = format!("{}/tests/wire/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(super) fn file(name: &str) -> File {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("tests/wire/{name}.json: {error}"))
}

/// Everything that the fixtures hold.
pub(super) fn subjects() -> Vec<Subject> {
    let of_slots = Slot::ALL.iter().flat_map(|slot| of_slot(*slot));
    let frames = [frame::<TerminalControl>("runtime", "terminal"), frame::<WakeNote>("runtime", "watch")];
    of_slots
        .chain(frames)
        .chain([plain::<Manifest>("manifest"), plain::<Error>("error"), plain::<Event>("event")])
        .collect()
}

fn of_slot(slot: Slot) -> Vec<Subject> {
    let file = file(slot.as_str());
    let mut subjects = Vec::new();
    for method in slot.methods() {
        let parts = file.get(method.name).unwrap_or_else(|| panic!("tests/wire/{slot}.json lacks `{}`", method.name));
        let name = |part: &str| format!("{slot}.{}.{part}", method.name);
        let request = parts["request"].clone();
        let some_request = request.samples[0].clone();
        match method.kind {
            Kind::Call => {
                let (reply, method) = (parts["reply"].clone(), method.name);
                let some_reply = reply.samples[0].clone();
                let again = move |value: &Value| call(slot, method, value, &some_reply).map(|(request, _)| request);
                subjects.push(Subject { name: name("request"), samples: request, again: Box::new(again) });
                let again = move |value: &Value| call(slot, method, &some_request, value).map(|(_, reply)| reply);
                subjects.push(Subject { name: name("reply"), samples: reply, again: Box::new(again) });
            }
            Kind::Open => {
                let method = method.name;
                let again = move |value: &Value| open(slot, method, value);
                subjects.push(Subject { name: name("request"), samples: request, again: Box::new(again) });
            }
        }
    }
    subjects
}

fn plain<T: Serialize + for<'de> Deserialize<'de>>(name: &str) -> Subject {
    read::<T>(name.to_owned(), file(name)[name]["value"].clone())
}

/// The control frames of a method's stream.
fn frame<T: Serialize + for<'de> Deserialize<'de>>(slot: &str, method: &str) -> Subject {
    read::<T>(format!("{slot}.{method}.{FRAME}"), file(slot)[method][FRAME].clone())
}

fn read<T: Serialize + for<'de> Deserialize<'de>>(name: String, samples: Samples) -> Subject {
    let read =
        |value: &Value| serde_json::from_value::<T>(value.clone()).map_err(|error| Error::other(error.to_string()));
    let again = move |value: &Value| read(value).map(|read| json!(read));
    Subject { name, samples, again: Box::new(again) }
}

/// A call through a library's dispatcher, a host's proxy and a transport that answers `reply`: the request as it came
/// out at the other end, and the reply.
fn call(slot: Slot, method: &'static str, request: &Value, reply: &Value) -> Result<(Value, Value)> {
    let wire = Arc::new(Wire::answering(Ok(reply.to_string().into_bytes())));
    let ends = Instance::remote(slot, wire.clone()).dispatcher();
    let answer = now(ends.call(method, request.to_string().as_bytes()))?;
    Ok((wire.request(), serde_json::from_slice(&answer).unwrap()))
}

fn open(slot: Slot, method: &'static str, request: &Value) -> Result<Value> {
    let wire = Arc::new(Wire::answering(Err(Error::other("opened"))));
    let ends = Instance::remote(slot, wire.clone()).dispatcher();
    match now(ends.open(method, request.to_string().as_bytes())) {
        Err(error) if error.message == "opened" => Ok(wire.request()),
        Err(error) => Err(error),
        Ok(_) => panic!("the transport opens nothing"),
    }
}

/// A transport that keeps the request and answers what it was given.
pub(super) struct Wire {
    /// The methods that the library has; all of them without a list.
    pub(super) methods: Option<BTreeSet<String>>,
    pub(super) reply: Result<Vec<u8>>,
    pub(super) asked: Mutex<Vec<Vec<u8>>>,
}

impl Wire {
    pub(super) fn answering(reply: Result<Vec<u8>>) -> Self {
        Self { methods: None, reply, asked: Mutex::default() }
    }

    fn request(&self) -> Value {
        let asked = self.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "one call");
        serde_json::from_slice(&asked[0]).unwrap()
    }
}

#[async_trait]
impl Transport for Wire {
    fn has(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method))
    }

    async fn call(&self, _: CallContext, _: &'static str, payload: Vec<u8>) -> Result<Vec<u8>> {
        self.asked.lock().unwrap().push(payload);
        self.reply.clone()
    }

    async fn open(&self, _: CallContext, _: &'static str, payload: Vec<u8>) -> Result<BoxStream> {
        self.asked.lock().unwrap().push(payload);
        Err(self.reply.clone().err().unwrap_or_else(|| Error::other("this transport opens nothing")))
    }
}

/// The value of a future that waits for nothing.
pub(super) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits for something"),
    }
}
