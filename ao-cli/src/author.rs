//! Who asks, for trackers and forges that do not know it themselves.

use ao_core::model::SessionId;
use camino::Utf8Path;

use crate::edge::Edge;
use crate::git::Git;

/// The session, where it is known which one asks; else the human as git calls them in this directory.
pub(crate) fn author(edge: &Edge, directory: &Utf8Path, session: Option<&SessionId>) -> String {
    if let Some(session) = session {
        return format!("session:{session}");
    }
    let known = Git::at(directory, edge).text(&["config", "--get", "user.name"]).ok().flatten();
    let name = known.or_else(|| edge.environment.variable("USER").map(str::to_owned));
    name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
