//! What looks leave in the store: with a real store, and a world that stands still.

use std::time::Duration;

use ao_core::model::facts::{AgentFacts, End, EndKind, RuntimeFacts};
use ao_core::model::{ProcessId, ProjectName, SessionPrefix};
use ao_core::slots::agent::{Activity, ActivityState, Strength};
use ao_core::slots::runtime::RuntimeHandle;
use camino::Utf8PathBuf;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::failpoint::Failpoints;
use crate::store::{EventFilter, SqliteStore};
use crate::world::Places;
use crate::world::fake::{self, FakeWorld};

struct Desk {
    _directory: TempDir,
    fake: FakeWorld,
    sessions: Arc<Sessions>,
    book: Book,
    ids: Vec<SessionId>,
}

fn plugin(name: &str) -> PluginName {
    name.parse().unwrap()
}

impl Desk {
    /// So many sessions whose processes live, each told of as working.
    fn new(count: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        let fake = fake::world(1);
        let places = Places::resolve(&|name| (name == "AO_HOME").then(|| path.clone().into()), &path).unwrap();
        places.ensure().unwrap();
        let sessions = Arc::new(Sessions {
            store: Arc::new(SqliteStore::open(&places.state_db()).unwrap()),
            world: fake.world.clone(),
            places,
            failpoints: Failpoints::parse("").unwrap(),
            program: "/bin/ao".into(),
        });
        let epoch = sessions.store.take_epoch(&fake.world.proc.own().unwrap(), fake.world.now(), &[]).unwrap();
        let ids = (1..=count).map(|number| launch(&sessions, &fake.proc.start(number), &path)).collect();
        let book = Book::new(Arc::clone(&sessions), Fence::Epoch(epoch));
        let mut desk = Self { _directory: directory, fake, sessions, book, ids };
        let alive: Vec<_> = desk.ids.iter().map(|_| Liveness::Alive).collect();
        desk.look(&alive, Breadth::All);
        desk.book.take_written();
        desk
    }

    /// What the runtime says of the sessions, in their order; of those that come later it is not asked.
    fn look(&mut self, said: &[Liveness], breadth: Breadth) -> Next {
        let answers =
            self.ids.iter().zip(said).map(|(id, said)| (id.clone(), RuntimeObservation::new(id.clone(), said.clone())));
        self.book.runtimes(&plugin("tmux"), &answers.collect(), breadth).unwrap()
    }

    fn names(&self) -> Vec<StatusName> {
        let name = |id| self.book.status(&self.sessions.store.session(id).unwrap().unwrap()).name;
        self.ids.iter().map(name).collect()
    }

    fn reason(&self, index: usize) -> String {
        self.book.status(&self.sessions.store.session(&self.ids[index]).unwrap().unwrap()).reason
    }

    fn written(&mut self) -> Vec<String> {
        self.book.take_written().iter().map(|event| event.kind.as_str().to_owned()).collect()
    }
}

fn launch(sessions: &Sessions, process: &ProcessId, path: &Utf8PathBuf) -> SessionId {
    let (project, now) = ("app".parse::<ProjectName>().unwrap(), sessions.world.now());
    let prefix: SessionPrefix = "app".parse().unwrap();
    let session = sessions.store.reserve(&prefix, 1, &mut |id| {
        let mut session = Session::new(id.clone(), project.clone(), "/app", now);
        let handle = RuntimeHandle::new(plugin("tmux"), id.clone(), "key", json!({}));
        let mut runtime = RuntimeFacts::new(path.join(id.as_str()), handle, now);
        runtime.child = Some(process.clone());
        session.runtime = Some(runtime);
        session.agent = Some(AgentFacts::new(plugin("command"), plugin("fixer")));
        (session, Vec::new())
    });
    session.unwrap().id
}

fn dead() -> Liveness {
    Liveness::Dead { exit: None }
}

fn unknown() -> Liveness {
    Liveness::Unknown { why: "no answer".to_owned() }
}

