//! What of a session waits for a human, and the commands that resolve it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Status, StatusName, left_by_merge};
use crate::model::facts::{Hold, HoldReason, Session};
use crate::model::{DeliveryLevel, SessionId, Timestamp};
use crate::record::record;
use crate::slots::scm::PullState;
use crate::slots::workspace::Presence;

/// What kind of thing waits, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MatterKind {
    /// The state knows nothing of sessions of which something is left.
    Lost,
    /// So many agents look dead at once that it is not believed.
    MassDeath,
    /// An agent asks something.
    NeedsInput,
    /// It is not known whether a message arrived, or one did not.
    Message,
    /// An agent does not get on.
    Stuck,
    /// An agent works where its files are gone.
    Worktree,
    /// An agent is gone.
    Dead,
    /// A spawn failed.
    Errored,
    /// Found again after the state was lost.
    Orphaned,
    /// A pull request can be merged.
    Mergeable,
    /// Nothing is decided about it.
    Held,
    /// What an ended session did is nowhere else.
    Unmerged,
    /// A plugin is not called as usual.
    Plugin,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

impl MatterKind {
    /// The word for it, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::MassDeath => "mass_death",
            Self::NeedsInput => "needs_input",
            Self::Message => "message",
            Self::Stuck => "stuck",
            Self::Worktree => "worktree",
            Self::Dead => "dead",
            Self::Errored => "errored",
            Self::Orphaned => "orphaned",
            Self::Mergeable => "mergeable",
            Self::Held => "held",
            Self::Unmerged => "unmerged",
            Self::Plugin => "plugin",
            Self::Unknown => "unknown",
        }
    }
}

record! {
    /// Something that waits for a human.
    #[derive(Eq, JsonSchema)]
    pub struct Matter {
        required {
            /// What kind of thing.
            kind: MatterKind,
            /// What it is, in words.
            what: String,
            /// The commands that resolve it; each is one way to.
            commands: Vec<String>,
        }
        optional {
            /// The session that it is about.
            session: Option<SessionId>,
            /// Since when it waits.
            since: Option<Timestamp>,
        }
    }
}

/// A session's last message, as far as the inbox cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastMessage {
    /// How far it got.
    pub level: DeliveryLevel,
    /// Whether it was certainly submitted: then only the agent's own record of it is missing, and many keep none.
    pub submitted: bool,
    /// The file with its text.
    pub file: String,
    /// When it got there.
    pub at: Timestamp,
}

/// Everything of a session that waits for a human.
#[must_use]
pub fn matters(session: &Session, status: &Status, message: Option<&LastMessage>) -> Vec<Matter> {
    let mut found: Vec<_> = by_status(session, status).into_iter().collect();
    if !status.name.is_over() {
        found.extend(message.and_then(|message| of_message(&session.id, message)));
        found.extend(worktree_gone(session));
    } else if status.name != StatusName::Dead {
        found.extend(unmerged(session, status));
    }
    for matter in &mut found {
        matter.session = Some(session.id.clone());
        matter.since.get_or_insert(status.since);
    }
    found
}

fn by_status(session: &Session, status: &Status) -> Option<Matter> {
    let id = &session.id;
    let matter = |kind, what: &str, commands: &[String]| Some(Matter::new(kind, what, commands.to_vec()));
    let attach = format!("ao session attach {id}");
    match status.name {
        StatusName::NeedsInput => {
            let ask = session.agent.as_ref().and_then(|agent| agent.ask.as_ref());
            let what = ask.map_or(status.reason.as_str(), |ask| ask.text.as_str());
            let answer = ask.filter(|ask| !ask.options.is_empty()).map(|_| format!("ao answer {id}"));
            let commands: Vec<_> = answer.into_iter().chain([attach]).collect();
            matter(MatterKind::NeedsInput, what, &commands)
        }
        StatusName::Stuck => matter(MatterKind::Stuck, &status.reason, &[attach, format!("ao session logs {id}")]),
        StatusName::Dead => matter(
            MatterKind::Dead,
            &status.reason,
            &[format!("ao session restore {id}"), format!("ao session kill {id}")],
        ),
        StatusName::Errored => {
            let kept = session.failure.as_ref().and_then(|failure| failure.kept.as_ref());
            let kept = kept.map(|kept| format!("; not taken back: {kept}")).unwrap_or_default();
            let what = format!("{}{kept}", status.reason);
            matter(MatterKind::Errored, &what, &[format!("ao session show {id}"), format!("ao session kill {id}")])
        }
        StatusName::Orphaned => matter(
            MatterKind::Orphaned,
            &status.reason,
            &[format!("ao resume {id}"), format!("ao session restore {id}")],
        ),
        StatusName::Mergeable => {
            let url = session.pull.as_ref().and_then(|pull| pull.snapshot.pull.url.clone()).unwrap_or_default();
            matter(
                MatterKind::Mergeable,
                format!("{} {url}", status.reason).trim_end(),
                &[format!("ao session diff {id}")],
            )
        }
        StatusName::Paused => {
            let lifted = |hold: &Hold| matches!(hold.reason, HoldReason::Paused | HoldReason::Rebuild);
            let lifted = session.hold.as_ref().is_some_and(lifted);
            let command = if lifted { format!("ao resume {id}") } else { format!("ao session show {id}") };
            matter(MatterKind::Held, &status.reason, &[command])
        }
        _ => None,
    }
}

