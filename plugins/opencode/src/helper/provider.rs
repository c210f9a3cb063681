//! Whose server it is: one of the helper's own, alone or with OpenCode's interface, or one that is shared.

use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ao_agent_conversation::log::Log;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, interval};

use crate::config::Server;
use crate::launch::Launch;
use crate::server::{Address, Membership, Running, Shape, UP_WITHIN, free_port, new_password};

/// Between two looks whether a shared server is still held.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What becomes of a server.
pub(super) enum Happened {
    /// It is here.
    Up(Address),
    /// It is gone, and another one is looked for.
    Lost,
    /// The process has ended, and the conversation with it.
    Ended(ExitStatus),
}

/// Who provides the server.
pub(super) enum Provider {
    /// This process, which ends with it.
    Own(Box<Own>),
    /// A supervisor.
    Shared(Box<Shared>),
}

/// A server of this process.
pub(super) struct Own {
    running: Running,
    password: String,
    /// Where it listens, until that is known.
    port: Option<oneshot::Receiver<u16>>,
    give_up: Instant,
}

/// A share in another's.
pub(super) struct Shared {
    launch: Launch,
    /// The one that is being asked for, if any.
    joining: JoinSet<io::Result<(Membership, Address)>>,
    membership: Option<Membership>,
    looks: Interval,
}

impl Provider {
    /// Starts what the launch wants.
    pub(super) fn start(launch: &Launch, conversation: Option<&str>, log: &Arc<Mutex<Log>>) -> io::Result<Self> {
        let shape = match launch.server {
            Server::Shared => {
                let looks = interval(LOOK_EVERY);
                let shared = Shared { launch: launch.clone(), joining: JoinSet::new(), membership: None, looks };
                return Ok(Self::Shared(Box::new(shared)));
            }
            Server::Own => Shape::Alone { log },
            Server::None => Shape::Interface { port: free_port()?, conversation },
        };
        let password = new_password()?;
        let (running, port) = Running::start(&launch.binary, &launch.args, &launch.workspace, &password, shape)?;
        let give_up = Instant::now() + UP_WITHIN;
        Ok(Self::Own(Box::new(Own { running, password, port: Some(port), give_up })))
    }

    /// What happens next. Can be given up on at any time, and asked again.
    pub(super) async fn next(&mut self) -> io::Result<Happened> {
        match self {
            Self::Own(own) => own.next().await,
            Self::Shared(shared) => shared.next().await,
        }
    }

    /// Says which conversation it is, to whoever may have to end its turn.
    pub(super) fn say(&self, conversation: &str) -> io::Result<()> {
        match self {
            Self::Shared(shared) => {
                shared.membership.as_ref().map_or(Ok(()), |membership| membership.say(conversation))
            }
            Self::Own(_) => Ok(()),
        }
    }

    /// The process of this helper's own server.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Own(own) => Some(own.running.pid),
            Self::Shared(_) => None,
        }
    }

    /// Ends this process's server; a shared one goes on.
    pub(super) async fn end(&mut self) {
        if let Self::Own(own) = self {
            own.running.end().await;
        }
    }

    /// Ends what a server that ended has left.
    pub(super) fn sweep(&self) {
        if let Self::Own(own) = self {
            own.running.sweep();
        }
    }
}

impl Own {
    async fn next(&mut self) -> io::Result<Happened> {
        let Some(port) = &mut self.port else { return self.running.child.wait().await.map(Happened::Ended) };
        let told = tokio::select! {
            ended = self.running.child.wait() => return ended.map(Happened::Ended),
            told = port => told,
            () = tokio::time::sleep_until(self.give_up) => {
                return Err(io::Error::other("OpenCode's server does not say where it listens"));
            }
        };
        self.port = None;
        match told {
            Ok(port) => Ok(Happened::Up(Address { port, password: self.password.clone() })),
            Err(_) => self.running.child.wait().await.map(Happened::Ended),
        }
    }
}

impl Shared {
    async fn next(&mut self) -> io::Result<Happened> {
        while let Some(membership) = &self.membership {
            if !membership.is_supervised()? {
                // The share in it is given up for one in the next.
                self.membership = None;
                return Ok(Happened::Lost);
            }
            self.looks.tick().await;
        }
        if self.joining.is_empty() {
            let launch = self.launch.clone();
            self.joining.spawn(async move {
                let place = launch.shared.clone().ok_or_else(|| io::Error::other("the launch names no place"))?;
                Membership::join(&launch, &place).await
            });
        }
        let Some(joined) = self.joining.join_next().await else { return std::future::pending().await };
        let (membership, address) = joined.map_err(io::Error::other)??;
        self.membership = Some(membership);
        Ok(Happened::Up(address))
    }
}
