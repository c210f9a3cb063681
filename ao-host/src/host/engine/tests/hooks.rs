//! What hooks leave in spools.

use ao_core::model::ExitStatus;
use ao_core::model::facts::ReportState;
use ao_core::model::process::{EXIT_FILE, ExitRecord, HOLDER_VERSION};
use ao_core::slots::agent::{Activity, ActivityState, Strength};
use ao_core::{Code, Error};

use super::*;

const PROJECTS: &str = "  app: { path: . }\n";

/// A plugin that reads from each hook that the agent waits for a decision, and says so of every session.
fn waits(event: &ao_core::slots::agent::HookEvent, ids: &[SessionId]) -> Vec<ao_core::slots::agent::AgentObservation> {
    let of = |id: &SessionId| {
        let mut seen = AgentObservation::new(id.clone());
        let state = if event.hook == "Stop" { ActivityState::Ready } else { ActivityState::WaitingInput };
        seen.activity = Some(Activity::new(state, "hook", Strength::Strong, event.at.unwrap()));
        seen.cursor = Some(event.payload.clone());
        seen
    };
    ids.iter().map(of).collect()
}

/// A desk whose agents look as their hooks last said: by the cursor.
fn desk() -> Desk {
    let desk = Desk::new(&["app", "app"], PROJECTS);
    let ids = desk.ids.clone();
    desk.script().interpret = Some(Box::new(move |event| Ok(waits(event, &ids))));
    desk
}

fn activity(desk: &Desk, index: usize) -> Option<ActivityState> {
    desk.session(index).agent.unwrap().activity.map(|activity| activity.state)
}

