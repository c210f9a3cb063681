//! A library that keeps to the layout and breaks the contract inside of it: manifests, replies and errors of all sorts.
//! Also one that is of another time than the host: what it lacks, and what it has in advance.

use camino::Utf8PathBuf;
use object::read::elf::{FileHeader, Sym};
use object::{Endianness, Object, ObjectSection, elf};
use serde_json::json;

use super::calls::bounded;
use super::rig::{Others, Played, Rig};
use crate::support::{fixture_library, library};

/// What a tracker sees that answers this.
fn get(reply: &str) -> Played {
    let mut rig = Rig::with("ao_faulty_abi");
    rig.get("faulty-abi", json!({"reply": reply}), "1");
    rig.play_and_others_answer(Others::OfOtherLibraries)
}

#[test]
fn replies_that_cannot_be_read_are_the_plugins_fault() {
    let replies = ["garbage", "empty", "wrong_type", "wrong_types", "deep", "garbage_error"];
    let mut rig = Rig::with("ao_faulty_abi");
    for reply in replies {
        rig.get("faulty-abi", json!({"reply": reply}), "1");
    }
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    for (reply, seen) in replies.iter().zip(&played.seen[3..]) {
        assert_eq!(seen["error"]["code"], "protocol", "{reply}: {seen}");
    }
}

#[test]
fn a_reply_of_100_mib_is_refused_unread() {
    let mut rig = Rig::with("ao_faulty_abi");
    rig.get("faulty-abi", json!({"reply": "huge"}), "1").step(json!({"do": "measure"}));
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    assert_eq!(played.seen[3]["error"]["code"], "protocol", "{:?}", played.seen);
    bounded(played.last());
}

#[test]
fn a_future_that_panics_in_the_hosts_own_thread_is_a_failed_call() {
    assert_eq!(get("panic").code(), "panic");
}

#[test]
fn an_error_of_the_future_keeps_its_code() {
    assert_eq!(get("future_error").code(), "of_the_future");
}

#[test]
fn a_state_of_the_future_is_unknown_and_no_error() {
    let played = get("honest");
    assert_eq!((&played.last()["ok"], &played.last()["state"]), (&json!("Honest"), &json!("unknown")));
}

/// The library's manifest lists `get`, `list` and a method that no host knows.
#[test]
fn what_a_library_lacks_is_answered_by_the_default_and_a_refusal_is_not() {
    let mut rig = Rig::with("ao_faulty_abi");
    rig.call("faulty-abi", json!({"reply": "unsupported"}), "describe", "7");
    rig.call("faulty-abi", json!({"reply": "unsupported"}), "create", "7");
    rig.call("faulty-abi", json!({"reply": "unsupported"}), "list", "");
    rig.call("faulty-abi", json!({"reply": "unknown_method"}), "list", "");
    rig.call("faulty-abi", json!({"reply": "honest"}), "list", "");
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    assert_eq!(played.seen[3]["ok"], "A title", "the default, without a call");
    assert_eq!(played.seen[4]["error"]["message"], "this plugin does not support creating issues");
    assert_eq!(played.seen[5]["error"]["message"], "declined", "the plugin's own word");
    assert_eq!(played.seen[6]["error"]["code"], "unknown_method");
    assert_eq!(played.seen[7]["ok"], 0);
}

#[test]
fn a_stream_of_garbage_is_an_error_to_whoever_reads_it() {
    let mut rig = Rig::with("ao_faulty_abi");
    rig.step(json!({"do": "stream", "plugin": "faulty-abi", "config": {}, "frames": 2}));
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    let read = &played.last()["read"];
    assert!(read[0]["error"]["code"].is_string() && read[1]["error"]["code"].is_string(), "{read}");
}

/// The library with another manifest.
fn with_mode(rig: &Rig, mode: u8) -> Utf8PathBuf {
    let mut bytes = fs_err::read(library("ao_faulty_abi")).unwrap();
    let word = b"AO_FAULTY_ABI_MODE=";
    let at = bytes.windows(word.len()).position(|window| window == word).expect("the word");
    bytes[at + word.len()] = mode;
    rig.file(&format!("libmode{mode}.so"), &bytes)
}

