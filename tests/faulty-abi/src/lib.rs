//! A plugin library written by hand over the island, which breaks the contract as it is told, for the tests of the
//! host. Not part of the product: an author writes `export_plugin!` and cannot get any of this wrong.
//!
//! Its manifest is chosen by [`MODE`], a word in the file that a test changes. What its tracker `faulty-abi` answers is
//! chosen by its configuration: `{"reply": "garbage"}`. The streams of its runtime are always garbage.

#![expect(unsafe_code, reason = "it exports headers, as the SDK's macro does for others")]

use ao_abi::abi_stable::library::CheckTypeLayout;
use ao_abi::abi_stable::sabi_trait::TD_Opaque;
use ao_abi::{
    Bytes, Component, ComponentBox, FfiFuture, Frame, FutureExt, HostBox, LibHeader, Meta, RErr, ROk, RResult, RSome,
    RStr, Reply, Root, RootModuleResult, RootRef, Stream, StreamBox,
};
use serde_json::{Value, json};

/// Which manifest it has: the digit at the end. A test changes it in a copy of the file.
#[used]
pub static MODE: [u8; 20] = *b"AO_FAULTY_ABI_MODE=0";

/// The root that a host finds.
// SAFETY: the name is this library's own.
#[unsafe(export_name = "__ao_plugin_v1_ao_faulty_abi")]
// SAFETY: `construct` yields what `ao_abi::root` makes.
pub static HEADER: LibHeader = unsafe { ao_abi::header(construct) };

/// The same root with its layout check switched off, under a name that no host looks for until a test swaps the two.
// SAFETY: as above.
#[unsafe(export_name = "__xo_plugin_v1_ao_faulty_abi")]
pub static UNCHECKED: LibHeader =
    // SAFETY: as above.
    unsafe { LibHeader::from_constructor::<RootRef>(construct, CheckTypeLayout::No) };

extern "C" fn construct() -> RootModuleResult {
    ao_abi::root(Root { manifest, create })
}

fn component(slot: &str, name: &str) -> Value {
    // It knows a method that no host does, and lacks most of those that hosts know.
    json!({
        "slot": slot, "name": name, "methods": ["get", "list", "terminal", "of_the_future"],
        "config_schema": true, "summary": "Breaks the contract.", "colour": "blue",
    })
}

fn manifest_json(wire: &str, components: &[Value]) -> Vec<u8> {
    let library = json!({"name": "ao_faulty_abi", "version": "1.0.0", "sdk": "1.0.0"});
    json!({"wire": wire, "library": library, "components": components}).to_string().into_bytes()
}

extern "C" fn manifest() -> Bytes {
    let mode = std::hint::black_box(&MODE)[19];
    let own = [component("runtime", "faulty-abi"), component("tracker", "faulty-abi")];
    match mode {
        b'1' => b"\xff\x00 not JSON".to_vec(),
        b'2' => Vec::new(),
        b'3' => manifest_json("2.0", &own),
        b'4' => manifest_json("1.0", &[]),
        b'5' => manifest_json("1.0", &[component("tracker", "../../etc")]),
        b'6' => json!({"wire": 1, "library": [], "components": {}}).to_string().into_bytes(),
        b'7' => manifest_json("1.9", &[&[json!({"slot": "oracle", "name": "x"})], &own[..]].concat()),
        // A name that `create` refuses.
        b'8' => manifest_json("1.0", &[component("tracker", "promised")]),
        _ => manifest_json("1.0", &own),
    }
    .into()
}

extern "C" fn create(slot: RStr<'_>, name: RStr<'_>, config: Bytes, _host: HostBox) -> RResult<ComponentBox, Bytes> {
    let config: Value = serde_json::from_slice(&config).unwrap_or_default();
    if name.as_str() != "faulty-abi" || !["runtime", "tracker"].contains(&slot.as_str()) {
        return RErr(b"not even an error".to_vec().into());
    }
    let answers = Answers { reply: config["reply"].as_str().unwrap_or("honest").to_owned() };
    ROk(ComponentBox::from_value(answers, TD_Opaque))
}

/// The instance.
struct Answers {
    reply: String,
}

impl Answers {
    fn bytes(&self, method: &str) -> Reply {
        let text = |value: Value| ROk(value.to_string().into_bytes().into());
        match self.reply.as_str() {
            "garbage" => ROk(b"\xff\xfe{".to_vec().into()),
            "empty" => ROk(Bytes::new()),
            "wrong_type" => text(json!({"issues": []})),
            "wrong_types" => text(json!({"id": 1, "title": ["a"], "state": {"kind": "open"}})),
            "deep" => ROk("[".repeat(100_000).into_bytes().into()),
            "huge" => ROk(vec![b' '; 100 * 1024 * 1024].into()),
            "garbage_error" => RErr(b"\x00\x01".to_vec().into()),
            "unknown_method" => {
                RErr(json!({"code": "unknown_method", "message": "not here"}).to_string().into_bytes().into())
            }
            "unsupported" => {
                RErr(json!({"code": "unsupported", "message": "declined"}).to_string().into_bytes().into())
            }
            "future_error" => {
                let error = json!({"code": "of_the_future", "message": "new", "severity": {"level": 3}});
                RErr(error.to_string().into_bytes().into())
            }
            _ if method == "list" => text(json!({"issues": []})),
            // With a field and a state that no host of today knows.
            _ => text(json!({"id": "1", "title": "Honest", "state": "of_the_future", "votes": 3})),
        }
    }
}

impl Component for Answers {
    fn call(&self, _meta: Meta, method: RStr<'_>, _payload: Bytes) -> FfiFuture<Reply> {
        if self.reply == "panic" {
            // In the poll, on the host's own thread: there is no SDK that would catch it.
            return async { panic!("on purpose, in a poll") }.into_ffi();
        }
        let reply = self.bytes(method.as_str());
        async move { reply }.into_ffi()
    }

    fn open(&self, _meta: Meta, _method: RStr<'_>, _payload: Bytes) -> FfiFuture<RResult<StreamBox, Bytes>> {
        async { ROk(StreamBox::from_value(Frames, TD_Opaque)) }.into_ffi()
    }
}

/// A stream of frames that are not what they say.
struct Frames;

impl Stream for Frames {
    fn next(&self) -> FfiFuture<RResult<ao_abi::ROption<Frame>, Bytes>> {
        let frame = Frame { kind: Frame::CONTROL, bytes: b"\xff".to_vec().into() };
        async { ROk(RSome(frame)) }.into_ffi()
    }

    fn send(&self, _frame: Frame) -> FfiFuture<RResult<(), Bytes>> {
        async { RErr(Bytes::new()) }.into_ffi()
    }
}
