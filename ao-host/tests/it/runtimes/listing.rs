//! What exists is found again by whoever comes later, and its output can be read.

use super::in_every_runtime;
use super::rig::{Rig, until_async};
use ao_plugin_sdk::prelude::*;

in_every_runtime! {
    async fn sessions_are_found_by_key(rig: &Rig) {
        let list = || async { rig.runtime.list(ListRuntimes::new(rig.owner.clone())).await.expect("list") };
        assert_eq!(list().await, []);
        let first = rig.start("ao-1", &["quiet"]).await;
        let ended = rig.start("ao-2", &["exit", "0"]).await;
        rig.until_dead(&ended).await;
        let mut found = list().await;
        found.sort_by(|left, right| left.session.cmp(&right.session));
        assert_eq!(found, [first.clone(), ended.clone()], "the handles are those that `create` returned");
        assert_eq!(found[0].key, "spawn/ao-1 1");
        rig.destroy(&ended, 0).await;
        assert_eq!(list().await, [first]);

        let mut other = rig.owner.clone();
        other.id = "ffffffff".into();
        other.state = rig.file("elsewhere");
        assert_eq!(rig.runtime.list(ListRuntimes::new(other)).await.expect("list"), []);
    }

    async fn output_is_read_on_from_a_cursor_and_survives_the_end(rig: &Rig) {
        let handle = rig.start("ao-1", &["print", "one\r\ntwo\r\n"]).await;
        let read = |cursor: Option<u64>| {
            let mut request = ReadOutput::new(handle.clone(), 4096_u64);
            request.cursor = cursor;
            async { rig.runtime.output(request).await.expect("output") }
        };
        until_async("the output is there", || async { read(None).await.text.contains("two") }).await;
        let output = read(None).await;
        assert_eq!(output.text.replace('\r', ""), "one\ntwo\n");
        assert_eq!(read(Some(output.cursor)).await.text, "");
        rig.destroy(&handle, 1000).await;
        assert_eq!(read(Some(0)).await.text.replace('\r', ""), "one\ntwo\n", "after the end");
    }

    async fn a_foreign_handle_is_refused(rig: &Rig) {
        let handle = RuntimeHandle::new("other".parse::<PluginName>().expect("name"),
            "ao-1".parse::<SessionId>().expect("id"), "key", json!({"unit": "x.service"}));
        let error = rig.send(&handle, Input::Submit).await.expect_err("not ours");
        assert_eq!(error.code, Code::INVALID_INPUT);
        assert!(matches!(rig.liveness(&handle).await, Liveness::Unknown { .. }));
    }

    async fn a_doctor_finds_nothing_wrong(rig: &Rig) {
        let findings = rig.runtime.doctor(Doctor::new(rig.owner.clone())).await.expect("doctor");
        assert!(!findings.is_empty() && findings.iter().all(|finding| finding.level == FindingLevel::Ok), "{findings:?}");
    }
}

#[tokio::test]
async fn an_agent_without_a_terminal_cannot_be_attached_to() {
    let rig = Rig::process();
    let handle = rig.start("ao-1", &["quiet"]).await;
    match rig.runtime.attach(Attach::new(handle)).await.expect("plan") {
        AttachPlan::None { why } => assert!(why.contains("ao session logs ao-1"), "{why}"),
        other => panic!("{other:?}"),
    }
}
