//! Why the store did not do something, and what to do about it.

use std::io;

use ao_core::model::facts::OperationKind;
use ao_core::model::{DeliveryLevel, ProcessId, SessionId, SessionPrefix};
use ao_core::{Code, Error};
use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::ErrorCode;
use thiserror::Error;

/// Why the store did not do something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such session.
    #[error("there is no session `{0}`; `ao status` lists them")]
    NoSession(SessionId),
    /// There is nothing like this in the trash.
    #[error("there is no `{0}` in the trash; `ao trash list` shows what is")]
    NoTrash(String),
    /// There is no such message.
    #[error("there is no message `{0}`")]
    NoMessage(String),
    /// Somebody else changed the session after it was read.
    #[error("session `{id}` was changed meanwhile (version {expected} was read, {found} is stored); read it again")]
    Changed {
        /// The session.
        id: SessionId,
        /// The version that was read.
        expected: u64,
        /// The version that is stored.
        found: u64,
    },
    /// Another host has taken the place of the one in whose name this was to be written.
    #[error("another host has taken over (term {expected} ended, {found} runs); nothing was written")]
    Fenced {
        /// The term in whose name this was to be written.
        expected: u64,
        /// The term that is stored.
        found: u64,
    },
    /// An operation on the session is in progress, or it cannot be told whether it is.
    #[error("session `{id}` is busy: {owner} {}{}; wait until it is done, or end that process", doing(*kind), aside(doubt.as_deref()))]
    Held {
        /// The session.
        id: SessionId,
        /// What is being done to it.
        kind: OperationKind,
        /// By whom.
        owner: ProcessId,
        /// Why it is not known whether that process lives; none when it does.
        doubt: Option<String>,
    },
    /// A message is not at the level that it was to leave.
    #[error("message `{id}` is {found} by now, not {expected}; somebody else delivers it")]
    MessageMoved {
        /// The message.
        id: String,
        /// The level that was expected.
        expected: DeliveryLevel,
        /// The level that it has.
        found: DeliveryLevel,
    },
    /// There is no next number.
    #[error("the session prefix `{0}` has no numbers left; choose another `sessionPrefix`")]
    NoNumbers(SessionPrefix),
    /// The database stayed locked.
    #[error("the state database `{path}` is locked by another program; try again")]
    Busy {
        /// The database.
        path: Utf8PathBuf,
    },
    /// There is no space left.
    #[error("the disk is full: nothing can be written to the state database `{path}`; make room and try again")]
    Full {
        /// The database.
        path: Utf8PathBuf,
    },
    /// The database may not be written.
    #[error("the state database `{path}` is read-only here; check its owner, its mode and the file system")]
    ReadOnly {
        /// The database.
        path: Utf8PathBuf,
    },
    /// A newer version of this program wrote the database.
    #[error(
        "the state database `{path}` was written by a newer version of ao (schema {found}; this version knows up to \
         {known}); update ao, or set `AO_HOME` to another directory"
    )]
    NewerSchema {
        /// The database.
        path: Utf8PathBuf,
        /// Its schema's number.
        found: u32,
        /// The highest number that this program knows.
        known: u32,
    },
    /// The file is damaged, or is no database.
    #[error(
        "the state database `{path}` is damaged ({detail}); worktrees, branches and running agents are not affected: \
         `ao doctor --rebuild` sets the file aside and brings the sessions back"
    )]
    Corrupt {
        /// The database.
        path: Utf8PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Another session works on the issue.
    #[error(
        "`{session}` works on the issue `{issue}` already: tell it what is new with `ao send {session} …`, or say \
         `--again` to have it done once more"
    )]
    IssueTaken {
        /// The issue.
        issue: String,
        /// The session.
        session: SessionId,
    },
    /// There is a session that was spawned for the same.
    #[error("`{0}` was spawned for the same, and is there")]
    SpawnedBefore(SessionId),
    /// There may be no more sessions.
    #[error("{0}")]
    Limit(String),
    /// A row that does not hold what this version expects.
    #[error("{what} in the state database cannot be read; was it changed by hand?")]
    Unreadable {
        /// Which row.
        what: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An archive of events that cannot be written or read.
    #[error("cannot use `{path}`, where old events are kept; those in the database stay there")]
    Archive {
        /// The file, or the directory of all.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A copy of the database that cannot be made, or read.
    #[error("cannot use `{directory}`, where copies of the state database are kept")]
    Backup {
        /// The directory of all.
        directory: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A directory or file that cannot be used.
    #[error("cannot open the state database `{path}`")]
    Open {
        /// The database.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Anything else that SQLite says.
    #[error("the state database `{path}` failed")]
    Sqlite {
        /// The database.
        path: Utf8PathBuf,
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

fn doing(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Spawn => "is starting it",
        OperationKind::Send => "is sending it a message",
        OperationKind::Kill => "is ending it",
        OperationKind::Cleanup => "is moving its workspace into the trash",
        OperationKind::Restore => "is bringing it back",
        _ => "is changing it",
    }
}

fn aside(doubt: Option<&str>) -> String {
    doubt.map(|why| format!(" (if that process still lives, which could not be seen: {why})")).unwrap_or_default()
}

impl StoreError {
    /// Sorts what SQLite says.
    pub(super) fn sqlite(path: &Utf8Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, detail: source.to_string() }
            }
            _ => Self::Sqlite { path, source },
        }
    }

    /// A row that cannot be read.
    pub(super) fn unreadable(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unreadable { what: what.into(), source: source.into() }
    }

    /// The code that this error has at a slot's boundary.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NoSession(_) | Self::NoTrash(_) | Self::NoMessage(_) => Code::NOT_FOUND,
            Self::Changed { .. }
            | Self::Fenced { .. }
            | Self::Held { .. }
            | Self::MessageMoved { .. }
            | Self::SpawnedBefore(_)
            | Self::IssueTaken { .. } => Code::CONFLICT,
            Self::NoNumbers(_) => Code::INVALID_INPUT,
            Self::Busy { .. }
            | Self::Limit(_)
            | Self::Full { .. }
            | Self::ReadOnly { .. }
            | Self::Open { .. }
            | Self::Backup { .. }
            | Self::Archive { .. } => Code::UNAVAILABLE,
            // Such as a quota that is used up, or a disk that does not answer.
            Self::Sqlite { source, .. } if source.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => {
                Code::UNAVAILABLE
            }
            Self::NewerSchema { .. } => Code::INCOMPATIBLE,
            Self::Corrupt { .. } | Self::Unreadable { .. } | Self::Sqlite { .. } => Code::OTHER,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let mut wrapped = Self::new(error.code(), error.to_string());
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            wrapped.chain.push(cause.to_string());
            source = cause.source();
        }
        wrapped
    }
}
