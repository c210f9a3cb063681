//! A host in the background, and what it takes, by `/proc`.

use std::process::Command;
use std::time::Duration;

/// A host that runs.
pub(crate) struct Host {
    pub(crate) pid: u32,
    /// Ends it.
    pub(crate) stop: Command,
}

impl Host {
    /// Processor time that it and the programs which it waited for have had.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        let (_, rest) = stat.rsplit_once(')').unwrap();
        // Fields 14 to 17 of proc(5); the state was field 3.
        let ticks: u64 =
            rest.split_ascii_whitespace().skip(11).take(4).map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// Memory that it has in use.
    pub(crate) fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().trim().parse::<f64>().unwrap() / 1024.0
    }

    /// Ends it.
    pub(crate) fn stop(mut self) {
        let output = self.stop.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
