//! What a git hook that starts `ao` leaks must not reach git.

#![expect(clippy::disallowed_methods, reason = "the test starts itself again, in another environment")]

use ao_plugin_git::{Config, Worktree};
use ao_plugin_sdk::prelude::*;

use crate::support::{Scratch, read, write};

#[tokio::test]
async fn a_hook_s_variables_do_not_lead_git_astray() {
    let name = "AO_TEST_PROJECT";
    let at = |variable: &str| std::env::var(variable);
    // In the inner run, started below as a hook would: with another repository's variables around it.
    if let Ok(project) = at(name) {
        let plugin = Worktree::new(Config::default()).expect("plugin");
        let target = at("AO_TEST_TARGET").expect("target");
        let (session, branch): (SessionId, BranchName) = ("x-1".parse().expect("id"), "b".parse().expect("branch"));
        let made = plugin.create(CreateWorkspace::new("key", session, project, target, branch, "main")).await;
        assert_eq!(read(made.expect("create").path.join("a.txt")), "one\n");
        return;
    }
    let (scratch, other) = (Scratch::new().await, Scratch::named("other").await);
    other.write("a.txt", "other\n");
    other.git(&["commit", "--quiet", "--all", "--message", "other"]).await;
    let before = other.world().await;
    let mut variables = crate::support::environment(&scratch.path(""));
    for (variable, value) in [
        ("GIT_DIR", other.project.join(".git")),
        ("GIT_WORK_TREE", other.project.clone()),
        ("GIT_INDEX_FILE", other.project.join(".git/index")),
        ("GIT_OBJECT_DIRECTORY", other.project.join(".git/objects")),
        ("GIT_COMMON_DIR", other.project.join(".git")),
        (name, scratch.project.clone()),
        ("AO_TEST_TARGET", scratch.target("x-1")),
    ] {
        variables.insert(variable.into(), value.into_string());
    }
    let itself = std::env::current_exe().expect("this test");
    let test = "environment::a_hook_s_variables_do_not_lead_git_astray";
    let inner = command(itself).env_only(variables).args(["--exact", test, "--nocapture"]);
    inner.run().await.expect("the inner run");
    assert!(scratch.target("x-1").join("a.txt").exists());
    assert_eq!(other.world().await, before);
    write(scratch.target("x-1").join("done"), "");
}
