//! Processes: an identity that a reused pid cannot fake, exits, and what the holder writes down.

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

use super::SessionId;
use super::time::Timestamp;
use crate::record::{objects, record};
use crate::slots::runtime::Size;

/// One process for good: a pid alone is reused, these three together are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProcessId")]
#[serde(remote = "Self")]
pub struct ProcessId {
    /// The kernel's number for the process.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`, proc(5)).
    pub start: u64,
    /// Which boot that was (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.pid)
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ExitStatus")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
pub enum ExitStatus {
    /// It returned this code.
    Code {
        /// 0 to 255.
        code: i32,
    },
    /// A signal ended it.
    Signal {
        /// The number of the signal.
        signal: i32,
    },
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

impl ExitStatus {
    /// Whether the process returned 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code { code: 0 }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { code } => write!(f, "exit code {code}"),
            Self::Signal { signal } => write!(f, "signal {signal}"),
            Self::Unknown => f.write_str("an exit of an unknown kind"),
        }
    }
}

/// The fields of `/proc/<pid>/stat` that identify a process and its place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcStat {
    /// The state letter; `Z` is a process that ended and was not waited for.
    pub state: char,
    /// The parent's pid.
    pub parent: u32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

impl ProcStat {
    /// Reads the text of `/proc/<pid>/stat`. The name in it may hold spaces and parentheses (proc(5)).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        // Field 22 of the file; state was field 3 and the parent field 4.
        let start = fields.nth(17)?.parse().ok()?;
        Some(Self { state, parent, start })
    }
}

/// The version of the files that the holder writes. A newer host keeps reading older ones.
pub const HOLDER_VERSION: u32 = 1;

record! {
    /// What the holder is told to run: the file whose path is the one argument of `ao __hold`.
    pub struct HoldSpec {
        required {
            /// [`HOLDER_VERSION`].
            version: u32,
            /// The program and its arguments. Never empty.
            argv: Vec<String>,
            /// Where it runs.
            cwd: Utf8PathBuf,
            /// Where the holder writes `holder.json` and `exit.json`.
            directory: Utf8PathBuf,
            /// The whole environment of the program: the holder's own is not inherited.
            env: BTreeMap<String, String>,
        }
        optional {
            /// Where standard input, output and error go.
            stdio: HoldStdio,
        }
    }

    /// Written by the holder before it starts the program, and again once it runs.
    pub struct HolderRecord {
        required {
            /// [`HOLDER_VERSION`].
            version: u32,
            /// The holder itself.
            holder: ProcessId,
            /// When the holder started.
            started_at: Timestamp,
        }
        optional {
            /// The program, once it runs.
            child: Option<ProcessId>,
        }
    }

    /// Written by the holder, durably, when the program has ended.
    pub struct ExitRecord {
        required {
            /// [`HOLDER_VERSION`].
            version: u32,
            /// How it ended.
            status: ExitStatus,
            /// When.
            at: Timestamp,
        }
        optional {
            /// Why the program never ran, if it did not.
            error: Option<String>,
        }
    }
}

/// Where a held program's standard streams go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
pub enum HoldStdio {
    /// The holder's own: the terminal that it was started in.
    #[default]
    Inherit,
    /// A named pipe as input, one file for output and error.
    Files {
        /// A FIFO that the holder keeps open, so that the program never reads an end of file.
        input: Utf8PathBuf,
        /// Appended to.
        output: Utf8PathBuf,
    },
    /// A terminal that the holder owns. Who looks at it or types into it comes to the socket, see
    /// [`terminal`](super::terminal).
    ///
    /// An older holder takes this for `Unknown` and refuses to start the program, so it needs no new version.
    Pty {
        /// Where the holder listens; at most 100 bytes long, in a directory that only the user can enter.
        socket: Utf8PathBuf,
        /// What the program prints is appended to the files of this name and an offset, see
        /// [`output_log`](super::output_log).
        output: Utf8PathBuf,
        /// The size at first.
        size: Size,
        /// How many lines that left the screen are kept in memory.
        #[serde(default = "default_scrollback")]
        scrollback: u32,
        /// How many bytes of output are kept on the disk at most.
        #[serde(default = "default_log_bytes")]
        log_bytes: u64,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What [`HoldStdio::Pty`] keeps in memory by default, in lines.
#[must_use]
pub fn default_scrollback() -> u32 {
    10_000
}

/// What [`HoldStdio::Pty`] keeps on the disk by default, in bytes: 16 MiB.
#[must_use]
pub fn default_log_bytes() -> u64 {
    16 * 1024 * 1024
}

/// What the directory of a session's second and further launches is called, before its number. It stands in the directory
/// of the session, which is that of its first launch.
pub const LAUNCH_DIRECTORY: &str = "launch-";

/// A session's directory, whose name is its id, from that of one of its launches.
#[must_use]
pub fn session_directory<'a>(launch: &'a Utf8Path, session: &SessionId) -> &'a Utf8Path {
    launch.parent().filter(|above| above.file_name() == Some(session.as_str())).unwrap_or(launch)
}

/// The name of [`HoldSpec`]'s file in a session's runtime directory.
pub const HOLD_SPEC_FILE: &str = "hold.json";
/// The name of [`HolderRecord`]'s file.
pub const HOLDER_FILE: &str = "holder.json";
/// The name of [`ExitRecord`]'s file.
pub const EXIT_FILE: &str = "exit.json";
/// The name of the file in it by which a runtime plugin finds its launch again.
pub const CARD_FILE: &str = "runtime.json";
/// The environment variable that marks every process of a session: `<owner>/<session>`.
pub const MARKER_VARIABLE: &str = "AO_SESSION_MARKER";

objects!(ProcessId, ExitStatus, HoldStdio);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_launch_stands_in_its_sessions_directory() {
        for (launch, session, wanted) in [
            ("/s/sessions/app-1", "app-1", "/s/sessions/app-1"),
            ("/s/sessions/app-1/launch-2", "app-1", "/s/sessions/app-1"),
            ("/s/sessions/launch-2", "launch-2", "/s/sessions/launch-2"),
            ("/s/sessions/launch-2/launch-2", "launch-2", "/s/sessions/launch-2"),
        ] {
            let session: SessionId = session.parse().expect("an id");
            assert_eq!(session_directory(Utf8Path::new(launch), &session), wanted);
        }
    }

    #[test]
    fn a_stat_line_with_a_hostile_name_is_read() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2";
        assert_eq!(ProcStat::parse(line), Some(ProcStat { state: 'S', parent: 7, start: 98765 }));
    }

    proptest! {
        #[test]
        fn parsing_is_total(text in ".*") {
            let _ = ProcStat::parse(&text);
        }
    }
}
