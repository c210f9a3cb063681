//! Runs of checks, and what they found.

use ao_core::model::event::Event;
use ao_core::model::{CheckResult, CheckRun};
use camino::Utf8Path;
use rusqlite::{Connection, Params, Row, params};

use super::sqlite::Context;
use super::{Result, StoreError, events};

/// One run.
pub(super) fn get(context: &Context<'_>, id: &str) -> Result<Option<CheckRun>> {
    Ok(select(context, "id = ? LIMIT 1", [id])?.pop())
}

/// Those that something is still to come of. The condition is that of the index `check_runs_open`.
pub(super) fn open(context: &Context<'_>) -> Result<Vec<CheckRun>> {
    select(context, "state IN ('waiting', 'running') ORDER BY number", [])
}

/// Those of a project at a commit, in the order in which they were asked for.
pub(super) fn of_commit(context: &Context<'_>, directory: &Utf8Path, commit: &str) -> Result<Vec<CheckRun>> {
    let condition = "directory = ? AND commit_id = ? ORDER BY number";
    select(context, condition, [directory.as_str(), commit])
}

/// All, in the order in which they were asked for.
pub(super) fn all(context: &Context<'_>) -> Result<Vec<CheckRun>> {
    select(context, "true ORDER BY number", [])
}

fn select(context: &Context<'_>, condition: &str, parameters: impl Params) -> Result<Vec<CheckRun>> {
    let rows: Vec<(String, Vec<String>)> = context.run(|connection| {
        // A reader may find a database that no writer has brought up to date yet.
        if !connection.table_exists(None, "check_runs")? {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT id, facts FROM check_runs WHERE {condition}");
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map(parameters, |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?)))?;
        let rows = rows.collect::<rusqlite::Result<Vec<(String, String)>>>()?;
        rows.into_iter().map(|(id, facts)| Ok((facts, results(connection, &id)?))).collect()
    })?;
    rows.into_iter().map(|(facts, results)| read(&facts, &results)).collect()
}

fn results(connection: &Connection, run: &str) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT facts FROM check_results WHERE run = ? ORDER BY ended_at, name";
    connection.prepare_cached(sql)?.query_map([run], |row| row.get(0))?.collect()
}

fn read(facts: &str, results: &[String]) -> Result<CheckRun> {
    let unreadable = |error| StoreError::unreadable("a run of checks", error);
    let mut run: CheckRun = serde_json::from_str(facts).map_err(unreadable)?;
    run.results = results.iter().map(|text| serde_json::from_str(text).map_err(unreadable)).collect::<Result<_>>()?;
    Ok(run)
}

/// Writes a run down as it is, with what it found and the events that tell of it.
pub(super) fn put(context: &Context<'_>, run: &CheckRun, log: &[Event]) -> Result<()> {
    let unreadable = |error| StoreError::unreadable(format!("the run of checks `{}`", run.id), error);
    let mut without = run.clone();
    without.results.clear();
    let facts = serde_json::to_string(&without).map_err(unreadable)?;
    let found = run.results.iter().map(|result| Ok((result, serde_json::to_string(result).map_err(unreadable)?)));
    let found: Vec<(&CheckResult, String)> = found.collect::<Result<_>>()?;
    context.run(|connection| {
        let sql = "INSERT INTO check_runs (id, project, directory, commit_id, definition, state, requested_at, facts) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
                   ON CONFLICT (id) DO UPDATE SET state = excluded.state, facts = excluded.facts";
        connection.prepare_cached(sql)?.execute(params![
            run.id,
            run.project.as_str(),
            run.directory.as_str(),
            run.commit,
            run.definition,
            run.state.as_str(),
            run.requested_at.as_millis(),
            facts,
        ])?;
        for (result, facts) in &found {
            let sql = "INSERT INTO check_results (run, name, state, ended_at, facts) VALUES (?, ?, ?, ?, ?) \
                       ON CONFLICT DO NOTHING";
            let state = if result.state == ao_core::slots::scm::CheckState::Passed { "passed" } else { "failed" };
            let ended = result.ended_at.as_millis();
            connection.prepare_cached(sql)?.execute(params![run.id, result.name.as_str(), state, ended, facts])?;
        }
        Ok(())
    })?;
    events::append(context, log)
}

/// Forgets a run, with what it found.
pub(super) fn forget(context: &Context<'_>, id: &str) -> Result<()> {
    context.run(|connection| connection.execute("DELETE FROM check_runs WHERE id = ?", [id])).map(drop)
}
