//! A session's share of a server: locks that the kernel gives up for whoever dies.
//!
//! | file of the place | who holds its lock |
//! |---|---|
//! | `join.lock` | who joins, and who looks whether anybody is left: one at a time |
//! | `supervisor.lock` | the supervisor, as long as it lives |
//! | `clients/SESSION` | a session's helper, as long as it lives. It says which conversation is its |
//! | `server.json` | nobody: where the server is, once it answers. Mode 0600 |

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use ao_agent_conversation::desk::private_directory;
use ao_plugin_sdk::core::model::process::MARKER_VARIABLE;
use ao_plugin_sdk::core::model::spool::SPOOL_VARIABLE;
use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::files::write_atomically;
use ao_plugin_sdk::holder::end_tree;
use ao_plugin_sdk::prelude::*;
use tokio::time::Instant;

use super::{Address, UP_WITHIN};
use crate::launch::{Launch, Place};

/// The supervisor's launch file, which is read again by whoever takes its place.
pub(super) const SUPERVISOR_FILE: &str = "supervisor.json";
const SERVER_FILE: &str = "server.json";
const CLIENTS: &str = "clients";
/// How long a supervisor may take to begin.
const BEGIN_WITHIN: Duration = Duration::from_secs(20);
/// How long an orphaned server may take to end.
const END_WITHIN: Duration = Duration::from_secs(3);
/// How often one is started that ends again.
const ATTEMPTS: u32 = 3;
/// Between two looks at files.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// What a session's processes know of it, and those of a server for many must not.
const OF_A_SESSION: &[&str] = &["AO_SESSION_ID", "AO_SESSION_TOKEN", SPOOL_VARIABLE];

/// What a supervisor is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) version: u64,
    pub(super) place: Place,
    pub(super) binary: String,
    pub(super) args: Vec<String>,
}

/// What a helper says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) conversation: Option<String>,
    pub(super) workspace: Utf8PathBuf,
}

/// A helper's share. Given up with it.
pub(crate) struct Membership {
    place: Place,
    file: File,
    workspace: Utf8PathBuf,
}

impl Membership {
    /// Takes a share of the launch's server, and starts that where there is none.
    pub(crate) async fn join(launch: &Launch, place: &Place) -> io::Result<(Self, Address)> {
        let give_up = Instant::now() + UP_WITHIN;
        for _ in 0..ATTEMPTS {
            let (own, at) = (launch.clone(), place.clone());
            let joined = tokio::task::spawn_blocking(move || take(&own, &at)).await.map_err(io::Error::other)??;
            // A supervisor may be about to end, whose server is no more.
            while joined.is_supervised()? && Instant::now() < give_up {
                if let Some(address) = joined.address() {
                    return Ok((joined, address));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        let log = place.directory.join("supervisor.log");
        let said = fs_err::read_to_string(&log).unwrap_or_default();
        let said = one_line(said.trim(), 300);
        Err(io::Error::other(format!("the shared server does not come up; `{log}` says: {said}")))
    }

    /// Whether the supervisor lives.
    pub(crate) fn is_supervised(&self) -> io::Result<bool> {
        is_held(&self.place.directory.join("supervisor.lock"))
    }

    /// Where the server is now, once it answers.
    pub(crate) fn address(&self) -> Option<Address> {
        serde_json::from_slice(&fs_err::read(self.place.directory.join(SERVER_FILE)).ok()?).ok()
    }

    /// Says which conversation is this helper's: what it leaves running is aborted by that.
    pub(crate) fn say(&self, conversation: &str) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let member = Member { conversation: Some(conversation.to_owned()), workspace: self.workspace.clone() };
        self.file.set_len(0)?;
        self.file.write_all_at(&serde_json::to_vec(&member)?, 0)
    }
}

/// The file of somebody who is gone, and what they said of themselves.
pub(super) type Gone = (Utf8PathBuf, Option<Member>);

/// Those who share a place: their files, with what they say of themselves where they are gone.
pub(super) fn gone_and_left(place: &Utf8Path) -> io::Result<(Vec<Gone>, usize)> {
    let (mut gone, mut left) = (Vec::new(), 0);
    for entry in place.join(CLIENTS).read_dir_utf8()? {
        let path = entry?.into_path();
        if is_held(&path)? {
            left += 1;
        } else {
            let member = fs_err::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
            gone.push((path, member));
        }
    }
    Ok((gone, left))
}

/// Says where the server is.
pub(super) fn publish(place: &Utf8Path, address: &Address) -> io::Result<()> {
    write_atomically(&place.join(SERVER_FILE), &serde_json::to_vec(address)?)
}

/// Says that there is none.
pub(super) fn unpublish(place: &Utf8Path) -> io::Result<()> {
    match fs_err::remove_file(place.join(SERVER_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Takes a lock of a place, if nobody has it.
pub(super) fn try_take(path: &Utf8Path) -> io::Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_held(path: &Utf8Path) -> io::Result<bool> {
    try_take(path).map(|taken| taken.is_none())
}

fn open(path: &Utf8Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "on a thread of its own, waits for a lock that tells nobody when it is taken"
)]
fn take(launch: &Launch, place: &Place) -> io::Result<Membership> {
    let directory = &place.directory;
    private_directory(&directory.join(CLIENTS))?;
    let joining = open(&directory.join("join.lock"))?;
    joining.lock()?;
    let file = open(&directory.join(CLIENTS).join(launch.session.as_str()))?;
    file.try_lock().map_err(|_| io::Error::other(format!("another process speaks for `{}`", launch.session)))?;
    file.set_len(0)?;
    let membership = Membership { place: place.clone(), file, workspace: launch.workspace.clone() };
    if !membership.is_supervised()? {
        // What a supervisor left that was killed serves nobody, and nobody would end it.
        end_tree(directory, &place.marker, END_WITHIN).map_err(io::Error::other)?;
        unpublish(directory)?;
        supervise(launch, place)?;
        let began = std::time::Instant::now();
        while !membership.is_supervised()? {
            if began.elapsed() > BEGIN_WITHIN {
                return Err(io::Error::other("the shared server's supervisor does not begin"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
    Ok(membership)
}

/// Starts a supervisor that belongs to no session.
#[expect(clippy::disallowed_methods, reason = "the supervisor outlives this process")]
fn supervise(launch: &Launch, place: &Place) -> io::Result<()> {
    let order = Order { version: 1, place: place.clone(), binary: launch.binary.clone(), args: launch.args.clone() };
    let file = place.directory.join(SUPERVISOR_FILE);
    write_atomically(&file, &serde_json::to_vec(&order)?)?;
    let mut log = OpenOptions::new();
    let log = log.create(true).write(true).truncate(true).mode(0o600).open(place.directory.join("supervisor.log"))?;
    let mut command = std::process::Command::new(&launch.program);
    command.arg("__opencode-server").arg(file.as_str()).current_dir(&place.directory).process_group(0);
    for name in OF_A_SESSION {
        command.env_remove(name);
    }
    command.env(MARKER_VARIABLE, &place.marker);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    Ok(())
}
