//! Tests that mount something: they run themselves again in a mount namespace of their own.

#![expect(clippy::disallowed_methods, reason = "a test starts itself again")]

use std::process::Command;

use crate::studio::skip;

/// Runs a test again with these variables, where it may mount. Where nobody may, that is said.
pub(crate) fn again(name: &str, variables: &[(&str, &str)]) {
    let namespace = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount"]);
        unshare
    };
    if !namespace().arg("true").status().is_ok_and(|status| status.success()) {
        return skip("mount namespaces", name);
    }
    let mut again = namespace();
    again.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    let output = again.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
