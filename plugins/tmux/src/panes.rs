//! The agents' panes, as the server lists them.

use ao_plugin_sdk::prelude::*;

use crate::place::Place;
use crate::server::Server;

/// The pane options that say whose a pane is. A pane that a human splits off has none of them.
pub(crate) const OWNER_OPTION: &str = "@ao_owner";
pub(crate) const SESSION_OPTION: &str = "@ao_session";
pub(crate) const KEY_OPTION: &str = "@ao_key";
pub(crate) const DIRECTORY_OPTION: &str = "@ao_directory";

/// The fields of [`Pane`] in their order. Only the last may hold a space.
const FORMAT: &str = "#{pane_id} #{pane_dead} #{window_activity} #{session_attached} #{pane_tty} #{@ao_owner} #{@ao_session} #{@ao_directory}";

/// A pane that an agent was started in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pane {
    /// Its number, such as `%3`: good until the server ends.
    pub(crate) id: String,
    /// Whether its program, the holder, has ended.
    pub(crate) state: PaneState,
    /// When something was last printed in its window.
    pub(crate) activity: Option<Timestamp>,
    /// How many clients show its session: humans who may be typing.
    pub(crate) clients: u32,
    /// The device that the agent reads.
    pub(crate) tty: Utf8PathBuf,
    /// Whose it is.
    pub(crate) owner: String,
    /// Its session.
    pub(crate) session: SessionId,
    /// The session's directory.
    pub(crate) directory: Utf8PathBuf,
}

/// Whether a pane's program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaneState {
    /// It runs.
    Running,
    /// It ended; the pane stays for its last screen.
    Ended,
}

/// All panes of agents on a server; none if there is no server.
pub(crate) async fn list(server: &Server) -> Result<Vec<Pane>> {
    let listed = server.ask(server.command().args(["list-panes", "-a", "-F", FORMAT])).await?;
    Ok(listed.unwrap_or_default().lines().filter_map(parse).collect())
}

/// The pane of a place.
pub(crate) fn of_place<'a>(panes: &'a [Pane], place: &Place) -> Option<&'a Pane> {
    panes.iter().find(|pane| pane.directory == place.directory)
}

/// Reads a line of the list; `None` for a pane that is not an agent's.
fn parse(line: &str) -> Option<Pane> {
    let mut fields = line.splitn(8, ' ');
    let mut next = || fields.next();
    let (id, dead, activity, clients) = (next()?, next()?, next()?, next()?);
    let (tty, owner, session) = (next()?, next()?, next()?);
    let activity = activity.parse::<i64>().ok().map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
    Some(Pane {
        id: id.to_owned(),
        state: if dead == "1" { PaneState::Ended } else { PaneState::Running },
        activity,
        clients: clients.parse().unwrap_or_default(),
        tty: tty.into(),
        owner: owner.to_owned(),
        session: session.parse().ok()?,
        directory: next()?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_pane_is_read() {
        let pane = parse("%3 0 1700000000 0 /dev/pts/4 0a1b2c3d ao-1 /state/a b/sessions/ao-1").expect("a pane");
        assert_eq!((pane.id.as_str(), pane.state, pane.session.as_str()), ("%3", PaneState::Running, "ao-1"));
        assert_eq!(pane.clients, 0);
        assert_eq!(pane.directory, "/state/a b/sessions/ao-1");
        assert_eq!(pane.activity.map(Timestamp::as_millis), Some(1_700_000_000_000));
    }

    #[test]
    fn other_panes_are_passed_over() {
        assert_eq!(parse("%3 0 1700000000 0 /dev/pts/4   "), None, "a pane that a human split off");
        assert_eq!(parse(""), None);
    }
}
