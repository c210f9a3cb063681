//! Where libraries are looked for, and which of two wins: each step with real libraries.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::support::{World, built_library};

const FIXTURE: &str = "libao_plugin_fixture.so";

/// A world with four copies of the fixture library, each with other bytes and all of them trusted: in `listed`,
/// `named`, where installed ones are, and beside the program.
struct Places {
    world: World,
    program: Utf8PathBuf,
}

impl Places {
    fn new() -> Self {
        let world = World::new();
        let program = world.path("prefix/bin/ao");
        fs_err::create_dir_all(program.parent().unwrap()).unwrap();
        fs_err::copy(env!("CARGO_BIN_EXE_ao"), &program).unwrap();
        fs_err::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
        Self { world: world.variable("AO_PLUGIN_PATH", ""), program }
    }

    /// A trusted copy of the fixture library.
    fn library(&self, directory: &str, mark: u8) -> Utf8PathBuf {
        let library = self.world.library(&format!("{directory}/{FIXTURE}"), |bytes| bytes.push(mark));
        self.run(&["plugin", "trust", library.as_str()]);
        library
    }

    #[expect(clippy::disallowed_methods, reason = "the program beside the libraries is this copy of it")]
    fn run(&self, arguments: &[&str]) -> (String, String) {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.world.environment()).current_dir(self.world.path("app")).args(arguments);
        let named = self.world.path("named");
        let output = command.env("AO_PLUGIN_PATH", named.as_str()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(output.stderr));
        (text(output.stdout), text(output.stderr))
    }

    fn list(&self) -> Value {
        serde_json::from_str(&self.run(&["plugin", "list", "--json"]).0).unwrap()
    }

    /// The library that the tracker of the fixture comes from.
    fn winner(&self) -> Option<String> {
        let list = self.list();
        assert_eq!(list["problems"], Value::Array(Vec::new()));
        let rows = list["plugins"].as_array().unwrap().clone();
        let row = rows.iter().find(|row| row["slot"] == "tracker" && row["name"] == "fixture")?;
        Some(row["origin"]["path"].as_str().unwrap().replace(self.world.path("").as_str(), ""))
    }

    fn config(&self, text: &str) {
        self.world.file("app/agent-orchestrator.yaml", format!("version: 1\n{text}"));
        self.run(&["trust"]);
    }
}

#[test]
fn each_place_gives_way_to_the_one_before_it() {
    let places = Places::new();
    // Neither the checkout nor the current directory is a place.
    places.library("app", 0);
    places.library("app/plugins", 9);
    assert_eq!(places.winner(), None);
    places.library("prefix/lib/ao/plugins", 1);
    assert_eq!(places.winner().as_deref(), Some("prefix/lib/ao/plugins/libao_plugin_fixture.so"));
    places.library("ao/data/plugins/installed", 2);
    assert_eq!(places.winner().as_deref(), Some("ao/data/plugins/installed/libao_plugin_fixture.so"));
    places.library("named", 3);
    assert_eq!(places.winner().as_deref(), Some("named/libao_plugin_fixture.so"));
    let listed = places.library("listed", 4);
    places.config(&format!("plugins:\n  - path: {listed}\n"));
    assert_eq!(places.winner().as_deref(), Some("listed/libao_plugin_fixture.so"));
    places.config(&format!("plugins:\n  - {{ path: {listed}, enabled: false }}\n"));
    assert_eq!(places.winner().as_deref(), Some("named/libao_plugin_fixture.so"));
}

#[test]
fn a_library_takes_the_place_of_what_is_linked_in_and_that_is_shown() {
    let places = Places::new();
    let library = places.world.path(&format!("prefix/lib/ao/plugins/{}", built_library("git").file_name().unwrap()));
    places.world.file(
        library.strip_prefix(places.world.path("")).unwrap().as_str(),
        fs_err::read(built_library("git")).unwrap(),
    );
    places.run(&["plugin", "trust", library.as_str()]);
    let rows = places.list()["plugins"].clone();
    let row = rows.as_array().unwrap().iter().find(|row| row["name"] == "worktree").unwrap().clone();
    assert_eq!((&row["origin"]["kind"], &row["replaces"]["kind"]), (&"library".into(), &"linked_in".into()));
    let shown = places.run(&["plugin", "list"]).0;
    assert!(shown.contains("(replaces linked in)"), "{shown}");
}

#[test]
fn two_of_one_name_are_an_error_that_names_both_unless_one_is_said_to_win() {
    let places = Places::new();
    let first = places.world.library("one/libfirst.so", |bytes| bytes.push(1));
    let second = places.world.library("two/libsecond.so", |bytes| bytes.push(2));
    for library in [&first, &second] {
        places.run(&["plugin", "trust", library.as_str()]);
    }
    places.config(&format!("plugins:\n  - path: {first}\n  - path: {second}\n"));
    let problems = places.list()["problems"].clone();
    let said = problems[0]["message"].as_str().unwrap();
    assert!(said.contains(first.as_str()) && said.contains(second.as_str()), "{said}");
    assert!(said.contains("`override: true`"), "{said}");
    assert_eq!(problems[0]["code"], "conflict");
    for (overriding, other) in [(&first, &second), (&second, &first)] {
        places.config(&format!("plugins:\n  - {{ path: {overriding}, override: true }}\n  - path: {other}\n"));
        let winner = places.winner().expect("a tracker");
        assert!(overriding.ends_with(&winner), "{winner}");
    }
}