/// The worktree of an agent that lives is gone.
fn worktree_gone(session: &Session) -> Option<Matter> {
    let workspace = session.workspace.as_ref()?;
    let look = workspace.look.as_ref().filter(|_| workspace.unseen.is_none())?;
    if look.presence != Presence::Missing {
        return None;
    }
    let id = &session.id;
    // What was committed is on the branch, and a restore makes the worktree again from it.
    let what = format!("its worktree {} is gone; what was committed is on `{}`", workspace.path, workspace.branch);
    let commands = vec![format!("ao session kill {id} && ao session restore {id}")];
    let mut matter = Matter::new(MatterKind::Worktree, what, commands);
    matter.since = Some(look.at);
    Some(matter)
}

fn of_message(id: &SessionId, message: &LastMessage) -> Option<Matter> {
    let what = match message.level {
        DeliveryLevel::Unconfirmed if !message.submitted => "it is not known whether the last message arrived",
        DeliveryLevel::Failed => "the last message did not arrive",
        _ => return None,
    };
    let commands = vec![format!("ao session attach {id}"), format!("ao send --file {} {id}", quoted(&message.file))];
    let mut matter = Matter::new(MatterKind::Message, what, commands);
    matter.since = Some(message.at);
    Some(matter)
}

/// An argument as a shell reads it.
fn quoted(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c));
    if is_plain && !text.is_empty() { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Whether what was seen of a session's worktree may be believed to say that all of its work is elsewhere.
#[must_use]
pub fn is_all_merged(session: &Session) -> bool {
    let Some(workspace) = &session.workspace else { return true };
    let look = workspace.look.as_ref().filter(|_| workspace.unseen.is_none());
    let ended = session.end.as_ref().map(|end| end.at);
    look.is_some_and(|look| {
        let seen_after = ended.is_none_or(|ended| look.at >= ended);
        let nothing = look.dirty + look.untracked == 0 && look.unmerged == Some(0);
        seen_after && (look.presence == Presence::Missing || nothing)
    })
}

/// Work of a session that is over: in its worktree, and nowhere else.
fn unmerged(session: &Session, status: &Status) -> Option<Matter> {
    let id = &session.id;
    let workspace = session.workspace.as_ref()?;
    let in_trash = session.trash.last().is_some_and(|item| item.state.is_kept());
    let open = session.pull.as_ref().is_some_and(|pull| pull.snapshot.state == PullState::Open);
    if status.name == StatusName::Merged {
        return beyond_merge(session).filter(|_| !in_trash);
    }
    if in_trash || open || is_all_merged(session) {
        return None;
    }
    let look = workspace.look.as_ref().filter(|_| workspace.unseen.is_none())?;
    let files = look.dirty + look.untracked;
    let mut what = Vec::new();
    if files > 0 {
        what.push(format!("{files} files are not committed"));
    }
    match look.unmerged {
        Some(0) => {}
        Some(1) => what.push("a commit is not merged".to_owned()),
        Some(commits) => what.push(format!("{commits} commits are not merged")),
        None => what.push("nobody can tell whether its commits are merged".to_owned()),
    }
    if what.is_empty() {
        return None;
    }
    let branch = &workspace.branch;
    let mut commands = vec![format!("ao session diff {id}")];
    if look.unmerged != Some(0) {
        // From where the work is: a clone's branches are not the project's.
        let (project, path) = (quoted(session.project_path.as_str()), quoted(workspace.path.as_str()));
        commands.push(format!("git -C {project} pull --no-rebase {path} {branch}"));
    }
    commands.push(format!("ao session cleanup {id}"));
    Some(Matter::new(MatterKind::Unmerged, format!("{} in {}", what.join(", "), workspace.path), commands))
}

/// What keeps the worktree of a session in its place that has ended because its pull request is merged.
fn beyond_merge(session: &Session) -> Option<Matter> {
    let (end, workspace) = (session.end.as_ref()?, session.workspace.as_ref()?);
    // What was seen while the agent was at work may be merged by now.
    let look = workspace.look.as_ref().filter(|look| look.at >= end.at && workspace.unseen.is_none())?;
    let what = format!("its pull request is merged, and {} in {}", left_by_merge(session)?, workspace.path);
    let id = &session.id;
    let commands = vec![format!("ao session diff {id}"), format!("ao session cleanup {id}")];
    let mut matter = Matter::new(MatterKind::Unmerged, what, commands);
    matter.since = Some(look.at);
    Some(matter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::{End, EndKind, Unseen, WorkspaceFacts, WorkspaceLook};
    use crate::model::{BranchName, PluginName, ProjectName};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn session() -> Session {
        let (id, project): (SessionId, ProjectName) = ("app-1".parse().unwrap(), "app".parse().unwrap());
        Session::new(id, project, "/src/my app", at(0))
    }

    fn status(name: StatusName) -> Status {
        Status::new(name, "because", at(7), "activity", at(8))
    }

    fn kinds(session: &Session, name: StatusName, message: Option<&LastMessage>) -> Vec<MatterKind> {
        matters(session, &status(name), message).into_iter().map(|matter| matter.kind).collect()
    }

    #[test]
    fn every_status_that_needs_a_human_waits_and_no_other_that_works() {
        for name in
            [StatusName::Errored, StatusName::NeedsInput, StatusName::Stuck, StatusName::Dead, StatusName::Orphaned]
        {
            assert!(name.needs_human());
            let [matter] = matters(&session(), &status(name), None).try_into().expect("one");
            assert_eq!((matter.kind.as_str(), matter.since), (name.as_str(), Some(at(7))));
            assert!(!matter.commands.is_empty() && matter.commands.iter().all(|command| command.contains("app-1")));
        }
        for name in [StatusName::Working, StatusName::Ready, StatusName::Idle, StatusName::CiFailed, StatusName::Done] {
            assert_eq!(kinds(&session(), name, None), [], "{name}");
        }
    }

    #[test]
    fn a_hold_names_what_lifts_it() {
        let mut held = session();
        for (reason, command) in [
            (HoldReason::Paused, "ao resume app-1"),
            (HoldReason::Rebuild, "ao resume app-1"),
            (HoldReason::Budget, "ao session show app-1"),
        ] {
            held.hold = Some(Hold::new(reason, at(1)));
            assert_eq!(matters(&held, &status(StatusName::Paused), None)[0].commands, [command]);
        }
    }

    #[test]
    fn a_message_waits_where_its_arrival_is_in_doubt() {
        let message = |level, submitted| LastMessage { level, submitted, file: "/x y/1.md".into(), at: at(3) };
        let of = |level, submitted| kinds(&session(), StatusName::Working, Some(&message(level, submitted)));
        assert_eq!(of(DeliveryLevel::Unconfirmed, false), [MatterKind::Message]);
        assert_eq!(of(DeliveryLevel::Failed, false), [MatterKind::Message]);
        assert_eq!(of(DeliveryLevel::Unconfirmed, true), [], "most agents keep no record");
        assert_eq!(of(DeliveryLevel::Acked, true), []);
        let over = kinds(&session(), StatusName::Killed, Some(&message(DeliveryLevel::Failed, false)));
        assert_eq!(over, [], "nobody waits for it any more");
        let shown = matters(&session(), &status(StatusName::Working), Some(&message(DeliveryLevel::Failed, false)));
        assert_eq!((shown[0].commands[1].as_str(), shown[0].since), ("ao send --file '/x y/1.md' app-1", Some(at(3))));
    }

    #[test]
    fn an_agent_whose_worktree_is_gone_waits_unless_that_is_not_certain() {
        let mut living = session();
        let (plugin, branch): (PluginName, BranchName) = ("worktree".parse().unwrap(), "ao/app-1".parse().unwrap());
        let mut workspace = WorkspaceFacts::new(plugin, "/w/app-1", branch);
        let mut of = |presence, unseen: Option<&str>, name| {
            workspace.look = Some(WorkspaceLook::new(presence, at(6)));
            workspace.unseen = unseen.map(|why| Unseen::new(why, at(6), at(6)));
            living.workspace = Some(workspace.clone());
            kinds(&living, name, None)
        };
        assert_eq!(of(Presence::Missing, None, StatusName::Working), [MatterKind::Worktree]);
        assert_eq!(of(Presence::Present, None, StatusName::Working), []);
        assert_eq!(of(Presence::Missing, Some("no answer"), StatusName::Working), []);
        assert_eq!(of(Presence::Missing, None, StatusName::Killed), [], "it is all elsewhere");
    }

    #[test]
    fn work_of_an_ended_session_waits_until_it_is_elsewhere() {
        let mut ended = session();
        ended.end = Some(End::new(EndKind::Killed, at(5)));
        let (plugin, branch): (PluginName, BranchName) = ("worktree".parse().unwrap(), "ao/app-1".parse().unwrap());
        let mut workspace = WorkspaceFacts::new(plugin, "/w/app-1", branch);
        let mut look = WorkspaceLook::new(Presence::Present, at(6));
        let mut with = |look: &WorkspaceLook| {
            workspace.look = Some(look.clone());
            ended.workspace = Some(workspace.clone());
            (kinds(&ended, StatusName::Killed, None), is_all_merged(&ended))
        };
        assert_eq!(with(&look), (vec![MatterKind::Unmerged], false), "nobody can tell");
        look.unmerged = Some(2);
        assert_eq!(with(&look), (vec![MatterKind::Unmerged], false));
        look.unmerged = Some(0);
        assert_eq!(with(&look), (vec![], true));
        look.untracked = 1;
        assert_eq!(with(&look), (vec![MatterKind::Unmerged], false));
        (look.untracked, look.at) = (0, at(4));
        assert_eq!(with(&look), (vec![], false), "a look from before its end is to be repeated");
    }
}
