//! Completion in real shells: what is proposed, and that asking makes nothing and runs no plugin.

#![expect(clippy::disallowed_methods, reason = "tests look for shells, and note the missing ones")]

use crate::studio::{Engine, Studio};
use crate::support::{World, exists};

/// What bash proposes for a line; the last word is what is being typed.
fn bash(world: &World, words: &[&str]) -> Vec<String> {
    let program = env!("CARGO_BIN_EXE_ao");
    let script = r#"
source <("$0" completion bash) || exit 9
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_TYPE=9
_clap_complete_ao ao "${COMP_WORDS[COMP_CWORD]}" ""
printf '%s\n' "${COMPREPLY[@]}"
"#;
    // tidy: shell because it is bash that is asked
    let mut command = world.command("bash");
    command.args(["--norc", "--noprofile", "-c", script, program, "ao"]).args(words);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing is printed into the line");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// A world with the fixture library installed and a configuration.
fn world() -> World {
    let world = World::new();
    let library = world.library("lib/libao_plugin_fixture.so", |_| {});
    world.ao(&["plugin", "add", library.as_str()]).succeeds();
    world.file(
        "app/agent-orchestrator.yaml",
        "version: 1\nagents:\n  fast: { plugin: command, argv: [sh] }\nprojects:\n  app: { path: . }\n  api: { path: ../api }\n",
    );
    world
}

#[test]
fn bash_proposes_names() {
    let world = world();
    assert_eq!(bash(&world, &["plug"]), ["plugin"]);
    assert_eq!(bash(&world, &["spawn", "--project", ""]), ["api", "app"]);
    assert_eq!(bash(&world, &["spawn", "--agent", "f"]), ["fast", "fixture"]);
    assert_eq!(bash(&world, &["plugin", "inspect", "tracker/"]), ["tracker/fixture", "tracker/local"]);
    assert!(bash(&world, &["plugin", "inspect", "workspace/"]).contains(&"workspace/worktree".to_owned()));
    assert_eq!(bash(&world, &["plugin", "remove", ""])[0], "libao_plugin_fixture.so");
    let trusted = world.path("ao/data/plugins/installed/libao_plugin_fixture.so");
    assert!(bash(&world, &["plugin", "untrust", world.path("ao/data").as_str()]).contains(&trusted.into_string()));
    assert_eq!(bash(&world, &["completion", "ba"]), ["bash"]);
}

#[test]
fn bash_proposes_sessions() {
    let studio = Studio::new(Engine::Process);
    for _ in 0..2 {
        studio.spawn(&["--agent", "sleeper"]);
    }
    assert_eq!(bash(&studio.world, &["send", "app"]), ["app-2", "app-1"]);
    studio.world.ao(&["session", "kill", "app-1"]).succeeds();
    assert_eq!(bash(&studio.world, &["session", "kill", ""])[0], "app-2");
    assert!(!bash(&studio.world, &["session", "kill", ""]).contains(&"app-1".to_owned()));
    assert!(bash(&studio.world, &["session", "show", ""]).contains(&"app-1".to_owned()));
}

#[test]
fn asking_makes_nothing_runs_nothing_and_is_silent_about_errors() {
    let world = World::new();
    for line in [&["spawn", "--project", ""][..], &["send", ""], &["plugin", "remove", ""], &["plugin", "inspect", "t"]]
    {
        bash(&world, line);
    }
    assert!(!exists(&world.path("ao")), "nothing was made");

    // A library that is trusted by its hash and was never read would be loaded by anything that wants to know more.
    let library = world.library("lib/libao_plugin_fixture.so", |_| {});
    let hash = ao_host::hash::sha256(&fs_err::read(library).unwrap());
    let world = world.variable("AO_PLUGIN_PATH", "../lib").variable("AO_TRUST_PLUGINS", &hash);
    assert_eq!(bash(&world, &["plugin", "inspect", "tracker/"]), ["tracker/local"]);
    assert!(!exists(&world.path("ao")), "no copy was made");

    world.file("app/agent-orchestrator.yaml", "version: [\n");
    world.file("ao/data/trust.toml", "broken");
    world.file("ao/state/state.db", "broken");
    for line in [&["spawn", "--project", ""][..], &["send", ""], &["plugin", "untrust", "z"], &["spawn", "--agent", ""]]
    {
        bash(&world, line);
    }
}

#[test]
fn every_shell_has_a_script() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.ao(&["completion", shell]).succeeds().stdout();
        assert!(script.contains("AO_COMPLETE") && script.contains("ao"), "{shell}: {script}");
    }
    assert_eq!(world.ao(&["completion", "csh"]).code(), 2);
    let answer = world.ao_with(&["--", "ao", ""], &[("AO_COMPLETE", "csh")]);
    assert_eq!((answer.code(), answer.stdout().as_str(), answer.stderr().as_str()), (1, "", ""));
    let ordinary = world.ao_with(&["status"], &[("AO_COMPLETE", "bash")]);
    assert!(ordinary.stdout().contains("no session"), "only a question of a shell is answered: {ordinary}");
}

/// Whether a shell is here. If not, that is said, and the test has nothing to do.
fn is_here(shell: &str, test: &str) -> bool {
    if std::process::Command::new(shell).arg("--version").output().is_ok() {
        return true;
    }
    if let Some(file) = std::env::var_os("AO_TEST_SKIPS") {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        file.write_all(format!("{shell}\tcompletion::{test}\t{shell} is not installed\n").as_bytes()).unwrap();
    }
    false
}

#[test]
fn zsh_takes_its_script() {
    if !is_here("zsh", "zsh_takes_its_script") {
        return;
    }
    let script = r#"
compdef() { registered=$1 }
source <("$0" completion zsh) || exit 9
print $registered
"#;
    // tidy: shell because it is zsh that is asked
    let output = world().command("zsh").args(["-f", "-c", script, env!("CARGO_BIN_EXE_ao")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "_clap_dynamic_completer_ao");
}

#[test]
fn fish_proposes_names() {
    if !is_here("fish", "fish_proposes_names") {
        return;
    }
    let world = world();
    let script = format!("{} completion fish | source; complete -C 'ao spawn --project a'", env!("CARGO_BIN_EXE_ao"));
    let output = world.command("fish").args(["--no-config", "-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = text.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(names, ["api", "app"], "{}", String::from_utf8_lossy(&output.stderr));
}
