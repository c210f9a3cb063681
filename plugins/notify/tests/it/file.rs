//! The file: whole lines, in one order, also while it is put aside under many writers.

use std::collections::BTreeSet;

use ao_plugin_notify::FileNotifier;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

use crate::{full, plugin};

fn notifier(path: &std::path::Path, max_bytes: u64, keep: u8) -> FileNotifier {
    plugin(json!({"path": path, "maxBytes": max_bytes, "keep": keep})).unwrap()
}

/// Every line of a file.
fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "half a line in {}", path.display());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn it_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("n.ndjson");
    conformance::notifier::<FileNotifier>(json!({"path": path})).effects().check();
    assert!(lines(&path).len() > 40);
}

#[tokio::test]
async fn a_line_is_the_notification_and_the_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("n.ndjson");
    notifier(&path, 65_536, 1).notify(full("ntf_1")).await.unwrap();
    let mut line = lines(&path).remove(0);
    let time = line.as_object_mut().unwrap().remove("time").unwrap();
    time.as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(line, serde_json::to_value(full("ntf_1")).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_line_is_lost_or_torn_while_files_are_put_aside() {
    const WRITERS: usize = 4;
    const EACH: usize = 20;
    const IN_ONE_FILE: usize = 2;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("n.ndjson");
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        // As so many processes: nothing is shared but the file.
        let notifier = notifier(&path, 65_536, 99);
        writers.spawn(async move {
            for number in 0..EACH {
                let mut request = full(&format!("{writer}-{number}"));
                request.body = "x".repeat(30_000);
                notifier.notify(request).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let mut files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    // More would say that two have put the file aside where one should.
    assert_eq!(files.len(), WRITERS * EACH / IN_ONE_FILE);
    assert!(files.iter().all(|file| std::fs::metadata(file).unwrap().len() <= 65_536), "{files:?}");
    let all: Vec<_> = files.iter().flat_map(|file| lines(file)).collect();
    let ids: BTreeSet<_> = all.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((all.len(), ids.len()), (WRITERS * EACH, WRITERS * EACH));
}

#[tokio::test]
async fn only_so_many_files_are_kept_the_youngest_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("n.ndjson");
    let notifier = notifier(&path, 65_536, 2);
    for number in 0..5 {
        let mut request = full(&number.to_string());
        request.body = "x".repeat(60_000);
        notifier.notify(request).await.unwrap();
    }
    let id = |name: &str| lines(&directory.path().join(name)).iter().map(|line| line["id"].clone()).collect::<Vec<_>>();
    assert_eq!(
        (id("n.ndjson"), id("n.ndjson.1"), id("n.ndjson.2")),
        (vec![json!("4")], vec![json!("3")], vec![json!("2")])
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn what_is_no_file_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing/n.ndjson");
    let error = notifier(&missing, 65_536, 1).notify(full("1")).await.unwrap_err();
    assert_eq!(error.code, Code::UNAVAILABLE, "{error}");
    let owner = ao_plugin_sdk::core::slots::common::Owner::new("0", "/run", "/state");
    let found = notifier(&missing, 65_536, 1).doctor(Doctor::new(owner)).await.unwrap();
    assert_eq!(found[0].level, FindingLevel::Fail);
    assert!(found[0].message.contains("is not there"), "{found:?}");
    let error = notifier(directory.path(), 65_536, 1).notify(full("1")).await.unwrap_err();
    assert!([Code::INVALID_INPUT, Code::UNAVAILABLE].contains(&error.code), "{error}");
    let error = notifier("/dev/null".as_ref(), 65_536, 1).notify(full("1")).await.unwrap_err();
    assert_eq!(error.code, Code::INVALID_INPUT, "{error}");
}