#[tokio::test]
async fn a_hook_is_read_written_down_and_removed() {
    let desk = desk();
    desk.drop_file(0, "1.PermissionRequest.json", r#"{"tool": "rm"}"#);
    let mut engine = desk.engine().await;
    assert_eq!((desk.status(0), activity(&desk, 1)), (StatusName::NeedsInput, None), "a hook speaks for its session");
    assert_eq!(desk.files(0, "spool"), [""; 0]);
    let hook = desk.script().asked_hooks.pop().unwrap();
    assert_eq!((hook.hook.as_str(), &hook.payload), ("PermissionRequest", &json!({"tool": "rm"})));
    assert_eq!(desk.session(0).agent.unwrap().cursor, None, "what looks found last is theirs");

    for number in [3, 2] {
        desk.drop_file(0, &format!("{number}.Stop.json"), &format!("{number}"));
    }
    engine.pass(&desk, Duration::from_secs(30)).await;
    let hooks: Vec<_> = desk.script().asked_hooks.drain(..).collect();
    let payloads: Vec<_> = hooks.iter().map(|hook| hook.payload.clone()).collect();
    assert_eq!(payloads, [json!(2), json!(3)], "in the order of their names");
    let cursors: Vec<_> = hooks.iter().map(|hook| hook.cursor.clone()).collect();
    assert_eq!(cursors, [None, Some(json!(2))], "each builds on the one before");
    let directory = desk.session(0).runtime.unwrap().directory;
    assert_eq!(hooks[0].directory, Some(directory), "its launch's records are found");
    assert_eq!(activity(&desk, 0), Some(ActivityState::Ready));
}

#[tokio::test]
async fn a_file_in_a_spool_is_a_hint() {
    let desk = desk();
    desk.drop_file(0, ".half", "");
    let mut engine = desk.engine().await;
    desk.drop_file(0, "1.Stop.json", "{}");
    engine.hear_of(&Wake::Hooks(desk.ids[0].clone())).await;
    engine.look().await;
    assert_eq!((activity(&desk, 0), desk.files(0, "spool")), (Some(ActivityState::Ready), vec![".half".to_owned()]));
}

#[tokio::test]
async fn a_report_needs_no_plugin() {
    let desk = desk();
    desk.drop_file(0, "1.report.json", r#"{"state": "started"}"#);
    desk.drop_file(0, "2.report.json", r#"{"state": "needs_input", "note": "which one?"}"#);
    desk.engine().await;
    assert_eq!(desk.status(0), StatusName::NeedsInput);
    let report = desk.session(0).report.unwrap();
    assert_eq!((report.id.as_str(), report.state, report.note.as_str()), ("2", ReportState::NeedsInput, "which one?"));
    let told = desk.log(Some(0)).join(" ");
    assert!(
        told.contains("agent.report_accepted session.acked agent.report_accepted session.status_changed"),
        "{told}"
    );
    assert_eq!(desk.script().asked_hooks.len(), 0);
}

#[tokio::test]
async fn who_says_that_it_is_done_and_ends_is_never_called_dead() {
    let desk = desk();
    let exit = ExitRecord::new(HOLDER_VERSION, ExitStatus::Code { code: 0 }, desk.fake.world.now());
    let directory = desk.places.session_dir(&desk.ids[0]);
    files::write_atomic(&directory.join(EXIT_FILE), &serde_json::to_vec(&exit).unwrap(), 0o600).unwrap();
    desk.drop_file(0, "1.report.json", r#"{"state": "completed"}"#);
    let mut engine = desk.engine().await;
    engine.pass(&desk, Duration::from_secs(1)).await;
    let events = desk.manager("").store.events(&EventFilter::default()).unwrap();
    let mut told = events.iter().filter(|event| event.session.as_ref() == Some(&desk.ids[0])).filter_map(|event| {
        match event.typed() {
            Some(EventData::SessionStatusChanged(changed)) => Some(changed.to),
            _ => None,
        }
    });
    assert_eq!(told.next_back(), Some(StatusName::Done));
    assert!(!desk.log(Some(0)).is_empty() && events.iter().all(|event| !event.data.to_string().contains("dead")));
}

#[tokio::test]
async fn what_was_written_down_is_not_read_again_after_a_kill() {
    let desk = desk();
    desk.drop_file(0, "1.report.json", r#"{"state": "working"}"#);
    desk.drop_file(0, "2.Stop.json", "{}");
    for (failpoint, left) in [("spool.ingest.before", 2), ("spool.ingest.after", 2)] {
        let mut engine = desk.starting(&format!("{failpoint}=error"));
        engine.begin_calls().unwrap();
        let mut ended = Ok(());
        while let Some(done) = engine.calls.join_next().await {
            ended = engine.finish(done.unwrap());
            if ended.is_err() {
                break;
            }
        }
        assert!(ended.unwrap_err().message.contains(failpoint));
        assert_eq!(desk.files(0, "spool").len(), left, "{failpoint}");
    }
    desk.script().asked_hooks.clear();
    let mut engine = desk.engine().await;
    assert_eq!((desk.files(0, "spool"), desk.script().asked_hooks.len()), (Vec::new(), 0));
    engine.pass(&desk, Duration::from_secs(30)).await;
    let accepted = desk.log(Some(0)).iter().filter(|kind| *kind == "agent.report_accepted").count();
    assert_eq!(accepted, 1);
    // What is gone is forgotten with the next file.
    desk.drop_file(0, "3.Stop.json", "{}");
    engine.pass(&desk, Duration::from_secs(30)).await;
    assert_eq!(desk.session(0).spooled, ["3.Stop.json"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_put_aside_and_told_once() {
    let desk = desk();
    let spool = desk.places.session_dir(&desk.ids[0]).join("spool");
    desk.drop_file(0, "1.Stop.json", "no JSON");
    desk.drop_file(0, "2.report.json", r#"{"state": "tired"}"#);
    desk.drop_file(0, "nobody", "{}");
    desk.drop_file(0, "3.Stop.json", &format!("\"{}\"", "x".repeat(ao_core::model::spool::MAX_SPOOL_FILE)));
    desk.drop_file(0, "5.Stop.json", "{}");
    desk.script().interpret = Some(Box::new(|_| Err(Error::invalid_input("not a hook of mine"))));
    std::os::unix::fs::symlink("/etc/passwd", spool.join("4.Stop.json")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        spool.join("6.Stop.json").as_str(),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let mut engine = desk.engine().await;
    engine.pass(&desk, Duration::from_secs(30)).await;
    let all = ["1.Stop.json", "2.report.json", "3.Stop.json", "4.Stop.json", "5.Stop.json", "6.Stop.json", "nobody"];
    assert_eq!((desk.files(0, "spool"), desk.files(0, "refused")), (Vec::new(), all.map(str::to_owned).to_vec()));
    let told = desk.log(Some(0)).iter().filter(|kind| *kind == "agent.report_rejected").count();
    assert_eq!((told, engine.unavailable.len()), (all.len(), 0));
    for number in 10..40 {
        desk.drop_file(0, &format!("{number}.Stop.json"), "no JSON");
    }
    engine.pass(&desk, Duration::from_secs(30)).await;
    assert_eq!((desk.files(0, "spool").len(), desk.files(0, "refused").len()), (0, 32));
}

#[tokio::test]
async fn a_plugin_that_cannot_read_now_is_asked_later_and_not_for_ever() {
    let desk = desk();
    desk.drop_file(0, "1.Stop.json", "{}");
    desk.drop_file(0, "2.Stop.json", "{}");
    desk.drop_file(1, "1.Stop.json", "{}");
    let slow = desk.ids[0].clone();
    desk.script().interpret = Some(Box::new(move |event| match &event.session {
        session if *session == slow && event.payload == json!({}) => Err(Error::new(Code::TIMEOUT, "too slow")),
        session => Ok(waits(event, std::slice::from_ref(session))),
    }));
    let mut engine = desk.engine().await;
    assert_eq!(activity(&desk, 1), Some(ActivityState::Ready), "nobody else waits for it");
    assert_eq!(desk.files(0, "spool").len(), 2);
    assert!(engine.unavailable.values().any(|why| why.contains("too slow")), "{:?}", engine.unavailable);
    for _ in 0..8 {
        engine.pass(&desk, Duration::from_secs(30)).await;
    }
    assert_eq!((desk.files(0, "spool").len(), desk.files(0, "refused").len(), engine.unavailable.len()), (0, 2, 0));
}