#[test]
fn a_death_without_an_exit_status_is_looked_at_twice() {
    let mut desk = Desk::new(2);
    desk.fake.proc.end(1);
    assert_eq!(desk.look(&[dead()], Breadth::Some), Next::LookAtAll);
    assert_eq!(desk.names(), [StatusName::Detecting, StatusName::Working]);
    assert_eq!(desk.look(&[dead(), Liveness::Alive], Breadth::All), Next::Nothing);
    assert_eq!(desk.names(), [StatusName::Dead, StatusName::Working]);
    let events = desk.book.take_written();
    let last = events.last().unwrap();
    let Some(EventData::SessionStatusChanged(changed)) = last.typed() else { panic!("{last:?}") };
    assert_eq!((changed.from, changed.to), (Some(StatusName::Detecting), StatusName::Dead));
    let cause = events.iter().find(|event| last.causes.contains(&event.id)).unwrap();
    assert_eq!(cause.kind, EventKind::RuntimeProbeChanged);
    let stored = desk.sessions.store.events(&EventFilter::default()).unwrap();
    assert_eq!(stored.last().map(|event| &event.id), Some(&last.id), "what is told is stored");
}

#[test]
fn many_deaths_at_once_are_not_believed_and_told_once() {
    let mut desk = Desk::new(4);
    (1..=3).for_each(|pid| desk.fake.proc.end(pid));
    for _ in 0..3 {
        desk.look(&[dead(), dead(), dead(), Liveness::Alive], Breadth::All);
        desk.fake.clock.advance(Duration::from_secs(30));
    }
    assert_eq!(desk.names(), [StatusName::Stuck, StatusName::Stuck, StatusName::Stuck, StatusName::Working]);
    assert!(desk.reason(0).contains("3 of 4 sessions of `tmux` look dead at once"), "{}", desk.reason(0));
    let written = desk.written();
    assert_eq!(written.iter().filter(|kind| *kind == "host.mass_death_hold").count(), 1, "{written:?}");
    let [notice] = &desk.sessions.store.waiting_notices(9).unwrap()[..] else { panic!("a notice, and one") };
    assert_eq!(notice.title, "3 of 4 agents look dead at once; this is not believed");
    assert!(notice.priority == Priority::Urgent && desk.book.take_noticed() && !desk.book.take_noticed());
    // They were only hidden.
    desk.ids.iter().for_each(|id| {
        let number = desk.ids.iter().position(|other| other == id).unwrap();
        let process = desk.fake.proc.start(u32::try_from(number).unwrap() + 1);
        desk.sessions.change(id, |session| session.runtime.as_mut().unwrap().child = Some(process)).unwrap();
    });
    desk.look(&[Liveness::Alive, Liveness::Alive, Liveness::Alive, Liveness::Alive], Breadth::All);
    assert_eq!(desk.names(), [StatusName::Working; 4]);
}

#[test]
fn a_restart_of_the_machine_explains_every_death() {
    let mut desk = Desk::new(5);
    desk.fake.proc.reboot();
    let said = vec![dead(); 5];
    assert_eq!(desk.look(&said, Breadth::All), Next::Nothing);
    assert_eq!(desk.names(), [StatusName::Dead; 5]);
    assert!(desk.reason(4).contains("the machine was restarted"), "{}", desk.reason(4));
    assert!(!desk.written().contains(&"host.mass_death_hold".to_owned()));
}

#[test]
fn ten_thousand_looks_that_tell_nothing_kill_nobody() {
    let mut desk = Desk::new(10);
    (1..=10).for_each(|pid| desk.fake.proc.hide(pid, "no permission"));
    for round in 0..1000 {
        let said: Vec<_> = (0..10).map(|number| if (number + round) % 3 == 0 { dead() } else { unknown() }).collect();
        desk.look(&said, Breadth::All);
        assert!(desk.names().iter().all(|name| name.is_live()), "{:?}", desk.names());
        // The clock goes back and forth by hours.
        let hours = Duration::from_hours(u64::try_from(round % 7).unwrap());
        desk.fake.clock.advance(hours);
        if round % 5 == 0 {
            desk.fake.clock.set("2025-06-01T00:00:00Z".parse().unwrap());
        }
    }
}

