//! From what was found of a session after the state was lost to its facts. Nothing is decided about it until a human has
//! said that it may go on.

use crate::model::facts::{Hold, HoldReason, RuntimeFacts, Session, TrashItem, WorkspaceFacts};
use crate::model::{Identity, PluginName, ProjectName, SessionId, Timestamp};
use crate::record::record;
use crate::slots::workspace::CopyIdentity;

record! {
    /// What was found of one session, wherever.
    pub struct Traces {
        required {
            /// The session.
            session: SessionId,
        }
        optional {
            /// Its facts as they were written down at some time: in copies of the database, and beside its logs.
            facts: Vec<Session>,
            /// Its identity, from its repository or its worktree.
            identity: Option<Identity>,
            /// Its worktree.
            copy: Option<CopyIdentity>,
            /// The project's name, by where the worktree stands.
            project: Option<ProjectName>,
            /// Its launches that left records. Those whose agents live, and the last one in any case.
            launches: Vec<FoundLaunch>,
            /// What is in the trash of it.
            trash: Vec<TrashItem>,
        }
    }

    /// A launch that left records.
    pub struct FoundLaunch {
        required {
            /// Its facts.
            runtime: RuntimeFacts,
        }
        optional {
            /// Whether its agent lives.
            life: Life,
        }
    }
}

/// Whether an agent was found alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// It was.
    Alive,
    /// It was not, or could not be looked at.
    #[default]
    Unseen,
}

/// Why there is not enough of a session to bring it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing says of which project it is, or where that is.
    Project,
    /// All that is known is that it was there: no worktree, no branch, no records.
    Gone,
}

/// The facts of a session, from what was found of it. `workspace` is the workspace plugin where nothing names one.
///
/// The newest facts count, by the version of their row; what is in the world now goes before them.
pub fn rebuilt(traces: Traces, workspace: &PluginName, now: Timestamp) -> Result<Session, Unknown> {
    let Traces { session: id, facts, identity, copy, project, mut launches, trash } = traces;
    let newest = facts.into_iter().max_by_key(|session| session.row_version);
    let told = || {
        let identity = identity.as_ref()?;
        let path = identity.project_path.clone().or_else(|| copy.as_ref().map(|copy| copy.project.clone()))?;
        Some(identity.facts(path, workspace))
    };
    let seen = || Some(Session::new(id.clone(), project?, copy.as_ref()?.project.clone(), now));
    let mut session = newest.or_else(told).or_else(seen).ok_or(Unknown::Project)?;
    session.id = id;
    // Whoever did it is gone with the state that it was written down in.
    session.op = None;
    session.identity = session.identity.or_else(|| identity.as_ref().map(Identity::blob));
    if let Some(copy) = copy {
        place(&mut session, copy, workspace);
    }
    launches.sort_by_key(|found| (found.life == Life::Alive, found.runtime.launch));
    if let Some(FoundLaunch { runtime, life }) = launches.pop() {
        let known = session.runtime.as_ref().map_or(0, |known| known.launch);
        if life == Life::Alive || runtime.launch > known {
            session.runtime = Some(runtime);
        }
        if life == Life::Alive {
            (session.end, session.failure) = (None, None);
        }
    }
    for item in trash {
        match session.trash.iter_mut().find(|known| known.id == item.id) {
            Some(known) => *known = item,
            None => session.trash.push(item),
        }
    }
    session.trash.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    if session.workspace.is_none() {
        from_trash(&mut session, workspace);
    }
    if session.runtime.is_none() && session.workspace.is_none() && session.trash.is_empty() && session.failure.is_none()
    {
        return Err(Unknown::Gone);
    }
    if session.end.is_none() && session.failure.is_none() {
        session.hold = Some(Hold::new(HoldReason::Rebuild, now));
    }
    Ok(session)
}

/// Its worktree is where it was found.
fn place(session: &mut Session, copy: CopyIdentity, workspace: &PluginName) {
    if let Some(known) = &mut session.workspace {
        known.path = copy.path;
    } else if let Some(branch) = copy.branch {
        let plugin = session.plugins.as_ref().map_or(workspace, |plugins| &plugins.workspace).clone();
        session.workspace = Some(WorkspaceFacts::new(plugin, copy.path, branch));
    }
}

