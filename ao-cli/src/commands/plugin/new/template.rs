//! The files of a new crate: pure text. Its source and its tests are those of examples, which are compiled and tested here,
//! under other names: `plugins/example-agent` for an agent, a file of `plugins/fixture` for everything else.

use ao_core::slots::Slot;

use super::name::CrateName;
use super::sdk::Sdk;

/// A file of the crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewFile {
    /// Where it stands below the crate's directory.
    pub(super) path: &'static str,
    /// What is in it.
    pub(super) text: String,
}

/// An example.
struct Example {
    source: &'static str,
    tests: &'static str,
    type_name: &'static str,
    /// The module that the tests import.
    module: &'static str,
    /// What it is called.
    name: &'static str,
    /// A program to try it with.
    program: Option<&'static str>,
}

macro_rules! examples {
    ($($Slot:ident $slot:literal;)*) => {
        const fn example(slot: Slot) -> Example {
            match slot {
                $(Slot::$Slot => Example {
                    source: include_str!(concat!("../../../../../plugins/fixture/src/", $slot, ".rs")),
                    tests: include_str!(concat!("../../../../../plugins/fixture/tests/it/", $slot, ".rs")),
                    type_name: concat!("Fixture", stringify!($Slot)),
                    module: concat!("ao_plugin_fixture::", $slot),
                    name: "fixture",
                    program: None,
                },)*
                Slot::Agent => Example {
                    source: include_str!("../../../../../plugins/example-agent/src/lib.rs"),
                    tests: include_str!("../../../../../plugins/example-agent/tests/conformance.rs"),
                    type_name: "ExampleAgent",
                    module: "ao_plugin_example_agent",
                    name: "example-agent",
                    program: Some(include_str!("../../../../../plugins/example-agent/program.sh")),
                },
            }
        }
    };
}

examples! {
    Runtime "runtime";
    Workspace "workspace";
    Tracker "tracker";
    Scm "scm";
    Notifier "notifier";
    Terminal "terminal";
}

/// What exports the examples of the library `fixture`, with a sentence for each.
const EXPORTS: &str = include_str!("../../../../../plugins/fixture/src/lib.rs");

/// The versions that this `ao` was tested with.
const LOCK: &str = include_str!("../../../../../Cargo.lock");

/// The files of a crate with one plugin.
pub(super) fn files(slot: Slot, name: &CrateName, sdk: &Sdk) -> Vec<NewFile> {
    let example = example(slot);
    let type_name = name.type_name(slot, example.source);
    let renamed = |text: &str| {
        let text = text.replace(example.module, &name.identifier());
        text.replace(example.type_name, &type_name).replace(example.name, name.as_str())
    };
    let mut source = renamed(example.source);
    if !source.contains("export_plugin! {") {
        let summary = summary(slot);
        source = format!("{source}\nexport_plugin! {{\n    /// {summary}\n    {slot} \"{name}\" => {type_name},\n}}\n");
    }
    let file = |path, text| NewFile { path, text };
    let mut files = vec![
        file("Cargo.toml", manifest(slot, name, sdk, &example)),
        file("Cargo.lock", lock()),
        file("README.md", readme(slot, name)),
        file("src/lib.rs", source),
        file("tests/conformance.rs", renamed(example.tests)),
        file(".gitignore", "/target\n".to_owned()),
    ];
    files.extend(example.program.map(|text| file("program.sh", renamed(text))));
    files
}

/// What the example library says of its plugin of a slot.
fn summary(slot: Slot) -> &'static str {
    let export = format!("{slot} \"fixture\" =>");
    let lines = || EXPORTS.lines().map(str::trim);
    let summary = lines().zip(lines().skip(1)).find(|(_, next)| next.starts_with(&export)).map(|(summary, _)| summary);
    summary.and_then(|line| line.strip_prefix("/// ")).unwrap_or("What it is for, in one line.")
}

