//! The real process table.

use std::process::{Command, Stdio};

use ao_core::slots::runtime::Liveness;
use ao_host::world::{Proc, SystemProc};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

#[test]
fn this_process_knows_itself() {
    let proc = SystemProc::new();
    let own = proc.own().unwrap();
    assert_eq!(own.pid, std::process::id());
    assert_eq!(own.boot.len(), 36, "{}", own.boot);
    assert_eq!(proc.look(&own), Liveness::Alive);
    assert_eq!(proc.look(&own), SystemProc::new().look(&own));
}

#[test]
fn a_child_lives_until_it_ends_even_if_nobody_waits_for_it() {
    #[expect(clippy::disallowed_methods, reason = "a child of this test's, ended below")]
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).env_clear().spawn().unwrap();
    let proc = SystemProc::new();
    let process = proc.identify(child.id()).unwrap().unwrap();
    assert_eq!(proc.look(&process), Liveness::Alive);

    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::KILL).unwrap();
    // Returns when it has ended, and leaves it a zombie.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    assert_eq!(proc.look(&process), Liveness::Dead { exit: None }, "a zombie");
    assert_eq!(proc.identify(child.id()).unwrap(), None, "a zombie");

    child.wait().unwrap();
    assert_eq!(proc.look(&process), Liveness::Dead { exit: None }, "gone");
}