/// What was moved into the trash says where it stood, and on which branch.
fn from_trash(session: &mut Session, workspace: &PluginName) {
    let Some(item) = session.trash.last() else { return };
    let branch = item.receipt.as_ref().and_then(|receipt| receipt.branch.clone());
    let branch = branch.unwrap_or_else(|| session.id.default_branch());
    session.workspace = Some(WorkspaceFacts::new(workspace.clone(), item.origin.clone(), branch));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::{End, EndKind, Failure, Operation, OperationKind, TrashState};
    use crate::model::process::ProcessId;
    use crate::slots::runtime::RuntimeHandle;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn session(version: u64) -> Session {
        let mut session = Session::new(
            "app-1".parse::<SessionId>().unwrap(),
            "app".parse::<ProjectName>().unwrap(),
            "/src/app",
            at(1),
        );
        session.row_version = version;
        session
    }

    fn traces() -> Traces {
        Traces::new("app-1".parse::<SessionId>().unwrap())
    }

    fn worktree() -> PluginName {
        "worktree".parse().unwrap()
    }

    fn copy() -> CopyIdentity {
        let mut copy = CopyIdentity::new("/wt/app/app-1", "/src/app");
        copy.branch = Some("ao/app-1".parse().unwrap());
        copy
    }

    fn launch(number: u32, life: Life) -> FoundLaunch {
        let handle = RuntimeHandle::new(
            "pty".parse::<PluginName>().unwrap(),
            "app-1".parse::<SessionId>().unwrap(),
            "k",
            serde_json::json!({}),
        );
        let mut runtime = RuntimeFacts::new(format!("/s/launch-{number}"), handle, at(2));
        runtime.launch = number;
        let mut found = FoundLaunch::new(runtime);
        found.life = life;
        found
    }

    fn identity() -> Identity {
        let blob = r#"{"version":1,"session":"app-1","project":"app","owner":"o","branch":"ao/app-1","createdAt":"1970-01-01T00:00:01Z"}"#;
        Identity::read(blob).unwrap()
    }

    fn back(traces: Traces) -> Session {
        rebuilt(traces, &worktree(), at(9)).expect("enough is known")
    }

    #[test]
    fn the_newest_facts_count_and_no_operation_goes_on() {
        let mut newer = session(7);
        newer.issue = Some("12".to_owned());
        newer.op = Some(Operation::new(
            OperationKind::Kill,
            "signal_tree",
            ProcessId { pid: 1, start: 1, boot: "b".into() },
            at(3),
        ));
        let mut all = traces();
        all.facts = vec![session(3), newer, session(5)];
        all.copy = Some(copy());
        let found = back(all);
        assert_eq!((found.row_version, found.issue.as_deref(), &found.op), (7, Some("12"), &None));
        assert_eq!(found.hold.map(|hold| (hold.reason, hold.at)), Some((HoldReason::Rebuild, at(9))));
    }

    #[test]
    fn an_identity_and_a_worktree_are_enough_and_a_worktree_alone_is() {
        let mut all = traces();
        (all.identity, all.copy) = (Some(identity()), Some(copy()));
        let found = back(all);
        assert_eq!((found.created_at, found.workspace.unwrap().path.as_str()), (at(1), "/wt/app/app-1"));
        assert!(found.identity.is_some());
        let mut unknown = traces();
        (unknown.copy, unknown.project) = (Some(copy()), Some("app".parse().unwrap()));
        let found = back(unknown);
        assert_eq!((found.project_path.as_str(), found.created_at), ("/src/app", at(9)));
    }

    #[test]
    fn a_living_agent_goes_before_what_is_written() {
        let mut ended = session(4);
        ended.end = Some(End::new(EndKind::Killed, at(3)));
        ended.runtime = Some(launch(3, Life::Unseen).runtime);
        let mut all = traces();
        all.facts = vec![ended.clone()];
        all.launches = vec![launch(2, Life::Alive), launch(3, Life::Unseen)];
        let found = back(all);
        assert_eq!((found.runtime.unwrap().launch, found.end), (2, None));
        assert!(found.hold.is_some());
        let mut over = traces();
        (over.facts, over.launches) = (vec![ended], vec![launch(3, Life::Unseen)]);
        let found = back(over);
        assert!(found.end.is_some() && found.hold.is_none(), "what is over needs nobody's word");
    }

    #[test]
    fn what_is_in_the_trash_can_be_had_back() {
        let mut item = TrashItem::new("01", at(4), "/wt/app/app-1", "/trash/app/app-1.01", TrashState::Stored);
        item.bytes = 5;
        let mut all = traces();
        (all.identity, all.trash) = (Some(identity()), vec![item.clone()]);
        all.identity.as_mut().unwrap().project_path = Some("/src/app".into());
        let found = back(all);
        assert_eq!((found.trash, found.workspace.unwrap().path), (vec![item], "/wt/app/app-1".into()));
    }

    #[test]
    fn too_little_is_said_to_be() {
        assert_eq!(rebuilt(traces(), &worktree(), at(9)), Err(Unknown::Project));
        let mut gone = traces();
        gone.facts = vec![session(1)];
        assert_eq!(rebuilt(gone.clone(), &worktree(), at(9)), Err(Unknown::Gone));
        gone.facts[0].failure = Some(Failure::new("worktree_add", "no space", at(2)));
        assert!(rebuilt(gone, &worktree(), at(9)).unwrap().hold.is_none());
    }
}
