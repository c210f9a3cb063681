//! The registry: linked-in and loaded plugins through one door.

use std::time::Duration;

use ao_core::Code;
use ao_core::model::PluginName;
use ao_core::slots::Slot;
use ao_core::slots::tracker::GetIssue;
use ao_host::registry::{Candidate, Deadlines, Origin};
use camino::Utf8PathBuf;
use serde_json::json;

use crate::boundary::plugin_home::Home;

fn fixture() -> PluginName {
    "fixture".parse().unwrap()
}

#[test]
fn a_library_replaces_what_is_linked_in_and_differs_in_origin_only() {
    let home = Home::examples();
    home.trust();
    let (linked, loaded) = (home.registry_of(Vec::new()), home.loaded());
    assert!(loaded.problems().is_empty(), "{:?}", loaded.problems());
    let ours = |entry: &std::sync::Arc<ao_host::registry::Entry>| entry.library.name == "ao_plugin_fixture";
    for (linked, loaded) in linked.entries().filter(ours).zip(loaded.entries().filter(ours)) {
        assert_eq!(linked.component, loaded.component);
        assert_eq!(linked.origin, Origin::LinkedIn);
        assert!(matches!(loaded.origin, Origin::Library { .. }));
        assert_eq!(loaded.replaces, Some(Origin::LinkedIn));
    }
    assert_eq!(linked.entries().count(), loaded.entries().count());
}

#[test]
fn both_doors_lead_to_the_same_answers() {
    let home = Home::examples();
    home.trust();
    let config = json!({"issues": {"7": "Fix the door"}});
    for registry in [home.registry_of(Vec::new()), home.loaded()] {
        let tracker = registry.tracker(&fixture(), &config).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert_eq!(tracker.get(GetIssue::new("7")).await.unwrap().title, "Fix the door");
            assert_eq!(tracker.get(GetIssue::new("8")).await.unwrap_err().code, Code::NOT_FOUND);
        });
    }
}

#[test]
fn both_doors_have_the_same_guard() {
    let home = Home::new();
    home.trust();
    for registry in [home.registry_of(Vec::new()), home.loaded()] {
        let tracker = registry.tracker(&"faulty".parse().unwrap(), &json!({})).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert_eq!(tracker.get(GetIssue::new("panic")).await.unwrap_err().code, Code::PANIC);
            let left = tracker.get(GetIssue::new("deadline")).await.unwrap().body;
            assert!(left == "Some(29)" || left == "Some(30)", "the contract's 30 s, not {left}");
        });
    }
}

#[test]
fn a_deadline_of_the_users_ends_a_call() {
    let home = Home::new();
    home.trust();
    let deadlines = Deadlines::new([(Slot::Tracker, "get".to_owned(), Duration::from_millis(30))]);
    let registry = home.registry_of(vec![Candidate { deadlines, ..Candidate::plain(home.library.clone()) }]);
    let tracker = registry.tracker(&"faulty".parse().unwrap(), &json!({})).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(tracker.get(GetIssue::new("never"))).unwrap_err();
    assert_eq!(error.code, Code::TIMEOUT);
}

#[test]
fn equal_configurations_share_an_instance() {
    let home = Home::examples();
    let registry = home.registry_of(Vec::new());
    let instance = |config| registry.runtime(&"faulty".parse().unwrap(), &config).unwrap();
    let first = instance(json!({"at": "stream", "number": 1}));
    assert!(std::sync::Arc::ptr_eq(&first, &instance(json!({"number": 1, "at": "stream"}))));
    assert!(!std::sync::Arc::ptr_eq(&first, &instance(json!({"number": 2}))));
}

#[test]
fn an_untrusted_library_is_a_problem_and_everything_else_works() {
    let home = Home::examples();
    let registry = home.registry_of(vec![Candidate::plain(home.library.clone())]);
    let problems = registry.problems();
    let [problem] = problems.as_slice() else { panic!("one problem, not {problems:?}") };
    assert_eq!(problem.error.code, Code::UNTRUSTED);
    assert!(problem.to_string().contains("ao plugin trust"), "{problem}");
    assert_eq!(registry.entry(Slot::Tracker, &fixture()).unwrap().origin, Origin::LinkedIn);
}

#[test]
fn a_library_that_changed_since_it_was_trusted_is_not_used() {
    let home = Home::examples();
    home.trust();
    let mut bytes = fs_err::read(&home.library).unwrap();
    bytes.push(0);
    fs_err::remove_file(&home.library).unwrap();
    ao_host::world::files::write_atomic(&home.library, &bytes, 0o600).unwrap();
    let registry = home.registry_of(vec![Candidate::plain(home.library.clone())]);
    assert!(registry.problems()[0].to_string().contains("has changed since it was trusted"));
}

#[test]
fn a_pin_must_match() {
    let home = Home::examples();
    home.trust();
    let pinned = Candidate { pinned: Some("0".repeat(64)), ..Candidate::plain(home.library.clone()) };
    let registry = home.registry_of(vec![pinned]);
    assert!(registry.problems()[0].to_string().contains("is written down for it"));
}

#[test]
fn two_libraries_of_one_name_need_an_override() {
    let home = Home::examples();
    home.trust();
    let twin = home.scratch.path().join("libtwin.so");
    fs_err::copy(&home.library, &twin).unwrap();
    let plain = |path: &Utf8PathBuf| Candidate::plain(path.clone());
    let conflict = home.registry_of(vec![plain(&home.library), plain(&twin)]);
    let said = conflict.problems()[0].to_string();
    assert!(said.contains("libtwin.so") && said.contains("libao_plugin_fixture.so"), "{said}");
    let won = home.registry_of(vec![Candidate { overrides: true, ..plain(&twin) }, plain(&home.library)]);
    assert!(won.problems().is_empty(), "{:?}", won.problems());
    let Origin::Library { path, .. } = &won.entry(Slot::Scm, &fixture()).unwrap().origin else { panic!("linked in") };
    assert_eq!(path, &twin);
}

#[test]
fn what_nobody_has_is_told_with_what_there_is() {
    let registry = Home::examples().registry_of(Vec::new());
    let error = registry.entry(Slot::Tracker, &"linear".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "no tracker plugin is named `linear`; there are faulty, fixture, probe");
}
