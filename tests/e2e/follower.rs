//! A host in the background, and somebody who follows what it tells.

#![expect(clippy::disallowed_methods, reason = "tests wait for other processes, and end what they started")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use ao_core::model::ProcessId;
use ao_core::slots::runtime::Liveness;
use ao_host::world::{Proc, SystemProc};
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::host::{PATIENCE, pid};
use crate::support::World;

/// A host without a terminal. It is killed when this goes, if it still runs.
pub(crate) struct Detached<'a>(&'a World);

impl<'a> Detached<'a> {
    /// Starts one, and returns when it serves.
    pub(crate) fn start(world: &'a World) -> Self {
        world.ao(&["start", "--detach"]).succeeds();
        Self(world)
    }

    /// Its process, as it wrote itself down.
    pub(crate) fn process(&self) -> ProcessId {
        let record = fs_err::read(self.0.path("ao/state/host.json")).unwrap();
        serde_json::from_value(serde_json::from_slice::<Value>(&record).unwrap()["process"].clone()).unwrap()
    }

    /// Signals it.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(pid(self.process().pid), signal).unwrap();
    }
}

impl Drop for Detached<'_> {
    fn drop(&mut self) {
        let process = self.process();
        if SystemProc::new().look(&process) == Liveness::Alive {
            let _ = kill_process(pid(process.pid), Signal::KILL);
        }
    }
}

/// `ao events --follow`: every event, from the first on.
pub(crate) struct Follower {
    child: Child,
    events: Receiver<Value>,
    seen: Vec<Value>,
}

impl Follower {
    /// Follows the log of this world.
    pub(crate) fn of(world: &World) -> Self {
        let mut command = world.command(env!("CARGO_BIN_EXE_ao"));
        command
            .args(["events", "--follow", "--json", "--limit", "100000"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, events) = channel();
        let read = move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        };
        std::thread::Builder::new().spawn(read).unwrap();
        Self { child, events, seen: Vec::new() }
    }

    /// Waits for an event that was not waited for before, and says how long that took.
    pub(crate) fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> (Value, Duration) {
        let start = Instant::now();
        if let Some(at) = self.seen.iter().position(&wanted) {
            return (self.seen.remove(at), start.elapsed());
        }
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let Ok(event) = self.events.recv_timeout(left) else {
                let left_over =
                    self.seen.iter().map(|event| format!("{} {} {}", event["type"], event["session"], event["data"]));
                panic!("waited in vain until {what}; left over:\n{}", left_over.collect::<Vec<_>>().join("\n"))
            };
            if wanted(&event) {
                return (event, start.elapsed());
            }
            self.seen.push(event);
        }
    }

    /// Waits until a session is told to live: an agent that has said nothing for a while is ready before anybody looks.
    pub(crate) fn until_alive(&mut self, id: &str) {
        self.until(&format!("{id} lives"), |event| {
            let status = event["data"]["to"].as_str().unwrap_or_default();
            event["type"] == "session.status_changed"
                && event["session"] == id
                && ["working", "ready"].contains(&status)
        });
    }

    /// Waits until a session's status is told to be this; says the reason, and how long that took.
    pub(crate) fn until_status(&mut self, id: &str, status: &str) -> (String, Duration) {
        let (event, took) = self.until(&format!("{id} is {status}"), |event| {
            event["type"] == "session.status_changed" && event["session"] == id && event["data"]["to"] == status
        });
        (event["data"]["reason"].as_str().unwrap().to_owned(), took)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
