//! Looks at pull requests.

use ao_core::Error;
use ao_core::slots::scm::{
    Check, CheckState, PullFound, PullObservation, PullRef, PullSnapshot, PullState, PullTarget, Snapshot,
};

use super::*;

const TWO: &str = "  app: { path: ., repo: acme/app, scm: SCM }\n  lib: { path: ./lib, repo: acme/lib, scm: SCM }\n  \
                   bare: { path: ./bare }\n";
const TICK: Duration = Duration::from_secs(30);

/// Every session has this pull request.
fn all_have(snapshot: PullSnapshot) -> impl Fn(&ao_core::slots::scm::SnapshotRequest) -> ao_core::Result<Snapshot> {
    move |request| {
        let found = PullFound::Found { snapshot: Box::new(snapshot.clone()) };
        let of = |target: &PullTarget| PullObservation::new(target.session.clone(), found.clone());
        let mut reply = Snapshot::new(request.targets.iter().map(of).collect::<Vec<_>>());
        reply.known = Some(format!("seen {}", request.repository));
        Ok(reply)
    }
}

fn open(number: u64) -> PullSnapshot {
    PullSnapshot::new(PullRef::new(number), PullState::Open, "head")
}

/// Which repositories were asked for, about how many sessions, since this was last asked.
fn asked(desk: &Desk) -> Vec<(String, usize)> {
    let asked = std::mem::take(&mut desk.script().asked_snapshots);
    asked.into_iter().map(|request| (request.repository, request.targets.len())).collect()
}

#[tokio::test]
async fn one_call_a_repository_for_all_sessions() {
    let desk = Desk::new(&["app", "lib", "app", "bare", "app"], TWO);
    let mut engine = desk.engine().await;
    let both = [("acme/app".to_owned(), 3), ("acme/lib".to_owned(), 1)];
    assert_eq!(asked(&desk), both);
    engine.pass(&desk, TICK / 2).await;
    assert_eq!(asked(&desk), []);
    let mut looked = Duration::ZERO;
    for _ in 0..3 {
        looked = engine.elapsed() + TICK;
        engine.pass(&desk, TICK).await;
        assert_eq!(asked(&desk), both);
    }
    let hint = |index: usize| Wake::Pull(desk.ids[index].clone());
    engine.heed([hint(0), hint(2)].into()).unwrap();
    let due = engine.queue.next(|(facet, id)| *facet == Facet::Pull && *id == desk.ids[0]);
    assert!(due.unwrap() >= looked + Duration::from_secs(2), "not again so soon: {due:?}");
    engine.pass(&desk, Duration::from_secs(3)).await;
    assert_eq!(asked(&desk), [("acme/app".to_owned(), 2)]);
    assert_eq!(engine.unavailable.len(), 0, "{:?}", engine.unavailable);
}

#[tokio::test]
async fn without_a_repo_the_scm_is_asked_about_the_projects_directory() {
    let desk = Desk::new(&["own"], "  own: { path: ./own, scm: SCM }\n");
    let _engine = desk.engine().await;
    let asked = asked(&desk);
    let [(repository, 1)] = &asked[..] else { panic!("{asked:?}") };
    assert!(repository.starts_with('/') && repository.ends_with("/own"), "{repository}");
}

#[tokio::test]
async fn what_is_seen_is_written_told_and_handed_back() {
    let desk = Desk::new(&["app"], TWO);
    desk.script().snapshots = Some(Box::new(all_have(open(7))));
    let mut engine = desk.engine().await;
    assert_eq!(desk.status(0), StatusName::PrOpen);
    let mut failing = open(7);
    failing.checks = vec![Check::new("build", CheckState::Failed)];
    failing.checks[0].required = true;
    desk.script().snapshots = Some(Box::new(all_have(failing)));
    desk.script().asked_snapshots.clear();
    engine.pass(&desk, TICK).await;
    let requests = std::mem::take(&mut desk.script().asked_snapshots);
    // Who reacts to the failing check asks by himself, and for everything.
    let [request] =
        requests.into_iter().filter(|request| request.known.is_some()).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((request.known.as_deref(), request.targets[0].number), (Some("seen acme/app"), Some(7)));
    assert_eq!(desk.status(0), StatusName::CiFailed);
    let mut merged = open(7);
    merged.state = PullState::Merged;
    desk.script().snapshots = Some(Box::new(all_have(merged)));
    engine.pass(&desk, TICK).await;
    assert_eq!(desk.status(0), StatusName::Merged);
    let is_of_pull = |kind: &str| ["pr.", "check.", "session."].iter().any(|group| kind.starts_with(group));
    let told: Vec<_> = desk.log(Some(0)).into_iter().filter(|kind| is_of_pull(kind)).collect();
    let wanted = "pr.opened session.status_changed check.changed session.status_changed pr.merged check.changed \
                  session.status_changed";
    assert!(told.join(" ").ends_with(wanted), "{told:?}");
    desk.script().asked_snapshots.clear();
    engine.pass(&desk, TICK).await;
    assert_eq!(asked(&desk), [], "nothing more comes of it");
}

#[tokio::test]
async fn an_answer_older_than_what_a_command_saw_changes_nothing() {
    let desk = Desk::new(&["app"], TWO);
    desk.script().snapshots = Some(Box::new(all_have(open(7))));
    let mut engine = desk.engine().await;
    let session = desk.session(0);
    let forge = Arc::clone(&engine.crews.known_forge(&session).unwrap().forge);
    let seen = session.pull.unwrap().at;
    let mut closed = open(7);
    closed.state = PullState::Closed;
    let answers = [(desk.ids[0].clone(), PullFound::Found { snapshot: Box::new(closed) })].into();
    let before = ao_core::model::Timestamp::from_millis(seen.as_millis() - 1);
    engine.book.pulls(&forge, &answers, before).unwrap();
    assert_eq!(desk.session(0).pull.unwrap().snapshot.state, PullState::Open);
    engine.book.pulls(&forge, &answers, seen).unwrap();
    assert_eq!(desk.session(0).pull.unwrap().snapshot.state, PullState::Closed);
}

