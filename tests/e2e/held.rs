//! Messages that cannot be typed now: they are kept, told of, and delivered in their order once nothing is in the way.

use serde_json::Value;

use crate::follower::Detached;
use crate::studio::{Engine, Studio, said};

/// Lets a prompter go on.
fn go_on(studio: &Studio, id: &str) {
    let worktree = studio.worktree(id);
    fs_err::OpenOptions::new().write(true).create_new(true).open(worktree.join("go")).unwrap();
    studio.wait("it goes on", || !worktree.join("go").exists());
}

/// `ao send --json`, with its exit code.
fn send(studio: &Studio, id: &str, text: &str) -> (i32, Value) {
    let run = studio.world.ao(&["send", "--json", id, text]);
    (run.code(), run.json())
}

/// What stands in the way is respected: nothing is typed, and it is said why.
fn nothing_is_typed_meanwhile(engine: Engine) {
    let studio = Studio::new(engine);
    let id = studio.listen("prompter");
    for (obstacle, why) in [("ask", "waits for a decision"), ("draft", "a draft of somebody else's")] {
        let before = said(&studio, &id);
        assert_eq!(send(&studio, &id, obstacle).1["level"], "acked");
        let screen = if obstacle == "ask" { "Proceed? [y/N]" } else { "half a sentence" };
        studio.wait("it is shown", || studio.world.ao(&["session", "logs", &id]).stdout().contains(screen));

        let (code, first) = send(&studio, &id, "first");
        assert_eq!((code, &first["level"]), (75, &Value::from("queued")), "{first}");
        assert!(first["detail"].as_str().unwrap().contains(why), "{first}");
        let (code, again) = send(&studio, &id, "first");
        assert_eq!((code, &again["message"]), (75, &first["message"]), "the same command is the same message");
        let run = studio.world.ao(&["send", &id, "second"]);
        assert_eq!((run.code(), run.stdout().as_str()), (75, "queued\n"), "{run}");
        assert!(
            run.stderr().contains("a message before it is not delivered yet") && run.stderr().contains(why),
            "{run}"
        );

        let shown = studio.world.ao(&["session", "show", "--json", &id]).succeeds().json();
        let levels: Vec<_> =
            shown["messages"].as_array().unwrap().iter().map(|waiting| waiting["level"].as_str().unwrap()).collect();
        assert_eq!(
            (levels, &shown["messages"][0]["message"]),
            (vec!["queued", "queued"], &first["message"]),
            "{shown}"
        );

        // A human decides meanwhile; the sender waits for it.
        let waiting = studio.world.start(&["send", "--wait", &id, "third"]);
        go_on(&studio, &id);
        let waited = waiting.finish().succeeds();
        assert_eq!(waited.stdout(), "acked\n", "{waited}");
        assert_eq!(
            said(&studio, &id),
            [before, [obstacle, "first", "second", "third"].map(str::to_owned).to_vec()].concat()
        );
    }
}

/// Nobody has to send again: one pass of the host delivers what can be.
fn the_host_delivers_what_waited(engine: Engine) {
    let studio = Studio::new(engine);
    let id = studio.listen("prompter");
    send(&studio, &id, "ask");
    assert_eq!(send(&studio, &id, "later").0, 75);
    studio.world.ao(&["reconcile"]);
    assert_eq!(said(&studio, &id), ["ask"], "it is still asking");
    go_on(&studio, &id);
    studio.wait("it is delivered", || {
        studio.world.ao(&["reconcile"]);
        said(&studio, &id) == ["ask", "later"]
    });

    // What waits for an agent that is ended has failed, and is not sent to its next launch.
    send(&studio, &id, "ask");
    assert_eq!(send(&studio, &id, "too late").0, 75);
    studio.world.ao(&["session", "kill", &id]).succeeds();
    let failed = studio.world.ao(&["events", "--json", "--type", "message.failed"]).succeeds();
    assert_eq!(failed.stdout().lines().count(), 1, "{failed}");
}

#[test]
fn nothing_is_typed_meanwhile_in_a_pty() {
    nothing_is_typed_meanwhile(Engine::Pty);
}

#[test]
fn tmux_nothing_is_typed_meanwhile() {
    if Engine::Tmux.is_here("held::tmux_nothing_is_typed_meanwhile") {
        nothing_is_typed_meanwhile(Engine::Tmux);
    }
}

#[test]
fn the_host_delivers_what_waited_in_a_pty() {
    the_host_delivers_what_waited(Engine::Pty);
}

#[test]
fn tmux_the_host_delivers_what_waited() {
    if Engine::Tmux.is_here("held::tmux_the_host_delivers_what_waited") {
        the_host_delivers_what_waited(Engine::Tmux);
    }
}