#[test]
fn a_host_that_was_replaced_writes_nothing() {
    let mut desk = Desk::new(1);
    desk.sessions.store.take_epoch(&desk.fake.proc.start(99), desk.fake.world.now(), &[]).unwrap();
    desk.fake.proc.end(1);
    let answers = [(desk.ids[0].clone(), RuntimeObservation::new(desk.ids[0].clone(), dead()))].into();
    let error = desk.book.runtimes(&plugin("tmux"), &answers, Breadth::All).unwrap_err();
    assert!(matches!(error, crate::store::StoreError::Fenced { .. }), "{error:?}");
    assert_eq!(desk.names(), [StatusName::Working]);
    assert_eq!(desk.written(), Vec::<String>::new());
}

#[test]
fn after_a_start_nothing_is_told_again() {
    let mut desk = Desk::new(1);
    let mut seen = AgentObservation::new(desk.ids[0].clone());
    seen.activity = Some(Activity::new(ActivityState::Ready, "screen", Strength::Weak, desk.fake.world.now()));
    let answers: Answers<_> = [(desk.ids[0].clone(), seen)].into();
    desk.book.agents(&answers, desk.fake.world.now()).unwrap();
    assert_eq!(desk.written(), ["agent.activity_changed", "session.status_changed"]);
    let epoch = desk.sessions.store.host().unwrap().unwrap().epoch;
    let mut book = Book::new(Arc::clone(&desk.sessions), Fence::Epoch(epoch));
    book.derive(&desk.ids).unwrap();
    book.agents(&answers, desk.fake.world.now()).unwrap();
    assert_eq!(book.take_written(), []);
}

#[test]
fn what_was_told_last_is_found_by_its_place_in_the_log() {
    let mut desk = Desk::new(2);
    let hours = Duration::from_hours(5);
    // The host is gone, the clock is set back, and a command ends a session.
    let now = desk.fake.world.now();
    desk.fake
        .clock
        .set(ao_core::model::Timestamp::from_millis(now.as_millis() - i64::try_from(hours.as_millis()).unwrap()));
    let end = |session: &mut Session| session.end = Some(End::new(EndKind::Killed, desk.fake.world.now()));
    desk.sessions.change(&desk.ids[0], end).unwrap();
    let epoch = desk.sessions.store.host().unwrap().unwrap().epoch;
    let next = |desk: &Desk| {
        let mut book = Book::new(Arc::clone(&desk.sessions), Fence::Epoch(epoch));
        book.derive(&desk.ids).unwrap();
        book.take_written()
    };
    let told = next(&desk);
    let Some(EventData::SessionStatusChanged(changed)) = told[0].typed() else { panic!("{told:?}") };
    assert_eq!((told.len(), changed.from, changed.to), (1, Some(StatusName::Working), StatusName::Killed));
    assert!(told[0].timestamp < now, "the clock is behind what was told before");
    assert_eq!(next(&desk), [], "another start tells nothing");

    // The same beside a host: what a command changes is told once, by this one and by the next.
    let mut book = Book::new(Arc::clone(&desk.sessions), Fence::Epoch(epoch));
    book.derive(&desk.ids).unwrap();
    let end = |session: &mut Session| session.end = Some(End::new(EndKind::Done, desk.fake.world.now()));
    desk.sessions.change(&desk.ids[1], end).unwrap();
    book.derive(&desk.ids).unwrap();
    book.derive(&desk.ids).unwrap();
    assert_eq!(book.take_written().len(), 1);
    assert_eq!(next(&desk), []);
    desk.fake.clock.set(now);
    assert_eq!(next(&desk), []);
    assert_eq!(desk.written(), [""; 0]);
}
