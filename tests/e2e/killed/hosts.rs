//! Hosts, one after the other: the first is killed at its failpoint, the next one is not.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::Death;
use crate::studio::Studio;
use crate::support::World;

/// The number of the signal that ends a host at a failpoint.
const KILLED: i32 = 9;
/// Within two resyncs everything has to be as it is to be.
const TWO_TICKS: Duration = Duration::from_mins(1);
/// How long the one that is to die may take until it does, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// The same, when all the rest is done.
const LAST: Duration = Duration::from_secs(30);

/// The steps of a merge are programs that the plugin runs: one of them kills who calls it, before or after its work.
const GIT: &str = r#"#!/bin/sh
real=$(PATH=${PATH#*:} command -v git)
case "$*" in
*"merge --ff-only"*) : > "@ROOT@/moved" ;;
esac
case "$*" in
*"@WORDS@"*)
  if [ -e "@ROOT@/@SINCE@" ] && mkdir "@ROOT@/dead" 2> /dev/null; then
    if [ @SIDE@ = after ]; then "$real" "$@"; fi
    kill -9 "$PPID"
    exit 1
  fi ;;
esac
exec "$real" "$@"
"#;

/// The words by which a step of a merge is known, and the file that has to be there before.
fn git_step(step: &str) -> Option<(&'static str, &'static str)> {
    match step {
        "merge.build_commit" => Some(("hash-object -t commit", "bin")),
        "merge.recheck" => Some(("update-ref --end-of-options refs/ao/merge/", "bin")),
        "merge.ref_move" => Some(("merge --ff-only", "bin")),
        "merge.record" => Some(("fast-import", "moved")),
        _ => None,
    }
}

/// The host that runs, and whether one has died before.
pub(super) struct Hosts<'a> {
    studio: &'a Studio,
    death: Death,
    child: Option<Child>,
    number: u32,
    /// When the host died that was to die.
    died: Option<Instant>,
}

impl<'a> Hosts<'a> {
    pub(super) fn new(studio: &'a Studio, death: Death) -> Self {
        Self { studio, death, child: None, number: 0, died: None }
    }

    /// Starts one that is to die.
    pub(super) fn start_doomed(&mut self) {
        let world = &self.studio.world;
        let failpoint = format!("{}=kill", self.death.label());
        match git_step(self.death.step) {
            None => self.start(&[("AO_FAILPOINTS", &failpoint)]),
            Some((words, since)) => {
                let path = doomed_git(world, words, since, self.death.side);
                self.start(&[("PATH", &path)]);
            }
        }
    }

    /// Starts one, which says what it has to say into a file.
    pub(super) fn start(&mut self, variables: &[(&str, &str)]) {
        self.number += 1;
        let world = &self.studio.world;
        let said = fs_err::File::create(world.path(&format!("host-{}.log", self.number))).unwrap();
        let mut command = world.command(env!("CARGO_BIN_EXE_ao"));
        command
            .arg("start")
            .env("AO_LOG", "ao_host=info")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(said.into_file());
        self.child = Some(command.spawn().unwrap());
    }

    /// Ends it well, once it can be asked.
    pub(super) fn stop(&mut self) {
        self.studio.wait("the host serves", || self.serves());
        self.studio.world.ao(&["stop"]).succeeds();
        let mut child = self.child.take().expect("a host");
        let ended = child.wait().unwrap();
        assert!(ended.success(), "{ended}: {}", self.said());
    }

    /// Lets hosts do their work, and a human theirs, until the end, where the next host has looked at everything. The host that
    /// is to die has to.
    pub(super) fn play(&mut self, mut is_over: impl FnMut() -> bool) {
        let began = Instant::now();
        let mut over = None;
        loop {
            self.replace_the_dead();
            if is_over() {
                if self.died.is_some() && self.serves() {
                    return;
                }
                // The last step may be passed behind everything that can be seen.
                let since = *over.get_or_insert_with(Instant::now);
                let has_time = self.died.is_some() || since.elapsed() < LAST;
                assert!(has_time, "no host passes `{}`: {}", self.death.label(), self.said());
            }
            let (since, limit) = self.died.map_or((began, PATIENCE), |died| (died, TWO_TICKS));
            assert!(
                since.elapsed() < limit,
                "{}: it does not come to its end: {}\n{}\n{}\n{}",
                self.death.label(),
                self.said(),
                self.studio.world.ao(&["session", "show", "--json", "app-1"]),
                self.studio.world.ao(&["inbox"]),
                self.studio.world.ao(&["why", "app-1"]),
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the one that runs has looked at everything.
    fn serves(&self) -> bool {
        let log = self.studio.world.path(&format!("host-{}.log", self.number));
        fs_err::read_to_string(log).unwrap_or_default().contains("serving as pid")
    }

    fn replace_the_dead(&mut self) {
        let Some(ended) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) else { return };
        assert!(
            self.died.is_none() && ended.signal() == Some(KILLED),
            "{}: a host ended by itself: {ended}: {}",
            self.death.label(),
            self.said()
        );
        self.died = Some(Instant::now());
        self.start(&[]);
    }

    /// What hosts said.
    fn said(&self) -> String {
        let logs = (1..=self.number).map(|number| self.studio.world.path(&format!("host-{number}.log")));
        logs.map(|log| fs_err::read_to_string(log).unwrap_or_default()).collect::<Vec<_>>().join("--- the next host\n")
    }
}

impl Drop for Hosts<'_> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A `git` before the real one; the PATH with it.
fn doomed_git(world: &World, words: &str, since: &str, side: &str) -> String {
    let script = GIT.replace("@ROOT@", world.path("").as_str().trim_end_matches('/'));
    let script = script.replace("@WORDS@", words).replace("@SINCE@", since).replace("@SIDE@", side);
    let git = world.file("bin/git", script);
    fs_err::set_permissions(&git, PermissionsExt::from_mode(0o700)).unwrap();
    format!("{}:{}", world.path("bin"), world.environment()["PATH"])
}
