//! The event log as a user reads it, and why something is as it is.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use ao_core::lifecycle::StatusName;
use ao_core::model::Timestamp;
use ao_core::model::event::{EVENT_VERSION, Event, EventData, SessionKilled, StatusChanged};
use ao_host::store::{Archives, EventFilter, Fence, Reader, Retention, SqliteStore, Store};
use ao_host::world::{World as HostWorld, files};
use camino::Utf8PathBuf;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::studio::{Engine, Studio, in_every_engine};
use crate::support::{Run, World};

/// The events of a run with `--json`.
fn lines(run: &Run) -> Vec<Value> {
    run.stdout()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Fails unless an event is as the schema of its type says.
fn validate(event: &Value) {
    let kind = event["type"].as_str().unwrap();
    let path = format!("{}/../docs/reference/events/{kind}.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap();
    let problems: Vec<_> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(event).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{event}: {problems:?}");
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

in_every_engine! {
    /// What the store wrote on the way keeps to the schemas.
    fn a_sessions_life_is_in_the_log(engine: Engine) {
        let studio = Studio::new(engine);
        let id = studio.listen("listener");
        studio.world.ao(&["send", &id, "hello"]).succeeds();
        studio.world.ao(&["status", "--refresh"]).succeeds();
        studio.world.ao(&["session", "kill", &id]).succeeds();
        studio.configure("    postCreate: [[sh, -c, \"exit 7\"]]\n");
        assert_ne!(studio.world.ao(&["spawn"]).code(), 0);
        let events = lines(&studio.world.ao(&["events", "--json"]).succeeds());
        events.iter().for_each(validate);
        let types = types(&events);
        for wanted in ["session.requested", "session.spawned", "message.queued", "message.submitted", "session.killed", "session.errored"] {
            assert!(types.contains(&wanted), "{wanted} is not in {types:?}");
        }
        let sequences: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
        assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());

        let text = studio.world.ao(&["events", "--type", "session.requested,session.killed", "--session", &id]).succeeds().stdout();
        let text: Vec<_> = text.lines().collect();
        assert!(text.len() == 2 && text[0].contains("agent listener in app") && text[1].contains("session.killed"), "{text:?}");
        let group = lines(&studio.world.ao(&["events", "--json", "--type", "message.", "--limit", "1"]).succeeds());
        assert!(group.len() == 1 && group[0]["type"].as_str().unwrap().starts_with("message."), "{group:?}");
        assert_eq!(lines(&studio.world.ao(&["events", "--json", "--since", "1h"])).len(), events.len());
        assert!(lines(&studio.world.ao(&["events", "--json", "--since", "2999-01-01T00:00:00Z"])).is_empty());

        let why = studio.world.json(&["why", &id]);
        assert_eq!((&why["session"]["status"]["name"], &why["chain"][0]["part"]), (&"killed".into(), &"recent".into()));
        let why = studio.world.ao(&["why", "1"]).succeeds().stdout();
        assert!(why.starts_with("> #1 session.requested at "), "{why}");
    }
}

/// A world with a log that the test writes itself.
struct Log {
    world: World,
    outside: HostWorld,
    db: Utf8PathBuf,
}

impl Log {
    fn new() -> Self {
        let world = World::new();
        let db = world.path("ao/state/state.db");
        Self { world, outside: HostWorld::system(), db }
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.db).unwrap()
    }

    fn event(&self, why: &str) -> Event {
        self.outside.event(None, EventData::SessionKilled(SessionKilled::new(why)))
    }

    fn append(&self, events: &[Event]) {
        self.store().append(Fence::None, events).unwrap();
    }

    fn follow(&self, arguments: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_ao"));
        command.args(["events", "--follow"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        (child, lines)
    }
}

fn line(lines: &mut impl BufRead) -> String {
    let mut text = String::new();
    lines.read_line(&mut text).unwrap();
    text
}

#[test]
fn who_follows_sees_what_others_write_and_ends_when_asked() {
    let log = Log::new();
    log.append(&[log.event("before")]);
    let (mut child, mut lines) = log.follow(&["--json"]);
    assert!(line(&mut lines).contains("before"));
    for number in 0..20 {
        log.append(&[log.event(&format!("number {number}"))]);
        let text = line(&mut lines);
        assert!(text.contains(&format!("number {number}")), "{text}");
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(line(&mut lines), "", "there was nothing more to say");
}

#[test]
fn who_follows_what_is_not_there_yet_sees_it_come() {
    let log = Log::new();
    let (mut child, mut lines) = log.follow(&["--type", "session."]);
    log.append(&[log.event("the first")]);
    assert!(line(&mut lines).contains("the first"));
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn who_follows_ends_when_nobody_reads() {
    let log = Log::new();
    log.append(&[log.event("the only one")]);
    let (mut child, mut lines) = log.follow(&[]);
    assert!(line(&mut lines).contains("the only one"));
    drop(lines);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn what_others_wrote_does_nothing_to_the_terminal() {
    let log = Log::new();
    log.append(&[log.event("\u{1b}]0;title\u{7}red \u{1b}[31mtext\nsecond line")]);
    let text = log.world.ao(&["events"]).succeeds().stdout();
    assert!(text.ends_with("red text second line\n") && text.lines().count() == 1, "{text:?}");
}

#[test]
fn a_wrong_type_is_told_what_there_is() {
    let run = World::new().ao(&["events", "--type", "session.kiled"]);
    assert!(run.code() == 2 && run.stderr().contains("session.killed"), "{run}");
}

#[test]
fn why_shows_what_led_to_it_and_what_came_of_it() {
    let log = Log::new();
    let root = log.event("root");
    let other = log.event("other root");
    let changed = |to| EventData::SessionStatusChanged(StatusChanged::new(to, "because", "exit"));
    let middle = log.outside.event(None, changed(StatusName::Dead)).caused_by(&root).caused_by(&other);
    let aside = log.event("aside").caused_by(&root);
    let below_aside = log.event("below aside").caused_by(&aside);
    let below = log.event("below").caused_by(&middle);
    let mut leaf = log.event("leaf").caused_by(&below);
    leaf.causes.push("01AAAAAAAAAAAAAAAAAAAAAAAA".to_owned());
    log.append(&[root, other, middle.clone(), aside, below_aside, below, leaf.clone()]);
    let text = log.world.ao(&["why", "3"]).succeeds().stdout();
    let text: Vec<_> = text.lines().map(|line| line.split(" at 2").next().unwrap()).collect();
    assert_eq!(
        text,
        [
            "- #1 session.killed",
            "  > #3 session.status_changed",
            "    - #6 session.killed",
            "      - #7 session.killed",
            "  - #4 session.killed",
            "- #2 session.killed",
            "  - #3 session.status_changed (see above)",
        ]
    );
    let json = log.world.json(&["why", &leaf.id]);
    let missing = json["chain"].as_array().unwrap().iter().find(|link| link["part"] == "missing").unwrap();
    assert_eq!((&missing["id"], &missing["event"]), (&"01AAAAAAAAAAAAAAAAAAAAAAAA".into(), &Value::Null));
    for unknown in ["99", "01BBBBBBBBBBBBBBBBBBBBBBBB", "app-9"] {
        let run = log.world.ao(&["why", unknown]);
        assert!(run.code() == 1 && run.stderr().contains(unknown), "{run}");
    }
}

#[test]
fn causes_in_a_circle_come_to_an_end() {
    let log = Log::new();
    let (mut first, mut second) = (log.event("first"), log.event("second"));
    first.causes = vec![second.id.clone(), first.id.clone()];
    second.causes = vec![first.id.clone()];
    log.append(&[first, second]);
    let text = log.world.ao(&["why", "2"]).succeeds().stdout();
    assert!(
        text.starts_with("- #1 ") && text.contains("\n  > #2 ") && text.contains("#1 session.killed (see above)"),
        "{text}"
    );
}

#[test]
fn a_damaged_archive_is_named_and_the_rest_is_shown() {
    let log = Log::new();
    let mut events: Vec<_> = (0..3).map(|number| log.event(&format!("number {number}"))).collect();
    for event in &mut events {
        event.timestamp = ao_core::model::Timestamp::from_millis(0);
    }
    assert_eq!(events[0].version, EVENT_VERSION);
    log.append(&events);
    let directory = log.world.path("ao/state/events");
    log.store().archive_events(Fence::None, &directory, &Retention::default(), log.outside.now()).unwrap();
    assert_eq!(log.store().events(&EventFilter::default()).unwrap(), []);
    log.append(&[log.event("of now")]);
    let path = directory.join("1-3.ndjson");
    let text = fs_err::read_to_string(&path).unwrap().replacen("number 1", "number \" 1", 1);
    files::write_atomic(&path, text.as_bytes(), files::PRIVATE_FILE).unwrap();
    let run = log.world.ao(&["events"]).succeeds();
    let shown: Vec<_> = run.stdout().lines().map(|line| line.rsplit("  ").next().unwrap().to_owned()).collect();
    assert_eq!(shown, ["number 0", "number 2", "of now"]);
    assert!(run.stderr().contains("1-3.ndjson:2 cannot be read"), "{run}");
}

#[test]
fn a_host_moves_what_is_old_or_too_much_into_files() {
    let log = Log::new();
    let mut events: Vec<_> = (0..10).map(|number| log.event(&format!("number {number}"))).collect();
    for event in &mut events[..4] {
        event.timestamp = Timestamp::from_millis(event.timestamp.as_millis() - 10 * 24 * 3_600_000);
    }
    log.append(&events);
    let archives = |limits: &str| {
        let text = format!("version: 1\nevents: {{ {limits} }}\nprojects: {{ app: {{ path: . }} }}\n");
        log.world.file("app/agent-orchestrator.yaml", &text);
        log.world.ao(&["trust"]).succeeds();
        log.world.ao(&["start", "--once"]).succeeds();
        let files = Archives::new(log.world.path("ao/state/events")).files().unwrap();
        files.into_iter().map(|file| (file.first, file.last)).collect::<Vec<_>>()
    };
    assert_eq!(archives("keepDays: 30"), [], "as unset");
    assert_eq!(archives("keepDays: 9"), [(1, 4)]);
    // By now each of the two hosts has told of its start and its end, and the third of its start.
    assert_eq!(archives("keepRows: 3"), [(1, 4), (5, 12)]);
    let shown = lines(&log.world.ao(&["events", "--json"]).succeeds());
    let sequences: Vec<_> = shown.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=16).collect::<Vec<_>>(), "read as one log");
}

#[test]
fn a_damaged_database_is_named_and_left_alone() {
    let log = Log::new();
    let events: Vec<_> = (0..2000).map(|number| log.event(&format!("number {number}"))).collect();
    log.append(&events);
    let database = rusqlite::Connection::open(&log.db).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(database);
    let whole = fs_err::read(&log.db).unwrap();
    let middle = whole.len() / 4..whole.len() / 4 * 3;
    let mut overwritten = whole.clone();
    overwritten[middle.clone()].fill(0xa5);
    for damaged in [overwritten, whole[..middle.start].to_vec(), b"this is a text file\n".repeat(500)] {
        files::write_atomic(&log.db, &damaged, files::PRIVATE_FILE).unwrap();
        for arguments in [&["events", "--since", "1d"][..], &["events", "--follow", "--since", "1d"]] {
            let run = log.world.ao(arguments);
            let said = run.stderr();
            assert!(run.code() == 1 && said.contains("state.db") && said.contains("is damaged"), "{run}");
            assert!(said.contains("ao doctor --rebuild"), "{run}");
        }
        assert_eq!(fs_err::read(&log.db).unwrap(), damaged);
    }
}
