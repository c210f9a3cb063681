//! One change of a repository's issues at a time, or one pull request that becomes open, whichever process makes it.

use std::fs::{File, TryLockError};
use std::sync::Arc;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;

/// How long others are waited for, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);

/// What is changed by one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The issues.
    Issues,
    /// Which pull requests are open.
    OpenPulls,
}

impl Of {
    /// The file beside git's own; it stays, and holds nothing.
    const fn file(self) -> &'static str {
        match self {
            Self::Issues => "ao-issues.lock",
            Self::OpenPulls => "ao-prs.lock",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Issues => "changes issues",
            Self::OpenPulls => "opens pull requests",
        }
    }
}

/// The right to change them, until the last clone of it is dropped or its process ends.
#[derive(Clone, Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "it is held, not used")] Arc<File>);

impl Lock {
    /// Waits for it.
    pub(crate) async fn take(common: &Utf8Path, of: Of) -> Result<Self> {
        let path = common.join(of.file());
        let failed = |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot lock `{path}`"), error);
        let mut options = File::options();
        let file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(|error| failed(&error))?;
        let patience = deadline().map_or(PATIENCE, |left| left.min(PATIENCE));
        let waited = tokio::time::timeout(patience, async {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                    Err(TryLockError::Error(error)) => return Err(failed(&error)),
                }
            }
        });
        match waited.await {
            Ok(locked) => locked.map(|()| Self(Arc::new(file))),
            Err(_) => Err(Error::unavailable(format!("another process {} for long; it holds `{path}`", of.what()))),
        }
    }
}
