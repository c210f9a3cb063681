//! What is written to the other end: in order, never by waiting on the thread that has something to say, and never more
//! than a bounded amount at once.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::net::SendFlags;
use tokio::sync::Semaphore;

use super::wire::{Message, WireError, encode};

/// The room for messages that wait to be written, in units. One message may be larger: then it waits alone.
const ROOM: u32 = 4096;
/// A unit of room, in bytes.
const UNIT: usize = 1024;

/// The writing end. Cheap to clone.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Shared>);

struct Shared {
    socket: UnixStream,
    queue: Mutex<Queue>,
    wake: Condvar,
    room: Semaphore,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// The thread is in the middle of a message.
    writing: bool,
    closed: bool,
}

/// Bytes, and the room that they take until they are written.
struct Waiting {
    bytes: Vec<u8>,
    from: usize,
    units: u32,
}

/// Why a message was not sent.
#[derive(Debug)]
pub(super) enum SendError {
    /// It cannot be written.
    Wire(WireError),
    /// The other end is gone.
    Closed,
    /// There is no room for something that does not wait.
    Full,
}

impl Outbox {
    /// Writes to a socket, with a thread for what the socket does not take at once.
    pub(super) fn new(socket: UnixStream, name: &str) -> io::Result<Self> {
        let (queue, wake, room) = (Mutex::default(), Condvar::new(), Semaphore::new(ROOM as usize));
        let shared = Arc::new(Shared { socket, queue, wake, room });
        let writer = Arc::clone(&shared);
        // It ends when the outbox is closed, which whoever made it does.
        let _writer = std::thread::Builder::new().name(format!("{name} out")).spawn(move || writer.write())?;
        Ok(Self(shared))
    }

    /// Sends a message once there is room for it.
    pub(super) async fn send(&self, message: &impl Message) -> Result<(), SendError> {
        let bytes = encode(message).map_err(SendError::Wire)?;
        let units = units(bytes.len());
        let permit = self.0.room.acquire_many(units).await.map_err(|_| SendError::Closed)?;
        permit.forget();
        self.0.post(Waiting { bytes, from: 0, units })
    }

    /// Sends a message if there is room for it now: for log lines, which never wait.
    pub(super) fn try_send(&self, message: &impl Message) -> Result<(), SendError> {
        let bytes = encode(message).map_err(SendError::Wire)?;
        let units = units(bytes.len());
        self.0.room.try_acquire_many(units).map_err(|_| SendError::Full)?.forget();
        self.0.post(Waiting { bytes, from: 0, units })
    }

    /// Sends a small message, room or not: for what a destructor has to say about a message that had its room.
    pub(super) fn send_small(&self, message: &impl Message) {
        if let Ok(bytes) = encode(message) {
            // Nobody is there to hear it.
            let _ = self.0.post(Waiting { bytes, from: 0, units: 0 });
        }
    }

    /// Takes nothing any more, and ends what is being written. What was received can still be read.
    pub(super) fn close(&self) {
        self.0.lock().closed = true;
        self.0.room.close();
        self.0.wake.notify_all();
        // Whoever reads or writes finds the end; there may be none any more.
        let _ = self.0.socket.shutdown(Shutdown::Both);
    }
}

fn units(length: usize) -> u32 {
    u32::try_from(length.div_ceil(UNIT)).unwrap_or(ROOM).min(ROOM)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what the socket takes at once, if nobody was before; the thread writes the rest.
    fn post(&self, mut message: Waiting) -> Result<(), SendError> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(SendError::Closed);
        }
        if queue.waiting.is_empty() && !queue.writing {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match rustix::net::send(&self.socket, &message.bytes, flags) {
                Ok(sent) if sent == message.bytes.len() => {
                    drop(queue);
                    self.room.add_permits(message.units as usize);
                    return Ok(());
                }
                Ok(sent) => message.from = sent,
                // No room, or an error that the thread will find, too.
                Err(_) => {}
            }
        }
        queue.waiting.push_back(message);
        self.wake.notify_one();
        Ok(())
    }

    /// The thread: writes what waits, one after the other.
    fn write(&self) {
        let mut queue = self.lock();
        while !queue.closed {
            let Some(message) = queue.waiting.pop_front() else {
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            queue.writing = true;
            drop(queue);
            let written = (&self.socket).write_all(&message.bytes[message.from..]);
            self.room.add_permits(message.units as usize);
            queue = self.lock();
            queue.writing = false;
            if written.is_err() {
                queue.closed = true;
                self.room.close();
            }
        }
        queue.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Answer, ToHost, read};
    use super::*;

    fn reply(request: u64, length: usize) -> ToHost {
        ToHost::Reply { request, answer: Answer::Done(vec![7; length]) }
    }

    fn pair() -> (Outbox, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Outbox::new(ours, "test").unwrap(), theirs)
    }

    #[test]
    fn messages_arrive_in_order_and_whole_also_when_nobody_reads_for_a_while() {
        let (outbox, mut theirs) = pair();
        let sizes = [10, 1_000_000, 0, 3_000_000, 5];
        for (request, length) in (0..).zip(sizes) {
            outbox.try_send(&reply(request, length)).unwrap();
        }
        for (request, length) in (0..).zip(sizes) {
            assert_eq!(read::<ToHost>(&mut theirs).unwrap(), Some(reply(request, length)));
        }
        outbox.close();
        assert_eq!(read::<ToHost>(&mut theirs).unwrap(), None);
        assert!(matches!(outbox.try_send(&reply(9, 1)), Err(SendError::Full | SendError::Closed)));
    }

    #[test]
    fn what_waits_is_bounded() {
        let (outbox, mut theirs) = pair();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let sent = (0..100).find(|request| outbox.try_send(&reply(*request, 500_000)).is_err()).unwrap();
        assert!(sent >= 8, "4 MiB and what the socket takes, not {sent} messages");
        // Reading makes room for a message that waits.
        let waiting = outbox.clone();
        let sender = std::thread::Builder::new()
            .spawn(move || runtime.block_on(waiting.send(&reply(sent, 20_000_000))).unwrap())
            .unwrap();
        for request in 0..=sent {
            let length = if request == sent { 20_000_000 } else { 500_000 };
            assert_eq!(read::<ToHost>(&mut theirs).unwrap(), Some(reply(request, length)));
        }
        sender.join().unwrap();
        outbox.close();
    }

    #[test]
    fn a_closed_other_end_wakes_who_waits() {
        let (outbox, theirs) = pair();
        while outbox.try_send(&reply(1, 500_000)).is_ok() {}
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        drop(theirs);
        assert!(runtime.block_on(outbox.send(&reply(1, 4_000_000))).is_err());
        outbox.close();
    }
}
