//! The holder's files: what it reads, and what it leaves for others to read.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use ao_core::model::process::{
    EXIT_FILE, ExitRecord, HOLDER_FILE, HOLDER_VERSION, HoldSpec, HolderRecord, ProcStat, ProcessId,
};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::HoldError;

/// Reads what to hold.
pub(super) fn read_spec(path: &Utf8Path) -> Result<HoldSpec, HoldError> {
    let refuse = |source| HoldError::Spec { path: path.to_owned(), source };
    let text = std::fs::read(path).map_err(refuse)?;
    let spec: HoldSpec = serde_json::from_slice(&text).map_err(|error| refuse(error.into()))?;
    if spec.version > HOLDER_VERSION {
        return Err(HoldError::Version { path: path.to_owned(), version: spec.version });
    }
    if spec.argv.is_empty() {
        return Err(refuse(io::Error::new(io::ErrorKind::InvalidData, "`argv` is empty")));
    }
    Ok(spec)
}

/// Claims the directory for this holder: of two, one fails.
///
/// Not synced: it names processes of this boot, so it is worth nothing after a crash of the machine.
pub(crate) fn claim(directory: &Utf8Path, record: &HolderRecord) -> Result<(), HoldError> {
    let path = directory.join(HOLDER_FILE);
    let text =
        serde_json::to_vec(record).map_err(|source| HoldError::Record { path: path.clone(), source: source.into() })?;
    let temporary = write_aside(&path, &text, Durability::None)?;
    let claimed = std::fs::hard_link(&temporary, &path);
    // What remains of it is found under its pid's name and does no harm.
    let _ = std::fs::remove_file(&temporary);
    claimed.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => HoldError::AlreadyHeld { directory: directory.to_owned() },
        _ => HoldError::Record { path, source },
    })
}

/// Replaces the claim by one that names the program too.
pub(super) fn update(directory: &Utf8Path, record: &HolderRecord) -> Result<(), HoldError> {
    replace(directory.join(HOLDER_FILE), record, Durability::None)
}

/// Writes down how the program ended, so that it survives a crash of the machine.
pub(super) fn write_exit(directory: &Utf8Path, record: &ExitRecord) -> Result<(), HoldError> {
    replace(directory.join(EXIT_FILE), record, Durability::Synced)
}

/// Replaces a text that somebody may want to read. Not synced.
pub(super) fn write_text(path: &Utf8Path, text: &str) -> Result<(), HoldError> {
    replace_bytes(path.to_owned(), text.as_bytes(), Durability::None)
}

/// Whether a file must survive a crash of the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    None,
    Synced,
}

fn replace(path: Utf8PathBuf, record: &impl Serialize, durability: Durability) -> Result<(), HoldError> {
    let text =
        serde_json::to_vec(record).map_err(|source| HoldError::Record { path: path.clone(), source: source.into() })?;
    replace_bytes(path, &text, durability)
}

fn replace_bytes(path: Utf8PathBuf, text: &[u8], durability: Durability) -> Result<(), HoldError> {
    let temporary = write_aside(&path, text, durability)?;
    let renamed = std::fs::rename(&temporary, &path).and_then(|()| match (durability, path.parent()) {
        (Durability::Synced, Some(parent)) => std::fs::File::open(parent)?.sync_all(),
        _ => Ok(()),
    });
    renamed.map_err(|source| HoldError::Record { path, source })
}

/// Writes a text beside its place, and returns where. One holder has one name for it, so that nothing piles up.
fn write_aside(path: &Utf8Path, text: &[u8], durability: Durability) -> Result<Utf8PathBuf, HoldError> {
    let temporary = Utf8PathBuf::from(format!("{path}.{}.tmp", std::process::id()));
    let write = || -> io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text)?;
        if durability == Durability::Synced { file.sync_all() } else { Ok(()) }
    };
    write().map_err(|source| HoldError::Record { path: path.to_owned(), source })?;
    Ok(temporary)
}

/// Who has this pid now. Meant for this process and its children, whose pids cannot be reused meanwhile.
pub(crate) fn identify(pid: u32) -> Result<ProcessId, HoldError> {
    let read = || -> io::Result<ProcessId> {
        let text = std::fs::read(format!("/proc/{pid}/stat"))?;
        let stat = ProcStat::parse(&String::from_utf8_lossy(&text))
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "`/proc/<pid>/stat` is not as in proc(5)"))?;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        Ok(ProcessId { pid, start: stat.start, boot: boot.trim().to_owned() })
    };
    read().map_err(|source| HoldError::Kernel { what: "learn a process's identity from /proc", source })
}
