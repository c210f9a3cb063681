//! The host's part of a run: to prepare an attempt and start it, to see how far it is, to end it, and to clear up after it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use ao_core::config::{CheckStep, Checks, expand_variables};
use ao_core::model::process::{HOLDER_FILE, HolderRecord, MARKER_VARIABLE};
use ao_core::model::{CheckResult, CheckRun, ProcessId};
use ao_core::slots::Workspace;
use ao_core::slots::runtime::Liveness;
use ao_core::slots::scm::CheckState;
use ao_core::slots::workspace::{CheckOutCommit, ReleaseCommit};
use ao_core::{Code, Error, Result};
use ao_plugin_sdk::holder::end_tree;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::Signal;

use super::CHECK_COMMAND;
use super::place::{self, ENDED_FILE, Place, result_file};
use super::spec::{CHECK_VERSION, CacheSpec, Ended, Found, Spec, Step};
use crate::host::process::Held;
use crate::sessions::Sessions;
use crate::trash;
use crate::world::{files, run as programs};

/// Variables that commands have of the user's.
const PASSED_ON: &[&str] = &["PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ"];
/// What commands find where the user has no `PATH`.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How long a run that is told to end may take to.
const PATIENCE: Duration = Duration::from_secs(10);

/// A run that was started.
pub(crate) struct Begun {
    /// The process that runs it.
    pub(crate) runner: ProcessId,
    /// What is not as in the commit.
    pub(crate) notes: Vec<String>,
}

/// What is to be seen of a run's present attempt.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    /// What was found so far.
    pub(crate) results: Vec<CheckResult>,
    /// What could not be read, a line each.
    pub(crate) damaged: Vec<String>,
    /// Whether nothing more is to come.
    pub(crate) is_over: bool,
    /// Whether it was told to end: by a host, or by a machine that shuts down.
    pub(crate) is_cancelled: bool,
}

/// Makes a clean copy of the commit, and starts the checks of a run in it. What an earlier attempt left behind is ended and
/// cleared away before.
pub(crate) async fn begin(
    sessions: Arc<Sessions>,
    workspace: Arc<dyn Workspace>,
    run: CheckRun,
    checks: Checks,
    variables: BTreeMap<String, String>,
) -> Result<Begun> {
    for attempt in 1..run.attempt {
        let mut earlier = run.clone();
        earlier.attempt = attempt;
        clear(Arc::clone(&sessions), Ok(Arc::clone(&workspace)), earlier).await?;
    }
    let place = Place::of(&sessions.places, &run);
    for directory in [&place.directory, &place.work(), &place.home(), &place.temporary()] {
        let failed = |error| Error::wrap(Code::UNAVAILABLE, "cannot prepare a run of checks", &error);
        files::private_directory(directory).map_err(failed)?;
    }
    let spec = spec(&sessions, &place, &run, &checks, &variables)?;
    let request = CheckOutCommit::new(run.directory.clone(), run.commit.clone(), place.tree());
    let notes = workspace.check_out(request).await?.notes;
    let text = serde_json::to_vec(&spec).map_err(|error| Error::other(error.to_string()))?;
    let failed = |error: std::io::Error| Error::wrap(Code::UNAVAILABLE, "cannot write down what to check", &error);
    files::write_atomic(&place.spec(), &text, files::PRIVATE_FILE).map_err(failed)?;
    let argv = [sessions.program.as_str(), CHECK_COMMAND, place.spec().as_str()].map(str::to_owned);
    let environment = BTreeMap::from([(MARKER_VARIABLE.to_owned(), place.marker(&sessions.places))]);
    let pid = programs::start_apart(&argv, &environment, &place.complaints())?;
    let runner = sessions.world.proc.identify(pid);
    let runner = runner.map_err(|error| Error::wrap(Code::UNAVAILABLE, "cannot tell what runs the checks", &error))?;
    runner.map(|runner| Begun { runner, notes }).ok_or_else(|| Error::unavailable(complaint(&place)))
}

/// What the program that runs checks said where it ended at once.
fn complaint(place: &Place) -> String {
    let said = files::read_at_most(&place.complaints(), 2000).unwrap_or_default();
    format!("`{CHECK_COMMAND}` ended at once: {}", String::from_utf8_lossy(&said).trim())
}

