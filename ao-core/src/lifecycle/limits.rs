//! Whether one more session may be started, by what there is already.

use std::time::Duration;

use camino::Utf8Path;

use crate::config::Limits;
use crate::model::facts::Session;
use crate::model::{ProjectName, SessionId, Timestamp};
use crate::slots::agent::Role;

/// How far sessions may start sessions, unless it is said.
const DEPTH: u32 = 1;
/// The span of `spawnsPerHour`.
const HOUR: Duration = Duration::from_hours(1);

/// How much there is, as far as limits count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The sessions that run.
    pub running: u64,
    /// Those of them that are of the project.
    pub in_project: u64,
    /// The sessions that were asked for within the last hour.
    pub lately: u64,
    /// How many sessions stand above the new one: 0 where a human starts it.
    pub depth: u32,
}

/// A limit that leaves no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Its key in the configuration.
    pub key: &'static str,
    /// What it says, what there is, and what to do.
    pub message: String,
}

impl Load {
    /// Counts. `runs` says whether a session does.
    #[must_use]
    pub fn of(
        there: &[Session],
        runs: impl Fn(&Session) -> bool,
        project: (&ProjectName, &Utf8Path),
        parent: Option<&SessionId>,
        now: Timestamp,
    ) -> Self {
        let mut load = Self { depth: depth(there, parent), ..Self::default() };
        for session in there {
            load.lately += u64::from(now.since(session.created_at) < HOUR);
            if runs(session) {
                load.running += 1;
                load.in_project += u64::from((&session.project, &*session.project_path) == project);
            }
        }
        load
    }

    /// The same, with so many more that are planned.
    #[must_use]
    pub fn and(self, planned: u64) -> Self {
        let Self { running, in_project, lately, depth } = self;
        Self { running: running + planned, in_project: in_project + planned, lately: lately + planned, depth }
    }
}

/// How many sessions stand above one that this one starts. An orchestrator is there to start them, and counts as the human
/// in whose place it does.
fn depth(there: &[Session], parent: Option<&SessionId>) -> u32 {
    let (mut depth, mut hops) = (0, 0);
    let mut above = parent;
    while let Some(session) = above.and_then(|id| there.iter().find(|session| session.id == *id)) {
        hops += 1;
        depth += u32::from(session.role != Role::Orchestrator);
        // Nobody stands above themselves; a row that says so ends the count all the same.
        above = session.parent.as_ref().filter(|_| hops < there.len());
    }
    depth
}

/// The first limit that leaves no room for one more.
#[must_use]
pub fn exceeded(limits: &Limits, load: Load, project: &ProjectName) -> Option<Exceeded> {
    let full = |limit: Option<u32>, there: u64| limit.filter(|limit| there >= u64::from(*limit));
    let exceeded = |key: &'static str, limit: u32, rest: String| {
        Some(Exceeded { key, message: format!("`limits.{key}` is {limit}, and {rest}") })
    };
    let end = "end one with `ao session kill`, or raise the limit";
    if let Some(limit) = full(limits.max_sessions, load.running) {
        return exceeded("maxSessions", limit, format!("{} sessions are running: {end}", load.running));
    }
    if let Some(limit) = full(limits.max_per_project, load.in_project) {
        let rest = format!("{} sessions of `{project}` are running: {end}", load.in_project);
        return exceeded("maxPerProject", limit, rest);
    }
    if let Some(limit) = full(limits.spawns_per_hour, load.lately) {
        let rest = format!("{} sessions were started within the last hour: wait, or raise the limit", load.lately);
        return exceeded("spawnsPerHour", limit, rest);
    }
    let limit = limits.spawn_depth.unwrap_or(DEPTH);
    if load.depth > limit {
        let rest =
            format!("{} sessions would stand above this one: have a human start it, or raise the limit", load.depth);
        return exceeded("spawnDepth", limit, rest);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, parent: Option<&str>, minutes: i64) -> Session {
        let at = Timestamp::from_millis(minutes * 60_000);
        let (id, project): (SessionId, ProjectName) = (id.parse().unwrap(), "app".parse().unwrap());
        let mut session = Session::new(id, project, "/p", at);
        session.parent = parent.map(|parent| parent.parse().unwrap());
        session
    }

    #[test]
    fn what_runs_what_is_here_and_what_was_started_lately() {
        let mut there = [session("a-1", None, 0), session("a-2", Some("a-1"), 10), session("b-1", None, 100)];
        there[2].project_path = "/other".into();
        let app: ProjectName = "app".parse().unwrap();
        let now = Timestamp::from_millis(65 * 60_000);
        let parent = there[1].id.clone();
        let load = Load::of(&there, |session| session.id.as_str() != "a-1", (&app, "/p".into()), Some(&parent), now);
        assert_eq!(load, Load { running: 2, in_project: 1, lately: 2, depth: 2 });
        assert_eq!(load.and(2), Load { running: 4, in_project: 3, lately: 4, depth: 2 });
        there[0].role = Role::Orchestrator;
        let below = Load::of(&there, |_| true, (&app, "/p".into()), Some(&parent), now);
        assert_eq!(below.depth, 1, "an orchestrator stands in a human's place");
        there[0].role = Role::Worker;
        there[0].parent = Some(there[0].id.clone());
        let round = Load::of(&there, |_| true, (&app, "/p".into()), Some(&there[0].id), now);
        assert!(round.depth > 1, "a circle ends: {round:?}");
        let unknown: SessionId = "z-9".parse().unwrap();
        assert_eq!(Load::of(&there, |_| true, (&app, "/p".into()), Some(&unknown), now).depth, 0);
    }

    #[test]
    fn the_limit_that_is_reached_is_named() {
        let app: ProjectName = "app".parse().unwrap();
        let load = Load { running: 3, in_project: 2, lately: 5, depth: 1 };
        let key = |limits: &str| {
            let limits: Limits = serde_json::from_str(limits).unwrap();
            exceeded(&limits, load, &app).map(|exceeded| exceeded.key)
        };
        for (limits, expected) in [
            ("{}", None),
            (r#"{"maxSessions": 4, "maxPerProject": 3, "spawnsPerHour": 6, "spawnDepth": 1}"#, None),
            (r#"{"maxSessions": 3}"#, Some("maxSessions")),
            (r#"{"maxSessions": 4, "maxPerProject": 2}"#, Some("maxPerProject")),
            (r#"{"spawnsPerHour": 5}"#, Some("spawnsPerHour")),
            (r#"{"spawnDepth": 0}"#, Some("spawnDepth")),
        ] {
            assert_eq!(key(limits), expected, "{limits}");
        }
        assert!(exceeded(&Limits::default(), Load { depth: 2, ..load }, &app).is_some(), "one level unless it is said");
    }
}