#[tokio::test]
async fn an_scm_that_cannot_be_asked_changes_nothing_and_is_left_in_peace() {
    let desk = Desk::new(&["app", "lib", "app"], TWO);
    desk.script().snapshots = Some(Box::new(all_have(open(7))));
    let mut engine = desk.engine().await;
    asked(&desk);
    desk.script().snapshots = Some(Box::new(|request| {
        let mut error = Error::unavailable("no network");
        error.retry_after_ms = Some(100_000);
        if request.repository == "acme/app" { Err(error) } else { all_have(open(8))(request) }
    }));
    let mut calls = 0;
    for _ in 0..6 {
        engine.pass(&desk, TICK).await;
        assert_eq!((desk.status(0), desk.status(1)), (StatusName::PrOpen, StatusName::PrOpen));
        calls += asked(&desk).iter().filter(|(repository, _)| repository == "acme/app").count();
    }
    assert_eq!(calls, 2, "one in 100 s, both sessions in it");
    let facts = desk.session(0).pull.unwrap();
    assert_eq!(facts.snapshot.pull.number, 7);
    assert!(facts.unseen.unwrap().why.contains("no network"));
    assert_eq!(desk.session(1).pull.unwrap().snapshot.pull.number, 8, "another repository is not delayed");
    let why: Vec<_> = engine.unavailable.values().cloned().collect();
    assert!(why.len() == 1 && why[0].contains("acme/app") && why[0].contains("no network"), "{why:?}");
    desk.script().snapshots = Some(Box::new(all_have(open(7))));
    engine.pass(&desk, 4 * TICK).await;
    assert_eq!(engine.unavailable.len(), 0);
    assert_eq!(desk.session(0).pull.unwrap().unseen, None);
}

#[tokio::test]
async fn an_scm_that_cannot_be_made_keeps_nobody_from_being_looked_at() {
    let broken = TWO.replacen("SCM", "{ plugin: fake, broken: true }", 1);
    let desk = Desk::new(&["app"], &broken);
    let mut engine = desk.engine().await;
    assert_eq!(desk.status(0), StatusName::Working);
    let why: Vec<_> = engine.unavailable.values().cloned().collect();
    assert!(why.len() == 1 && why[0].contains("there is no token"), "{why:?}");
    desk.configure(TWO);
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    engine.pass(&desk, TICK).await;
    assert_eq!(asked(&desk), [("acme/app".to_owned(), 1)]);
    assert_eq!(engine.unavailable.len(), 0);
}

#[tokio::test]
async fn what_an_scm_leaves_out_is_unknown() {
    let desk = Desk::new(&["app", "app"], TWO);
    desk.script().snapshots = Some(Box::new(|request| {
        let mut reply = all_have(open(7))(request)?;
        reply.pulls.retain(|seen| seen.session != request.targets[0].session || request.targets.len() == 1);
        Ok(reply)
    }));
    let mut engine = desk.engine().await;
    assert_eq!((desk.session(0).pull, desk.status(1)), (None, StatusName::PrOpen));
    assert_eq!(engine.unavailable.len(), 1);
    engine.pass(&desk, Duration::from_secs(2)).await;
    assert_eq!(desk.status(0), StatusName::PrOpen, "it is asked about again by itself");
    assert_eq!(engine.unavailable.len(), 0);
}

#[tokio::test]
async fn one_pass_says_what_could_not_be_asked() {
    let desk = Desk::new(&["app"], TWO);
    desk.script().snapshots = Some(Box::new(|_| Err(Error::unavailable("no network"))));
    let world = crate::world::World::system();
    let claimant = super::super::super::Claimant {
        places: &desk.places,
        world: &world,
        program: camino::Utf8Path::new("/bin/ao"),
        log: None,
        failpoints: crate::failpoint::Failpoints::none(),
    };
    let lock = HostLock::try_take(&claimant).unwrap();
    let report = once(desk.context(""), lock, CheckMode::Leave).await.unwrap();
    assert_eq!(report.needs_human, []);
    assert!(report.unavailable.len() == 1 && report.unavailable[0].contains("no network"), "{report:?}");
}

#[tokio::test]
async fn a_pull_request_that_two_agents_name_is_of_one_session() {
    let desk = Desk::new(&["app", "app"], "  app: { path: ., scm: SCM }\n");
    desk.script().snapshots = Some(Box::new(|request| {
        let of = |target: &ao_core::slots::scm::PullTarget| {
            let found = target.number.map_or(PullFound::Absent, |number| PullFound::Found {
                snapshot: Box::new(PullSnapshot::new(PullRef::new(number), PullState::Open, "head")),
            });
            PullObservation::new(target.session.clone(), found)
        };
        Ok(Snapshot::new(request.targets.iter().map(of).collect::<Vec<_>>()))
    }));
    let mut engine = desk.engine().await;
    for index in [0, 1] {
        desk.drop_file(index, "1.report.json", r#"{"state": "pr_created", "pull": 7}"#);
    }
    engine.pass(&desk, Duration::from_secs(30)).await;
    engine.pass(&desk, Duration::from_secs(30)).await;
    let number = |index| desk.session(index).pull.map(|pull| pull.snapshot.pull.number);
    assert_eq!((number(0), number(1)), (Some(7), None));
}