fn spec(
    sessions: &Sessions,
    place: &Place,
    run: &CheckRun,
    checks: &Checks,
    variables: &BTreeMap<String, String>,
) -> Result<Spec> {
    let mut environment: BTreeMap<String, String> =
        variables.iter().filter(|(name, _)| PASSED_ON.contains(&name.as_str())).map(pair).collect();
    environment.entry("PATH".to_owned()).or_insert_with(|| PATH.to_owned());
    let marker = place.marker(&sessions.places);
    let fixed = [
        ("HOME", place.home().into_string()),
        ("TMPDIR", place.temporary().into_string()),
        ("CI", "true".to_owned()),
        ("AO_CHECK", "1".to_owned()),
        (MARKER_VARIABLE, marker.clone()),
    ];
    environment.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    let step = |step: &CheckStep| {
        let mut env = environment.clone();
        for (name, text) in checks.env.iter().chain(&step.env) {
            let value = expand_variables(text, &|name| variables.get(name).cloned());
            let value = value.map_err(|why| Error::invalid_input(format!("`checks.env.{name}`: {why}")))?;
            env.insert(name.clone(), value);
        }
        let limit_ms = u64::try_from(step.timeout.get().as_millis()).unwrap_or(u64::MAX);
        Ok(Step { argv: step.argv.clone(), env, limit_ms })
    };
    // What has a result has it, also where the attempt that found it did not come to its end.
    let named = run.left().filter_map(|name| Some((name, checks.commands.get(name)?)));
    Ok(Spec {
        version: CHECK_VERSION,
        attempt: run.attempt,
        directory: place.directory.clone(),
        work: place.work(),
        tree: place.tree(),
        marker,
        nonce: run.nonce.clone().ok_or_else(|| Error::other("a run of checks without a nonce"))?,
        setup: checks.setup.iter().map(step).collect::<Result<_>>()?,
        checks: named.map(|(name, command)| Ok((name.clone(), step(&command.step)?))).collect::<Result<_>>()?,
        cache: checks.cache.as_ref().map(|cache| CacheSpec {
            place: place::cache(&sessions.places, &run.directory),
            paths: cache.paths.clone(),
            key: cache.key.clone(),
        }),
        max_log: checks.max_log,
        max_disk: checks.max_disk,
    })
}

fn pair((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// Where a run's present attempt leaves what it finds.
pub(crate) fn directory(sessions: &Sessions, run: &CheckRun) -> Utf8PathBuf {
    Place::of(&sessions.places, run).directory
}

/// Looks how far a run is.
pub(crate) fn look(sessions: &Sessions, run: &CheckRun) -> Sight {
    let place = Place::of(&sessions.places, run);
    // Before its files are read: what is gone writes no more.
    let lives = runner(&place, run).map(|runner| sessions.world.proc.look(&runner));
    let is_gone = !matches!(lives, Some(Liveness::Alive | Liveness::Unknown { .. }));
    let mut sight = Sight { is_over: is_gone, ..Sight::default() };
    if let Ok(Some(ended)) = read::<Ended>(&place.directory.join(ENDED_FILE)) {
        (sight.is_over, sight.is_cancelled) = (true, ended.cancelled);
    }
    for name in run.left() {
        match read::<Found>(&result_file(&place.directory, name)) {
            Ok(Some(Found { nonce, result })) if Some(&nonce) == run.nonce.as_ref() => {
                if result.name == *name && matches!(result.state, CheckState::Passed | CheckState::Failed) {
                    sight.results.push(result);
                } else {
                    sight.damaged.push(format!("what the check `{name}` found is about another one, or no verdict"));
                }
            }
            Ok(Some(_)) => sight.damaged.push(format!("what the check `{name}` found was written by somebody else")),
            Ok(None) => {}
            Err(error) => sight.damaged.push(format!("what the check `{name}` found cannot be read: {error}")),
        }
    }
    sight
}

/// Who runs a run's present attempt, as the host knows it; else, after a crash right at its start, as it says itself.
fn runner(place: &Place, run: &CheckRun) -> Option<ProcessId> {
    let said = || read::<HolderRecord>(&place.directory.join(HOLDER_FILE)).ok().flatten().map(|record| record.holder);
    run.runner.clone().or_else(said)
}

/// Reads a file that may be absent.
fn read<T: serde::de::DeserializeOwned>(path: &Utf8Path) -> std::io::Result<Option<T>> {
    match files::read_regular(path, 1 << 20) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ends a run, and waits until it has ended. The process that runs it ends everything of it; where that does not, it is
/// ended with all that it started.
pub(crate) async fn cancel(sessions: Arc<Sessions>, run: CheckRun) -> Result<()> {
    blocking(move || {
        let place = Place::of(&sessions.places, &run);
        let Some(runner) = runner(&place, &run) else { return Ok(()) };
        let Some(held) = Held::open(&runner, &*sessions.world.proc)? else { return Ok(()) };
        held.signal(Signal::TERM)?;
        held.ends_within(PATIENCE).map(drop)
    })
    .await
}

/// Ends what is left of a run's present attempt, and clears its copy away. Results and logs stay. What can be done is done,
/// whatever else cannot; the first thing that could not is the error.
pub(crate) async fn clear(sessions: Arc<Sessions>, workspace: Result<Arc<dyn Workspace>>, run: CheckRun) -> Result<()> {
    let place = Place::of(&sessions.places, &run);
    let (release, work) = (ReleaseCommit::new(run.directory.clone(), place.tree()), place.work());
    // Where its reader never came: commands' environments stand in it.
    let _ = fs_err::remove_file(place.spec());
    let mut cleared = Ok(());
    if work.is_dir() {
        cleared = blocking(move || {
            let marker = place.marker(&sessions.places);
            let left = end_tree(&place.directory, &marker, Duration::ZERO)?.survivors;
            if let Some(process) = left.first() {
                let message = format!("{} processes of a check cannot be ended, such as {process}", left.len());
                return Err(Error::unavailable(message));
            }
            let (root, gone) = (place::trash(&sessions.places), place.trashed(&sessions.places));
            // From a clearing-up that was interrupted.
            trash::destroy(&root, &gone)?;
            trash::relocate(&place.work(), &gone)?;
            trash::destroy(&root, &gone)
        })
        .await;
    }
    let released = async { workspace?.release(release).await.map(drop) };
    cleared.and(released.await)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::other(format!("a run of checks ended with a bug: {error}"))))
}
