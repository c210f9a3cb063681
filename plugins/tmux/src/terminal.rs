//! The slot terminal: a window in the human's tmux for each session, or the command that shows it.

use ao_plugin_sdk::prelude::*;

use crate::place::{Place, attach_argv};
use crate::server::{literal, tmux};
use crate::{TmuxTerminal, doctor, environment};

#[async_trait]
impl Terminal for TmuxTerminal {
    async fn open(&self, request: OpenSessions) -> Result<Opened> {
        let mut places = Vec::new();
        for handle in &request.handles {
            places.push(open(handle).await?);
        }
        Ok(Opened::new(places))
    }

    async fn is_open(&self, request: OpenSessions) -> Result<Vec<bool>> {
        let mut open = Vec::new();
        for handle in &request.handles {
            let server = Place::of(handle)?.server();
            let listed = server
                .ask(server.command().args(["list-sessions", "-F", "#{session_attached} #{session_name}"]))
                .await?
                .unwrap_or_default();
            open.push(listed.lines().any(|line| {
                line.split_once(' ').is_some_and(|(clients, name)| clients != "0" && name == handle.session.as_str())
            }));
        }
        Ok(open)
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        Ok(vec![doctor::look().await])
    }
}

/// Opens a window where there is a tmux to open it in, and says where the session is to be seen.
async fn open(handle: &RuntimeHandle) -> Result<String> {
    let place = Place::of(handle)?;
    let attach = attach_argv(&place.server(), &handle.session);
    let Some(surrounding) = environment::surrounding_tmux() else { return Ok(attach.join(" ")) };
    let window = tmux()
        .env("TMUX", surrounding)
        .args(["new-window", "-P", "-F", "tmux window #{session_name}:#{window_index}", "-n", handle.session.as_str()])
        .args(attach.iter().map(|argument| literal(argument)))
        .run()
        .await?;
    Ok(window.text())
}
