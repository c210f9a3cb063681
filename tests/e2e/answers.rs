//! Questions of agents, shown and answered from the command line.

use serde_json::{Value, json};

use crate::studio::{Engine, Studio, in_every_engine};

/// Asks twice, and writes down what it is told.
const ASKER: &str = "printf 'Delete everything? [y/n] '\nread first\nprintf 'Really? [y/n] '\nread second\n\
                     printf '%s,%s' \"$first\" \"$second\" > answers\nprintf '\\ndone\\n'\nsleep 1000000\n";

in_every_engine! {
    fn a_question_is_shown_and_answered(engine: Engine) {
        let studio = Studio::new(engine);
        let asker = Value::from(studio.world.file("asker.sh", ASKER).as_str().replace('{', "{{").replace('}', "}}"));
        let asker = format!(
            "asker: {{ plugin: command, argv: [sh, {asker}], ask: '\\S+\\? \\[y/n\\]', \
             answers: {{ allow_once: \"y\\n\", reject_once: \"n\\n\" }} }}"
        );
        studio.write_config(&studio.config("").replace("agents:\n", &format!("agents:\n  {asker}\n")));
        let id = studio.spawn(&["--agent", "asker"]);
        let answer = |rest: &[&str]| studio.world.ao(&[&["answer", id.as_str()], rest].concat());
        studio.wait("it asks", || answer(&[]).stdout().contains("everything? [y/n]"));
        let shown = answer(&["--json"]).succeeds().json();
        assert_eq!(shown["ask"]["options"][0], json!({"answer": "allow_once", "label": "types y and Enter"}));
        let first = shown["ask"]["id"].as_str().unwrap();

        let agent = studio.world.ao_with(&["answer", &id, "yes"], &[("AO_SESSION_ID", "app-9")]);
        assert!(agent.code() == 1 && agent.stderr().contains("a human decides those"), "{agent}");
        let wrong = answer(&["perhaps"]);
        assert_eq!(wrong.code(), 2, "{wrong}");
        assert!(wrong.stderr().contains("`allow_once`, `reject_once`"), "{wrong}");
        assert!(answer(&["yes", "--ask", first]).succeeds().stdout().contains("answered: allow_once"));
        studio.wait("it asks the next", || answer(&[]).stdout().contains("Really?"));
        let late = answer(&["yes", "--ask", first]);
        assert_eq!(late.code(), 1, "{late}");
        assert!(late.stderr().contains("asks something else by now"), "{late}");
        answer(&["no"]).succeeds();
        let told = studio.worktree(&id).join("answers");
        studio.wait("it goes on", || std::fs::read_to_string(&told).is_ok_and(|told| told == "y,n"));
        let log = studio.world.ao(&["events", "--type", "agent.answered"]).succeeds().stdout();
        let told: Vec<_> = log.lines().filter(|line| line.contains("agent.answered")).collect();
        assert_eq!(told.len(), 2, "{log}");
        let words = "allow_once (types y and Enter), to: ";
        assert!(told[0].contains(words) && told[0].contains("everything? [y/n]"), "{log}");
        assert!(told[1].contains("reject_once") && told[1].contains("Really? [y/n]"), "{log}");
        let none = answer(&["yes"]);
        assert_eq!((none.code(), answer(&[]).stdout()), (1, format!("{id} asks nothing\n")), "{none}");
    }
}

#[test]
fn what_can_be_given_to_sessions_is_listed() {
    let studio = Studio::new(Engine::Process);
    let gone = "gone: { plugin: command, argv: [no-such-program] }";
    studio.write_config(&studio.config("").replace("agents:\n", &format!("agents:\n  {gone}\n")));
    let list = studio.world.json(&["agent", "list"]);
    let of = |name: &str| list["agents"].as_array().unwrap().iter().find(|agent| agent["name"] == name).cloned();
    let (worker, gone) = (of("worker").unwrap(), of("gone").unwrap());
    assert_eq!((&worker["state"], &worker["projects"]), (&json!("usable"), &json!(["app"])), "{list}");
    assert_eq!((&gone["state"], &gone["projects"]), (&json!("missing"), &json!([])), "{list}");
    let shown = studio.world.ao(&["agent", "list"]).succeeds().stdout();
    assert!(shown.starts_with("NAME") && shown.contains("missing"), "{shown}");
}

#[test]
fn a_hook_says_nothing_whatever_it_is_given() {
    let studio = Studio::new(Engine::Process);
    let spool = studio.world.path("spool");
    fs_err::create_dir(&spool).unwrap();
    let hook = |arguments: &[&str], spool: &str| {
        let run = studio.world.ao_with(&[&["__hook"], arguments].concat(), &[("AO_SPOOL", spool)]);
        assert_eq!((run.code(), run.stdout(), run.stderr()), (0, String::new(), String::new()), "{run}");
    };
    hook(&["Stop", r#"{"a": 1}"#], spool.as_str());
    for (arguments, spool) in [
        (["Stop", "{}"], "/no/such/place"),
        (["../Stop", "{}"], spool.as_str()),
        (["report", "{}"], spool.as_str()),
        (["a b", "{}"], spool.as_str()),
    ] {
        hook(&arguments, spool);
    }
    // It needs nothing: no home, no directory that is there, no words that it knows.
    let gone = studio.world.path("gone");
    fs_err::create_dir(&gone).unwrap();
    let call = "rmdir \"$PWD\" && exec \"$AO\" __hook Stop - --no-such-option \"$(printf '\\377')\"";
    // tidy: shell because its directory has to go away before the program begins
    let mut command = studio.world.command("sh");
    command.args(["-c", call]).current_dir(&gone).env_remove("HOME").env("AO", env!("CARGO_BIN_EXE_ao"));
    let output = command.env("AO_SPOOL", "/no/such/place").env("AO_LOG", "=&%").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(0), 0, 0), "{output:?}");
    let left: Vec<_> = spool.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs_err::read_to_string(&left[0]).unwrap(), r#"{"a": 1}"#);
}
