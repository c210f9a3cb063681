//! The private tmux server: how it is addressed, and what its refusals mean.

use ao_plugin_sdk::core::model::process::MARKER_VARIABLE;
use ao_plugin_sdk::holder;
use ao_plugin_sdk::prelude::*;

use crate::environment;

/// One server, by its socket. It starts with its first session and ends with its last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Server {
    socket: Utf8PathBuf,
}

impl Server {
    /// An installation's server.
    pub(crate) fn of(owner: &Owner) -> Self {
        Self::at(owner.run.join(format!("tmux-{}.sock", owner.id)))
    }

    /// The server of a socket.
    pub(crate) fn at(socket: Utf8PathBuf) -> Self {
        Self { socket }
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> &Utf8Path {
        &self.socket
    }

    /// A tmux command to this server. It starts none by itself.
    ///
    /// `-u`: names and screens are UTF-8, whatever the locale. `-f /dev/null`: the user's configuration is for the
    /// user's server.
    pub(crate) fn command(&self) -> Command {
        tmux().args(["-u", "-f", "/dev/null", "-S", self.socket.as_str()])
    }

    /// A tmux command that may start the server, which then is of no session, whoever caused it.
    pub(crate) fn starting_command(&self, owner: &Owner) -> Command {
        self.command().env(MARKER_VARIABLE, holder::outside_marker(owner))
    }

    /// Asks the server; `None` if there is none.
    pub(crate) async fn ask(&self, command: Command) -> Result<Option<String>> {
        let output = command.output().await?;
        if output.status.success() {
            return Ok(Some(output.text()));
        }
        if is_absence(&String::from_utf8_lossy(&output.stderr)) { Ok(None) } else { Err(output.failure()) }
    }
}

/// tmux with the environment that it may see.
pub(crate) fn tmux() -> Command {
    command("tmux").env_only(environment::allowed())
}

/// Whether a complaint says that no server is there, or one without sessions, rather than that one could not be asked.
pub(crate) fn is_absence(complaint: &str) -> bool {
    let connecting = complaint.contains("error connecting to");
    ["no server running on", "no current target", "no sessions"].iter().any(|absence| complaint.contains(absence))
        || (connecting && (complaint.contains("No such file") || complaint.contains("Connection refused")))
        || is_farewell(complaint)
}

/// Whether a complaint says that the server ended while it was asked: its last session had just gone.
pub(crate) fn is_farewell(complaint: &str) -> bool {
    complaint.contains("server exited") || complaint.contains("lost server")
}

/// An argument that tmux takes as it is: a `;` at its end would separate commands.
pub(crate) fn literal(text: &str) -> String {
    text.strip_suffix(';').map_or_else(|| text.to_owned(), |rest| format!("{rest}\\;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_semicolon_separates_nothing() {
        assert_eq!(literal("/a;b"), "/a;b");
        assert_eq!(literal("/a;"), "/a\\;");
    }

    #[test]
    fn absence_is_told_from_trouble() {
        assert!(is_absence("no server running on /run/x.sock"));
        assert!(is_absence("error connecting to /run/x.sock (No such file or directory)"));
        assert!(!is_absence("error connecting to /run/x.sock (Permission denied)"));
        assert!(is_absence("server exited unexpectedly") && is_farewell("server exited unexpectedly"));
        assert!(is_absence("no current target") && !is_farewell("no current target"));
        assert!(!is_absence("can't find pane: %7"));
    }
}