/// A host that runs notices by itself, and is in nobody's way meanwhile.
#[test]
fn a_host_delivers_it_when_it_can() {
    let studio = Studio::new(Engine::Pty);
    let id = studio.listen("prompter");
    let _host = Detached::start(&studio.world);
    send(&studio, &id, "ask");
    for text in ["first", "second"] {
        assert_eq!(send(&studio, &id, text).0, 75);
    }
    go_on(&studio, &id);
    studio.wait("they are delivered", || said(&studio, &id) == ["ask", "first", "second"]);
    assert_eq!(studio.world.ao(&["send", "--wait", &id, "third"]).succeeds().stdout(), "acked\n");
    assert_eq!(said(&studio, &id), ["ask", "first", "second", "third"]);
}

/// What a terminal would cut is refused, with the way out; and that way works.
#[test]
fn a_line_that_is_too_long_is_sent_by_its_file() {
    let studio = Studio::new(Engine::Pty);
    let id = studio.listen("prompter");
    let text = "x".repeat(4096);
    let run = studio.world.ao(&["send", &id, &text]);
    assert_eq!(run.code(), 2, "{run}");
    assert!(run.stderr().contains("ao send --file"), "{run}");
    let (code, refused) = send(&studio, &id, &text);
    assert_eq!((code, &refused["level"]), (2, &Value::from("failed")), "{refused}");
    assert!(said(&studio, &id).is_empty(), "nothing was typed");

    let file = studio.world.file("task", &text);
    let sent = studio.world.ao(&["send", "--json", "--file", file.as_str(), &id]).succeeds().json();
    assert_eq!(sent["level"], "acked", "{sent}");
    let kept = sent["file"].as_str().unwrap();
    assert_eq!(fs_err::read_to_string(kept).unwrap(), text);
    assert_eq!(said(&studio, &id), [format!("Read the file {kept} and do what it says.")]);
    assert_eq!(studio.world.ao(&["send", &id, "the end"]).succeeds().stdout(), "acked\n");
}

/// Asks before it reads anything, and begins anew each time.
const SHY: &str = r#"printf 'Proceed? [y/N] '
while [ ! -e go ]; do sleep 0.02; done
rm go
exec sh "$1"
"#;

/// Its prompt waits for the answer; if the agent dies before, the next launch tells it, once.
#[test]
fn a_prompt_whose_agent_dies_before_it_is_told_once() {
    let studio = Studio::new(Engine::Pty);
    let file = |name: &str| Value::from(studio.world.path(name).as_str().replace('{', "{{").replace('}', "}}"));
    studio.world.file("shy.sh", SHY);
    let shy = format!(
        "shy: {{ plugin: command, argv: [sh, {}, {}], prompt: send, ready: ready, ask: 'Proceed.*', \
         draft: '^> ?(.*)\\z', transcript: {{ path: said }} }}",
        file("shy.sh"),
        file("prompter.sh")
    );
    studio.write_config(&studio.config("").replace("agents:\n", &format!("agents:\n  {shy}\n")));
    let run = studio.world.ao(&["spawn", "--agent", "shy", "--prompt", "mend it"]);
    let id = run.stdout().lines().last().unwrap_or_default().to_owned();
    assert!(format!("{run}").contains("asks before it takes its prompt"), "{run}");
    let child = studio.show(&id)["session"]["runtime"]["child"]["pid"].as_i64().expect("its process");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    studio.wait_for_status(&id, "dead");

    studio.world.ao(&["session", "restore", &id]);
    go_on(&studio, &id);
    // Each pass looks whether it is ready by now.
    studio.wait("it is told", || {
        studio.world.ao(&["reconcile"]);
        !said(&studio, &id).is_empty()
    });
    studio.world.ao(&["send", "--wait", &id, "and then"]).succeeds();
    assert_eq!(said(&studio, &id), ["mend it", "and then"]);
    assert_eq!(studio.show(&id)["session"]["prompt"]["delivery"], "acked");
}

/// What waits for an agent that is gone fails, and says so; it does not wait for ever.
#[test]
fn a_prompt_of_an_agent_that_has_ended_fails() {
    let studio = Studio::new(Engine::Pty);
    let ends = "ends: { plugin: command, argv: [sh, -c, \"printf 'Proceed? '; read x\"], prompt: send, ready: ready, \
                ask: 'Proceed.*', draft: '^> ?(.*)\\z' }";
    studio.write_config(&studio.config("").replace("agents:\n", &format!("agents:\n  {ends}\n")));
    let run = studio.world.ao(&["spawn", "--agent", "ends", "--prompt", "mend it"]);
    let id = run.stdout().lines().last().unwrap_or_default().to_owned();
    assert_eq!(studio.show(&id)["session"]["prompt"]["delivery"], "queued", "{run}");
    let child = studio.show(&id)["session"]["runtime"]["child"]["pid"].as_i64().expect("its process");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    studio.wait_for_status(&id, "dead");
    let late = studio.world.ao(&["send", &id, "are you there?"]);
    assert_eq!(late.code(), 1, "{late}");
    assert!(late.stderr().contains("has ended"), "{late}");
    assert_eq!(studio.show(&id)["session"]["prompt"]["delivery"], "failed");
}
