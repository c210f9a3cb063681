//! Wake-ups: a note when an agent prints, ends or appears.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ao_plugin_sdk::core::model::terminal::{TerminalReply, TerminalRequest};
use ao_plugin_sdk::core::slots::common::Owner;
use ao_plugin_sdk::core::slots::runtime::WakeNote;
use ao_plugin_sdk::holder;
use ao_plugin_sdk::prelude::*;
use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, JoinSet};

use crate::NAME;
use crate::connection::Connection;
use crate::place::Place;

/// How many notes may wait. Holders hold back theirs when nobody takes them.
const WAITING: usize = 64;

/// How long a holder may take to greet. One that is stopped speaks when it goes on.
const PATIENCE: Duration = Duration::from_hours(24);

/// The notes of an owner's sessions.
pub(crate) struct Watch {
    notes: Mutex<Receiver<SessionId>>,
    /// Ends with this.
    _watcher: JoinSet<()>,
}

impl Watch {
    /// Watches every session of an owner, also those that come later.
    pub(crate) fn open(owner: Owner) -> Result<Self> {
        let sockets = Sockets::of(&owner.run)
            .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot watch `{}`", owner.run), &error))?;
        let (sender, notes) = channel(WAITING);
        let mut watcher = JoinSet::new();
        watcher.spawn(watch_all(owner, sockets, sender));
        Ok(Self { notes: Mutex::new(notes), _watcher: watcher })
    }
}

#[async_trait]
impl Stream for Watch {
    async fn next(&self) -> Result<Option<Frame>> {
        let session = self.notes.lock().await.recv().await;
        Ok(session.map(|session| Frame::Control(json!(WakeNote::new(session)))))
    }

    async fn send(&self, _frame: Frame) -> Result<()> {
        Ok(())
    }
}

/// Connects to each holder, and to new ones as their sockets appear.
async fn watch_all(owner: Owner, sockets: Sockets, sender: Sender<SessionId>) {
    let mut watched: BTreeMap<SessionId, AbortHandle> = BTreeMap::new();
    let mut watchers = JoinSet::new();
    loop {
        let owner = owner.clone();
        for (session, place) in blocking(move || places(&owner)).await.unwrap_or_default() {
            if watched.get(&session).is_none_or(AbortHandle::is_finished) {
                let handle = watchers.spawn(watch_one(session.clone(), place, sender.clone()));
                watched.insert(session, handle);
            }
        }
        if sockets.changed().await.is_err() {
            // What is watched stays watched; the rest is found by the host's own looking.
            pending::<()>().await;
        }
        while watchers.try_join_next().is_some() {}
    }
}

fn places(owner: &Owner) -> Result<Vec<(SessionId, Place)>> {
    let cards = holder::cards(owner, NAME)?;
    let places = cards.into_iter().filter_map(|(directory, card)| {
        let place = Place::of_directory(&directory).ok().flatten()?;
        place.socket.exists().then_some((card.session, place))
    });
    Ok(places.collect())
}

/// Passes on one holder's notes until it goes.
async fn watch_one(session: SessionId, place: Place, sender: Sender<SessionId>) {
    // Not there yet, or no more; the next change of its socket leads here again.
    let Ok(mut connection) = Connection::open(&place.socket, PATIENCE).await else { return };
    if connection.ask(&TerminalRequest::Watch, PATIENCE).await.is_err() {
        return;
    }
    loop {
        // The first note is for a session that appears, and the last for one that goes.
        if sender.send(session.clone()).await.is_err() {
            return;
        }
        match connection.incoming.reply().await {
            Ok(Some(TerminalReply::Exit { .. }) | None) | Err(_) => break,
            Ok(Some(_)) => {}
        }
    }
    let _ = sender.send(session).await;
}

/// What happens to the names of a directory.
struct Sockets(AsyncFd<OwnedFd>);

impl Sockets {
    fn of(directory: &Utf8Path) -> io::Result<Self> {
        let events = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        // A holder listens first and closes its socket to others then, so that the second event finds it listening.
        inotify::add_watch(
            &events,
            directory.as_str(),
            inotify::WatchFlags::CREATE | inotify::WatchFlags::ATTRIB | inotify::WatchFlags::MOVED_TO,
        )?;
        #[expect(
            deprecated,
            reason = "an `OwnedFd` keeps what the unsafe constructor demands, and there is no unsafe code here"
        )]
        Ok(Self(AsyncFd::new(events)?))
    }

    /// Waits until something has happened.
    async fn changed(&self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            if let Ok(happened) = ready.try_io(|events| drain(events.get_ref())) {
                return happened;
            }
        }
    }
}

/// Takes every event: which one it was does not matter.
fn drain(events: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(events, &mut space);
    reader.next()?;
    while reader.next().is_ok() {}
    Ok(())
}
