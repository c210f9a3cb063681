//! Writing into an agent's input pipe: whole or not at all, one sender at a time.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

/// The pipe's name in the session's directory.
pub(crate) const INPUT_FILE: &str = "input";

/// Held while a message is written.
const LOCK_FILE: &str = "input.lock";

/// The kernel's unit of pipe space.
const PAGE: u64 = 4096;

/// Makes the pipe, unless a former launch left it.
pub(crate) fn make_pipe(directory: &Utf8Path) -> Result<()> {
    let path = directory.join(INPUT_FILE);
    match rustix::fs::mkfifoat(rustix::fs::CWD, path.as_str(), Mode::RUSR | Mode::WUSR) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(Error::wrap(Code::OTHER, format!("cannot make the pipe `{path}`"), &io::Error::from(error))),
    }
}

/// Whether somebody holds the pipe's reading end. Says no where that cannot be told.
pub(crate) fn has_reader(directory: &Utf8Path) -> bool {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(directory.join(INPUT_FILE).as_str(), flags, Mode::empty()).is_ok()
}

/// Removes the pipe; it may be gone.
pub(crate) fn remove_pipe(directory: &Utf8Path) -> Result<()> {
    let path = directory.join(INPUT_FILE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::wrap(Code::OTHER, format!("cannot remove `{path}`"), &error))
        }
        _ => Ok(()),
    }
}

/// Waits until no other sender writes, and keeps others out until the file is dropped. Blocks, though no sender holds it
/// for longer than a write that does not block.
pub(crate) fn lock(directory: &Utf8Path) -> Result<File> {
    let path = directory.join(LOCK_FILE);
    let refuse = |error: io::Error| Error::wrap(Code::OTHER, format!("cannot lock `{path}`"), &error);
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(refuse)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| refuse(error.into()))?;
    if deadline() == Some(Duration::ZERO) {
        // The host has given up on this call: to write now would be a surprise.
        return Err(Error::unavailable("another sender was writing to the agent; nothing was sent"));
    }
    Ok(file)
}

/// Writes all of `bytes`, or nothing.
///
/// The caller holds the lock, so nothing but the agent's reading changes the space in the pipe, and that only grows it.
pub(crate) fn write(directory: &Utf8Path, bytes: &[u8]) -> Result<()> {
    let path = directory.join(INPUT_FILE);
    let refuse = |error: io::Error| Error::wrap(Code::OTHER, format!("cannot write to `{path}`"), &error);
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("O_NONBLOCK is a small number");
    let mut pipe = File::options().write(true).custom_flags(flags).open(&path).map_err(|error| {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NXIO | Errno::NOENT) => Error::not_found("nobody reads the agent's input; nothing was sent"),
            _ => refuse(error),
        }
    })?;
    let unread = rustix::io::ioctl_fionread(&pipe).map_err(|error| refuse(error.into()))?;
    let capacity = rustix::pipe::fcntl_getpipe_size(&pipe).map_err(|error| refuse(error.into()))?;
    if !fits(bytes.len() as u64, unread, capacity as u64) {
        return Err(Error::unavailable(format!(
            "the agent is not reading its input: {unread} bytes wait in its pipe, which has no room for {} more; \
             nothing was sent",
            bytes.len()
        )));
    }
    pipe.write_all(bytes).map_err(refuse)
}

/// Whether a pipe surely has room, all numbers in bytes.
///
/// A pipe is made of pages, and a write fills up the last one only when it fits as a whole: two neighbouring pages may
/// hold little more than one page's worth, and the first may be nearly read.
fn fits(length: u64, unread: u64, capacity: u64) -> bool {
    let used = if unread == 0 { 0 } else { 2 * unread.div_ceil(PAGE) + 1 };
    used + length.div_ceil(PAGE) <= capacity / PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_pipe_takes_its_capacity() {
        assert!(fits(65536, 0, 65536));
        assert!(!fits(65537, 0, 65536));
    }

    #[test]
    fn unread_bytes_are_counted_at_their_worst() {
        // Sixteen writes of 2,049 bytes fill sixteen pages (seen on Linux 6).
        assert!(!fits(1, 16 * 2049, 65536));
        assert!(fits(16384, 100, 65536));
    }
}
