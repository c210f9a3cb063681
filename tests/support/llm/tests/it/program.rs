//! The program for use by hand.

#![expect(clippy::disallowed_methods, reason = "this is about a program")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{client, messages};

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ao-scripted-llm"));
    program.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

#[test]
fn it_says_where_it_is_and_what_it_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.yaml");
    let rules = b"rules: [{on: please, reply: [{say: of course}]}]\n";
    fs_err::OpenOptions::new().create_new(true).write(true).open(&script).unwrap().write_all(rules).unwrap();
    let mut child = program().arg("--script").arg(&script).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    let ask = client().post(url + "/v1/messages").send(messages("please", false).to_string());
    let answer: Value = serde_json::from_str(&ask.unwrap().body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(answer["content"][0]["text"], "of course");
    let mut line = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let (asked, ended) = (line(), line());
    assert_eq!((&asked["event"], &asked["request"]["user"]), (&json!("asked"), &json!("please")));
    assert_eq!(asked["request"].get("body"), None, "not without --bodies");
    assert_eq!((&ended["event"], &ended["number"]), (&json!("ended"), &json!(1)));
    assert!(ended["outcome"]["answered"]["input"].as_u64().is_some(), "{ended}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_script_that_cannot_be_read_is_said() {
    let output = program().args(["--script", "/no/such/file.yaml"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.starts_with("ao-scripted-llm: ") && said.contains("/no/such/file"),
        "{said}"
    );
}
