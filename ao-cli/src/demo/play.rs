//! What the demo shows: three sessions at once, then their commits and diffs.

use std::time::Duration;

use ao_core::lifecycle::StatusName;
use ao_core::model::SessionId;
use ao_host::sessions::{Crew, Repeat, SpawnRequest, agent_environment};

use super::Stage;
use super::agent::TASKS;
use crate::edge::block_on;
use crate::failure::Failure;
use crate::output;
use crate::session_view::Full;

/// How long the agents may take together.
const LIMIT: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How much of an agent's new output is read at a look, in bytes.
const LOG_BYTES: u64 = 64 * 1024;

/// One session, as it is watched.
struct Watched {
    id: SessionId,
    branch: String,
    status: Option<StatusName>,
    cursor: Option<u64>,
}

/// Plays it. The answer is whether every agent did its task.
pub(crate) fn play(stage: &Stage) -> Result<bool, Failure> {
    let crew = Crew::for_project(&stage.setup, stage.project()?, None)?;
    say(&format!("a project of its own in {}, agents in `{}`", stage.repository, crew.runtime.plugin))?;
    let mut watched = block_on(spawn_all(stage, &crew))??;
    block_on(watch(stage, &crew, &mut watched))??;
    let done = watched.iter().all(|session| session.status == Some(StatusName::Done));
    show(stage, &watched)?;
    say(if done { "all three are done; each branch can be merged by itself" } else { "not every agent did its task" })?;
    Ok(done)
}

async fn spawn_all(stage: &Stage, crew: &Crew) -> Result<Vec<Watched>, Failure> {
    let project = stage.project()?;
    let mut watched = Vec::new();
    for task in &TASKS {
        let request = SpawnRequest {
            project,
            config_file: stage.setup.loaded.files.local.clone(),
            crew,
            issue: None,
            repeat: Repeat::Refuse,
            prompt: Some(task.prompt.to_owned()),
            branch: None,
            environment: agent_environment(&stage.environment.variables),
            parent: None,
        };
        let session = stage.sessions.spawn(&request).await?.session;
        let branch = session.workspace.as_ref().map(|workspace| workspace.branch.to_string()).unwrap_or_default();
        output::text(&format!("{:8} spawned on {branch}: {}\n", session.id, task.prompt))?;
        watched.push(Watched { id: session.id, branch, status: None, cursor: Some(0) });
    }
    Ok(watched)
}

/// Prints what the agents print, and each change of a status, until all have ended.
async fn watch(stage: &Stage, crew: &Crew, watched: &mut [Watched]) -> Result<(), Failure> {
    let give_up = stage.sessions.world.now().after(LIMIT);
    loop {
        let mut living = 0;
        for session in watched.iter_mut() {
            living += usize::from(look(stage, crew, session).await?);
        }
        if living == 0 || stage.sessions.world.now() >= give_up {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Looks at one session. The answer is whether it goes on.
async fn look(stage: &Stage, crew: &Crew, watched: &mut Watched) -> Result<bool, Failure> {
    if watched.status.is_some_and(StatusName::is_over) {
        return Ok(false);
    }
    let session = stage.sessions.get(&watched.id)?;
    // The status first: what was printed before the end is there by then.
    let seen = Full::now(&session, &stage.sessions.world).status;
    let logs = stage.sessions.logs(&session, &crew.runtime, watched.cursor, LOG_BYTES).await?;
    watched.cursor = logs.cursor;
    for line in logs.text.lines().filter(|line| !line.trim().is_empty()) {
        output::text(&format!("{:8} | {}\n", watched.id, output::printable(line)))?;
    }
    if watched.status != Some(seen.name) {
        output::text(&format!("{:8} is {}: {}\n", watched.id, seen.name, seen.reason))?;
        watched.status = Some(seen.name);
    }
    Ok(!seen.name.is_over())
}

fn show(stage: &Stage, watched: &[Watched]) -> Result<(), Failure> {
    say("git log --graph --oneline --all")?;
    output::text(&format!("{}\n", stage.git(&["log", "--graph", "--oneline", "--branches"])?))?;
    for session in watched {
        let range = format!("main..{}", session.branch);
        say(&format!("git diff {range} -- textstat.sh"))?;
        output::text(&format!("{}\n", stage.git(&["diff", "--unified=1", &range, "--", "textstat.sh"])?))?;
    }
    Ok(())
}

fn say(line: &str) -> Result<(), Failure> {
    output::text(&format!("\n== {line}\n"))
}
