//! What panes show: many screens in one question, and one pane's whole history.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use ao_plugin_sdk::prelude::*;

use crate::panes::Pane;
use crate::server::Server;

/// The last lines of these panes' screens, by pane. A pane that went away meanwhile, and those after it, are left out.
pub(crate) async fn last_lines(server: &Server, panes: &[&Pane], lines: u32) -> Result<BTreeMap<String, String>> {
    if panes.is_empty() || lines == 0 {
        return Ok(BTreeMap::new());
    }
    // No agent can print what it cannot guess.
    let divider = format!("ao-{:016x}", RandomState::new().hash_one(std::process::id()));
    let mut command = server.command();
    for pane in panes {
        command = command.args(["capture-pane", "-p", "-t", &pane.id, ";", "display-message", "-p", &divider, ";"]);
    }
    let output = command.output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let divider = format!("{divider}\n");
    let screens = text.split(divider.as_str()).map(|screen| tail(screen, lines));
    Ok(panes.iter().zip(screens).map(|(pane, screen)| (pane.id.clone(), screen)).collect())
}

/// Everything that a pane holds, wrapped lines joined; `None` without a server.
pub(crate) async fn history(server: &Server, pane: &Pane) -> Result<Option<String>> {
    server.ask(server.command().args(["capture-pane", "-p", "-J", "-S", "-", "-E", "-", "-t", &pane.id])).await
}

/// The last lines down to the last that is not blank.
fn tail(screen: &str, lines: u32) -> String {
    let all: Vec<&str> = screen.trim_end().lines().map(str::trim_end).collect();
    all[all.len().saturating_sub(lines as usize)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_ends_with_what_is_written() {
        assert_eq!(tail("one  \n\ntwo\n\n\n", 2), "\ntwo");
        assert_eq!(tail("\n\n", 5), "");
    }
}
