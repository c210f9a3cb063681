//! Answers shells that ask what may stand somewhere on the command line. Names come from the configuration, the store
//! and what is known of plugins from when they were trusted: no plugin runs, nothing is made, and what cannot be read
//! is passed over without a word, because it would be printed into a line that somebody is typing.

use std::ffi::OsStr;
use std::process::ExitCode;

use ao_core::plugin::registrations;
use ao_core::slots::Slot;
use ao_core::slots::scm::PullState;
use ao_core::text::one_line;
use ao_host::setup::Loaded;
use ao_host::store::{Reader, SessionFilter};
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::Shells;

use crate::edge::{COMPLETION_VARIABLE, CompletionRequest, Edge};
use crate::{cli, manager, output};

/// What the help beside a candidate may take, in characters.
const MOST_HELP: usize = 60;

/// Answers a shell.
pub(crate) fn answer(request: CompletionRequest) -> ExitCode {
    let mut definition = cli::definition();
    definition.build();
    let mut text = Vec::new();
    let written = Shells::builtins()
        .completer(&request.shell)
        .map(|shell| shell.write_complete(&mut definition, request.words, request.directory.as_deref(), &mut text));
    match written {
        // Some shells want their candidates with control characters between them.
        Some(Ok(())) if output::bytes(&text).is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The script that makes a shell ask `program`. None for a shell that is not known.
pub(crate) fn script(shell: &str, program: &str) -> Option<String> {
    let mut text = Vec::new();
    let shells = Shells::builtins();
    shells.completer(shell)?.write_registration(COMPLETION_VARIABLE, "ao", "ao", program, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// Names of projects.
pub(crate) fn projects() -> ArgValueCandidates {
    candidates(|edge| {
        let loaded = loaded(edge)?;
        Some(loaded.config.projects().map(|project| named(&project.name, project.path.as_str())).collect())
    })
}

/// Names under `agents`, and of agent plugins.
pub(crate) fn agents() -> ArgValueCandidates {
    candidates(|edge| {
        let loaded = loaded(edge)?;
        let configured = loaded.config.agents().iter().map(|(name, agent)| named(name, agent.plugin.as_str()));
        let mut found: Vec<_> = configured.collect();
        let known = known(edge, &loaded).filter(|(slot, _)| *slot == Slot::Agent);
        found.extend(known.map(|(_, name)| named(&name, "plugin")));
        Some(found)
    })
}

/// Ids of all sessions, the newest first.
pub(crate) fn sessions() -> ArgValueCandidates {
    candidates(|edge| ids(edge, Which::All))
}

/// Ids of sessions that have not been ended, the newest first.
pub(crate) fn running() -> ArgValueCandidates {
    candidates(|edge| ids(edge, Which::Running))
}

/// Numbers of pull requests that sessions are known to have, the newest session's first.
pub(crate) fn pulls() -> ArgValueCandidates {
    candidates(|edge| {
        let sessions = manager::reader(edge).ok()?.sessions(&SessionFilter::default()).ok()?;
        let known = sessions.iter().rev().filter_map(|session| Some((session, &session.pull.as_ref()?.snapshot)));
        let open = known.filter(|(_, pull)| pull.state == PullState::Open);
        let shown = open.enumerate().map(|(place, (session, pull))| {
            let title = pull.title.as_deref().map(|title| format!(": {title}")).unwrap_or_default();
            named(&pull.pull.number, &format!("{}{title}", session.id)).display_order(Some(place))
        });
        Some(shown.collect())
    })
}

/// The same as [`running`], and names of projects.
pub(crate) fn running_or_projects() -> ArgValueCandidates {
    candidates(|edge| {
        let mut found = ids(edge, Which::Running).unwrap_or_default();
        if let Some(loaded) = loaded(edge) {
            found.extend(loaded.config.projects().map(|project| named(&project.name, "project")));
        }
        Some(found)
    })
}

/// Plugins as `slot/name`, and files.
pub(crate) fn plugins_or_files() -> ArgValueCompleter {
    or_files(|edge| {
        let loaded = loaded(edge)?;
        Some(known(edge, &loaded).map(|(slot, name)| CompletionCandidate::new(format!("{slot}/{name}"))).collect())
    })
}

/// Libraries in the directory of installed ones.
pub(crate) fn installed() -> ArgValueCandidates {
    candidates(|edge| {
        let libraries = ao_host::installed::libraries(&edge.places).into_iter();
        Some(libraries.filter_map(|path| path.file_name().map(CompletionCandidate::new)).collect())
    })
}

/// Paths of libraries that are trusted, and files.
pub(crate) fn trusted_or_files() -> ArgValueCompleter {
    or_files(|edge| {
        let trust = edge.trust().ok()?;
        Some(trust.libraries().iter().map(|library| CompletionCandidate::new(library.path.as_str())).collect())
    })
}

fn candidates(find: fn(&Edge) -> Option<Vec<CompletionCandidate>>) -> ArgValueCandidates {
    ArgValueCandidates::new(move || found(find))
}

fn or_files(find: fn(&Edge) -> Option<Vec<CompletionCandidate>>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let is_meant = |candidate: &CompletionCandidate| {
            let value = candidate.get_value().as_encoded_bytes();
            value.starts_with(current.as_encoded_bytes())
        };
        let mut all: Vec<_> = found(find).into_iter().filter(is_meant).collect();
        all.extend(PathCompleter::any().complete(current));
        all
    })
}

fn found(find: fn(&Edge) -> Option<Vec<CompletionCandidate>>) -> Vec<CompletionCandidate> {
    Edge::read().ok().and_then(|edge| find(&edge)).unwrap_or_default()
}

fn loaded(edge: &Edge) -> Option<Loaded> {
    Loaded::read(edge.config_files_if_any(), &edge.environment, &edge.places).ok()
}

fn known(edge: &Edge, loaded: &Loaded) -> impl Iterator<Item = (Slot, ao_core::model::PluginName)> + use<> {
    loaded.known_plugins(&edge.environment, &edge.places, registrations()).into_iter()
}

fn named(name: &impl ToString, help: &str) -> CompletionCandidate {
    CompletionCandidate::new(name.to_string()).help(Some(one_line(help, MOST_HELP).into()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Running,
}

fn ids(edge: &Edge, which: Which) -> Option<Vec<CompletionCandidate>> {
    let sessions = manager::reader(edge).ok()?.sessions(&SessionFilter::default()).ok()?;
    let wanted = sessions
        .into_iter()
        .rev()
        .filter(|session| which == Which::All || session.end.is_none() && session.failure.is_none());
    let shown = wanted.enumerate().map(|(place, session)| {
        let issue = session.issue_facts.as_ref().map(|issue| format!(": {}", issue.name())).unwrap_or_default();
        named(&session.id, &format!("{}{issue}", session.project)).display_order(Some(place))
    });
    Some(shown.collect())
}
