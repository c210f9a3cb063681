//! A session's spool: files that its agent's hooks leave. What they hold was written by anybody.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::time::UNIX_EPOCH;

use ao_core::model::Timestamp;
use ao_core::model::facts::{ReportState, Session};
use ao_core::model::spool::{MAX_SPOOL_FILE, REFUSED_DIRECTORY, REPORT_HOOK, Report, SPOOL_DIRECTORY, SpoolName};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::world::files;

/// The most entries of a spool that are looked at.
const MOST_ENTRIES: usize = 10_000;
/// The most refused files that are kept of a session; beyond, the oldest go.
const MOST_REFUSED: usize = 32;

/// A session's spool.
#[derive(Clone, Debug)]
pub(super) struct Spool {
    directory: Utf8PathBuf,
    refused: Utf8PathBuf,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// What a hook of the agent's pushed, for its plugin to read.
    Hook { hook: String, payload: Value, at: Timestamp },
    /// What the agent says of itself.
    Report { id: String, report: Report, at: Timestamp },
}

impl Spool {
    /// That of a session with an agent.
    pub(super) fn of(session: &Session) -> Option<Self> {
        let directory = &session.runtime.as_ref()?.directory;
        Some(Self { directory: directory.join(SPOOL_DIRECTORY), refused: directory.join(REFUSED_DIRECTORY) })
    }

    pub(super) fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Its files in the order of their names. What is still being written begins with a dot.
    pub(super) fn names(&self) -> Vec<String> {
        let Ok(entries) = self.directory.read_dir() else { return Vec::new() };
        let name = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let mut names: Vec<_> =
            entries.take(MOST_ENTRIES).filter_map(name).filter(|name| !name.starts_with('.')).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.directory.join(name).symlink_metadata().is_ok()
    }

    /// Reads a file, or says why it cannot be read.
    pub(super) fn read(&self, name: &str) -> Result<Said, String> {
        let parsed: SpoolName =
            name.parse().map_err(|error: ao_core::model::spool::InvalidSpoolName| error.to_string())?;
        let (bytes, at) = self.bytes(name).map_err(|error| error.to_string())?;
        if bytes.len() > MAX_SPOOL_FILE {
            return Err(format!("it is longer than {MAX_SPOOL_FILE} bytes"));
        }
        let unreadable = |error: serde_json::Error| format!("it does not hold what it should: {error}");
        if parsed.hook() != REPORT_HOOK {
            let payload = serde_json::from_slice(&bytes).map_err(unreadable)?;
            return Ok(Said::Hook { hook: parsed.hook().to_owned(), payload, at });
        }
        let report: Report = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if report.state == ReportState::Unknown {
            return Err("it reports a state that there is not".to_owned());
        }
        Ok(Said::Report { id: parsed.id().to_owned(), report, at })
    }

    /// A file's bytes, at most one more than it may have, and when it was written. A link is not followed, and a pipe not
    /// waited for.
    fn bytes(&self, name: &str) -> io::Result<(Vec<u8>, Timestamp)> {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(self.directory.join(name))?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let written = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut bytes = Vec::new();
        file.take(MAX_SPOOL_FILE as u64 + 1).read_to_end(&mut bytes)?;
        Ok((bytes, Timestamp::from_millis(i64::try_from(written).unwrap_or(i64::MAX))))
    }

    /// Removes a file that was read.
    pub(super) fn remove(&self, name: &str) {
        if let Err(error) = std::fs::remove_file(self.directory.join(name)) {
            tracing::debug!("`{name}` stays in `{}`: {error}", self.directory);
        }
    }

    /// Puts aside what cannot be read, for whoever wrote the hook to look at.
    pub(super) fn set_aside(&self, name: &str) {
        let moved = files::private_directory(&self.refused)
            .and_then(|()| fs_err::rename(self.directory.join(name), self.refused.join(name)));
        if let Err(error) = moved {
            tracing::debug!("`{name}` stays in `{}`: {error}", self.directory);
        }
        let mut kept: Vec<_> = self.refused.read_dir().into_iter().flatten().filter_map(Result::ok).collect();
        kept.sort_by_cached_key(|entry| entry.metadata().and_then(|found| found.modified()).ok());
        let too_many = kept.len().saturating_sub(MOST_REFUSED);
        for entry in kept.into_iter().take(too_many) {
            // A directory stays: nothing in it is known.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
