//! `ao start`: hosts sessions.

mod clone;
mod target;

use std::process::ExitCode;
use std::time::Duration;

use ao_core::slots::runtime::Liveness;
use ao_core::{Code, Error};
use ao_host::host::{CheckMode, HostRecord, HostState, OnceReport, look};
use ao_host::setup::{CONFIG_NAMES, ConfigFiles};
use ao_host::world::{Proc, SystemProc};
use camino::{Utf8Path, Utf8PathBuf};

use super::init;
use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::hosting::{Hosting, Predecessor, Voice};
use crate::process::{Begun, start_detached};
use crate::{completion, log, output};
use target::Target;

/// How long a host may take until it serves: the end of a former one and a first look at every session are in it.
const READY: Duration = Duration::from_mins(2);

/// Keep looking at every session, until told to stop
///
/// One host serves all sessions of the state directory, whatever their project. The argument says which configuration
/// is checked first: a project of the one that applies here, a directory (a git repository without a configuration gets
/// one, as `ao init` writes it), or the address of a git repository, which is cloned into the current directory.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A project, a directory, or the address of a git repository; what applies here unless given
    #[arg(value_name = "PROJECT | PATH | URL", add = completion::projects())]
    target: Option<String>,
    /// Go on in the background, without a terminal, once it serves
    #[arg(long, conflicts_with = "once")]
    detach: bool,
    /// Look at every session once, and end
    #[arg(long)]
    once: bool,
    /// Run the checks of pull requests that `ao` runs itself to their end before that
    #[arg(long, requires = "once")]
    checks: bool,
    /// End the host that runs, by force if need be, and take its place
    #[arg(long)]
    takeover: bool,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let files = self.files(edge)?;
        let setup = edge.setup_of(files)?;
        setup.require_trust()?;
        let files = setup.loaded.files.clone();
        drop(setup);
        if self.detach {
            return self.detach(edge, &files);
        }
        let hosting = Hosting { files, predecessor: self.predecessor(), voice: Voice::terminal(), log: None };
        if self.once {
            let mode = if self.checks { CheckMode::Run } else { CheckMode::Leave };
            return Ok(report(&hosting.run_once(edge, mode)?));
        }
        hosting.run(edge)
    }

    fn predecessor(&self) -> Predecessor {
        if self.takeover { Predecessor::Replaced } else { Predecessor::Respected }
    }

    /// The configuration files that the argument names.
    fn files(&self, edge: &Edge) -> Result<ConfigFiles, Failure> {
        let Some(target) = &self.target else {
            let files = edge.config_files_if_any();
            let here = &edge.environment.current_directory;
            return if files.paths().next().is_some() { Ok(files) } else { of_directory(edge, here) };
        };
        let found = edge.config_files_if_any();
        match Target::parse(target, &|path| edge.absolute(path).exists())? {
            // What stands above the clone is not about it.
            Target::Url(url) => of_repository(edge, &clone::clone(edge, &url)?),
            Target::Path(path) => {
                let path = edge.absolute(&path);
                if path.is_file() {
                    return Ok(ConfigFiles { local: Some(path), ..found });
                }
                of_directory(edge, &path)
            }
            Target::Project(name) => {
                if found.paths().next().is_none() {
                    let message =
                        format!("`{name}` is no directory, and no configuration applies here that has it as a project");
                    return Err(Error::not_found(message).into());
                }
                edge.setup_of(found.clone())?.loaded.config.project(&name)?;
                Ok(found)
            }
        }
    }

    /// Starts this program again, without a terminal. A host that runs already is as good.
    fn detach(&self, edge: &Edge, files: &ConfigFiles) -> Outcome {
        let proc = SystemProc::new();
        if !self.takeover
            && let Some(record) = running(edge, &proc)
        {
            return already(&record);
        }
        let mut arguments = vec!["__host".to_owned()];
        let mut option = |name: &str, path: &Option<Utf8PathBuf>| {
            // It runs in another directory.
            arguments.extend(path.as_ref().map(|path| format!("--{name}={}", edge.absolute(path))));
        };
        option("local", &files.local);
        option("global", &files.global);
        if self.takeover {
            arguments.push("--takeover".to_owned());
        }
        match start_detached(&edge.environment.program, &arguments, &moved_variables(edge), READY)? {
            Begun::Ready(pid, said) => {
                tell(&said);
                output::text(&format!("ao runs as pid {pid}; its log is {}\n", log::host_log(&edge.places)))?;
                Ok(ExitCode::SUCCESS)
            }
            Begun::Failed(ended) => {
                // Another may have been quicker.
                let again = Some(i32::from(Code::UNAVAILABLE.exit_code()));
                if !self.takeover
                    && ended.status.code() == again
                    && let Some(record) = running(edge, &proc)
                {
                    return already(&record);
                }
                tell(&ended.stderr);
                match ended.status.code().and_then(|code| u8::try_from(code).ok()) {
                    Some(0) | None => {
                        Err(Error::other(format!("the host ended before it served: {}", ended.status)).into())
                    }
                    Some(code) => Ok(ExitCode::from(code)),
                }
            }
        }
    }
}

