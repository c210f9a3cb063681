//! The plugin keeps the contract of its slot, in a real repository.

use std::sync::Arc;

use ao_plugin_local::LocalScm;
use ao_plugin_local::scm::Config;
use ao_plugin_sdk::conformance::{ScmKit, Subject};
use ao_plugin_sdk::core::slots::{IntoInstance, Slot};
use ao_plugin_sdk::prelude::*;

use super::forge::Forge;
use crate::environment::environment;

#[tokio::test]
async fn it_keeps_the_contract() {
    let forge = Forge::new().await;
    let pull = forge.pull("ao/app-1", "a.txt", "changed\n").await;
    forge.commit("ao/app-2", "main", "b.txt", "changed\n").await;
    let root = forge.path("");
    let schema: Value = ao_plugin_sdk::schemars::schema_for!(Config).into();
    let subject = Subject::instances(Slot::Scm, "local", schema, move |config, _host| {
        let wrong = |error: ao_plugin_sdk::serde_json::Error| Error::invalid_input(error.to_string());
        let config = ao_plugin_sdk::serde_json::from_value::<Config>(config).map_err(wrong)?;
        Ok(Arc::new(LocalScm::with_environment(config, environment(&root))?).into_instance())
    });
    let kit = ScmKit::of(subject, json!({})).repository(forge.repository.as_str()).branch("ao/app-1");
    let kit = kit.pull(pull.number.to_string()).missing("404").new_branch("ao/app-2").base("main").effects();
    let report = tokio::task::spawn_blocking(move || kit.run()).await.expect("the kit does not panic");
    assert!(report.is_kept(), "\n{report}");
    let skipped: Vec<_> = report.skipped().map(|record| record.check.as_str()).collect();
    // The host runs the checks, and has their logs.
    let expected = |check: &&str| {
        check.starts_with("host.") || ["call.pure_is_at_once", "scm.check_log.is_bounded"].contains(check)
    };
    assert!(skipped.iter().all(expected), "{skipped:?}");
}