#[test]
fn manifests_that_cannot_be_used_are_refused() {
    let refusals = [
        (b'1', "cannot be read"),
        (b'2', "cannot be read"),
        (b'3', "it speaks version 2.0 of the contract"),
        (b'4', "exports no plugins"),
        (b'5', "plugin name `../../etc`"),
        (b'6', "cannot be read"),
    ];
    let mut rig = Rig::empty();
    let mut libraries: Vec<_> = refusals.iter().map(|(mode, _)| with_mode(&rig, *mode)).collect();
    libraries.push(fixture_library());
    for library in &libraries {
        rig.trust(library);
    }
    rig.assemble(&libraries.iter().collect::<Vec<_>>());
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    for ((mode, why), seen) in refusals.iter().zip(&played.seen) {
        let said = seen["error"]["message"].as_str().unwrap_or_else(|| panic!("{mode}: {seen}"));
        assert!(said.contains(why), "{mode}: {said}");
    }
    let problems = played.last()["problems"].as_array().unwrap();
    assert_eq!(problems.len(), refusals.len());
    assert!(problems.iter().all(|problem| problem["code"] == "untrusted"), "no trust is left behind: {problems:?}");
}

#[test]
fn a_slot_of_the_future_is_left_out() {
    let mut rig = Rig::empty();
    let (library, fixture) = (with_mode(&rig, b'7'), fixture_library());
    rig.trust(&library).trust(&fixture).assemble(&[&library, &fixture]).get("faulty-abi", json!({}), "1");
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    assert_eq!((&played.seen[0]["plugins"], &played.last()["ok"]), (&json!(2), &json!("Honest")));
}

#[test]
fn a_plugin_that_is_promised_and_cannot_be_made_is_an_error() {
    let mut rig = Rig::empty();
    let (library, fixture) = (with_mode(&rig, b'8'), fixture_library());
    rig.trust(&library).trust(&fixture).assemble(&[&library, &fixture]).get("promised", json!({}), "1");
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    assert_eq!(played.code(), "protocol", "its error is no error: {}", played.last());
}

/// Both names of the root get the place of the other: what the host finds is the header without a layout check.
#[test]
fn a_header_that_switches_the_layout_check_off_is_refused() {
    let mut rig = Rig::empty();
    let library = rig.install("ao_faulty_abi", |bytes| {
        let [checked, unchecked] = ["__ao_plugin_v1_", "__xo_plugin_v1_"].map(|prefix| value_of(bytes, prefix));
        swap(bytes, checked, unchecked);
    });
    let fixture = fixture_library();
    rig.trust(&library).trust(&fixture).assemble(&[&library, &fixture]);
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    let said = played.seen[0]["error"]["message"].as_str().unwrap();
    assert!(said.contains("switches the layout check off"), "{said}");
}

/// Where in the file the address of this dynamic symbol stands.
fn value_of(bytes: &[u8], prefix: &str) -> usize {
    let header = elf::FileHeader64::<Endianness>::parse(bytes).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, bytes).unwrap();
    let symbols = sections.symbols(endian, bytes, elf::SHT_DYNSYM).unwrap();
    let file = object::File::parse(bytes).unwrap();
    let (table, _) = file.section_by_name(".dynsym").unwrap().file_range().unwrap();
    let named = |symbol: &elf::Sym64<Endianness>| {
        let name = symbol.name(endian, symbols.strings()).unwrap();
        name.starts_with(prefix.as_bytes())
    };
    let index = symbols.symbols().iter().position(named).unwrap();
    // `st_value` is the second of the entry's 8-byte words.
    usize::try_from(table).unwrap() + index * size_of::<elf::Sym64<Endianness>>() + 8
}

fn swap(bytes: &mut [u8], left: usize, right: usize) {
    for offset in 0..8 {
        bytes.swap(left + offset, right + offset);
    }
}
