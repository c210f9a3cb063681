//! What a service manager is told, as `sd_notify(3)` says: by datagrams to the socket that it names. Without one, nothing.
//!
//! Not by a crate: those read the process's environment themselves, and reach no abstract socket.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::setup::Environment;

/// The variables by which a service manager speaks to one process. They are for nobody whom that process starts.
pub const MANAGER_VARIABLES: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"];

/// Tells a service manager how the host is.
#[derive(Debug, Default)]
pub struct Notifier {
    manager: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Takes what a service manager left in an environment out of it. `pid` is this process: a watchdog may be meant
    /// for another.
    #[must_use]
    pub fn take(environment: &mut Environment, pid: u32) -> Self {
        let mut taken = MANAGER_VARIABLES.map(|name| environment.variables.remove(name));
        let [socket, limit, watched, ..] = &mut taken;
        let Some(socket) = socket.take().filter(|socket| !socket.is_empty()) else { return Self::default() };
        let manager = match address(&socket).and_then(|address| Ok((UnixDatagram::unbound()?, address))) {
            Ok((sender, address)) => sender.set_nonblocking(true).is_ok().then_some((sender, address)),
            Err(error) => {
                tracing::warn!("the service manager's socket `{socket}` cannot be used: {error}");
                None
            }
        };
        let is_ours = watched.as_ref().is_none_or(|watched| watched.parse() == Ok(pid));
        let limit = limit.as_ref().and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0 && is_ours);
        Self { manager, watchdog: limit.map(Duration::from_micros) }
    }

    /// How often the watchdog wants to hear [`Self::alive`]: twice as often as it must.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.manager.as_ref().and(self.watchdog).map(|limit| limit / 2)
    }

    /// The host serves, and how.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\n{}", status_line(status)));
    }

    /// What the host does.
    pub fn status(&self, status: &str) {
        self.send(&status_line(status));
    }

    /// The host makes progress.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// The host reads its configurations again; [`Self::ready`] follows.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    /// The host is ending.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// A manager that does not read must not stop the host.
    fn send(&self, message: &str) {
        let Some((sender, address)) = &self.manager else { return };
        if let Err(error) = sender.send_to_addr(message.as_bytes(), address) {
            tracing::warn!("the service manager was not told: {error}");
        }
    }
}

/// `@name` is an abstract socket (unix(7)), `/path` one in the file system.
fn address(socket: &str) -> io::Result<SocketAddr> {
    match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(socket),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "it is neither a path nor an abstract socket")),
    }
}

/// One line, as each line is a message of its own.
fn status_line(status: &str) -> String {
    format!("STATUS={}", status.replace(|c: char| c.is_control(), " "))
}

/// Whether there was progress since the last look: without any, a watchdog is told nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pulse(u64);

impl Pulse {
    /// Looks at the number of steps made so far.
    pub fn beats(&mut self, steps: u64) -> bool {
        let moved = steps != self.0;
        self.0 = steps;
        moved
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables: BTreeMap<_, _> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Environment { variables, home: "/".into(), current_directory: "/".into(), program: "/bin/ao".into() }
    }

    fn heard(manager: &UnixDatagram) -> String {
        let mut buffer = [0; 4096];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_hears_on_a_path_and_on_an_abstract_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let name = format!("ao-notify-test-{}", std::process::id());
        let abstract_socket = SocketAddr::from_abstract_name(&name).unwrap();
        for (manager, socket) in [
            (UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap().to_owned()),
            (UnixDatagram::bind_addr(&abstract_socket).unwrap(), format!("@{name}")),
        ] {
            manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut environment = environment(&[("NOTIFY_SOCKET", &socket), ("WATCHDOG_USEC", "4000000"), ("A", "b")]);
            let notifier = Notifier::take(&mut environment, 7);
            assert_eq!(environment.variables.keys().collect::<Vec<_>>(), ["A"], "nobody else sees the rest");
            assert_eq!(notifier.interval(), Some(Duration::from_secs(2)));
            notifier.ready("two\nlines");
            assert_eq!(heard(&manager), "READY=1\nSTATUS=two lines");
            notifier.alive();
            assert_eq!(heard(&manager), "WATCHDOG=1");
            notifier.reloading();
            let reloading = heard(&manager);
            let now = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
            assert!(now.parse::<u64>().unwrap() > 0, "{reloading}");
            notifier.stopping();
            assert_eq!(heard(&manager), "STOPPING=1");
        }
    }

    #[test]
    fn a_watchdog_of_another_process_is_none_of_ours() {
        let interval = |variables: &[(&str, &str)]| {
            let variables = [&[("NOTIFY_SOCKET", "@x")], variables].concat();
            Notifier::take(&mut environment(&variables), 7).interval()
        };
        assert_eq!(interval(&[("WATCHDOG_USEC", "10"), ("WATCHDOG_PID", "8")]), None);
        assert!(interval(&[("WATCHDOG_USEC", "10"), ("WATCHDOG_PID", "7")]).is_some());
        assert_eq!(interval(&[("WATCHDOG_USEC", "soon")]), None);
        assert_eq!(Notifier::take(&mut environment(&[("WATCHDOG_USEC", "10")]), 7).interval(), None);
        assert_eq!(Notifier::take(&mut environment(&[("NOTIFY_SOCKET", "vsock:1:2")]), 7).interval(), None);
    }

    #[test]
    fn without_progress_there_is_no_pulse() {
        let mut pulse = Pulse::default();
        let beats: Vec<_> = [0, 3, 3, 4].into_iter().map(|steps| pulse.beats(steps)).collect();
        assert_eq!(beats, [false, true, false, true]);
    }
}
