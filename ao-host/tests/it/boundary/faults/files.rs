//! Library files that are not used, and why; the libraries beside them are.

use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;
use object::{Object, ObjectSection};
use serde_json::json;

use super::rig::{Others, Played, Rig};
use crate::support::fixture_library;

/// Trusts a file and uses it, beside the fixture library, which answers.
fn refused(damage: impl FnOnce(&Rig) -> Utf8PathBuf) -> (String, String) {
    let mut rig = Rig::empty();
    let (library, fixture) = (damage(&rig), fixture_library());
    rig.trust(&library).trust(&fixture).assemble(&[&library, &fixture]);
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    let problems = played.seen[2]["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "it is a problem of its own: {problems:?}");
    let error = &played.seen[0]["error"];
    let text =
        |key: &str| error[key].as_str().unwrap_or_else(|| panic!("it was trusted: {:?}", played.seen)).to_owned();
    (text("code"), text("message"))
}

fn with(change: impl FnOnce(&mut Vec<u8>)) -> (String, String) {
    refused(|rig| rig.install("ao_faulty", change))
}

fn has((code, message): (String, String), expected: &str, why: &str) {
    assert!(code == expected && message.contains(why), "{code}: {message}");
}

/// Puts one text in the place of another of the same length, wherever it stands.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let places: Vec<_> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "{} is not there", String::from_utf8_lossy(from));
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}

#[test]
fn a_file_that_is_missing() {
    has(refused(|rig| rig.scratch.path().join("libgone.so")), "not_found", "libgone.so");
}

#[test]
fn a_text() {
    has(refused(|rig| rig.file("libtext.so", b"#!/bin/sh\necho hello\n")), "invalid_input", "it is a text file");
}

#[test]
fn an_empty_file() {
    has(refused(|rig| rig.file("libempty.so", b"")), "invalid_input", "the file is empty");
}

#[test]
fn a_library_cut_after_its_header() {
    has(with(|bytes| bytes.truncate(64)), "invalid_input", "is cut short");
    has(with(|bytes| bytes.truncate(4096)), "invalid_input", "is cut short");
    has(with(|bytes| bytes.truncate(bytes.len() - 1)), "invalid_input", "is cut short");
}

#[test]
fn a_library_for_another_machine() {
    // `e_machine` stands at offset 18 of the ELF header; 183 is AArch64, 62 is x86-64.
    let other = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    has(with(|bytes| bytes[18] = other), "invalid_input", "it is built for");
}

#[test]
fn a_library_without_our_symbol() {
    has(with(|bytes| replace(bytes, b"__ao_plugin_v1_", b"__xo_plugin_v1_")), "invalid_input", "exports no plugin");
    has(with(|bytes| replace(bytes, b"__ao_plugin_v1_", b"__ao_plugin_v2_")), "invalid_input", "is for another `ao`");
}

#[test]
fn a_library_with_two_roots() {
    let two = refused(|rig| {
        rig.install("ao_faulty_abi", |bytes| {
            replace(bytes, b"__xo_plugin_v1_ao_faulty_abi", b"__ao_plugin_v1_xo_faulty_abi");
        })
    });
    has(two.clone(), "invalid_input", "exports several plugin roots");
    assert!(two.1.contains("__ao_plugin_v1_ao_faulty_abi, __ao_plugin_v1_xo_faulty_abi"), "{}", two.1);
}

#[test]
fn a_library_of_another_layout() {
    // A field's name is part of the layout that is compared.
    has(with(|bytes| replace(bytes, b"deadline_ms", b"deadline_xx")), "invalid_input", "incompatible plugin interface");
}

#[test]
fn a_library_that_all_the_world_may_write() {
    let exposed = refused(|rig| {
        let library = rig.install("ao_faulty", |_| {});
        fs_err::set_permissions(&library, std::fs::Permissions::from_mode(0o666)).unwrap();
        library
    });
    has(exposed, "untrusted", "may be changed by others");
}

#[test]
fn a_library_in_a_directory_that_all_the_world_may_write() {
    let exposed = refused(|rig| {
        let directory = rig.scratch.path().join("open");
        fs_err::create_dir(&directory).unwrap();
        fs_err::set_permissions(&directory, std::fs::Permissions::from_mode(0o777)).unwrap();
        rig.install("ao_faulty", |_| {});
        rig.file("open/libao_faulty.so", &fs_err::read(rig.scratch.path().join("libao_faulty.so")).unwrap())
    });
    has(exposed, "untrusted", "may be changed by others");
}

