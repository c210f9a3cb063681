//! Processes as `/proc` shows them.

use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;

use ao_core::model::ProcessId;
use ao_core::model::process::{MARKER_VARIABLE, ProcStat};
use ao_core::slots::common::{Finding, FindingLevel};
use ao_core::{Code, Error, Result};

const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";

/// What was seen of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It runs, or is stopped.
    Running,
    /// It is gone, or ended and not yet waited for.
    Gone,
    /// It could not be looked at.
    Hidden(String),
}

/// Which boot this is.
pub(super) fn boot_id() -> Result<&'static str> {
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot);
    }
    let text = std::fs::read_to_string(BOOT_ID_FILE)
        .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot read `{BOOT_ID_FILE}`"), &error))?;
    Ok(BOOT.get_or_init(|| text.trim().to_owned()))
}

/// Whether a process of this boot id could still run.
pub fn same_boot(boot: &str) -> Result<bool> {
    Ok(boot_id()? == boot)
}

/// Whether processes can be told apart here.
#[must_use]
pub fn doctor() -> Finding {
    const SUBJECT: &str = "processes";
    let own = boot_id().and_then(|_| {
        let refuse = |error| Error::wrap(Code::UNAVAILABLE, "cannot read this process's own entry in `/proc`", &error);
        stat(std::process::id()).map_err(refuse)
    });
    match own {
        Ok(_) => Finding::new(FindingLevel::Ok, SUBJECT, "told apart by pid, start time and boot"),
        Err(error) => {
            let mut finding = Finding::new(FindingLevel::Fail, SUBJECT, error.to_string());
            finding.remedy = Some("mount a Linux `/proc`; without it no agent can be watched or ended".into());
            finding
        }
    }
}

/// Looks whether exactly this process runs.
pub(super) fn look(process: &ProcessId) -> Sight {
    match same_boot(&process.boot) {
        Ok(true) => {}
        Ok(false) => return Sight::Gone,
        Err(error) => return Sight::Hidden(error.to_string()),
    }
    match stat(process.pid) {
        Ok(Some(stat)) if stat.start == process.start && !ended(&stat) => Sight::Running,
        Ok(_) => Sight::Gone,
        Err(error) => Sight::Hidden(format!("cannot look at {process}: {error}")),
    }
}

/// Whether a process has ended, though its parent has not waited for it.
pub(super) fn ended(stat: &ProcStat) -> bool {
    matches!(stat.state, 'Z' | 'X' | 'x')
}

/// The `stat` of whoever has this pid; `None` if nobody has.
pub(super) fn stat(pid: u32) -> io::Result<Option<ProcStat>> {
    let Some(text) = existing(std::fs::read(format!("/proc/{pid}/stat")))? else { return Ok(None) };
    ProcStat::parse(&String::from_utf8_lossy(&text))
        .map(Some)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its `stat` is not as in proc(5)"))
}

/// Nothing, instead of the errors that a process's end between two looks shows as.
fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// One row of the process table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) stat: ProcStat,
    /// The value of `AO_SESSION_MARKER` in its environment, where that can be read.
    pub(super) marker: Option<String>,
}

/// All processes by pid.
pub(super) type Table = BTreeMap<u32, Row>;

/// Reads the process table. A process that ends meanwhile is left out; one of another user has no marker.
pub(super) fn table() -> Result<Table> {
    let refuse = |error: io::Error| Error::wrap(Code::UNAVAILABLE, "cannot list `/proc`", &error);
    let mut table = Table::new();
    for entry in std::fs::read_dir("/proc").map_err(refuse)? {
        let name = entry.map_err(refuse)?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Ok(Some(stat)) = stat(pid) {
            let marker = std::fs::read(format!("/proc/{pid}/environ")).ok().and_then(|block| marker_in(&block));
            table.insert(pid, Row { stat, marker });
        }
    }
    Ok(table)
}

/// Finds the marker in an environment block: `NAME=value` entries, each ended by a zero byte.
fn marker_in(block: &[u8]) -> Option<String> {
    block.split(|byte| *byte == 0).find_map(|entry| {
        let value = entry.strip_prefix(MARKER_VARIABLE.as_bytes())?.strip_prefix(b"=")?;
        Some(String::from_utf8_lossy(value).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> ProcessId {
        let pid = std::process::id();
        let start = stat(pid).expect("readable").expect("alive").start;
        ProcessId { pid, start, boot: boot_id().expect("boot id").to_owned() }
    }

    #[test]
    fn only_the_same_process_is_running() {
        assert_eq!(look(&own()), Sight::Running);
        assert_eq!(look(&ProcessId { start: own().start + 1, ..own() }), Sight::Gone, "a reused pid");
        assert_eq!(look(&ProcessId { boot: "another".into(), ..own() }), Sight::Gone, "a pid of another boot");
        assert_eq!(look(&ProcessId { pid: u32::MAX, ..own() }), Sight::Gone, "no such pid");
    }

    #[test]
    fn the_marker_is_an_entry_of_its_own() {
        assert_eq!(marker_in(b"A=1\0AO_SESSION_MARKER=ab/ao-1\0B=2\0"), Some("ab/ao-1".into()));
        assert_eq!(marker_in(b"X=AO_SESSION_MARKER=ab/ao-1\0AO_SESSION_MARKER_2=x\0"), None);
    }

    #[test]
    fn the_table_holds_this_process_and_its_parent() {
        let table = table().expect("table");
        let own = &table[&std::process::id()];
        assert_eq!(own.stat.start, self::own().start);
        assert!(table.contains_key(&own.stat.parent));
    }
}