fn manifest(slot: Slot, name: &CrateName, sdk: &Sdk, example: &Example) -> String {
    let tokio = if example.source.contains("use tokio::") {
        "tokio = { version = \"1\", features = [\"sync\"] }\n"
    } else {
        ""
    };
    let tempfile = if example.tests.contains("tempfile::") { "tempfile = \"3\"\n" } else { "" };
    format!(
        "\
[package]
name = \"{name}\"
version = \"0.1.0\"
description = \"A {slot} plugin for ao\"
edition = \"2024\"
rust-version = \"{}\"

[lib]
# `ao` loads the `cdylib`; tests, and programs that link the plugin in, use the `rlib`.
crate-type = [\"rlib\", \"cdylib\"]

[dependencies]
{}
schemars = \"1.2\"
serde = {{ version = \"1\", features = [\"derive\"] }}
{tokio}
[dev-dependencies]
{}
{tempfile}tokio = {{ version = \"1\", features = [\"macros\", \"rt\"] }}

# No `panic` in any profile: a panic becomes one failed call only while it unwinds, which is the default.

# A workspace of its own, so that the crate can stand inside of another repository.
[workspace]
",
        env!("CARGO_PKG_RUST_VERSION"),
        sdk.dependency(&[]),
        sdk.dependency(&["conformance"]),
    )
}

/// What to do with the library once it is built: `ao` with these arguments, and the file behind them.
const COMMANDS: &[&str] = &["plugin certify", "plugin add"];

/// The commands that lead from the new crate to a plugin in use.
pub(super) fn next_steps(name: &CrateName) -> Vec<String> {
    let library = name.library();
    let of_library = COMMANDS.iter().map(|command| format!("ao {command} target/release/{library}"));
    ["cargo test".to_owned(), "cargo build --release".to_owned()].into_iter().chain(of_library).collect()
}

fn readme(slot: Slot, name: &CrateName) -> String {
    let steps = next_steps(name).join("\n");
    let place = match slot {
        Slot::Agent => format!("agents:\n  {name}:\n    plugin: {name}\n    binary: /path/to/{name}/program.sh"),
        Slot::Runtime | Slot::Workspace | Slot::Tracker | Slot::Scm => {
            format!("defaults:\n  {slot}:\n    plugin: {name}")
        }
        Slot::Notifier => {
            format!("notifiers:\n  {name}:\n    plugin: {name}\ndefaults:\n  notifiers: [{name}]")
        }
        Slot::Terminal => format!("# this version has no key for a {slot}"),
    };
    let (program, guide) = match slot {
        Slot::Agent => (
            "`program.sh` is a program to try it\nwith, in the place of your agent's own. ",
            "`docs/plugins/agents.md`, beside `docs/plugins/README.md`,",
        ),
        _ => ("", "`docs/plugins/README.md`"),
    };
    format!(
        "\
# {name}

A {slot} plugin for `ao`.

```console
{steps}
```

Then, in `agent-orchestrator.yaml`:

```yaml
{place}
```

`src/lib.rs` is the plugin, `tests/conformance.rs` runs the {slot}'s contract against it. {program}`ao plugin inspect
{slot}/{name}` shows what `ao` knows of it. The author's guide is {guide} in the repository of `ao`.
"
    )
}

/// The lock file without the packages that are no registry's: those the new crate finds by itself. Cargo leaves out what
/// is not needed when it first writes the file.
fn lock() -> String {
    const HEAD: &str = "\n[[package]]\n";
    let mut parts = LOCK.split(HEAD);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for package in parts.filter(|package| package.lines().any(|line| line.starts_with("source = "))) {
        text.push_str(HEAD);
        text.push_str(package);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(slot: Slot, name: &str) -> Vec<NewFile> {
        files(slot, &name.parse().unwrap(), &Sdk::Git { url: "https://example.com/ao".to_owned(), rev: None })
    }

    fn text<'a>(files: &'a [NewFile], path: &str) -> &'a str {
        &files.iter().find(|file| file.path == path).unwrap().text
    }

    #[test]
    fn nothing_of_the_examples_names_is_left() {
        for slot in Slot::ALL {
            for file in made(*slot, "my-own").iter().filter(|file| file.path != "Cargo.lock") {
                let lower = file.text.to_lowercase();
                let names = ["fixture", "crate::", "example-agent", "example_agent", "exampleagent"];
                assert!(!names.iter().any(|name| lower.contains(name)), "{}", file.text);
                assert!(file.text.ends_with('\n') && !file.text.ends_with("\n\n"), "{}", file.path);
            }
        }
    }

    #[test]
    fn a_tracker_is_exported_and_tested_under_its_name() {
        let files = made(Slot::Tracker, "my-tracker");
        let source = text(&files, "src/lib.rs");
        assert!(source.contains("impl Plugin for MyTracker") && source.contains("impl Tracker for MyTracker"));
        let export =
            "export_plugin! {\n    /// Issues that live in memory.\n    tracker \"my-tracker\" => MyTracker,\n}\n";
        assert!(source.ends_with(export), "{source}");
        assert!(text(&files, "tests/conformance.rs").contains("use my_tracker::{Config, MyTracker};"));
    }

    #[test]
    fn an_agent_comes_whole_and_with_a_program() {
        let files = made(Slot::Agent, "my-own");
        let source = text(&files, "src/lib.rs");
        assert!(source.contains("impl Agent for MyOwnAgent") && source.contains(".join(\".my-own\")"));
        assert_eq!(source.matches("export_plugin! {").count(), 1);
        assert!(source.ends_with("    agent \"my-own\" => MyOwnAgent,\n}\n"), "{source}");
        assert!(text(&files, "tests/conformance.rs").contains("use my_own::MyOwnAgent;"));
        assert!(text(&files, "program.sh").contains("echo 'my-own 1.0.0'"));
        assert!(text(&files, "Cargo.toml").contains("\ntempfile = "));
    }

    #[test]
    fn only_the_runtime_depends_on_tokio_itself() {
        for slot in Slot::ALL {
            let files = made(*slot, "x");
            let dependencies = text(&files, "Cargo.toml").split("[dev-dependencies]").next().unwrap().to_owned();
            assert_eq!(dependencies.contains("tokio"), *slot == Slot::Runtime, "{dependencies}");
        }
    }

    #[test]
    fn the_lock_file_has_registry_packages_only() {
        let lock = lock();
        assert!(lock.starts_with("# This file is automatically @generated by Cargo."));
        assert!(lock.contains("name = \"serde\"") && !lock.contains("name = \"ao-"));
        let (packages, sources) = (lock.matches("[[package]]").count(), lock.matches("\nsource = ").count());
        assert_eq!(packages, sources);
    }
}
