//! `ao plugin certify`, with a library that keeps the contract and with what it does when it is asked for trouble.

use serde_json::Value;

use crate::support::{Run, World, exists, replace};

const LIBRARY: &str = "./libao_plugin_fixture.so";

fn world() -> World {
    let world = World::new();
    world.library("app/libao_plugin_fixture.so", |_| {});
    world
}

/// Runs `ao plugin certify` on the fixture's tracker.
fn certify(world: &World, more: &[&str]) -> Run {
    world.ao(&[&["plugin", "certify", LIBRARY, "--slot", "tracker", "--limit", "10"], more].concat())
}

/// The failed checks of the only plugin, with what came.
fn failures(run: &Run) -> Vec<(String, String)> {
    let all = run.json();
    let checks = all["plugins"][0]["checks"].as_array().unwrap().iter();
    let failed = checks.filter(|check| check["outcome"]["kind"] == "failed");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    failed.map(|check| (text(&check["check"]), text(&check["outcome"]["came"]))).collect()
}

#[test]
fn every_plugin_of_a_good_library_keeps_the_contract_and_none_is_trusted() {
    let world = world();
    let run = world.ao(&["plugin", "certify", LIBRARY, "--set", "label=kit", "--sample", "issue=12", "--json"]);
    let report = run.succeeds().json();
    assert_eq!(report["kept"], true);
    let plugins = report["plugins"].as_array().unwrap();
    assert_eq!(plugins.len(), 7, "{report}");
    assert!(plugins.iter().all(|plugin| plugin["plugin"] == "fixture"));
    assert!(!exists(&world.path("ao/data/trust.toml")), "certifying trusts nothing");
    let list = world.json(&["plugin", "list"]);
    assert!(list["plugins"].as_array().unwrap().iter().all(|row| row["origin"]["kind"] == "linked_in"), "{list}");
    let copies = world.path("ao/data/plugins/by-hash");
    let kept = fs_err::read_dir(copies).unwrap().map(|copy| copy.unwrap().path().join("manifest.json").exists());
    assert!(kept.eq([false]), "the manifest of what is not trusted is not kept");
}

#[test]
fn a_report_for_people_and_one_for_ci() {
    let world = world();
    let run = certify(&world, &["--sample", "missing=missing", "--junit", "report.xml"]).succeeds();
    let out = run.stdout();
    for part in [
        "tracker.get.missing_is_not_found",
        "skipped tracker.get.answers_the_issue: needs the sample `.issue(…)` (`--sample issue=…`)",
        "the tracker plugin `fixture` keeps the contract",
        "libao_plugin_fixture.so keeps the contract",
    ] {
        assert!(out.contains(part), "{part}\n{run}");
    }
    let xml = fs_err::read_to_string(world.path("app/report.xml")).unwrap();
    assert!(xml.contains("<testsuite name=\"tracker/fixture\"") && xml.contains("failures=\"0\""), "{xml}");
}

#[test]
fn a_library_that_ends_the_process_fails_those_checks_and_the_others_go_on() {
    let run = certify(&world(), &["--sample", "missing=missing", "--sample", "slow=exit", "--json"]);
    assert_eq!(run.code(), 1, "{run}");
    let failed = failures(&run);
    let names: Vec<_> = failed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["call.deadline_ends_it", "call.slow_delays_nobody"]);
    assert_eq!(failed[0].1, "the process ended with exit code 7 (during `call.deadline_ends_it`)");
    let report = run.json();
    let checks = report["plugins"][0]["checks"].as_array().unwrap();
    assert!(
        checks
            .iter()
            .any(|check| check["check"] == "tracker.get.missing_is_not_found" && check["outcome"]["kind"] == "passed")
    );
}

#[test]
fn a_panic_and_an_issue_that_is_not_missing_are_found() {
    let failed = failures(&certify(&world(), &["--sample", "issue=panic", "--sample", "missing=12", "--json"]));
    let came = |name: &str| failed.iter().find(|(check, _)| check == name).map(|(_, came)| came.as_str());
    assert!(came("tracker.get.answers_the_issue").unwrap().contains("an issue that panics"), "{failed:?}");
    assert!(came("tracker.get.missing_is_not_found").unwrap().contains("Issue 12"), "{failed:?}");
}

#[test]
fn a_constructor_that_panics_or_refuses_is_a_failed_check() {
    for label in ["panic", "refuse"] {
        let run = certify(&world(), &["--set", &format!("label={label}"), "--json"]);
        assert_eq!(run.code(), 1, "{run}");
        assert!(failures(&run).iter().any(|(check, _)| check == "config.given_is_accepted"), "{run}");
    }
}

#[test]
fn what_is_asked_for_must_be_there() {
    let world = world();
    for (arguments, code, part) in [
        (&["--set", "label=x", "--set", "level=99"][..], 2, "`level`"),
        (&["--sample", "isue=12"], 2, "no check takes the sample `isue`; there are issue"),
        (
            &["--name", "acme"],
            1,
            "no plugin was asked for: the library `./libao_plugin_fixture.so` has runtime/fixture",
        ),
        (&["--sample", "effects=maybe"], 2, "`effects=yes`"),
        (&["--config", "gone.yaml"], 2, "cannot read the plugins' configuration"),
        (&["--sample", "issue"], 2, "`key=value`"),
    ] {
        let run = certify(&world, arguments);
        assert!(run.code() == code && run.stderr().contains(part), "{arguments:?}: {run}");
    }
}

#[test]
fn a_library_that_cannot_be_loaded_is_refused() {
    let world = World::new();
    world.library("app/libao_plugin_fixture.so", |bytes| replace(bytes, b"deadline_ms", b"deadline_xx"));
    let run = certify(&world, &[]);
    assert!(run.code() == 2 && run.stderr().contains("built with an incompatible plugin interface"), "{run}");
}

#[test]
fn a_run_without_time_says_what_is_missing() {
    // Each check that asks for the issue takes as long as a check may: together far more than there is.
    let run = certify(&world(), &["--sample", "issue=slow", "--timeout", "3", "--json"]);
    assert_eq!(run.code(), 1, "{run}");
    let failed = failures(&run);
    let all = run.json()["plugins"][0]["checks"].as_array().unwrap().len();
    let names: std::collections::BTreeSet<_> = failed.iter().map(|(check, _)| check).collect();
    assert!(names.contains(&"tracker.get.answers_the_issue".to_owned()) && all > 40, "{failed:?}");
    let (_, last) = failed.last().unwrap();
    assert_eq!(last, "the whole run of `libao_plugin_fixture.so` took more than 3 s (`--timeout`)");
}