/// What a registry says of a library in it, which nobody trusted or which changed since.
fn not_used(prepare: impl FnOnce(&mut Rig, &Utf8PathBuf)) -> (String, String) {
    let mut rig = Rig::empty();
    let (library, fixture) = (rig.install("ao_faulty", |_| {}), fixture_library());
    rig.trust(&fixture);
    prepare(&mut rig, &library);
    rig.assemble(&[&library, &fixture]).get("faulty", json!({}), "1");
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    assert_eq!(played.code(), "not_found", "{:?}", played.seen);
    played.problem(played.seen.len() - 2)
}

#[test]
fn a_library_that_nobody_trusts() {
    has(not_used(|_, _| {}), "untrusted", "is not trusted");
}

#[test]
fn a_library_that_changed_since_it_was_trusted() {
    let cut = not_used(|rig, library| {
        rig.trust(library).step(json!({"do": "cut", "library": library}));
    });
    has(cut, "untrusted", "has changed since it was trusted");
}

/// The user's file is cut in place while its library is in use: what is mapped is our own copy.
#[test]
fn a_file_that_is_cut_while_it_is_loaded() {
    let mut rig = Rig::empty();
    let (library, fixture) = (rig.install("ao_faulty", |_| {}), fixture_library());
    rig.trust(&library).trust(&fixture).assemble(&[&library, &fixture]);
    rig.get("faulty", json!({}), "fine").step(json!({"do": "cut", "library": library}));
    rig.get("faulty", json!({}), "panic");
    rig.step(json!({"do": "stream", "plugin": "faulty", "config": {}, "frames": 1}));
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert_eq!(played.seen[5]["error"]["code"], "panic", "code that was not used before is there: {:?}", played.seen);
    assert_eq!(played.last()["read"], json!([{"bytes": 5}]));
}

#[test]
fn the_same_file_twice_and_two_files_with_one_name() {
    let mut rig = Rig::empty();
    let (faulty, fixture) = (rig.install("ao_faulty", |_| {}), fixture_library());
    let twin = rig.file("libtwin.so", &fs_err::read(&faulty).unwrap());
    let other = rig.install("ao_faulty_abi", |_| {});
    rig.trust(&faulty).trust(&fixture).trust(&twin).trust(&other);
    rig.assemble(&[&faulty, &fixture, &twin, &faulty, &other]).get("faulty", json!({}), "fine");
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert_eq!(played.last()["ok"], "Issue fine", "the first one answers");
    let problems = played.seen[4]["problems"].as_array().unwrap();
    let of_twins = problems.iter().filter(|problem| problem["code"] == "conflict");
    let said: Vec<_> = of_twins.map(|problem| problem["message"].as_str().unwrap()).collect();
    assert!(said.iter().any(|said| said.contains("libtwin.so") && said.contains("libao_faulty.so")), "{said:?}");
    assert_eq!(said.len(), problems.len(), "nothing else is wrong: {problems:?}");
}

/// The registry of one process maps a library once, whatever its copies are called.
#[test]
fn the_same_bytes_under_two_names_share_one_image() {
    let mut rig = Rig::empty();
    let faulty = rig.install("ao_faulty", |_| {});
    let (twin, fixture) = (rig.file("libtwin.so", &fs_err::read(&faulty).unwrap()), fixture_library());
    rig.trust(&faulty).trust(&twin).trust(&fixture);
    rig.assemble(&[&faulty, &fixture]).get("faulty", json!({}), "fine");
    rig.assemble(&[&twin, &fixture]).get("faulty", json!({}), "fine");
    let played: Played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert_eq!((&played.seen[4]["ok"], &played.seen[6]["ok"]), (&json!("Issue fine"), &json!("Issue fine")));
}

/// Constructors run as soon as a library is mapped, before anything can be checked: the process that reads the manifest
/// may die, which is why `ao plugin trust` does it in another one.
#[test]
fn a_library_that_crashes_as_it_is_mapped_ends_the_process_that_maps_it() {
    let mut rig = Rig::empty();
    let library = rig.install("ao_faulty", |bytes| {
        let file = object::File::parse(bytes.as_slice()).unwrap();
        let (start, size) = file.section_by_name(".text").unwrap().file_range().unwrap();
        let code = usize::try_from(start).unwrap()..usize::try_from(start + size).unwrap();
        bytes[code].fill(0);
    });
    rig.trust(&library);
    let played = rig.play();
    assert!(played.end().is_err() && played.seen.is_empty(), "{:?}", played.end());
}
