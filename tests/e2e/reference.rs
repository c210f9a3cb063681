//! The generated pages of `docs/reference/` are what this `ao` prints, and what it prints is as they say.

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::support::World;

fn page(name: &str) -> String {
    let path = Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference")).join(name);
    fs_err::read_to_string(path).unwrap()
}

#[test]
fn the_pages_are_up_to_date() {
    let world = World::new();
    let again = "run `cargo xtask schema` and `cargo xtask docs`";
    // Not `assert_eq`: nobody reads two whole pages in a message.
    assert!(world.ao(&["config", "schema"]).stdout() == page("config.schema.json"), "{again}");
    assert!(world.ao(&["__docs"]).stdout() == page("cli.md"), "{again}");
    for (arguments, folder, ending) in
        [(&["__schemas"][..], "json", ".schema.json"), (&["__schemas", "events"], "events", ".json")]
    {
        for (name, schema) in world.ao(arguments).json().as_object().unwrap() {
            let checked_in: Value = serde_json::from_str(&page(&format!("{folder}/{name}{ending}"))).unwrap();
            assert!(*schema == checked_in, "{name}: {again}");
        }
    }
}

#[test]
fn what_is_printed_keeps_to_its_schema() {
    let world = World::new();
    world.library("app/libao_plugin_fixture.so", |_| {});
    world.file("app/agent-orchestrator.yaml", "version: 1\nplugins: [{ path: ./libao_plugin_fixture.so }]\n");
    for arguments in [
        &["config", "check"][..],
        &["config", "show"],
        &["plugin", "list"],
        &["trust"],
        &["plugin", "list"],
        &["plugin", "trust", "libao_plugin_fixture.so"],
        &["plugin", "list"],
        &["plugin", "inspect", "tracker/fixture"],
        &["plugin", "inspect", "./libao_plugin_fixture.so"],
        &["doctor"],
    ] {
        let words: Vec<_> = arguments.iter().copied().filter(|word| !word.contains(['/', '.'])).collect();
        let schema: Value = serde_json::from_str(&page(&format!("json/{}.schema.json", words.join("-")))).unwrap();
        let printed = world.json(arguments);
        let validator = jsonschema::validator_for(&schema).unwrap();
        let problems: Vec<_> = validator.iter_errors(&printed).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{arguments:?}: {problems:?}");
    }
}
