//! Processes, injected: who this one is, who another one is, and whether it still lives.

use std::io;
use std::sync::OnceLock;

use ao_core::model::ProcessId;
use ao_core::model::process::ProcStat;
use ao_core::slots::runtime::Liveness;
use camino::Utf8PathBuf;

/// Looks at processes.
pub trait Proc: Send + Sync {
    /// Names this boot of the machine.
    fn boot_id(&self) -> io::Result<String>;

    /// This process.
    fn own(&self) -> io::Result<ProcessId>;

    /// Who has this pid now. `None` when nobody has, or one that ended; an error when it could not be looked at.
    fn identify(&self, pid: u32) -> io::Result<Option<ProcessId>>;

    /// Whether this very process lives. One that ended and was not waited for is dead, and so is one whose pid
    /// belongs to another by now; what could not be looked at is unknown.
    fn look(&self, process: &ProcessId) -> Liveness {
        let now = self.boot_id().and_then(|boot| {
            // After a reboot there is no need to ask who has the pid now.
            if boot == process.boot { self.identify(process.pid) } else { Ok(None) }
        });
        match now {
            Ok(Some(now)) if now == *process => Liveness::Alive,
            Ok(_) => Liveness::Dead { exit: None },
            Err(error) => Liveness::Unknown { why: error.to_string() },
        }
    }
}

/// The machine's processes, as `/proc` shows them (proc(5)).
#[derive(Debug)]
pub struct SystemProc {
    root: Utf8PathBuf,
    boot: OnceLock<String>,
}

impl SystemProc {
    /// Reads `/proc`, when asked.
    #[must_use]
    pub fn new() -> Self {
        Self::at("/proc")
    }

    /// Reads a directory that is laid out like `/proc`.
    #[must_use]
    pub fn at(root: impl Into<Utf8PathBuf>) -> Self {
        Self { root: root.into(), boot: OnceLock::new() }
    }

    /// The process's line, or `None` when there is no such process.
    fn stat(&self, pid: u32) -> io::Result<Option<ProcStat>> {
        let path = self.root.join(pid.to_string()).join("stat");
        // A process may give itself a name that is not UTF-8.
        let line = match fs_err::read(&path) {
            Ok(line) => line,
            Err(error) if is_gone(&error) => {
                // Without this, an absent `/proc` would look like the death of everybody.
                fs_err::metadata(self.root.join("self"))?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let stat = ProcStat::parse(&String::from_utf8_lossy(&line));
        stat.map(Some).ok_or_else(|| io::Error::other(format!("`{path}` is not laid out as proc(5) says")))
    }
}

/// The process ended before its file was opened, or between that and the read.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Whether the kernel keeps only the process's exit status, for its parent.
fn has_ended(stat: ProcStat) -> bool {
    matches!(stat.state, 'Z' | 'X' | 'x')
}

impl Default for SystemProc {
    fn default() -> Self {
        Self::new()
    }
}

impl Proc for SystemProc {
    fn boot_id(&self) -> io::Result<String> {
        if let Some(boot) = self.boot.get() {
            return Ok(boot.clone());
        }
        let boot = fs_err::read_to_string(self.root.join("sys/kernel/random/boot_id"))?.trim().to_owned();
        Ok(self.boot.get_or_init(|| boot).clone())
    }

    fn own(&self) -> io::Result<ProcessId> {
        let pid = std::process::id();
        self.identify(pid)?.ok_or_else(|| {
            io::Error::other(format!(
                "`{}` does not show this process (pid {pid}); is it another namespace's?",
                self.root
            ))
        })
    }

    fn identify(&self, pid: u32) -> io::Result<Option<ProcessId>> {
        let boot = self.boot_id()?;
        let stat = self.stat(pid)?.filter(|stat| !has_ended(*stat));
        Ok(stat.map(|stat| ProcessId { pid, start: stat.start, boot }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `/proc` with pid 1 to 4: sleeping, a zombie, unreadable, garbled.
    fn scratch() -> (tempfile::TempDir, SystemProc) {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        let put = |path: &str, text: &[u8]| {
            let path = root.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            crate::world::files::write_atomic(&path, text, 0o600).unwrap();
        };
        let stat = |state: char| {
            let fields = format!(" b (c) {state} 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 500 1 2");
            [b"9 (\xff)", fields.as_bytes()].concat()
        };
        put("sys/kernel/random/boot_id", b"boot-a\n");
        put("self/stat", b"");
        put("1/stat", &stat('S'));
        put("2/stat", &stat('Z'));
        fs_err::create_dir_all(root.join("3/stat")).unwrap();
        put("4/stat", b"garbage");
        (directory, SystemProc::at(root))
    }

    fn process(pid: u32, start: u64, boot: &str) -> ProcessId {
        ProcessId { pid, start, boot: boot.to_owned() }
    }

    #[test]
    fn only_the_very_process_is_alive() {
        let (_directory, proc) = scratch();
        let dead = Liveness::Dead { exit: None };
        for (process, expected, why) in [
            (process(1, 500, "boot-a"), Liveness::Alive, "the very one"),
            (process(1, 499, "boot-a"), dead.clone(), "the pid was reused"),
            (process(1, 500, "boot-b"), dead.clone(), "the machine was rebooted"),
            (process(2, 500, "boot-a"), dead.clone(), "a zombie"),
            (process(77, 500, "boot-a"), dead, "no such pid"),
        ] {
            assert_eq!(proc.look(&process), expected, "{why}");
        }
        assert_eq!(proc.identify(1).unwrap(), Some(process(1, 500, "boot-a")));
        assert_eq!(proc.identify(2).unwrap(), None);
        assert_eq!(proc.identify(77).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let (_directory, proc) = scratch();
        for pid in [3, 4] {
            let seen = proc.look(&process(pid, 500, "boot-a"));
            assert!(matches!(&seen, Liveness::Unknown { why } if why.contains(&format!("{pid}/stat"))), "{seen:?}");
        }
        let nowhere = SystemProc::at("/nonexistent");
        assert!(matches!(nowhere.look(&process(1, 500, "boot-a")), Liveness::Unknown { .. }));
        assert!(nowhere.own().is_err());
    }

    #[test]
    fn a_proc_that_went_away_kills_nobody() {
        let (directory, proc) = scratch();
        assert_eq!(proc.look(&process(1, 500, "boot-a")), Liveness::Alive);
        directory.close().unwrap();
        assert!(matches!(proc.look(&process(1, 500, "boot-a")), Liveness::Unknown { .. }));
    }
}
