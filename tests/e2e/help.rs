//! Help, the version, and command lines that are wrong.

use insta::assert_snapshot;

use crate::support::World;

#[test]
fn no_command_is_answered_with_help_on_stderr() {
    let run = World::new().ao(&[]);
    assert_eq!((run.code(), run.stdout().as_str()), (2, ""));
    assert!(run.stderr().contains("Set up:\n  init"), "{run}");
}

#[test]
fn help_goes_to_stdout_in_groups() {
    let run = World::new().ao(&["--help"]);
    assert_eq!((run.code(), run.stderr().as_str()), (0, ""));
    for heading in ["Usage: ao", "Set up:", "Configuration and plugins:", "Options:"] {
        assert!(run.stdout().contains(heading), "{heading}: {run}");
    }
    assert!(!run.stdout().contains("__"), "a hidden command is shown: {run}");
    assert!(!run.stdout().contains('\u{1b}'), "colours in a pipe: {run}");
}

#[test]
fn the_version_needs_nothing() {
    let run = World::new().variable("HOME", "").variable("AO_HOME", "relative").ao(&["--version"]);
    assert_eq!((run.code(), run.stdout()), (0, format!("ao {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_wrong_command_is_a_usage_error() {
    assert_snapshot!(World::new().ao(&["plugn"]), @r"
    $ ao plugn
    --- stderr
    error: unrecognized subcommand 'plugn'

      tip: a similar subcommand exists: 'plugin'

    Usage: ao [OPTIONS] <COMMAND>

    For more information, try '--help'.
    --- exit 2
    ");
    assert_snapshot!(World::new().ao(&["config", "check", "--jsn"]), @r"
    $ ao config check --jsn
    --- stderr
    error: unexpected argument '--jsn' found

      tip: a similar argument exists: '--json'

    Usage: ao config check --json [PATH]

    For more information, try '--help'.
    --- exit 2
    ");
}

#[test]
fn an_ao_home_that_cannot_be_used_is_named() {
    assert_snapshot!(World::new().variable("AO_HOME", "here").ao(&["trust"]), @r"
    $ ao trust
    --- stderr
    error: the environment variable `AO_HOME` is not an absolute path; write one, such as `AO_HOME=$PWD/ao-home`
    --- exit 2
    ");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let world = World::new();
    let mut command = world.command(env!("CARGO_BIN_EXE_ao"));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.args(["config", "schema"]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_log_is_off_until_it_is_asked_for() {
    let world = World::with_config("version: 1\n");
    assert_eq!(world.ao(&["trust"]).stderr(), "");
    assert_snapshot!(world.variable("AO_LOG", "a=b=c").ao(&["trust"]), @r#"
    $ ao trust
    --- stderr
    error: `AO_LOG` cannot be read: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5
    --- exit 2
    "#);
}
