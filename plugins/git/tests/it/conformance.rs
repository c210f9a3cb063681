//! The plugin keeps the contract of its slot, in a real repository.

use std::sync::Arc;

use ao_plugin_git::{Config, Worktree};
use ao_plugin_sdk::conformance::{Subject, WorkspaceKit};
use ao_plugin_sdk::core::slots::{IntoInstance, Slot};
use ao_plugin_sdk::prelude::*;

use crate::support::{Scratch, environment};

/// The last check: it cuts a `create` short at several moments.
const GIVEN_UP: &str = "workspace.create.given_up_can_be_taken_back";

#[tokio::test]
async fn the_contract_is_kept() {
    let scratch = Scratch::new().await;
    let before = scratch.world().await;
    let variables = environment(&scratch.path(""));
    let schema: Value = ao_plugin_sdk::schemars::schema_for!(Config).into();
    let subject = Subject::instances(Slot::Workspace, "worktree", schema, move |config, _host| {
        // Only refuses what is wrong with it.
        ao_plugin_sdk::serde_json::from_value::<Config>(config)
            .map_err(|error| Error::invalid_input(error.to_string()))?;
        Ok(Arc::new(Worktree::with_environment(variables.clone())).into_instance())
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
