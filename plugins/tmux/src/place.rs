//! What a handle holds, so that its session is found again.

use ao_plugin_sdk::prelude::*;

use crate::NAME;
use crate::server::Server;

/// Where a session is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "ao_plugin_sdk::serde")]
pub(crate) struct Place {
    /// The server's socket.
    pub(crate) socket: Utf8PathBuf,
    /// The session's directory. The agent's pane carries it as an option.
    pub(crate) directory: Utf8PathBuf,
    /// What marks the session's processes.
    pub(crate) marker: String,
}

impl Place {
    /// The place in a handle.
    pub(crate) fn of(handle: &RuntimeHandle) -> Result<Self> {
        ao_plugin_sdk::serde_json::from_value(handle.data.clone()).map_err(|error| {
            let context = format!("the handle of `{}` is not one of the runtime `{NAME}`", handle.session);
            Error::wrap(Code::INVALID_INPUT, context, &error).at_field("handle.data")
        })
    }

    /// The handle of this place.
    pub(crate) fn handle(&self, session: SessionId, key: String) -> Result<RuntimeHandle> {
        let plugin: PluginName = NAME.parse().map_err(|error: InvalidName| Error::other(error.to_string()))?;
        Ok(RuntimeHandle::new(plugin, session, key, json!(self)))
    }

    /// Its server.
    pub(crate) fn server(&self) -> Server {
        Server::at(self.socket.clone())
    }
}

/// The target of a session and nothing else: a bare name would match any session that begins with it.
pub(crate) fn exactly(session: &SessionId) -> String {
    format!("={session}:")
}

/// What a human runs to get into a session; also from within another tmux, which would refuse to nest.
pub(crate) fn attach_argv(server: &Server, session: &SessionId) -> Vec<String> {
    let target = exactly(session);
    ["env", "-u", "TMUX", "tmux", "-u", "-S", server.socket().as_str(), "attach-session", "-t", &target]
        .map(str::to_owned)
        .to_vec()
}