/// The configuration of a directory. A git repository without one gets it.
fn of_directory(edge: &Edge, directory: &Utf8Path) -> Result<ConfigFiles, Failure> {
    if !directory.is_dir() {
        return Err(Error::not_found(format!("there is no directory `{directory}`")).into());
    }
    let found = edge.config_files_of(directory);
    if found.local.is_some() { Ok(found) } else { of_repository(edge, directory) }
}

/// The configuration in a directory itself. Where there is none, one is written for the repository.
fn of_repository(edge: &Edge, directory: &Utf8Path) -> Result<ConfigFiles, Failure> {
    let found = edge.config_files_of(directory);
    let own = CONFIG_NAMES.iter().map(|name| directory.join(name)).find(|file| file.is_file());
    let local = if let Some(own) = own {
        own
    } else {
        let written = init::write(directory, init::Forge::Unset, edge)?;
        output::note(written.summary());
        written.path
    };
    Ok(ConfigFiles { local: Some(local), ..found })
}

/// Variables with paths that count from the current directory, as they read from another.
fn moved_variables(edge: &Edge) -> Vec<(&'static str, String)> {
    let file = |name: &'static str| {
        let path = edge.environment.variable(name)?;
        Some((name, edge.absolute(Utf8Path::new(path)).into_string()))
    };
    let libraries = edge.environment.variable("AO_PLUGIN_PATH").map(|list| {
        let directories = list.split(':').filter(|directory| !directory.is_empty());
        let moved: Vec<_> = directories.map(|path| edge.absolute(Utf8Path::new(path)).into_string()).collect();
        ("AO_PLUGIN_PATH", moved.join(":"))
    });
    [file("AO_CONFIG_PATH"), file("AO_GLOBAL_CONFIG"), libraries].into_iter().flatten().collect()
}

/// The host that runs, if it can be seen to be alive.
fn running(edge: &Edge, proc: &dyn Proc) -> Option<HostRecord> {
    match look(&edge.places) {
        HostState::Running(Some(record)) if proc.look(&record.process) == Liveness::Alive => Some(record),
        _ => None,
    }
}

fn already(record: &HostRecord) -> Outcome {
    let log = record.log.as_ref().map(|log| format!("; its log is {log}")).unwrap_or_default();
    output::text(&format!("ao runs already as {}, since {}{log}\n", record.process, record.started_at))?;
    Ok(ExitCode::SUCCESS)
}

/// Hands on what a child has said.
fn tell(said: &str) {
    if !said.trim().is_empty() {
        output::note(output::printable(said.trim_end()));
    }
}

/// Says what one pass has left, and what to exit with.
fn report(report: &OnceReport) -> ExitCode {
    report.unavailable.iter().for_each(output::warning);
    report.checks.iter().for_each(|line| output::note(format_args!("not checked yet: {line}")));
    for session in &report.needs_human {
        output::note(format_args!("{session} waits for you; `ao session show {session}` says why"));
    }
    match (report.unavailable.is_empty(), report.needs_human.is_empty()) {
        (false, _) => ExitCode::from(Code::UNAVAILABLE.exit_code()),
        (true, false) => ExitCode::FAILURE,
        (true, true) => ExitCode::SUCCESS,
    }
}
