//! The plugin keeps the contract of its slot, in a real repository.

use std::sync::Arc;

use ao_plugin_git::{CloneConfig, Cloned, Config, Worktree};
use ao_plugin_sdk::conformance::{Subject, WorkspaceKit};
use ao_plugin_sdk::core::slots::{IntoInstance, Slot};
use ao_plugin_sdk::prelude::*;

use crate::support::{Kind, Scratch, environment};

/// The last check: it cuts a `create` short at several moments.
const GIVEN_UP: &str = "workspace.create.given_up_can_be_taken_back";

#[tokio::test]
async fn a_worktree_keeps_the_contract() {
    let schema: Value = ao_plugin_sdk::schemars::schema_for!(Config).into();
    the_contract_is_kept(Kind::Worktree, "worktree", schema).await;
}

#[tokio::test]
async fn a_clone_keeps_the_contract() {
    let schema: Value = ao_plugin_sdk::schemars::schema_for!(CloneConfig).into();
    the_contract_is_kept(Kind::Clone, "clone", schema).await;
}

async fn the_contract_is_kept(kind: Kind, name: &str, schema: Value) {
    let scratch = Scratch::of(kind).await;
    let before = scratch.world().await;
    let root = scratch.path("");
    let subject = Subject::instances(Slot::Workspace, name, schema, move |config, _host| {
        let variables = environment(&root);
        // Only refuses what is wrong with it.
        let wrong = |error: ao_plugin_sdk::serde_json::Error| Error::invalid_input(error.to_string());
        Ok(match kind {
            Kind::Worktree => {
                ao_plugin_sdk::serde_json::from_value::<Config>(config).map_err(wrong)?;
                Arc::new(Worktree::with_environment(variables)).into_instance()
            }
            Kind::Clone => {
                ao_plugin_sdk::serde_json::from_value::<CloneConfig>(config).map_err(wrong)?;
                Arc::new(Cloned::with_environment(variables)).into_instance()
            }
        })
    });
    let kit = WorkspaceKit::of(subject, json!({})).project(scratch.project.as_str()).effects();
    let report = tokio::task::spawn_blocking(move || kit.run()).await.expect("the kit does not panic");
    assert!(report.is_kept(), "\n{report}");
    let skipped: Vec<_> = report.skipped().map(|record| record.check.as_str()).collect();
    // A git that is killed in the middle of a change may leave a lock, and then its branch is there to stay.
    let (locked, others): (Vec<_>, Vec<_>) = skipped.into_iter().partition(|check| *check == GIVEN_UP);
    assert!(others.iter().all(|check| check.starts_with("host.") || *check == "call.pure_is_at_once"), "{others:?}");
    if locked.is_empty() {
        assert_eq!(scratch.world().await, before, "the kit leaves nothing behind");
    }
}
